// Elements by index, sorting, and their derivatives: gathering and adding are adjoint to each other.
#include "autograd/ops.h"

namespace retort {
namespace {

Variable zeros(const Shape& shape, DType dtype) { return Tensor::zeros(shape, dtype); }

Sorted recorded(const char* name, ops::Sorted result, const Variable& x, int dim) {
  const Tensor indices = result.indices;
  return {record(name, std::move(result.values),
              wrt(x, [shape = x.shape(), dim, indices](const Variable& dy) {
                return scatter_add(zeros(shape, dy.dtype()), dim, indices, dy);
              })),
          indices};
}

}  // namespace

Variable gather(const Variable& x, int dim, const Tensor& index) {
  return record("gather", ops::gather(x.value(), dim, index),
      wrt(x, [shape = x.shape(), dim, index](const Variable& dy) {
        return scatter_add(zeros(shape, dy.dtype()), dim, index, dy);
      }));
}

Variable index_select(const Variable& x, int dim, const Tensor& index) {
  return record("index_select", ops::index_select(x.value(), dim, index),
      wrt(x, [shape = x.shape(), dim, index](const Variable& dy) {
        return index_add(zeros(shape, dy.dtype()), dim, index, dy);
      }));
}

Variable scatter_add(const Variable& x, int dim, const Tensor& index, const Variable& source) {
  return record("scatter_add", ops::scatter_add(x.value(), dim, index, source.value()),
      wrt(x, [](const Variable& dy) { return dy; }),
      wrt(source, [dim, index](const Variable& dy) { return gather(dy, dim, index); }));
}

Variable index_add(const Variable& x, int dim, const Tensor& index, const Variable& source) {
  return record("index_add", ops::index_add(x.value(), dim, index, source.value()),
      wrt(x, [](const Variable& dy) { return dy; }),
      wrt(source, [dim, index](const Variable& dy) { return index_select(dy, dim, index); }));
}

Sorted sort(const Variable& x, int dim, bool descending) {
  return recorded("sort", ops::sort(x.value(), dim, descending), x, dim);
}

Sorted topk(const Variable& x, std::int64_t k, int dim, bool largest) {
  return recorded("topk", ops::topk(x.value(), k, dim, largest), x, dim);
}

}  // namespace retort
