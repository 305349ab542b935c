// Operations that only move elements.
#include "tensor/ops_internal.h"

namespace retort::ops {

Tensor concat(std::span<const Tensor> parts, int dim) {
  check(!parts.empty(), "concat: expected at least one tensor");
  Shape shape = parts[0].shape();
  dim = shape.wrap(dim);
  shape[dim] = 0;
  for (const Tensor& part : parts) {
    check_same_dtype(parts[0], part, "concat");
    Shape expected = shape;
    expected[dim] = part.rank() == shape.rank() ? part.size(dim) : 0;
    check(part.shape() == expected, "concat: ", part.shape(), " doesn't fit ", parts[0].shape(),
          " along dimension ", dim);
    shape[dim] += part.size(dim);
  }
  Tensor result = Tensor::empty(shape, parts[0].dtype());
  std::int64_t begin = 0;
  for (const Tensor& part : parts) {
    Tensor place = result.slice(dim, begin, begin + part.size(dim));
    copy(part, place);
    begin += part.size(dim);
  }
  return result;
}

Tensor flip(const Tensor& x, std::span<const int> dims) { return x.reversed(dims).clone(); }

Tensor pad(const Tensor& x, std::span<const Padding> padding, double value) {
  check(static_cast<int>(padding.size()) == x.rank(), "pad: expected padding for each dimension of ",
        x.shape(), ", found it for ", padding.size());
  Shape shape = x.shape();
  for (int dim = 0; dim < x.rank(); ++dim) {
    const Padding& p = padding[static_cast<std::size_t>(dim)];
    check(p.before >= 0 && p.after >= 0, "pad: the padding (", p.before, ", ", p.after,
          ") of dimension ", dim, " is negative; slice() cuts");
    bool overflow = __builtin_add_overflow(shape[dim], p.before, &shape[dim]);
    overflow = __builtin_add_overflow(shape[dim], p.after, &shape[dim]) || overflow;
    check(!overflow, "pad: the padding (", p.before, ", ", p.after, ") of dimension ", dim, " is too large");
  }
  Tensor result = Tensor::full(shape, value, x.dtype()), place = result;
  for (int dim = 0; dim < x.rank(); ++dim) {
    const std::int64_t begin = padding[static_cast<std::size_t>(dim)].before;
    place = place.slice(dim, begin, begin + x.size(dim));
  }
  copy(x, place);
  return result;
}

}  // namespace retort::ops
