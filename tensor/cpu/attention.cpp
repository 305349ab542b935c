// Attention, forward: one task per (piece of a sequence's queries, head); softmax over whole rows
// with the exact maximum, so that a row depends on its own sequence only.
#include "tensor/cpu/attention_products.h"
#include "tensor/cpu/export.h"
#include "tensor/cpu/random.h"
#include "tensor/cpu/simd_math.h"

namespace retort::isa::RETORT_ISA {
namespace {

/// s[j] = softmax(scale · s)[j]; gives the maximum and the sum of exponentials. The maximum passes
/// over NaN: exp brings it back, and the sum carries it to the whole row.
template <class T>
RETORT_INLINE void softmax_row(T* s, std::int64_t n, T scale, T& maximum, T& total) {
  using V = Vec<T>;
  const V lowest = broadcast<V>(-static_cast<T>(__builtin_inf()));
  const V factor = broadcast<V>(scale);
  V best = lowest;
  sweep<T>(n, [&](std::int64_t j, auto lanes) {
    const V x = load(s + j, lanes) * factor;
    store(s + j, x, lanes);
    best = at_least(best, only(x, lowest, lanes));
  });
  maximum = fold(best, [](V a, V b) { return at_least(a, b); });
  const V highest = broadcast<V>(maximum);
  total = static_cast<T>(sum<T>(n, [&](std::int64_t j, auto lanes) {
    const V x = exp(load(s + j, lanes) - highest);
    store(s + j, x, lanes);
    return x;
  }));
  const V inverse = broadcast<V>(T(1) / total);
  sweep<T>(n,
           [&](std::int64_t j, auto lanes) { store(s + j, load(s + j, lanes) * inverse, lanes); });
}

/// The row of a map that belongs to query i of a sequence and to a head.
template <class S>
RETORT_INLINE S* map_row(const AttentionArgs& g, std::int64_t sequence, std::int64_t head,
                         std::int64_t i, std::int64_t queries, std::int64_t keys) {
  return static_cast<S*>(g.map) + g.map_offsets[sequence] + (head * queries + i) * keys;
}

/// Writes n entries for the visible keys of a map's row, and what stands for the others.
template <class S, class T>
void write_map(const T* entries, KeySpan visible, std::int64_t keys, T other, S* row) {
  fill(row, visible.first, other);
  sweep<T>(visible.end - visible.first, [&](std::int64_t j, auto lanes) {
    store(row + visible.first + j, load(entries + j, lanes), lanes);
  });
  fill(row + visible.end, keys - visible.end, other);
}

/// Queries [begin, begin + rows) of one sequence, one head.
template <class S, class T>
void attend(const AttentionArgs& g, std::int64_t sequence, std::int64_t head, std::int64_t begin,
            std::int64_t rows, T* scratch) {
  const std::int64_t first = g.query_offsets[sequence];
  const std::int64_t queries = g.query_offsets[sequence + 1] - first;
  const std::int64_t keys = g.key_length[sequence];
  const KeySpan span = visible_keys(g, begin, rows, queries, keys);
  const std::int64_t width = span.end - span.first;
  const std::int64_t row = first + begin;
  const std::int64_t column = head * g.head_dim;
  const std::int64_t key_row = g.key_begin[sequence] + span.first;
  const std::int64_t key_column = head / (g.heads / g.key_heads) * g.head_dim;
  const std::int64_t d = g.head_dim;
  T* const lse = static_cast<T*>(g.lse) + head * g.query_rows + row;
  const T infinity = static_cast<T>(__builtin_inf());
  const bool transform = transforms_scores(g) || (g.map && g.map_of_scores);
  const std::int64_t stride = score_stride<T>(width);
  T* const panel = scratch;
  T* const p = panel + panel_elements<T>();
  T* const wide_queries = p + kQueryRows * score_stride<T>(g.max_keys);
  T* const wide_keys = wide_queries + wide_elements<S>(kQueryRows, d);
  const WideRows<T> q = widen_rows(static_cast<const S*>(g.q) + row * g.q_row + column, g.q_row,
                                   rows, d, wide_queries);
  const WideRows<T> k = widen_rows(static_cast<const S*>(g.k) + key_row * g.k_row + key_column,
                                   g.k_row, width, d, wide_keys);
  multiply_by_rows(q.data, q.row, rows, k.data, k.row, width, d, p, stride, panel);
  T maximum[kQueryRows], total[kQueryRows];
  for (std::int64_t i = 0; i < rows; ++i) {
    const KeySpan visible = visible_keys(g, begin + i, queries, keys);
    const std::int64_t n = visible.end - visible.first;
    T* const s = p + i * stride + (visible.first - span.first);
    S* const map = g.map ? map_row<S>(g, sequence, head, begin + i, queries, keys) : nullptr;
    if (transform)
      transform_scores(g, head, begin + i + keys - queries, visible, s, static_cast<T*>(nullptr));
    if (map && g.map_of_scores) write_map(s, visible, keys, -infinity, map);
    softmax_row(s, n, transform ? T(1) : static_cast<T>(g.scale), maximum[i], total[i]);
    if (map && !g.map_of_scores) write_map(s, visible, keys, T(0), map);
    if (g.dropout.drop_below != 0)
      apply_dropout(g.dropout, dropout_row(g, row + i, head), visible.first, n, s);
    fill(p + i * stride, visible.first - span.first, T(0));
    fill(s + n, span.end - visible.end, T(0));
  }
  sweep<T>(rows, [&](std::int64_t i, auto lanes) {
    store(lse + i, load(maximum + i, lanes) + log(load(total + i, lanes)), lanes);
  });
  const WideRows<T> v = widen_rows(static_cast<const S*>(g.v) + key_row * g.v_row + key_column,
                                   g.v_row, width, d, wide_keys);
  S* const out = static_cast<S*>(g.out) + row * g.out_row + column;
  T* const y = compute_place(out, wide_queries);
  const std::int64_t y_row = sizeof(S) == sizeof(T) ? g.out_row : d;
  multiply_by_columns(p, stride, 1, rows, v.data, v.row, d, width, y, y_row, false, panel);
  for (std::int64_t i = 0; i < rows; ++i)
    if (total[i] == 0) fill(y + i * y_row, d, T(0));
  round_rows(y, rows, d, out, g.out_row);
}

/// Scratch elements of one worker: a packed panel, the scores, widened queries (later the results)
/// and keys (later values).
template <class S>
std::int64_t scratch_elements(const AttentionArgs& g) {
  using T = Compute<S>;
  return panel_elements<T>() + kQueryRows * score_stride<T>(g.max_keys) +
         wide_elements<S>(kQueryRows, g.head_dim) + wide_elements<S>(g.max_keys, g.head_dim);
}

template <class S>
std::int64_t attention_workspace(const AttentionArgs& g, int threads) {
  return threads * scratch_elements<S>(g) * static_cast<std::int64_t>(sizeof(Compute<S>));
}

template <class S>
void attention(const Launch& launch, const AttentionArgs& g) {
  using T = Compute<S>;
  const QueryPieces pieces{g.query_offsets, g.sequences};
  parallel_ranges(
      pieces.slots() * g.heads, task_grain(g), [&](std::int64_t from, std::int64_t to, int worker) {
        T* const scratch = static_cast<T*>(launch.workspace) + worker * scratch_elements<S>(g);
        for (std::int64_t task = from; task < to; ++task) {
          const QueryPiece piece = pieces[task / g.heads];
          if (piece.rows > 0)
            attend<S>(g, piece.sequence, task % g.heads, piece.begin, piece.rows, scratch);
        }
      });
}

}  // namespace

RETORT_EXPORT(attention, AttentionArgs)
RETORT_EXPORT_WORKSPACE(attention, AttentionArgs)

}  // namespace retort::isa::RETORT_ISA
