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

}  // namespace retort::ops
