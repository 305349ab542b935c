// Argument structs of gathering, scattering and sorting; the rules are those of tensor/kernels.h.
// Every index is in range: tensor/ops_indexing.cpp has looked at each of them.
#pragma once

#include "tensor/kernels_reduce.h"
#include "tensor/plan.h"

namespace retort {

/// y[o, j, i] = x[o, at(o, j, i), i], where at is index[j] for one list shared by all lines, else
/// index[o, j, i]. x: [outer, size, inner] as `lines`, y: [outer, count, inner].
struct GatherArgs {
  const void* x;
  const std::int64_t* index;
  void* y;
  Lines lines;
  std::int64_t count;
  bool shared;
};

/// y[o, at(o, j, i), i] += x[o, j, i], j ascending; x: [outer, count, inner], y: [outer, size,
/// inner] as `lines`; index as above.
struct ScatterAddArgs {
  const void* x;
  const std::int64_t* index;
  void* y;
  Lines lines;
  std::int64_t count;
  bool shared;
};

/// The first `count` of the sorted elements of each line of x, and where along it they stood:
/// y, index: [outer, count, inner]. Stable; NaN counts as the largest number; −0 equals 0.
struct SortArgs {
  const void* x;
  void* y;
  std::int64_t* index;
  Lines lines;
  std::int64_t count;
  bool descending;
};

}  // namespace retort
