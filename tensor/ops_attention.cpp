// Attention over ragged sequences, and T5's buckets.
#include <cmath>

#include "tensor/ops_internal.h"

namespace retort::ops {
namespace {

std::int64_t key_heads(const AttentionOptions& options) {
  return options.key_heads > 0 ? options.key_heads : options.heads;
}

void check_options(const AttentionOptions& options) {
  check(options.heads > 0 && options.key_heads >= 0 && options.heads % key_heads(options) == 0,
        "attention: ", options.heads, " heads don't divide into ", options.key_heads, " key heads");
  check(options.sliding_window >= 0 && options.local_window >= 0,
        "attention: a window is negative: ", options.sliding_window, ", ", options.local_window);
  check(options.sliding_window == 0 || options.local_window == 0,
        "attention: both a sliding and a local window are given; choose one");
  check(options.soft_cap >= 0 && std::isfinite(options.soft_cap),
        "attention: expected a soft cap of 0 (none) or more, found ", options.soft_cap);
}

void check_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias,
                     const Ragged& ragged, const AttentionOptions& options) {
  check_options(options);
  check_same_dtype(q, k, "attention");
  check_same_dtype(q, v, "attention");
  check(q.rank() == 2 && k.rank() == 2 && k.shape() == v.shape(),
        "attention: expected q [queries, heads * head_dim] and k, v [keys, key heads * head_dim], found ",
        q.shape(), ", ", k.shape(), ", ", v.shape());
  check(q.size(1) % options.heads == 0, "attention: ", q.size(1), " columns don't divide into ",
        options.heads, " heads");
  check(k.size(1) == q.size(1) / options.heads * key_heads(options), "attention: ", options.heads,
        " heads of q with ", q.size(1), " columns and ", key_heads(options), " heads of k with ",
        k.size(1), " have different sizes");
  check(q.size(0) == ragged.rows && k.size(0) == ragged.key_rows, "attention: the batch has ",
        ragged.rows, " query rows and ", ragged.key_rows, " key rows, found ", q.shape(), " and ",
        k.shape());
  if (!bias.defined()) return;
  check(bias.dtype() == q.dtype() || bias.dtype() == compute_dtype(q.dtype()),
        "attention: a bias of ", name(bias.dtype()), " doesn't go with ", name(q.dtype()));
  check(bias.shape() == Shape{options.heads, bias_positions(ragged)},
        "attention: expected a bias of [", options.heads, ", ", bias_positions(ragged),
        "] (heads, relative positions), found ", bias.shape());
}

// Everything but the pointers to what is written.
AttentionArgs attention_args(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias,
                             const Tensor& map_offsets, const Ragged& ragged,
                             const AttentionOptions& options) {
  const std::int64_t head_dim = q.size(1) / options.heads;
  AttentionArgs args{.q = q.raw(),
                     .k = k.raw(),
                     .v = v.raw(),
                     .out = nullptr,
                     .lse = nullptr,
                     .bias = bias.defined() ? bias.raw() : nullptr,
                     .map = nullptr,
                     .map_offsets = map_offsets.data<std::int64_t>(),
                     .query_offsets = ragged.offsets.data<std::int32_t>(),
                     .key_begin = ragged.key_begin.data<std::int32_t>(),
                     .key_length = ragged.key_length.data<std::int32_t>(),
                     .sequences = ragged.sequences,
                     .query_rows = ragged.rows,
                     .max_queries = ragged.max_queries,
                     .max_keys = ragged.max_keys,
                     .heads = options.heads,
                     .key_heads = key_heads(options),
                     .head_dim = head_dim,
                     .q_row = q.strides()[0],
                     .k_row = k.strides()[0],
                     .v_row = v.strides()[0],
                     .out_row = q.size(1),
                     .bias_row = bias_positions(ragged),
                     .bias_zero = ragged.max_keys - 1,
                     .scale = options.scale.value_or(1 / std::sqrt(static_cast<double>(head_dim))),
                     .soft_cap = options.soft_cap,
                     .map_of_scores = options.map == AttentionMap::scores,
                     .dropout = options.dropout};
  if (options.causal) args.keys_after = 0;
  if (options.sliding_window > 0) args.keys_before = std::min(options.sliding_window - 1, kAllKeys);
  if (options.local_window > 0) {
    args.keys_before = std::min(options.local_window / 2, kAllKeys);
    args.keys_after = std::min(args.keys_after, args.keys_before);
  }
  return args;
}

Tensor zeros_unless_covered(const Tensor& like, const Ragged& ragged) {
  return ragged.each_key_once ? Tensor::empty(like.shape(), like.dtype())
                              : Tensor::zeros(like.shape(), like.dtype());
}

}  // namespace

std::int64_t bias_positions(const Ragged& ragged) {
  return std::max<std::int64_t>(1, ragged.max_keys + ragged.max_queries - 1);
}

