// Shared by tensor/ops_*.cpp: choosing a kernel by dtype, building plans, workspaces.
#pragma once

#include <array>

#include "tensor/base/error.h"
#include "tensor/base/parallel.h"
#include "tensor/dispatch.h"
#include "tensor/ops.h"

namespace retort::ops {

/// The kernel's slot for this dtype; an error for types that kernels don't compute in.
inline int slot(DType dtype, const char* op) {
  check(dtype == DType::f32 || dtype == DType::f64, op, ": expected f32 or f64, found ", name(dtype));
  return dtype == DType::f32 ? 0 : 1;
}

inline void check_same_dtype(const Tensor& a, const Tensor& b, const char* op) {
  check(a.defined() && b.defined(), op, ": an argument is undefined");
  check(a.dtype() == b.dtype(), op, ": dtypes differ: ", name(a.dtype()), " and ", name(b.dtype()));
}

/// A loop nest over `shape` for operands with these strides (each aligned with shape), with adjacent
/// dimensions merged where every operand allows it.
template <int Operands>
Plan<Operands> make_plan(const Shape& shape, const std::array<Shape, Operands>& strides) {
  Plan<Operands> plan;
  for (int dim = 0; dim < shape.rank(); ++dim) {
    if (shape[dim] == 1) continue;
    bool merge = plan.rank > 0;
    for (int i = 0; i < Operands && merge; ++i)
      merge = plan.stride[i][plan.rank - 1] == strides[static_cast<std::size_t>(i)][dim] * shape[dim];
    if (!merge) ++plan.rank;
    const int last = plan.rank - 1;
    plan.size[last] = merge ? plan.size[last] * shape[dim] : shape[dim];
    for (int i = 0; i < Operands; ++i)
      plan.stride[i][last] = strides[static_cast<std::size_t>(i)][dim];
  }
  return plan;
}

/// Runs a kernel that needs scratch memory.
template <class Args>
void launch(Kernel<Args> kernel, WorkspaceQuery<Args> workspace, const Args& args) {
  const std::int64_t bytes = workspace(args, thread_count());
  const Storage scratch(static_cast<std::size_t>(bytes));
  kernel({nullptr, scratch.data}, args);
}

template <class Args>
void launch(Kernel<Args> kernel, const Args& args) {
  kernel({}, args);
}

/// Product of all sizes but the last.
inline std::int64_t row_count(const Shape& shape) {
  std::int64_t rows = 1;
  for (int dim = 0; dim + 1 < shape.rank(); ++dim) rows *= shape[dim];
  return rows;
}

}  // namespace retort::ops
