// Operations that only move elements, and their derivatives.
#include "autograd/ops.h"
#include "tensor/ops.h"

namespace retort {

Variable reshape(const Variable& x, const Shape& shape) {
  return record("reshape", x.value().reshape(shape),
      wrt(x, [from = x.shape()](const Variable& dy) { return reshape(dy, from); }));
}

Variable permute(const Variable& x, const Shape& dims) {
  Shape inverse = dims;
  for (int dim = 0; dim < dims.rank(); ++dim) inverse[static_cast<int>(dims[dim])] = dim;
  return record("permute", x.value().permute(dims),
      wrt(x, [inverse](const Variable& dy) { return permute(dy, inverse); }));
}

Variable transpose(const Variable& x, int a, int b) {
  return record("transpose", x.value().transpose(a, b),
      wrt(x, [a, b](const Variable& dy) { return transpose(dy, a, b); }));
}

Variable expand(const Variable& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  return record("expand", x.value().expand(shape),
      wrt(x, [from = x.shape()](const Variable& dy) { return sum_to(dy, from); }));
}

Variable slice(const Variable& x, int dim, std::int64_t begin, std::int64_t end) {
  return record("slice", x.value().slice(dim, begin, end),
      wrt(x, [dim, begin, size = x.size(dim)](const Variable& dy) {
        return embed_slice(dy, dim, begin, size);
      }));
}

Variable embed_slice(const Variable& x, int dim, std::int64_t begin, std::int64_t size) {
  Shape shape = x.shape();
  const std::int64_t end = begin + shape[dim];
  shape[dim] = size;
  Tensor y = Tensor::zeros(shape, x.dtype());
  Tensor place = y.slice(dim, begin, end);
  ops::copy(x.value(), place);
  return record("embed_slice", y,
      wrt(x, [dim, begin, end](const Variable& dy) { return slice(dy, dim, begin, end); }));
}

Variable concat(const Variables& parts, int dim) {
  std::vector<Tensor> values;
  for (const Variable& part : parts) values.push_back(part.value());
  std::vector<std::int64_t> sizes;
  for (const Variable& part : parts) sizes.push_back(part.size(dim));
  return record_joint("concat", {ops::concat(values, dim)}, parts,
      [dim, sizes](const Variables& dys, const std::vector<bool>& needs) {
        Variables gradients(sizes.size());
        std::int64_t begin = 0;
        for (std::size_t i = 0; i < sizes.size(); ++i) {
          if (needs[i]) gradients[i] = slice(dys[0], dim, begin, begin + sizes[i]);
          begin += sizes[i];
        }
        return gradients;
      })[0];
}

}  // namespace retort
