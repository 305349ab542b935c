// Segments of rows, products and softmax per sequence, and their derivatives.
#include <cmath>

#include "autograd/ops.h"
#include "tensor/ops.h"

namespace retort {

Variable segment_sum(const Variable& x, const Tensor& offsets) {
  return record("segment_sum", ops::segment_sum(x.value(), offsets),
      wrt(x, [offsets, rows = x.size(0)](const Variable& dy) {
        return segment_expand(dy, offsets, rows);
      }));
}

Variable segment_expand(const Variable& x, const Tensor& offsets, std::int64_t rows) {
  return record("segment_expand", ops::segment_expand(x.value(), offsets, rows),
      wrt(x, [offsets](const Variable& dy) { return segment_sum(dy, offsets); }));
}

Variable segment_mean(const Variable& x, const Tensor& offsets) {
  if (is_half(x.dtype())) return cast(segment_mean(cast(x, DType::f32), offsets), x.dtype());
  const Variable total = segment_sum(x, offsets);
  std::vector<double> factors;
  const auto at = offsets.to_vector<std::int32_t>();
  for (std::size_t s = 0; s + 1 < at.size(); ++s)
    factors.push_back(at[s + 1] > at[s] ? 1.0 / (at[s + 1] - at[s]) : 0);
  return total * Variable(Tensor::from(factors, {total.size(0), 1}).to(x.dtype()));
}

Variable segment_max(const Variable& x, const Tensor& offsets) {
  Tensor y = ops::segment_max(x.value(), offsets);
  return record("segment_max", y,
      wrt(x, [x = save(x), y, offsets](const Variable& dy) {
        // 1 where a row has the maximum; rows that share it share its gradient.
        const std::int64_t rows = x.value().size(0);
        const Tensor is_largest =
            ops::binary(BinaryOp::equal, x.value(), ops::segment_expand(y, offsets, rows));
        const Variable shares = ops::segment_sum(is_largest, offsets);
        return segment_expand(dy / shares, offsets, rows) * Variable(is_largest);
      }));
}

Variable ragged_products(const Variable& q, const Variable& k, const Ragged& ragged,
                         std::int64_t heads) {
  return record("ragged_products", ops::ragged_products(q.value(), k.value(), ragged, heads),
      wrt(q, [k = save(k), ragged, heads](const Variable& dy) {
        return ragged_apply(dy, k(), ragged, heads);
      }),
      wrt(k, [q = save(q), ragged, heads](const Variable& dy) {
        return ragged_apply_transposed(dy, q(), ragged, heads);
      }));
}

Variable ragged_apply(const Variable& blocks, const Variable& x, const Ragged& ragged,
                      std::int64_t heads) {
  return record("ragged_apply", ops::ragged_apply(blocks.value(), x.value(), ragged, heads),
      wrt(blocks, [x = save(x), ragged, heads](const Variable& dy) {
        return ragged_products(dy, x(), ragged, heads);
      }),
      wrt(x, [blocks = save(blocks), ragged, heads](const Variable& dy) {
        return ragged_apply_transposed(blocks(), dy, ragged, heads);
      }));
}

Variable ragged_apply_transposed(const Variable& blocks, const Variable& x, const Ragged& ragged,
                                 std::int64_t heads) {
  return record("ragged_apply_transposed", ops::ragged_apply(blocks.value(), x.value(), ragged, heads, true),
      wrt(blocks, [x = save(x), ragged, heads](const Variable& dy) {
        return ragged_products(x(), dy, ragged, heads);
      }),
      wrt(x, [blocks = save(blocks), ragged, heads](const Variable& dy) {
        return ragged_apply(blocks(), dy, ragged, heads);
      }));
}

Variable ragged_softmax(const Variable& blocks, const Ragged& ragged, std::int64_t heads) {
  Tensor y = ops::ragged_softmax(blocks.value(), ragged, heads);
  return record_joint("ragged_softmax", {y}, {blocks},
      [blocks = save(blocks), y = SavedOutput(y), ragged, heads](
          const Variables& dys, const std::vector<bool>& needs) -> Variables {
        if (recording())
          return reference_vjp(
              [&](const Variables& in) -> Variables {
                return {reference::ragged_softmax(in[0], ragged, heads)};
              },
              {blocks()}, dys, needs);
        return {ops::ragged_softmax_backward(dys[0].value(), y.value(), ragged, heads)};
      })[0];
}

namespace reference {
namespace {

// Calls f(first query row, queries, first key row, keys, head, first number of the block's rows) for
// every sequence and head.
template <class F>
void for_blocks(const Ragged& ragged, std::int64_t heads, F&& f) {
  const auto offsets = ragged.offsets.to_vector<std::int32_t>();
  const auto begins = ragged.key_begin.to_vector<std::int32_t>();
  const auto lengths = ragged.key_length.to_vector<std::int32_t>();
  std::int64_t at = 0;
  for (std::size_t s = 0; s < lengths.size(); ++s)
    for (std::int64_t head = 0; head < heads; ++head) {
      const std::int64_t queries = offsets[s + 1] - offsets[s];
      f(offsets[s], queries, begins[s], lengths[s], head, at);
      at += queries * lengths[s];
    }
}

// Rows [from, from + rows) of one head.
Variable part(const Variable& x, std::int64_t from, std::int64_t rows, std::int64_t head,
              std::int64_t heads) {
  const std::int64_t width = x.size(1) / heads;
  return slice(slice(x, 0, from, from + rows), 1, head * width, (head + 1) * width);
}

// `x` at rows from `from` on and in the columns of one head of an otherwise empty [rows, heads · width].
Variable placed(const Variable& x, std::int64_t from, std::int64_t rows, std::int64_t head,
                std::int64_t heads) {
  return embed_slice(embed_slice(x, 1, head * x.size(1), heads * x.size(1)), 0, from, rows);
}

Variable applied(const Variable& blocks, const Variable& x, const Ragged& ragged, std::int64_t heads,
                 bool transposed) {
  const std::int64_t rows = transposed ? ragged.key_rows : ragged.rows;
  Variable y = Tensor::zeros({rows, x.size(1)}, x.dtype());
  for_blocks(ragged, heads, [&](std::int64_t first, std::int64_t queries, std::int64_t key,
                                std::int64_t keys, std::int64_t head, std::int64_t at) {
    const Variable block = reshape(slice(blocks, 0, at, at + queries * keys), {queries, keys});
    y = y + (transposed
                 ? placed(matmul(transpose(block), part(x, first, queries, head, heads)), key, rows,
                          head, heads)
                 : placed(matmul(block, part(x, key, keys, head, heads)), first, rows, head, heads));
  });
  return y;
}

}  // namespace

Variable ragged_products(const Variable& q, const Variable& k, const Ragged& ragged,
                         std::int64_t heads) {
  Variables blocks = {Tensor::zeros({0}, q.dtype())};
  for_blocks(ragged, heads, [&](std::int64_t first, std::int64_t queries, std::int64_t key,
                                std::int64_t keys, std::int64_t head, std::int64_t) {
    blocks.push_back(reshape(matmul(part(q, first, queries, head, heads),
                                    transpose(part(k, key, keys, head, heads))), {queries * keys}));
  });
  return concat(blocks, 0);
}

Variable ragged_apply(const Variable& blocks, const Variable& x, const Ragged& ragged,
                      std::int64_t heads) {
  return applied(blocks, x, ragged, heads, false);
}

Variable ragged_apply_transposed(const Variable& blocks, const Variable& x, const Ragged& ragged,
                                 std::int64_t heads) {
  return applied(blocks, x, ragged, heads, true);
}

Variable ragged_softmax(const Variable& blocks, const Ragged& ragged, std::int64_t heads) {
  if (is_half(blocks.dtype()))
    return cast(reference::ragged_softmax(cast(blocks, DType::f32), ragged, heads), blocks.dtype());
  Variables results = {Tensor::zeros({0}, blocks.dtype())};
  for_blocks(ragged, heads, [&](std::int64_t, std::int64_t queries, std::int64_t, std::int64_t keys,
                                std::int64_t, std::int64_t at) {
    for (std::int64_t i = 0; i < queries && keys > 0; ++i) {
      const Variable row = slice(blocks, 0, at + i * keys, at + (i + 1) * keys);
      const double most = ops::reduce(ReduceOp::maximum, row.value(), {}, false).item();
      results.push_back(most == -HUGE_VAL ? scale(exp(row), 1) : reference::softmax(row));
    }
  });
  return concat(results, 0);
}

}  // namespace reference
}  // namespace retort
