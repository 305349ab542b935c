// Attention over ragged sequences: fused forward and derivative, and the composition.
#include "autograd/ops.h"
#include "tensor/ops.h"

namespace retort {

Variable attention(const Variable& q, const Variable& k, const Variable& v, const Ragged& ragged,
                   std::int64_t heads, double scale, const DropoutRule& dropout) {
  const ops::Attention result =
      ops::attention(q.value(), k.value(), v.value(), ragged, heads, scale, dropout);
  return record_joint("attention", {result.out}, {q, k, v},
      [q = save(q), k = save(k), v = save(v), out = SavedOutput(result.out), lse = result.lse, ragged,
       heads, scale, dropout](const Variables& dys, const std::vector<bool>& needs) -> Variables {
        if (recording())
          return reference_vjp(
              [&](const Variables& in) -> Variables {
                return {reference::attention(in[0], in[1], in[2], ragged, heads, scale, dropout)};
              },
              {q(), k(), v()}, dys, needs);
        ops::AttentionGradients gradients =
            ops::attention_backward(dys[0].value(), q.value(), k.value(), v.value(),
                                    {out.value(), lse}, ragged, heads, scale, dropout);
        return {gradients.dq, gradients.dk, gradients.dv};
      })[0];
}

namespace reference {
namespace {

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

}  // namespace

Variable attention(const Variable& q, const Variable& k, const Variable& v, const Ragged& ragged,
                   std::int64_t heads, double scale, const DropoutRule& dropout) {
  if (is_half(q.dtype()))
    return cast(reference::attention(cast(q, DType::f32), cast(k, DType::f32), cast(v, DType::f32),
                                     ragged, heads, scale, dropout), q.dtype());
  const auto offsets = ragged.offsets.to_vector<std::int32_t>();
  const auto begins = ragged.key_begin.to_vector<std::int32_t>();
  const auto lengths = ragged.key_length.to_vector<std::int32_t>();
  const std::int64_t head_dim = q.size(1) / heads;
  Variables sequences;
  for (std::size_t s = 0; s < lengths.size(); ++s) {
    const std::int64_t first = offsets[s], queries = offsets[s + 1] - first;
    const std::int64_t begin = begins[s], keys = lengths[s];
    Variables outputs;
    for (std::int64_t head = 0; head < heads; ++head) {
      const auto part = [&](const Variable& x, std::int64_t from, std::int64_t rows) {
        return slice(slice(x, 0, from, from + rows), 1, head * head_dim, (head + 1) * head_dim);
      };
      if (queries == 0 || keys == 0) {
        outputs.emplace_back(Tensor::zeros({queries, head_dim}, q.dtype()));
        continue;
      }
      const Variable scores =
          retort::scale(matmul(part(q, first, queries), transpose(part(k, begin, keys))), scale);
      const Variable probabilities =
          reference::softmax(scores) *
          Variable(dropout_factors(dropout, first, head, heads, queries, keys, q.dtype()));
      outputs.push_back(matmul(probabilities, part(v, begin, keys)));
    }
    sequences.push_back(concat(outputs, 1));
  }
  if (sequences.empty()) return Tensor::zeros(q.shape(), q.dtype());
  return concat(sequences, 0);
}

}  // namespace reference
}  // namespace retort
