#include "tensor/row_sparse.h"

#include <algorithm>

#include "tensor/ops_internal.h"

namespace retort::ops {
namespace {

using Ids = std::vector<std::int32_t>;

// y[ids] += rows
void scatter(Tensor& y, const Tensor& rows, const std::int32_t* ids) {
  if (rows.count() == 0) return;
  const Tensor from = rows.contiguous();
  launch(kernels().embedding_backward[slot(rows.dtype(), "row_sparse")],
         EmbeddingBackwardArgs{from.raw(), ids, y.mutable_raw(), rows.size(0), rows.size(1)});
}

// Where each of `ids` stands in `sorted`.
Ids places(const Ids& ids, const Ids& sorted) {
  Ids result;
  result.reserve(ids.size());
  for (const std::int32_t id : ids)
    result.push_back(static_cast<std::int32_t>(std::lower_bound(sorted.begin(), sorted.end(), id) -
                                               sorted.begin()));
  return result;
}

// Zeros for these rows of a table, in memory for `most` of them: how many different ids there are
// changes from step to step, but a loop whose batches have one shape should ask for the same sizes
// every time.
RowSparse zero_rows(const Ids& ids, std::int64_t most, std::int64_t columns, DType dtype,
                    std::int64_t table_rows) {
  most = std::min(most, table_rows);
  const auto count = static_cast<std::int64_t>(ids.size());
  RowSparse result{Tensor::empty({most}, DType::i32).slice(0, 0, count),
                   Tensor::empty({most, columns}, dtype).slice(0, 0, count), table_rows};
  if (count == 0) return result;
  std::copy(ids.begin(), ids.end(), result.ids.mutable_data<std::int32_t>());
  fill(result.rows, 0);
  return result;
}

// Rows that its memory holds.
std::int64_t capacity(const RowSparse& x) {
  return static_cast<std::int64_t>(x.ids.storage()->bytes / sizeof(std::int32_t));
}

void check_fits(const Tensor& y, const RowSparse& x) {
  check(y.shape() == x.shape() && y.dtype() == x.rows.dtype() && y.is_contiguous(),
        "row_sparse: expected a contiguous ", x.shape(), " of ", name(x.rows.dtype()), ", found ",
        y.shape(), " of ", name(y.dtype()));
}

}  // namespace

RowSparse row_sparse(const Tensor& rows, const Tensor& ids, std::int64_t table_rows) {
  check(rows.rank() == 2 && ids.shape() == Shape{rows.size(0)}, "row_sparse: ", ids.shape(),
        " ids don't fit rows of shape ", rows.shape());
  const Ids all = ids.to_vector<std::int32_t>();
  Ids unique = all;
  std::sort(unique.begin(), unique.end());
  unique.erase(std::unique(unique.begin(), unique.end()), unique.end());
  check(unique.empty() || (unique.front() >= 0 && unique.back() < table_rows),
        "row_sparse: an id of ",
        unique.empty()       ? 0
        : unique.front() < 0 ? unique.front()
                             : unique.back(),
        " is outside of a table of ", table_rows, " rows");
  RowSparse result =
      zero_rows(unique, rows.size(0), rows.size(1), compute_dtype(rows.dtype()), table_rows);
  scatter(result.rows, rows, places(all, unique).data());
  return result;
}

RowSparse add(const RowSparse& a, const RowSparse& b) {
  check(a.shape() == b.shape() && a.rows.dtype() == b.rows.dtype(), "row_sparse: ", a.shape(),
        " of ", name(a.rows.dtype()), " and ", b.shape(), " of ", name(b.rows.dtype()),
        " can't be added");
  const Ids left = a.ids.to_vector<std::int32_t>(), right = b.ids.to_vector<std::int32_t>();
  Ids both;
  std::set_union(left.begin(), left.end(), right.begin(), right.end(), std::back_inserter(both));
  RowSparse result =
      zero_rows(both, capacity(a) + capacity(b), a.rows.size(1), a.rows.dtype(), a.table_rows);
  scatter(result.rows, a.rows, places(left, both).data());
  scatter(result.rows, b.rows, places(right, both).data());
  return result;
}

void add_to(Tensor& y, const RowSparse& x) {
  check_fits(y, x);
  scatter(y, x.rows, x.ids.data<std::int32_t>());
}

Tensor dense(const RowSparse& x) {
  Tensor result = Tensor::zeros(x.shape(), x.rows.dtype());
  add_to(result, x);
  return result;
}

}  // namespace retort::ops
