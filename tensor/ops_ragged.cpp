// Segments of rows, and products and softmax per sequence on flat blocks of [heads, queries, keys].
#include "tensor/ops_internal.h"

namespace retort::ops {
namespace {

// Segments that cover `rows` rows: offsets from 0 on that never fall. Returns how many there are.
std::int64_t check_segments(const Tensor& offsets, std::int64_t rows, const char* op) {
  check(offsets.defined() && offsets.dtype() == DType::i32 && offsets.rank() == 1 &&
            offsets.count() > 0 && offsets.is_contiguous(),
        op, ": expected offsets as i32 [segments + 1], found ",
        offsets.defined() ? offsets.shape().text() : "no tensor");
  const std::int32_t* at = offsets.data<std::int32_t>();
  const std::int64_t segments = offsets.count() - 1;
  check(at[0] == 0 && at[segments] == rows, op, ": offsets reach from ", at[0], " to ", at[segments],
        ", the rows from 0 to ", rows);
  for (std::int64_t s = 0; s < segments; ++s)
    check(at[s] <= at[s + 1], op, ": offsets fall from ", at[s], " to ", at[s + 1], " at segment ", s);
  return segments;
}

Tensor segment_reduce(const Tensor& x, const Tensor& offsets, bool maximum, const char* op) {
  check(x.defined() && x.rank() == 2, op, ": expected x as [rows, columns], found ",
        x.defined() ? x.shape().text() : "no tensor");
  const std::int64_t segments = check_segments(offsets, x.size(0), op);
  if (is_half(x.dtype())) return segment_reduce(widened(x), offsets, maximum, op).to(x.dtype());
  const int number = slot_f32_f64(x.dtype(), op);
  const Tensor dense = x.contiguous();
  Tensor y = Tensor::empty({segments, x.size(1)}, x.dtype());
  launch(kernels().segment_reduce[number], SegmentReduceArgs{.x = dense.raw(),
                                                             .y = y.mutable_raw(),
                                                             .offsets = offsets.data<std::int32_t>(),
                                                             .segments = segments,
                                                             .columns = x.size(1),
                                                             .maximum = maximum});
  return y;
}

void check_blocks(const Tensor& blocks, const Tensor& offsets, const char* op) {
  const std::int64_t expected = offsets.data<std::int64_t>()[offsets.count() - 1];
  check(blocks.rank() == 1 && blocks.count() == expected, op, ": the batch's blocks have ", expected,
        " numbers, found ", blocks.shape());
}

void check_rows(const Tensor& x, std::int64_t rows, std::int64_t heads, const char* op) {
  check(x.rank() == 2 && x.size(0) == rows && x.size(1) % heads == 0, op, ": expected [", rows,
        " rows, ", heads, " heads * head_dim], found ", x.shape());
}

RaggedBlocksArgs blocks_args(const Tensor& offsets, const Ragged& ragged, std::int64_t heads) {
  return {.block_offsets = offsets.data<std::int64_t>(),
          .query_offsets = ragged.offsets.data<std::int32_t>(),
          .key_begin = ragged.key_begin.data<std::int32_t>(),
          .key_length = ragged.key_length.data<std::int32_t>(),
          .sequences = ragged.sequences,
          .heads = heads};
}

void check_heads(std::int64_t heads, const char* op) {
  check(heads > 0, op, ": expected one head or more, found ", heads);
}

void multiply(RaggedProduct product, const Tensor& a, const Tensor& b, Tensor& y, const Tensor& offsets,
              const Ragged& ragged, std::int64_t heads) {
  const int number = slot_f32_f64(y.dtype(), "ragged_matmul");
  const auto row = [](const Tensor& x) { return x.rank() == 2 ? x.size(1) : 0; };
  launch(kernels().ragged_matmul[number], kernels().ragged_matmul_workspace[number],
         RaggedMatmulArgs{.product = product,
                          .blocks = blocks_args(offsets, ragged, heads),
                          .a = a.raw(),
                          .b = b.raw(),
                          .y = y.mutable_raw(),
                          .head_dim = b.size(1) / heads,
                          .a_row = row(a),
                          .b_row = row(b),
                          .y_row = row(y),
                          .group_offsets = ragged.group_offsets.data<std::int32_t>(),
                          .group_sequences = ragged.group_sequences.data<std::int32_t>(),
                          .groups = ragged.groups});
}

}  // namespace

Tensor segment_sum(const Tensor& x, const Tensor& offsets) {
  return segment_reduce(x, offsets, false, "segment_sum");
}

Tensor segment_max(const Tensor& x, const Tensor& offsets) {
  return segment_reduce(x, offsets, true, "segment_max");
}

Tensor segment_expand(const Tensor& x, const Tensor& offsets, std::int64_t rows) {
  check(x.defined() && x.rank() == 2, "segment_expand: expected x as [segments, columns], found ",
        x.defined() ? x.shape().text() : "no tensor");
  const std::int64_t segments = check_segments(offsets, rows, "segment_expand");
  check(x.size(0) == segments, "segment_expand: there are ", segments, " segments, found ", x.shape());
  if (is_half(x.dtype())) return segment_expand(widened(x), offsets, rows).to(x.dtype());
  const int number = slot_f32_f64(x.dtype(), "segment_expand");
  const Tensor dense = x.contiguous();
  Tensor y = Tensor::empty({rows, x.size(1)}, x.dtype());
  launch(kernels().segment_expand[number], SegmentExpandArgs{.x = dense.raw(),
                                                             .y = y.mutable_raw(),
                                                             .offsets = offsets.data<std::int32_t>(),
                                                             .segments = segments,
                                                             .columns = x.size(1)});
  return y;
}

Tensor ragged_products(const Tensor& q, const Tensor& k, const Ragged& ragged, std::int64_t heads) {
  check_same_dtype(q, k, "ragged_products");
  check_heads(heads, "ragged_products");
  check_rows(q, ragged.rows, heads, "ragged_products");
  check_rows(k, ragged.key_rows, heads, "ragged_products");
  check(q.size(1) == k.size(1), "ragged_products: rows differ in length: ", q.shape(), " and ", k.shape());
  if (is_half(q.dtype())) return ragged_products(widened(q), widened(k), ragged, heads).to(q.dtype());
  const Tensor offsets = ragged.block_offsets(heads);
  Tensor y = Tensor::empty({offsets.data<std::int64_t>()[ragged.sequences]}, q.dtype());
  if (q.size(1) == 0) fill(y, 0);
  else multiply(RaggedProduct::products, q.contiguous(), k.contiguous(), y, offsets, ragged, heads);
  return y;
}

Tensor ragged_apply(const Tensor& blocks, const Tensor& x, const Ragged& ragged, std::int64_t heads,
                    bool transposed) {
  const char* op = transposed ? "ragged_apply_transposed" : "ragged_apply";
  check_same_dtype(blocks, x, op);
  check_heads(heads, op);
  check_rows(x, transposed ? ragged.rows : ragged.key_rows, heads, op);
  const Tensor offsets = ragged.block_offsets(heads);
  check_blocks(blocks, offsets, op);
  if (is_half(x.dtype()))
    return ragged_apply(widened(blocks), widened(x), ragged, heads, transposed).to(x.dtype());
  const Shape shape = {transposed ? ragged.key_rows : ragged.rows, x.size(1)};
  Tensor y = transposed ? Tensor::zeros(shape, x.dtype()) : Tensor::empty(shape, x.dtype());
  if (y.count() > 0)
    multiply(transposed ? RaggedProduct::apply_transposed : RaggedProduct::apply, blocks.contiguous(),
             x.contiguous(), y, offsets, ragged, heads);
  return y;
}

Tensor ragged_softmax(const Tensor& blocks, const Ragged& ragged, std::int64_t heads) {
  check(blocks.defined(), "ragged_softmax: the argument is undefined");
  check_heads(heads, "ragged_softmax");
  const Tensor offsets = ragged.block_offsets(heads);
  check_blocks(blocks, offsets, "ragged_softmax");
  if (is_half(blocks.dtype())) return ragged_softmax(widened(blocks), ragged, heads).to(blocks.dtype());
  const int number = slot_f32_f64(blocks.dtype(), "ragged_softmax");
  const Tensor dense = blocks.contiguous();
  Tensor y = Tensor::empty(blocks.shape(), blocks.dtype());
  launch(kernels().ragged_softmax[number],
         RaggedSoftmaxArgs{blocks_args(offsets, ragged, heads), dense.raw(), y.mutable_raw()});
  return y;
}

Tensor ragged_softmax_backward(const Tensor& dy, const Tensor& y, const Ragged& ragged,
                               std::int64_t heads) {
  check_same_dtype(dy, y, "ragged_softmax_backward");
  const Tensor offsets = ragged.block_offsets(heads);
  check_blocks(dy, offsets, "ragged_softmax_backward");
  check_blocks(y, offsets, "ragged_softmax_backward");
  if (is_half(y.dtype()))
    return ragged_softmax_backward(widened(dy), widened(y), ragged, heads).to(y.dtype());
  const int number = slot_f32_f64(y.dtype(), "ragged_softmax_backward");
  const Tensor dense_dy = dy.contiguous(), dense_y = y.contiguous();
  Tensor dx = Tensor::empty(y.shape(), y.dtype());
  launch(kernels().ragged_softmax_backward[number],
         RaggedSoftmaxBackwardArgs{blocks_args(offsets, ragged, heads), dense_dy.raw(), dense_y.raw(),
                                   dx.mutable_raw()});
  return dx;
}

}  // namespace retort::ops
