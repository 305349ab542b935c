// Operations that only move elements, and their derivatives.
#include "autograd/ops.h"
#include "tensor/base/error.h"
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

Variable slice(const Variable& x, int dim, std::int64_t begin, std::int64_t end, std::int64_t step) {
  return record("slice", x.value().slice(dim, begin, end, step),
      wrt(x, [dim, begin, size = x.size(dim), step](const Variable& dy) {
        return embed_slice(dy, dim, begin, size, step);
      }));
}

Variable embed_slice(const Variable& x, int dim, std::int64_t begin, std::int64_t size,
                     std::int64_t step) {
  Shape shape = x.shape();
  check(step >= 1 && (shape[dim] <= 1 || step <= size), "embed_slice: expected a step from 1 to ", size,
        ", found ", step);
  const std::int64_t end = shape[dim] == 0 ? begin : begin + (shape[dim] - 1) * step + 1;
  shape[dim] = size;
  Tensor y = Tensor::zeros(shape, x.dtype());
  Tensor place = y.slice(dim, begin, end, step);
  ops::copy(x.value(), place);
  return record("embed_slice", y,
      wrt(x, [dim, begin, end, step](const Variable& dy) { return slice(dy, dim, begin, end, step); }));
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

Variable stack(const Variables& parts, int dim) {
  check(!parts.empty(), "stack: expected at least one tensor");
  Variables raised;
  for (const Variable& part : parts) raised.push_back(unsqueeze(part, dim));
  return concat(raised, dim);
}

Variables split(const Variable& x, const std::vector<std::int64_t>& sizes, int dim) {
  std::int64_t total = 0;
  for (const std::int64_t size : sizes) {
    check(size >= 0 && size <= x.size(dim), "split: a piece of ", size, " doesn't fit dimension ", dim,
          " of ", x.shape());
    total += size;
  }
  check(total == x.size(dim), "split: the pieces have ", total, " elements, dimension ", dim, " of ",
        x.shape(), " has another number");
  Variables pieces;
  std::int64_t begin = 0;
  for (const std::int64_t size : sizes) {
    pieces.push_back(slice(x, dim, begin, begin + size));
    begin += size;
  }
  return pieces;
}

Variable squeeze(const Variable& x, int dim) {
  check(x.size(dim) == 1, "squeeze: dimension ", dim, " of ", x.shape(), " isn't 1");
  Shape shape = x.shape();
  shape.erase(dim);
  return reshape(x, shape);
}

Variable unsqueeze(const Variable& x, int dim) {
  const int place = dim < 0 ? dim + x.rank() + 1 : dim;
  check(place >= 0 && place <= x.rank(), "unsqueeze: ", x.shape(), " can't get a dimension ", dim);
  Shape shape;
  for (int from = 0; from <= x.rank(); ++from) {
    if (from == place) shape.append(1);
    if (from < x.rank()) shape.append(x.size(from));
  }
  return reshape(x, shape);
}

Variable pad(const Variable& x, const std::vector<ops::Padding>& padding, double value) {
  return record("pad", ops::pad(x.value(), padding, value),
      wrt(x, [padding, shape = x.shape()](const Variable& dy) {
        Variable dx = dy;
        for (int dim = 0; dim < shape.rank(); ++dim) {
          const std::int64_t begin = padding[static_cast<std::size_t>(dim)].before;
          dx = slice(dx, dim, begin, begin + shape[dim]);
        }
        return dx;
      }));
}

Variable repeat(const Variable& x, const Shape& times) {
  check(times.rank() >= x.rank(), "repeat: ", times, " doesn't name every dimension of ", x.shape());
  Shape shape = Shape::filled(times.rank() - x.rank(), 1);
  for (const std::int64_t size : x.shape()) shape.append(size);
  Variable y = reshape(x, shape);
  for (int dim = 0; dim < times.rank(); ++dim) {
    check(times[dim] >= 0, "repeat: a number in ", times, " is negative");
    if (times[dim] == 1) continue;
    std::int64_t before = 1, behind = 1;
    for (int other = 0; other < dim; ++other) before *= shape[other];
    for (int other = dim + 1; other < shape.rank(); ++other) behind *= shape[other];
    const std::int64_t size = shape[dim];
    y = expand(reshape(y, {before, 1, size, behind}), {before, times[dim], size, behind});
    check(!__builtin_mul_overflow(size, times[dim], &shape[dim]), "repeat: ", times[dim], " times ",
          x.shape(), " is too large");
    y = reshape(y, shape);
  }
  return y;
}

Variable flip(const Variable& x, const std::vector<int>& dims) {
  return record("flip", ops::flip(x.value(), dims),
      wrt(x, [dims](const Variable& dy) { return flip(dy, dims); }));
}

}  // namespace retort
