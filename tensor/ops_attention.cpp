// Attention over ragged sequences.
#include "tensor/ops_internal.h"

namespace retort::ops {
namespace {

// Rows may be strided (a slice of a wider matrix); columns must be adjacent.
Tensor with_adjacent_columns(const Tensor& x) { return x.strides()[-1] == 1 ? x : x.contiguous(); }

AttentionArgs attention_args(const Tensor& q, const Tensor& k, const Tensor& v, Tensor& out,
                             Tensor& lse, const Ragged& ragged, std::int64_t heads, double scale,
                             const DropoutRule& dropout) {
  return {.q = q.raw(),
          .k = k.raw(),
          .v = v.raw(),
          .out = out.mutable_raw(),
          .lse = lse.mutable_raw(),
          .query_offsets = ragged.offsets.data<std::int32_t>(),
          .key_begin = ragged.key_begin.data<std::int32_t>(),
          .key_length = ragged.key_length.data<std::int32_t>(),
          .sequences = ragged.sequences,
          .query_rows = ragged.rows,
          .max_queries = ragged.max_queries,
          .max_keys = ragged.max_keys,
          .heads = heads,
          .head_dim = q.size(1) / heads,
          .q_row = q.strides()[0],
          .k_row = k.strides()[0],
          .v_row = v.strides()[0],
          .out_row = out.strides()[0],
          .scale = scale,
          .dropout = dropout};
}

void check_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Ragged& ragged,
                     std::int64_t heads) {
  check_same_dtype(q, k, "attention");
  check_same_dtype(q, v, "attention");
  check(q.rank() == 2 && k.rank() == 2 && k.shape() == v.shape() && q.size(1) == k.size(1),
        "attention: expected q [queries, hidden] and k, v [keys, hidden], found ", q.shape(), ", ",
        k.shape(), ", ", v.shape());
  check(heads > 0 && q.size(1) % heads == 0, "attention: ", q.size(1), " columns don't divide into ",
        heads, " heads");
  check(q.size(0) == ragged.rows && k.size(0) == ragged.key_rows, "attention: the batch has ",
        ragged.rows, " query rows and ", ragged.key_rows, " key rows, found ", q.shape(), " and ",
        k.shape());
}

}  // namespace

Attention attention(const Tensor& q, const Tensor& k, const Tensor& v, const Ragged& ragged,
                    std::int64_t heads, double scale, const DropoutRule& dropout) {
  check_attention(q, k, v, ragged, heads);
  if (is_half(q.dtype())) {
    Attention result = attention(q.to(DType::f32), k.to(DType::f32), v.to(DType::f32), ragged, heads,
                                 scale, dropout);
    result.out = result.out.to(q.dtype());
    return result;
  }
  const int number = slot_f32_f64(q.dtype(), "attention");
  Attention result{Tensor::empty(q.shape(), q.dtype()), Tensor::empty({heads, q.size(0)}, q.dtype())};
  if (q.count() == 0) return result;
  const Tensor dense_q = with_adjacent_columns(q), dense_k = with_adjacent_columns(k),
               dense_v = with_adjacent_columns(v);
  launch(kernels().attention[number], kernels().attention_workspace[number],
         attention_args(dense_q, dense_k, dense_v, result.out, result.lse, ragged, heads, scale, dropout));
  return result;
}

AttentionGradients attention_backward(const Tensor& dout, const Tensor& q, const Tensor& k,
                                      const Tensor& v, const Attention& result,
                                      const Ragged& ragged, std::int64_t heads, double scale,
                                      const DropoutRule& dropout) {
  check_attention(q, k, v, ragged, heads);
  if (is_half(q.dtype())) {
    const AttentionGradients wide = attention_backward(
        dout.to(DType::f32), q.to(DType::f32), k.to(DType::f32), v.to(DType::f32),
        {result.out.to(DType::f32), result.lse}, ragged, heads, scale, dropout);
    return {wide.dq.to(q.dtype()), wide.dk.to(q.dtype()), wide.dv.to(q.dtype())};
  }
  const int number = slot_f32_f64(q.dtype(), "attention_backward");
  // The kernel writes gradients with the strides of q, k and v: make those the contiguous ones.
  const Tensor dense_q = q.contiguous(), dense_k = k.contiguous(), dense_v = v.contiguous(),
               dense_dout = dout.contiguous();
  AttentionGradients gradients{Tensor::empty(q.shape(), q.dtype()), Tensor::zeros(k.shape(), q.dtype()),
                               Tensor::zeros(k.shape(), q.dtype())};
  if (q.count() == 0) return gradients;
  Tensor out = result.out, lse = result.lse;
  const std::uint64_t version = out.storage()->version, lse_version = lse.storage()->version;
  AttentionBackwardArgs args{
      .forward = attention_args(dense_q, dense_k, dense_v, out, lse, ragged, heads, scale, dropout),
      .dout = dense_dout.raw(),
      .dout_row = dense_dout.strides()[0],
      .dq = gradients.dq.mutable_raw(),
      .dk = gradients.dk.mutable_raw(),
      .dv = gradients.dv.mutable_raw()};
  out.storage()->version = version;  // read, not written
  lse.storage()->version = lse_version;
  launch(kernels().attention_backward[number], kernels().attention_backward_workspace[number], args);
  return gradients;
}

}  // namespace retort::ops
