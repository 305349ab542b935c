// Shared by tensor/ops_*.cpp: choosing a kernel by dtype, building plans, workspaces.
#pragma once

#include <array>

#include "tensor/base/error.h"
#include "tensor/base/parallel.h"
#include "tensor/dispatch.h"
#include "tensor/ops.h"

namespace retort::ops {

/// The kernel's slot for this storage type; an error for types that kernels don't compute with.
inline int slot(DType dtype, const char* op) {
  check(is_floating(dtype), op, ": expected f32, f64, bf16 or f16, found ", name(dtype));
  switch (dtype) {
    case DType::f32: return 0;
    case DType::f64: return 1;
    case DType::bf16: return 2;
    default: return 3;
  }
}
/// The same for a kernel that comes in f32 and f64 only.
inline int slot_f32_f64(DType dtype, const char* op) {
  check(dtype == DType::f32 || dtype == DType::f64, op, ": expected f32 or f64, found ", name(dtype));
  return slot(dtype, op);
}

inline void check_same_dtype(const Tensor& a, const Tensor& b, const char* op) {
  check(a.defined() && b.defined(), op, ": an argument is undefined");
  check(a.dtype() == b.dtype(), op, ": dtypes differ: ", name(a.dtype()), " and ", name(b.dtype()));
}

/// For what stays in the type that is computed in: statistics, losses, parameters (see kernels.h).
inline void check_compute_dtype(const Tensor& x, const Tensor& other, const char* op, const char* what) {
  check(other.defined() && other.dtype() == compute_dtype(x.dtype()), op, ": ", what, ": expected ",
        name(compute_dtype(x.dtype())), " beside ", name(x.dtype()), ", found ",
        other.defined() ? name(other.dtype()) : "nothing");
}

/// The labels of `rows` rows as a loss takes them; null if undefined.
inline const std::int32_t* label_data(const Tensor& labels, std::int64_t rows, const char* op) {
  if (!labels.defined()) return nullptr;
  check(labels.shape() == Shape{rows} && labels.is_contiguous(), op, ": expected ", rows,
        " labels, found ", labels.shape());
  return labels.data<std::int32_t>();
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
  check(kernel != nullptr, "tensor: an operation has no kernel for this dtype; convert its arguments");
  const std::int64_t bytes = workspace(args, thread_count());
  const Storage scratch(static_cast<std::size_t>(bytes));
  kernel({nullptr, scratch.data}, args);
}

template <class Args>
void launch(Kernel<Args> kernel, const Args& args) {
  check(kernel != nullptr, "tensor: an operation has no kernel for this dtype; convert its arguments");
  kernel({}, args);
}

/// x in f32 if it is of halves, for a kernel that doesn't come in those; undefined stays so.
inline Tensor widened(const Tensor& x) {
  return x.defined() && is_half(x.dtype()) ? x.to(DType::f32) : x;
}

/// x itself if its last dimension lies adjacent in memory (rows may be strided), else a dense copy.
inline Tensor with_adjacent_columns(const Tensor& x) {
  return x.strides()[-1] == 1 ? x : x.contiguous();
}

/// The lines of a contiguous tensor along `dim`.
inline Lines lines_along(const Shape& shape, int dim) {
  dim = shape.wrap(dim);
  Lines lines{1, shape[dim], 1};
  for (int before = 0; before < dim; ++before) lines.outer *= shape[before];
  for (int behind = dim + 1; behind < shape.rank(); ++behind) lines.inner *= shape[behind];
  return lines;
}

/// Product of all sizes but the last.
inline std::int64_t row_count(const Shape& shape) {
  std::int64_t rows = 1;
  for (int dim = 0; dim + 1 < shape.rank(); ++dim) rows *= shape[dim];
  return rows;
}

}  // namespace retort::ops
