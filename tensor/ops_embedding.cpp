// Rows looked up in a table, and dropout.
#include <algorithm>
#include <cmath>

#include "tensor/ops_internal.h"

namespace retort::ops {

Tensor embedding(const Tensor& table, const Tensor& ids) {
  check(table.rank() == 2 && ids.rank() == 1, "embedding: expected a table and a list of ids, found ",
        table.shape(), " and ", ids.shape());
  const Tensor rows = table.contiguous(), index = ids.contiguous();
  Tensor y = Tensor::empty({ids.size(0), table.size(1)}, table.dtype());
  if (y.count() == 0) return y;
  const std::span list(index.data<std::int32_t>(), static_cast<std::size_t>(ids.size(0)));
  launch(kernels().embedding[slot(table.dtype(), "embedding")],
         EmbeddingArgs{rows.raw_rows(list), list.data(), y.mutable_raw(), y.size(0), y.size(1)});
  return y;
}

Tensor embedding_backward(const Tensor& dy, const Tensor& ids, std::int64_t table_rows) {
  check(dy.rank() == 2 && ids.shape() == Shape{dy.size(0)}, "embedding_backward: ", ids.shape(),
        " ids don't fit ", dy.shape());
  const Tensor gradient = dy.contiguous(), index = ids.contiguous();
  Tensor dtable = Tensor::zeros({table_rows, dy.size(1)}, compute_dtype(dy.dtype()));
  if (dy.count() == 0) return dtable.to(dy.dtype());
  launch(kernels().embedding_backward[slot(dy.dtype(), "embedding_backward")],
         EmbeddingBackwardArgs{gradient.raw(), index.data<std::int32_t>(), dtable.mutable_raw(),
                               dy.size(0), dy.size(1)});
  return dtable.to(dy.dtype());
}

DropoutRule dropout_rule(double p, const RandomSite& site, std::uint32_t row_offset) {
  check(p >= 0 && p < 1, "dropout: expected a probability in [0, 1), found ", p);
  // The probability that is meant: next to 1 it must not become 1.
  const double drop_below = std::min(std::round(p * 0x1p16), 0x1p16 - 1);
  return {.drop_below = static_cast<std::uint32_t>(drop_below),
          .scale = 1 / (1 - drop_below * 0x1p-16),
          .site = site,
          .row_offset = row_offset};
}

Tensor dropout(const Tensor& x, const Tensor& residual, const DropoutRule& rule) {
  check(x.rank() >= 1, "dropout: expected at least one dimension");
  const Tensor in = x.contiguous();
  Tensor added;
  if (residual.defined()) {
    check_same_dtype(x, residual, "dropout");
    check(residual.shape() == x.shape(), "dropout: residual: expected ", x.shape(), ", found ", residual.shape());
    added = residual.contiguous();
  }
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  if (y.count() == 0) return y;
  launch(kernels().dropout[slot(x.dtype(), "dropout")],
         DropoutArgs{in.raw(), added.defined() ? added.raw() : nullptr, y.mutable_raw(),
                     row_count(x.shape()), x.size(-1), rule});
  return y;
}

}  // namespace retort::ops
