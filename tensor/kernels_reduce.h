// Argument structs of reductions and scans; the rules are those of tensor/kernels.h.
#pragma once

#include "tensor/plan.h"

namespace retort {

enum class ReduceOp : int { sum, maximum, minimum };

/// y[outer…] = op over inner… of x[outer…, inner…]; y is contiguous. An empty sum is 0, an empty
/// maximum −∞, an empty minimum ∞. Sums are split into fixed chunks (or accumulated in f64), so
/// that the error doesn't grow with the length.
struct ReduceArgs {
  ReduceOp op;
  const void* x;
  void* y;
  Plan<1> outer;
  Plan<1> inner;
};

/// Lines along one dimension of a contiguous tensor, seen as [outer, size, inner]: one line per
/// outer and inner index.
struct Lines {
  std::int64_t outer, size, inner;
};

/// index[outer, inner] = where along each line of x the largest number stands (the least, if
/// `minimum`); the first of equals, and the first NaN before any number. size ≥ 1.
struct ArgReduceArgs {
  const void* x;
  std::int64_t* index;
  Lines lines;
  bool minimum;
};

/// y = running sums along each line of x, added in f64; from the line's end if `reverse`.
struct CumsumArgs {
  const void* x;
  void* y;
  Lines lines;
  bool reverse;
};

}  // namespace retort
