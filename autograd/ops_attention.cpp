// Attention over ragged sequences: fused forward and derivative, and the composition.
#include <cmath>

#include "autograd/ops.h"
#include "tensor/base/error.h"
#include "tensor/ops.h"

namespace retort {
namespace {

// T5's table [buckets, heads] as one bias per head and relative position.
Variable bias_of(const Variable& table, const Ragged& ragged, const AttentionOptions& options) {
  if (!table.defined()) return {};
  check(table.rank() == 2, "attention: expected a bias table [buckets, heads], found ", table.shape());
  return transpose(embedding(table, ops::bias_buckets(ragged, options, table.size(0))));
}

// What dropout multiplies the probabilities of one sequence and head with: [queries, keys].
Tensor dropout_factors(const DropoutRule& rule, std::int64_t first_row, std::int64_t head,
                       std::int64_t heads, std::int64_t queries, std::int64_t keys, DType dtype) {
  Tensor factors = Tensor::full({queries, keys}, 1, dtype);
  if (rule.drop_below == 0) return factors;
  for (std::int64_t row = 0; row < queries; ++row) {
    DropoutRule at = rule;
    at.row_offset = static_cast<std::uint32_t>((rule.row_offset + first_row + row) * heads + head);
    factors.slice(0, row, row + 1).copy_from(ops::dropout(factors.slice(0, row, row + 1), {}, at));
  }
  return factors;
}

// What one sequence's queries see, as constants [queries, keys] (and [queries, 1]).
struct Mask {
  Variable seen;      // 1 or 0
  Variable addend;    // 0 or −∞
  Variable any;       // 1 where a query sees a key
  Variable softened;  // as addend, but 0 for a query that sees no key: its softmax must not be NaN
  Tensor relative;    // i32 [queries · keys]: index into the bias
};

Mask make_mask(const AttentionOptions& options, std::int64_t queries, std::int64_t keys,
               std::int64_t bias_zero, DType dtype) {
  std::vector<double> seen, addend, any, softened;
  std::vector<std::int32_t> relative;
  const double infinity = HUGE_VAL;
  for (std::int64_t i = 0; i < queries; ++i) {
    const std::int64_t position = i + keys - queries;
    double visible = 0;
    for (std::int64_t j = 0; j < keys; ++j) {
      const bool sees =
          (!options.causal || j <= position) &&
          (options.sliding_window == 0 || position - j < options.sliding_window) &&
          (options.local_window == 0 || std::abs(position - j) <= options.local_window / 2);
      seen.push_back(sees ? 1 : 0);
      addend.push_back(sees ? 0 : -infinity);
      visible += seen.back();
      relative.push_back(static_cast<std::int32_t>(bias_zero + j - position));
    }
    any.push_back(visible > 0 ? 1 : 0);
    for (std::int64_t j = 0; j < keys; ++j)
      softened.push_back(visible > 0 ? addend[addend.size() - static_cast<std::size_t>(keys - j)] : 0);
  }
  const auto constant = [&](const std::vector<double>& values, std::int64_t columns) {
    return Variable(Tensor::from(values, {queries, columns}).to(dtype));
  };
  return {constant(seen, keys), constant(addend, keys), constant(any, 1), constant(softened, keys),
          Tensor::from(relative)};
}

// Everything in plain operations, with the bias by relative position: in = {q, k, v, bias}.
Variables composition(const Variables& in, const Ragged& ragged, const AttentionOptions& options) {
  if (is_half(in[0].dtype())) {
    Variables wide;
    for (const Variable& x : in) wide.push_back(x.defined() ? cast(x, DType::f32) : x);
    Variables results = composition(wide, ragged, options);
    for (Variable& result : results) result = cast(result, in[0].dtype());
    return results;
  }
  const Variable &q = in[0], &k = in[1], &v = in[2], &bias = in[3];
  const auto offsets = ragged.offsets.to_vector<std::int32_t>();
  const auto begins = ragged.key_begin.to_vector<std::int32_t>();
  const auto lengths = ragged.key_length.to_vector<std::int32_t>();
  const std::int64_t heads = options.heads, key_heads = options.key_heads > 0 ? options.key_heads : heads;
  const std::int64_t head_dim = q.size(1) / heads;
  const double factor = options.scale.value_or(1 / std::sqrt(static_cast<double>(head_dim)));
  Variables sequences, maps;
  for (std::size_t s = 0; s < lengths.size(); ++s) {
    const std::int64_t first = offsets[s], queries = offsets[s + 1] - first;
    const std::int64_t begin = begins[s], keys = lengths[s];
    const Mask mask = make_mask(options, queries, keys, ragged.max_keys - 1, q.dtype());
    Variables outputs;
    for (std::int64_t head = 0; head < heads; ++head) {
      const std::int64_t key_head = head / (heads / key_heads);
      const auto part = [&](const Variable& x, std::int64_t from, std::int64_t rows, std::int64_t h) {
        return slice(slice(x, 0, from, from + rows), 1, h * head_dim, (h + 1) * head_dim);
      };
      if (queries == 0 || keys == 0) {
        outputs.emplace_back(Tensor::zeros({queries, head_dim}, q.dtype()));
        continue;
      }
      Variable scores =
          scale(matmul(part(q, first, queries, head), transpose(part(k, begin, keys, key_head))), factor);
      if (options.soft_cap > 0)
        scores = scale(tanh(scale(scores, 1 / options.soft_cap)), options.soft_cap);
      if (bias.defined()) {
        const Variable row = reshape(slice(bias, 0, head, head + 1), {-1, 1});
        scores = scores + reshape(embedding(row, mask.relative), {queries, keys});
      }
      scores = scores * mask.seen;
      const Variable probabilities = reference::softmax(scores + mask.softened) * mask.any;
      if (options.map != AttentionMap::none)
        maps.push_back(reshape(
            options.map == AttentionMap::scores ? scores + mask.addend : probabilities, {-1}));
      const Variable dropped =
          probabilities *
          Variable(dropout_factors(options.dropout, first, head, heads, queries, keys, q.dtype()));
      outputs.push_back(matmul(dropped, part(v, begin, keys, key_head)));
    }
    sequences.push_back(concat(outputs, 1));
  }
  Variables results = {sequences.empty() ? Variable(Tensor::zeros(q.shape(), q.dtype()))
                                         : concat(sequences, 0)};
  if (options.map != AttentionMap::none)
    results.push_back(maps.empty() ? Variable(Tensor::zeros({0}, q.dtype())) : concat(maps, 0));
  return results;
}

// {result}, or {result, map}.
Variables fused(const Variable& q, const Variable& k, const Variable& v, const Ragged& ragged,
                const AttentionOptions& options, const Variable& bias_table) {
  const Variable bias = bias_of(bias_table, ragged, options);
  const ops::Attention result =
      ops::attention(q.value(), k.value(), v.value(), ragged, options, bias.value());
  std::vector<Tensor> outputs = {result.out};
  if (result.map.defined()) outputs.push_back(result.map);
  return record_joint("attention", outputs, {q, k, v, bias},
      [q = save(q), k = save(k), v = save(v), bias = save(bias), out = SavedOutput(result.out),
       lse = result.lse, ragged, options](const Variables& dys, const std::vector<bool>& needs) -> Variables {
        if (recording())
          return reference_vjp(
              [&](const Variables& in) { return composition(in, ragged, options); },
              {q(), k(), v(), bias()}, dys, needs);
        const ops::AttentionGradients gradients = ops::attention_backward(
            dys[0].value(), dys.size() > 1 ? dys[1].value() : Tensor(), q.value(), k.value(), v.value(),
            {out.value(), lse, {}}, ragged, options, bias.value(), needs[3]);
        return {gradients.dq, gradients.dk, gradients.dv, gradients.dbias};
      });
}

}  // namespace

Variable attention(const Variable& q, const Variable& k, const Variable& v, const Ragged& ragged,
                   const AttentionOptions& options, const Variable& bias_table) {
  AttentionOptions plain = options;
  plain.map = AttentionMap::none;
  return fused(q, k, v, ragged, plain, bias_table)[0];
}

Variables attention_with_map(const Variable& q, const Variable& k, const Variable& v,
                             const Ragged& ragged, const AttentionOptions& options,
                             const Variable& bias_table) {
  check(options.map != AttentionMap::none,
        "attention_with_map: options.map says none; choose probabilities or scores");
  return fused(q, k, v, ragged, options, bias_table);
}

namespace reference {

Variables attention_with_map(const Variable& q, const Variable& k, const Variable& v,
                             const Ragged& ragged, const AttentionOptions& options,
                             const Variable& bias_table) {
  return composition({q, k, v, bias_of(bias_table, ragged, options)}, ragged, options);
}

Variable attention(const Variable& q, const Variable& k, const Variable& v, const Ragged& ragged,
                   const AttentionOptions& options, const Variable& bias_table) {
  return reference::attention_with_map(q, k, v, ragged, options, bias_table)[0];
}

}  // namespace reference
}  // namespace retort
