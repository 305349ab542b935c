// Reductions over any axes, and scans along one.
#include <algorithm>
#include <limits>
#include <vector>

#include "tensor/ops_internal.h"

namespace retort::ops {
namespace {

// x without the reduced dimensions, which are 1 in it.
Tensor drop(const Tensor& x, std::span<const int> axes, bool keep_dims) {
  if (keep_dims) return x;
  bool reduced[kMaxRank] = {};
  for (const int axis : axes) reduced[x.shape().wrap(axis)] = true;
  Shape shape;
  for (int dim = 0; dim < x.rank(); ++dim)
    if (!axes.empty() && !reduced[dim]) shape.append(x.size(dim));
  return x.reshape(shape);
}

// f(x) computed in x's compute dtype and rounded once.
template <class F>
Tensor in_compute_dtype(const Tensor& x, F f) {
  return f(x.to(compute_dtype(x.dtype()))).to(x.dtype());
}

Tensor arg_reduce(const Tensor& x, int axis, bool keep_dims, bool minimum, const char* op) {
  const int number = slot(x.dtype(), op);
  Shape shape = x.shape();
  const Lines lines = lines_along(shape, axis);
  shape[axis] = 1;
  Tensor index = Tensor::empty(shape, DType::i64);
  if (index.count() > 0) {
    check(lines.size > 0, op, ": dimension ", axis, " of ", x.shape(), " has no element to choose");
    const Tensor from = x.contiguous();
    launch(kernels().arg_reduce[number],
           ArgReduceArgs{from.raw(), index.mutable_data<std::int64_t>(), lines, minimum});
  }
  const int axes[] = {axis};
  return drop(index, axes, keep_dims);
}

}  // namespace

Shape kept_shape(const Shape& shape, std::span<const int> axes) {
  if (axes.empty()) return Shape::filled(shape.rank(), 1);
  Shape kept = shape;
  for (const int axis : axes) kept[axis] = 1;
  return kept;
}

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
    const double infinity = std::numeric_limits<double>::infinity();
    fill(y, op == ReduceOp::sum ? 0.0 : op == ReduceOp::maximum ? -infinity : infinity);
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

Tensor mean(const Tensor& x, std::span<const int> axes, bool keep_dims) {
  return in_compute_dtype(x, [&](const Tensor& wide) {
    const Tensor total = reduce(ReduceOp::sum, wide, axes, keep_dims);
    if (total.count() == 0) return total;
    return binary(BinaryOp::divide, total, static_cast<double>(x.count() / total.count()));
  });
}

Tensor var(const Tensor& x, std::span<const int> axes, bool unbiased, bool keep_dims) {
  return in_compute_dtype(x, [&](const Tensor& wide) {
    const Tensor centred = binary(BinaryOp::subtract, wide, mean(wide, axes, true));
    const Tensor squares = reduce(ReduceOp::sum, unary(UnaryOp::square, centred), axes, keep_dims);
    if (squares.count() == 0) return squares;
    const std::int64_t terms = x.count() / squares.count() - (unbiased ? 1 : 0);
    return binary(BinaryOp::divide, squares, static_cast<double>(std::max<std::int64_t>(terms, 0)));
  });
}

Tensor logsumexp(const Tensor& x, std::span<const int> axes, bool keep_dims) {
  return in_compute_dtype(x, [&](const Tensor& wide) {
    // What is subtracted must be finite: ∞ − ∞ is NaN.
    const Tensor most = reduce(ReduceOp::maximum, wide, axes, true);
    const Tensor finite =
        binary(BinaryOp::less, unary(UnaryOp::abs, most), std::numeric_limits<double>::infinity());
    const Tensor highest = where(finite, most, Tensor::scalar(0, wide.dtype()));
    const Tensor powers = unary(UnaryOp::exp, binary(BinaryOp::subtract, wide, highest));
    const Tensor total = reduce(ReduceOp::sum, powers, axes, true);
    return drop(binary(BinaryOp::add, unary(UnaryOp::log, total), highest), axes, keep_dims);
  });
}

Tensor argmax(const Tensor& x, int axis, bool keep_dims) {
  return arg_reduce(x, axis, keep_dims, false, "argmax");
}

Tensor argmin(const Tensor& x, int axis, bool keep_dims) {
  return arg_reduce(x, axis, keep_dims, true, "argmin");
}

Tensor cumsum(const Tensor& x, int axis, bool reverse) {
  const int number = slot(x.dtype(), "cumsum");
  const Lines lines = lines_along(x.shape(), axis);
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  if (y.count() == 0) return y;
  const Tensor from = x.contiguous();
  launch(kernels().cumsum[number], CumsumArgs{from.raw(), y.mutable_raw(), lines, reverse});
  return y;
}

}  // namespace retort::ops
