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
    const V candidate = only(x, lowest, lanes);
    best = select(less(best, candidate), candidate, best);
  });
  maximum = fold(best, [](V a, V b) { return select(less(a, b), b, a); });
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
template <class T>
RETORT_INLINE T* map_row(const AttentionArgs& g, std::int64_t sequence, std::int64_t head,
                         std::int64_t i, std::int64_t queries, std::int64_t keys) {
  return static_cast<T*>(g.map) + g.map_offsets[sequence] + (head * queries + i) * keys;
}

/// Writes n entries for the visible keys of a map's row, and what stands for the others.
template <class T>
void write_map(const T* entries, KeySpan visible, std::int64_t keys, T other, T* row) {
  fill(row, visible.first, other);
  sweep<T>(visible.end - visible.first, [&](std::int64_t j, auto lanes) {
    store(row + visible.first + j, load(entries + j, lanes), lanes);
  });
  fill(row + visible.end, keys - visible.end, other);
}

/// Queries [begin, begin + rows) of one sequence, one head.
template <class T>
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
  const T* const k = static_cast<const T*>(g.k) + key_row * g.k_row + key_column;
  const T* const v = static_cast<const T*>(g.v) + key_row * g.v_row + key_column;
  T* const out = static_cast<T*>(g.out) + row * g.out_row + column;
  T* const lse = static_cast<T*>(g.lse) + head * g.query_rows + row;
  const T infinity = static_cast<T>(__builtin_inf());
  const bool transform = transforms_scores(g) || (g.map && g.map_of_scores);
  const std::int64_t stride = score_stride<T>(width);
  T* const panel = scratch;
  T* const p = scratch + panel_elements<T>();
  multiply_by_rows(static_cast<const T*>(g.q) + row * g.q_row + column, g.q_row, rows, k, g.k_row,
                   width, g.head_dim, p, stride, panel);
  T maximum[kQueryRows], total[kQueryRows];
  for (std::int64_t i = 0; i < rows; ++i) {
    const KeySpan visible = visible_keys(g, begin + i, queries, keys);
    const std::int64_t n = visible.end - visible.first;
    T* const s = p + i * stride + (visible.first - span.first);
    T* const map = g.map ? map_row<T>(g, sequence, head, begin + i, queries, keys) : nullptr;
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
  multiply_by_columns(p, stride, 1, rows, v, g.v_row, g.head_dim, width, out, g.out_row, false,
                      panel);
  for (std::int64_t i = 0; i < rows; ++i)
    if (total[i] == 0) fill(out + i * g.out_row, g.head_dim, T(0));
}

/// Scratch elements of one worker: a packed panel and the scores.
template <class T>
std::int64_t scratch_elements(const AttentionArgs& g) {
  return panel_elements<T>() + kQueryRows * score_stride<T>(g.max_keys);
}

template <class T>
std::int64_t attention_workspace(const AttentionArgs& g, int threads) {
  return threads * scratch_elements<T>(g) * static_cast<std::int64_t>(sizeof(T));
}

template <class T>
void attention(const Launch& launch, const AttentionArgs& g) {
  const QueryPieces pieces{g.query_offsets, g.sequences};
  parallel_ranges(
      pieces.slots() * g.heads, task_grain(g), [&](std::int64_t from, std::int64_t to, int worker) {
        T* const scratch = static_cast<T*>(launch.workspace) + worker * scratch_elements<T>(g);
        for (std::int64_t task = from; task < to; ++task) {
          const QueryPiece piece = pieces[task / g.heads];
          if (piece.rows > 0)
            attend<T>(g, piece.sequence, task % g.heads, piece.begin, piece.rows, scratch);
        }
      });
}

}  // namespace

RETORT_EXPORT_F32_F64(attention, AttentionArgs)
RETORT_EXPORT_WORKSPACE_F32_F64(attention, AttentionArgs)

}  // namespace retort::isa::RETORT_ISA
