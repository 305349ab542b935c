// Reductions over any axes.
#include <limits>
#include <vector>

#include "tensor/ops_internal.h"

namespace retort::ops {

Tensor reduce(ReduceOp op, const Tensor& x, std::span<const int> axes, bool keep_dims) {
  const int number = slot(x.dtype(), "reduce");
  bool reduced[kMaxRank] = {};
  for (const int axis : axes) reduced[x.shape().wrap(axis)] = true;
  Shape kept, outer, outer_strides, inner, inner_strides;
  for (int dim = 0; dim < x.rank(); ++dim) {
    if (axes.empty() || reduced[dim]) {
      inner.append(x.size(dim));
      inner_strides.append(x.strides()[dim]);
      if (keep_dims) kept.append(1);
    } else {
      outer.append(x.size(dim));
      outer_strides.append(x.strides()[dim]);
      kept.append(x.size(dim));
    }
  }
  Tensor y = Tensor::empty(kept, x.dtype());
  if (y.count() == 0) return y;
  if (inner.count() == 0) {
    fill(y, op == ReduceOp::sum ? 0.0 : -std::numeric_limits<double>::infinity());
    return y;
  }
  launch(kernels().reduce[number],
         ReduceArgs{op, x.raw(), y.mutable_raw(), make_plan<1>(outer, {outer_strides}),
                    make_plan<1>(inner, {inner_strides})});
  return y;
}

Tensor sum_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  std::vector<int> axes;
  const int extra = x.rank() - shape.rank();
  check(extra >= 0, "sum: ", x.shape(), " can't be summed to ", shape);
  for (int dim = 0; dim < x.rank(); ++dim)
    if (dim < extra || (shape[dim - extra] == 1 && x.size(dim) != 1)) axes.push_back(dim);
  if (axes.empty()) return x.reshape(shape);
  return reduce(ReduceOp::sum, x, axes, true).reshape(shape);
}

}  // namespace retort::ops
