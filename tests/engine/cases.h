// The table of operation cases: one line per operation and shape, which feeds every generic check
// in test_cases.cpp (derivatives, fused = reference, instruction sets, threads, views, NaN). An
// operation that autograd/ops.h declares and that has no case here fails the coverage test.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "autograd/ops.h"
#include "autograd/variable.h"
#include "tensor/base/philox.h"
#include "tensor/tensor.h"

namespace retort::testing {

using Function = std::function<Variable(const Variables&)>;

/// What an input's elements are drawn from.
enum class Values {
  normal,    ///< mean 0, variance 1
  off_zero,  ///< normal, moved away from zero by 0.3: for kinks and denominators
  positive,  ///< in [0.3, 2.3)
};

struct Case {
  std::string name;
  /// Names in autograd/ops.h that this case checks; the first one names a node of the graph.
  std::vector<std::string> functions = {};
  /// Kernels that run in it, forward or backward.
  std::vector<std::string> kernels = {};
  Function f = {};
  /// Per input; missing ones are normal.
  std::vector<Values> values = {};
  /// Each entry has the shapes of all inputs. Small ones are differentiated numerically.
  std::vector<std::vector<Shape>> shapes = {};
  /// The same result another way: a composition (then gradients are compared too) or plain loops
  /// that give a constant.
  Function reference = {};
  bool differentiable = true;
  /// Inputs in ±1e4 must give finite numbers, the same in f32 and f64.
  bool extreme = false;
  /// The graph's node bears another name than functions[0] (a composition).
  bool composed = false;
  /// Tolerance of f32 relative to the largest element.
  double f32_tolerance = 2e-5;
  /// Whether it comes in bf16 and f16.
  bool halves = true;
  /// Tolerance of halves in units of their epsilon, gradients have 2 more; 0: the value is the f32
  /// result, rounded.
  double half_tolerance = 0;
  /// Inputs that stay f32 beside halves.
  std::vector<std::size_t> parameters = {};
  /// Whether a NaN at `index` of `input` reaches the result; empty: always.
  std::function<bool(std::size_t input, const Shape& shape, std::int64_t index)> nan_reaches = {};
};

std::vector<Case> elementwise_cases();
std::vector<Case> reduce_cases();
std::vector<Case> shape_cases();
std::vector<Case> indexing_cases();
std::vector<Case> matmul_cases();
std::vector<Case> einsum_cases();
std::vector<Case> norm_cases();
std::vector<Case> normalize_cases();
std::vector<Case> attention_cases();
std::vector<Case> ragged_cases();
std::vector<Case> embedding_cases();
std::vector<Case> loss_cases();
std::vector<Case> optimizer_cases();

/// A type's spacing at 1.
inline double epsilon(DType dtype) {
  return dtype == DType::bf16  ? 0x1p-7
         : dtype == DType::f16 ? 0x1p-10
         : dtype == DType::f32 ? 0x1p-23
                               : 0x1p-52;
}

/// A constant of this shape from element-by-element values in row-major order.
inline Variable constant(const std::vector<double>& values, const Shape& shape, DType dtype) {
  return Tensor::from(values, shape).to(dtype);
}

/// Row-major numbers of a tensor broadcast to `shape`.
inline std::vector<double> broadcast_values(const Variable& x, const Shape& shape) {
  return x.value().expand(shape).to_vector<double>();
}

/// Ids in [0, n), the same for the same arguments.
inline Tensor some_ids(std::int64_t count, std::int64_t n, std::uint64_t seed = 5) {
  RandomStream random(seed);
  std::vector<std::int32_t> ids;
  for (std::int64_t i = 0; i < count; ++i)
    ids.push_back(static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(n))));
  return Tensor::from(ids);
}

}  // namespace retort::testing