Attention attention(const Tensor& q, const Tensor& k, const Tensor& v, const Ragged& ragged,
                    const AttentionOptions& options, const Tensor& bias) {
  check_attention(q, k, v, bias, ragged, options);
  const int number = slot(q.dtype(), "attention");
  const Tensor map_offsets = ragged.block_offsets(options.heads);
  Attention result{.out = Tensor::empty(q.shape(), q.dtype()),
                   .lse = Tensor::empty({options.heads, q.size(0)}, compute_dtype(q.dtype()))};
  if (options.map != AttentionMap::none)
    result.map = Tensor::empty({map_offsets.data<std::int64_t>()[ragged.sequences]}, q.dtype());
  if (q.count() == 0) return result;
  const Tensor dense_q = with_adjacent_columns(q), dense_k = with_adjacent_columns(k),
               dense_v = with_adjacent_columns(v),
               dense_bias = bias.defined() ? widened(bias).contiguous() : bias;
  AttentionArgs args =
      attention_args(dense_q, dense_k, dense_v, dense_bias, map_offsets, ragged, options);
  args.out = result.out.mutable_raw();
  args.lse = result.lse.mutable_raw();
  if (result.map.defined()) args.map = result.map.mutable_raw();
  launch(kernels().attention[number], kernels().attention_workspace[number], args);
  return result;
}

AttentionGradients attention_backward(const Tensor& dout, const Tensor& dmap, const Tensor& q,
                                      const Tensor& k, const Tensor& v, const Attention& result,
                                      const Ragged& ragged, const AttentionOptions& options,
                                      const Tensor& bias, bool want_bias) {
  check_attention(q, k, v, bias, ragged, options);
  if (is_half(q.dtype()) && ragged.groups < ragged.sequences) {
    AttentionGradients wide = attention_backward(
        widened(dout), widened(dmap), widened(q), widened(k), widened(v),
        {.out = widened(result.out), .lse = result.lse}, ragged, options, widened(bias), want_bias);
    return {.dq = wide.dq.to(q.dtype()),
            .dk = wide.dk.to(q.dtype()),
            .dv = wide.dv.to(q.dtype()),
            .dbias = want_bias ? wide.dbias.to(bias.dtype()) : Tensor()};
  }
  const int number = slot(q.dtype(), "attention_backward");
  AttentionGradients gradients{.dq = Tensor::empty(q.shape(), q.dtype()),
                               .dk = zeros_unless_covered(k, ragged),
                               .dv = zeros_unless_covered(v, ragged)};
  if (want_bias) gradients.dbias = Tensor::empty(bias.shape(), compute_dtype(q.dtype()));
  if (q.count() == 0 || k.count() == 0) {
    for (Tensor* x : {&gradients.dq, &gradients.dk, &gradients.dv, &gradients.dbias})
      if (x->defined()) fill(*x, 0);
    return gradients;
  }
  // The kernel writes gradients with the strides of q, k and v: make those the contiguous ones.
  const Tensor dense_q = q.contiguous(), dense_k = k.contiguous(), dense_v = v.contiguous(),
               dense_bias = bias.defined() ? widened(bias).contiguous() : bias,
               dense_dout = dout.defined() ? dout.contiguous() : dout,
               dense_dmap = dmap.defined() ? dmap.contiguous() : dmap,
               map_offsets = ragged.block_offsets(options.heads);
  AttentionBackwardArgs args{
      .forward = attention_args(dense_q, dense_k, dense_v, dense_bias, map_offsets, ragged, options),
      .dout = dense_dout.defined() ? dense_dout.raw() : nullptr,
      .dmap = dense_dmap.defined() ? dense_dmap.raw() : nullptr,
      .dout_row = q.size(1),
      .group_offsets = ragged.group_offsets.data<std::int32_t>(),
      .group_sequences = ragged.group_sequences.data<std::int32_t>(),
      .groups = ragged.groups,
      .dq = gradients.dq.mutable_raw(),
      .dk = gradients.dk.mutable_raw(),
      .dv = gradients.dv.mutable_raw(),
      .dbias = want_bias ? gradients.dbias.mutable_raw() : nullptr};
  // Read, never written here.
  args.forward.out = const_cast<void*>(result.out.raw());
  args.forward.lse = const_cast<void*>(result.lse.raw());
  launch(kernels().attention_backward[number], kernels().attention_backward_workspace[number], args);
  if (want_bias) gradients.dbias = gradients.dbias.to(bias.dtype());
  return gradients;
}

Tensor bias_buckets(const Ragged& ragged, const AttentionOptions& options, std::int64_t buckets) {
  const bool both_sides = options.bidirectional_buckets;
  check(buckets >= (both_sides ? 4 : 2), "attention: a bias table needs ", both_sides ? 4 : 2,
        " buckets or more, found ", buckets);
  const std::int64_t side = both_sides ? buckets / 2 : buckets, exact = side / 2;
  check(options.max_distance > exact, "attention: the first ", exact,
        " distances have buckets of their own, so max_distance must be larger, found ",
        options.max_distance);
  const float range = static_cast<float>(
      std::log(static_cast<double>(options.max_distance) / static_cast<double>(exact)));
  std::vector<std::int32_t> ids;
  for (std::int64_t i = 0; i < bias_positions(ragged); ++i) {
    const std::int64_t relative = i - (ragged.max_keys - 1);  // key − query
    const std::int64_t distance = both_sides ? std::abs(relative) : std::max<std::int64_t>(0, -relative);
    std::int64_t bucket = distance;
    if (distance >= exact) {  // in f32, as T5 computes it: the borders are sharp
      const float ratio = std::log(static_cast<float>(distance) / static_cast<float>(exact)) / range;
      bucket = std::min(side - 1, exact + static_cast<std::int64_t>(ratio * static_cast<float>(side - exact)));
    }
    ids.push_back(static_cast<std::int32_t>(bucket + (both_sides && relative > 0 ? side : 0)));
  }
  return Tensor::from(ids);
}

}  // namespace retort::ops
