// The elementwise formulas, written once for every backend.
//
// A functor is templated on the number type V: a SIMD vector on the CPU (tensor/cpu/simd.h, found
// by argument-dependent lookup) or a plain float or double (the functions below; CUDA). So the CPU
// and CUDA can't drift apart. No intrinsics and no library containers here: nvcc reads this file,
// and so does every CPU instruction set, where nothing may become a symbol that the linker shares.
#pragma once

#include <cmath>

#include "tensor/base/philox.h"
#include "tensor/kernels.h"

namespace retort::functors {

// What a formula needs of its number type; the SIMD vectors bring the same names.
#define RETORT_FUNCTION RETORT_HOST_DEVICE static inline
#define RETORT_SCALAR_MATH(T, suffix)                                                      \
  RETORT_FUNCTION T like(T, double constant) { return static_cast<T>(constant); }          \
  RETORT_FUNCTION bool less(T a, T b) { return a < b; }                                    \
  RETORT_FUNCTION bool equal(T a, T b) { return a == b; }                                  \
  RETORT_FUNCTION bool is_nan(T a) { return a != a; }                                      \
  RETORT_FUNCTION T select(bool mask, T yes, T no) { return mask ? yes : no; }             \
  RETORT_FUNCTION T fma(T a, T b, T c) { return ::fma##suffix(a, b, c); }                  \
  RETORT_FUNCTION T sqrt(T x) { return ::sqrt##suffix(x); }                                \
  RETORT_FUNCTION T abs(T x) { return ::fabs##suffix(x); }                                 \
  RETORT_FUNCTION T exp(T x) { return ::exp##suffix(x); }                                  \
  RETORT_FUNCTION T log(T x) { return ::log##suffix(x); }                                  \
  RETORT_FUNCTION T tanh(T x) { return ::tanh##suffix(x); }                                \
  RETORT_FUNCTION T erf(T x) { return ::erf##suffix(x); }                                  \
  RETORT_FUNCTION T max(T a, T b) { return is_nan(a) ? a : (a < b || is_nan(b)) ? b : a; } \
  RETORT_FUNCTION T min(T a, T b) { return is_nan(a) ? a : (b < a || is_nan(b)) ? b : a; }
RETORT_SCALAR_MATH(float, f)
RETORT_SCALAR_MATH(double, )
#undef RETORT_SCALAR_MATH
#undef RETORT_FUNCTION

inline constexpr double kSqrtHalf = 0.70710678118654752440;          // 1/√2
inline constexpr double kInverseSqrtTwoPi = 0.39894228040143267794;  // 1/√(2π)

#define RETORT_UNARY(Name, expression)           \
  struct Name {                                  \
    template <class V>                           \
    RETORT_HOST_DEVICE V operator()(V x) const { \
      return expression;                         \
    }                                            \
  }
#define RETORT_BINARY(Name, expression)               \
  struct Name {                                       \
    template <class V>                                \
    RETORT_HOST_DEVICE V operator()(V a, V b) const { \
      return expression;                              \
    }                                                 \
  }

RETORT_UNARY(Copy, x);
RETORT_UNARY(Negate, -x);
RETORT_UNARY(Exp, exp(x));
RETORT_UNARY(Log, log(x));
RETORT_UNARY(Sqrt, sqrt(x));
RETORT_UNARY(Reciprocal, like(x, 1) / x);
RETORT_UNARY(Tanh, tanh(x));
RETORT_UNARY(Erf, erf(x));
/// Hendrycks & Gimpel 2016, the exact form: x · Φ(x).
RETORT_UNARY(Gelu, like(x, 0.5) * x * (like(x, 1) + erf(x * like(x, kSqrtHalf))));
RETORT_UNARY(Relu, select(less(x, like(x, 0)), like(x, 0), x));
RETORT_UNARY(Abs, abs(x));
RETORT_UNARY(Square, x* x);
RETORT_UNARY(Sigmoid, like(x, 1) / (like(x, 1) + exp(-x)));
RETORT_UNARY(Step, select(less(like(x, 0), x), like(x, 1), like(x, 0)));
/// Zeros and NaN return themselves.
RETORT_UNARY(Sign,
             select(less(like(x, 0), x), like(x, 1), select(less(x, like(x, 0)), like(x, -1), x)));

RETORT_BINARY(Add, a + b);
RETORT_BINARY(Subtract, a - b);
RETORT_BINARY(Multiply, a* b);
RETORT_BINARY(Divide, a / b);
RETORT_BINARY(Maximum, max(a, b));
RETORT_BINARY(Minimum, min(a, b));
RETORT_BINARY(Equal, select(equal(a, b), like(a, 1), like(a, 0)));
RETORT_BINARY(Less, select(less(a, b), like(a, 1), like(a, 0)));
/// dy · (Φ(x) + x·φ(x)), with a = dy and b = x.
RETORT_BINARY(GeluBackward, a*(like(b, 0.5) * (like(b, 1) + erf(b * like(b, kSqrtHalf))) +
                               b * like(b, kInverseSqrtTwoPi) * exp(like(b, -0.5) * b * b)));
/// dy · (1 − y²), with a = dy and b = y.
RETORT_BINARY(TanhBackward, a*(like(b, 1) - b * b));

#undef RETORT_UNARY
#undef RETORT_BINARY

/// Calls f with the functor of `op`. Host code: one instantiation per functor.
template <class F>
inline void visit(UnaryOp op, F&& f) {
  switch (op) {
    case UnaryOp::copy:
      return f(Copy{});
    case UnaryOp::negate:
      return f(Negate{});
    case UnaryOp::exp:
      return f(Exp{});
    case UnaryOp::log:
      return f(Log{});
    case UnaryOp::sqrt:
      return f(Sqrt{});
    case UnaryOp::reciprocal:
      return f(Reciprocal{});
    case UnaryOp::tanh:
      return f(Tanh{});
    case UnaryOp::erf:
      return f(Erf{});
    case UnaryOp::gelu:
      return f(Gelu{});
    case UnaryOp::relu:
      return f(Relu{});
    case UnaryOp::abs:
      return f(Abs{});
    case UnaryOp::square:
      return f(Square{});
    case UnaryOp::sigmoid:
      return f(Sigmoid{});
    case UnaryOp::step:
      return f(Step{});
    case UnaryOp::sign:
      return f(Sign{});
  }
}

template <class F>
inline void visit(BinaryOp op, F&& f) {
  switch (op) {
    case BinaryOp::add:
      return f(Add{});
    case BinaryOp::subtract:
      return f(Subtract{});
    case BinaryOp::multiply:
      return f(Multiply{});
    case BinaryOp::divide:
      return f(Divide{});
    case BinaryOp::maximum:
      return f(Maximum{});
    case BinaryOp::minimum:
      return f(Minimum{});
    case BinaryOp::equal:
      return f(Equal{});
    case BinaryOp::less:
      return f(Less{});
    case BinaryOp::gelu_backward:
      return f(GeluBackward{});
    case BinaryOp::tanh_backward:
      return f(TanhBackward{});
  }
}

}  // namespace retort::functors
