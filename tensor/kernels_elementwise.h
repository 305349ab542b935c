// Argument structs of the elementwise kernels; the rules are those of tensor/kernels.h.
#pragma once

#include "tensor/dtype.h"
#include "tensor/plan.h"

namespace retort {

/// y[i] = value for i < count. (value is converted to S.)
struct FillArgs {
  void* y;
  std::int64_t count;
  double value;
};

/// y[i] = x[i] for i < count; x: S, y: the floating-point type `to`.
struct ConvertArgs {
  const void* x;
  void* y;
  std::int64_t count;
  DType to;
};

/// Elementwise functions of one argument; formulas in tensor/functors.h.
enum class UnaryOp : int {
  copy,
  negate,
  exp,
  log,
  sqrt,
  rsqrt,
  reciprocal,
  tanh,
  erf,
  sin,
  cos,
  gelu,
  gelu_tanh,
  silu,
  softplus,
  sigmoid,
  relu,
  abs,
  square,
  sign,
  clamp,   ///< min(max(x, first), second)
  inside,  ///< 1 where first < x < second, else 0
};

/// y[i…] = op(x[i…]); plan: {x, y}.
struct UnaryArgs {
  UnaryOp op;
  const void* x;
  void* y;
  Plan<2> plan;
  double first = 0, second = 0;  // numbers that the formula takes
};

/// Elementwise functions of two arguments. Comparisons give 1 or 0 and are false with a NaN
/// (not_equal is true). x_backward(dy, x) = dy · f'(x); of tanh and sigmoid, f' in terms of y.
enum class BinaryOp : int {
  add,
  subtract,
  multiply,
  divide,
  maximum,
  minimum,
  power,
  equal,
  not_equal,
  less,
  less_equal,
  relu_backward,
  tanh_backward,
  sigmoid_backward,
  gelu_backward,
  gelu_tanh_backward,
  silu_backward,
};

/// y[i…] = op(a[i…], b[i…]); plan: {a, b, y}; a broadcast operand has stride 0. Without b, every
/// second argument is `number` in T (its strides in the plan: 0).
struct BinaryArgs {
  BinaryOp op;
  const void* a;
  const void* b;
  void* y;
  Plan<3> plan;
  double number = 0;
};

/// y[i…] = a[i…] where condition[i…] isn't 0 (a NaN isn't), else b[i…]; plan: {condition, a, b, y}.
struct WhereArgs {
  const void* condition;
  const void* a;
  const void* b;
  void* y;
  Plan<4> plan;
};

}  // namespace retort
