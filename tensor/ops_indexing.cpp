// Elements by index, and sorting. Indices are i32 or i64 and are checked here, one by one, so that
// a kernel never reads or writes outside.
#include "tensor/ops_internal.h"

namespace retort::ops {
namespace {

// The indices as contiguous i64 numbers, each in [0, size).
Tensor checked_index(const Tensor& index, std::int64_t size, const char* op) {
  check(index.defined() && (index.dtype() == DType::i32 || index.dtype() == DType::i64), op,
        ": expected indices in i32 or i64, found ",
        index.defined() ? name(index.dtype()) : "nothing");
  const Tensor wide = index.to(DType::i64).contiguous();
  const auto* number = static_cast<const std::int64_t*>(wide.raw());
  for (std::int64_t i = 0; i < wide.count(); ++i)
    check(number[i] >= 0 && number[i] < size, op, ": index ", number[i], " is outside of [0, ",
          size, ")");
  return wide;
}

// One index per element: as x in every dimension but `dim`.
void check_index_shape(const Shape& index, const Shape& x, int dim, const char* op) {
  Shape expected = x;
  if (index.rank() == x.rank()) expected[dim] = index[dim];
  check(index == expected, op, ": indices of shape ", index, " don't fit ", x, " along dimension ",
        dim, "; the other sizes must be equal");
}

Tensor take(const Tensor& x, int dim, const Tensor& index, bool shared, const char* op) {
  const int number = slot(x.dtype(), op);
  const Lines lines = lines_along(x.shape(), dim);
  const Tensor places = checked_index(index, lines.size, op);
  Shape shape = x.shape();
  shape[dim] = shared ? index.count() : index.size(dim);
  Tensor y = Tensor::empty(shape, x.dtype());
  if (y.count() == 0) return y;
  const Tensor from = x.contiguous();
  launch(kernels().gather[number], GatherArgs{from.raw(), places.data<std::int64_t>(),
                                              y.mutable_raw(), lines, shape[dim], shared});
  return y;
}

Tensor put(const Tensor& x, int dim, const Tensor& index, const Tensor& source, bool shared,
           const char* op) {
  const int number = slot(x.dtype(), op);
  const Lines lines = lines_along(x.shape(), dim);
  const Tensor places = checked_index(index, lines.size, op);
  // The sums of halves are rounded once.
  Tensor y = is_half(x.dtype()) ? x.to(compute_dtype(x.dtype())) : x.clone();
  if (source.count() == 0) return y.to(x.dtype());
  const Tensor from = source.contiguous();
  launch(kernels().scatter_add[number],
         ScatterAddArgs{from.raw(), places.data<std::int64_t>(), y.mutable_raw(), lines,
                        source.size(dim), shared});
  return y.to(x.dtype());
}

}  // namespace

Tensor gather(const Tensor& x, int dim, const Tensor& index) {
  check_index_shape(index.shape(), x.shape(), dim, "gather");
  return take(x, dim, index, false, "gather");
}

Tensor index_select(const Tensor& x, int dim, const Tensor& index) {
  check(index.rank() == 1, "index_select: expected a list of indices, found shape ", index.shape());
  return take(x, dim, index, true, "index_select");
}

Tensor scatter_add(const Tensor& x, int dim, const Tensor& index, const Tensor& source) {
  check_same_dtype(x, source, "scatter_add");
  check_index_shape(index.shape(), x.shape(), dim, "scatter_add");
  check(source.shape() == index.shape(), "scatter_add: ", source.shape(), " to add don't fit ",
        index.shape(), " indices");
  return put(x, dim, index, source, false, "scatter_add");
}

Tensor index_add(const Tensor& x, int dim, const Tensor& index, const Tensor& source) {
  check_same_dtype(x, source, "index_add");
  check(index.rank() == 1, "index_add: expected a list of indices, found shape ", index.shape());
  Shape expected = x.shape();
  expected[dim] = index.count();
  check(source.shape() == expected, "index_add: expected ", expected, " to add, found ",
        source.shape());
  return put(x, dim, index, source, true, "index_add");
}

Sorted sort(const Tensor& x, int dim, bool descending) {
  return topk(x, x.size(dim), dim, descending);
}

Sorted topk(const Tensor& x, std::int64_t k, int dim, bool largest) {
  const int number = slot(x.dtype(), "topk");
  const Lines lines = lines_along(x.shape(), dim);
  check(k >= 0 && k <= lines.size, "topk: expected a number from 0 to ", lines.size, ", found ", k);
  Shape shape = x.shape();
  shape[dim] = k;
  Sorted result{Tensor::empty(shape, x.dtype()), Tensor::empty(shape, DType::i64)};
  if (result.values.count() == 0) return result;
  const Tensor from = x.contiguous();
  launch(kernels().sort[number], kernels().sort_workspace[number],
         SortArgs{from.raw(), result.values.mutable_raw(),
                  result.indices.mutable_data<std::int64_t>(), lines, k, largest});
  return result;
}

}  // namespace retort::ops
