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
  maximum = fold(best, [](T a, T b) { return a < b ? b : a; });
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

/// Query rows [begin, begin + rows) of one sequence, one head.
template <class T>
void attend(const AttentionArgs& g, std::int64_t sequence, std::int64_t head, std::int64_t begin,
            std::int64_t rows, T* scratch) {
  const std::int64_t keys = g.key_length[sequence];
  const std::int64_t column = head * g.head_dim;
  T* const out = static_cast<T*>(g.out) + begin * g.out_row + column;
  T* const lse = static_cast<T*>(g.lse) + head * g.query_rows + begin;
  if (keys <= 0) {
    zero_rows(out, g.out_row, rows, g.head_dim);
    for (std::int64_t i = 0; i < rows; ++i) lse[i] = -static_cast<T>(__builtin_inf());
    return;
  }
  const T* const k = static_cast<const T*>(g.k) + g.key_begin[sequence] * g.k_row + column;
  const T* const v = static_cast<const T*>(g.v) + g.key_begin[sequence] * g.v_row + column;
  const std::int64_t stride = score_stride<T>(keys);
  T* const panel = scratch;
  T* const p = scratch + panel_elements<T>(g.head_dim);
  multiply_by_rows(static_cast<const T*>(g.q) + begin * g.q_row + column, g.q_row, rows, k, g.k_row,
                   keys, g.head_dim, p, stride, panel);
  T maximum[kQueryRows], total[kQueryRows];
  for (std::int64_t i = 0; i < rows; ++i) {
    softmax_row(p + i * stride, keys, static_cast<T>(g.scale), maximum[i], total[i]);
    if (g.dropout.drop_below != 0)
      apply_dropout(g.dropout, dropout_row(g, begin + i, head), 0, keys, p + i * stride);
  }
  sweep<T>(rows, [&](std::int64_t i, auto lanes) {
    store(lse + i, load(maximum + i, lanes) + log(load(total + i, lanes)), lanes);
  });
  multiply_by_columns(p, stride, 1, rows, v, g.v_row, g.head_dim, keys, out, g.out_row, false,
                      panel);
}

/// Scratch elements of one worker: a packed panel and the scores.
template <class T>
std::int64_t scratch_elements(const AttentionArgs& g) {
  return panel_elements<T>(g.head_dim) + kQueryRows * score_stride<T>(g.max_keys);
}

template <class T>
std::int64_t attention_workspace(const AttentionArgs& g, int threads) {
  return threads * scratch_elements<T>(g) * static_cast<std::int64_t>(sizeof(T));
}

/// Pieces are numbered without a table: sequence s owns the slots [first_slot(s), first_slot(s+1)),
/// which are never fewer than its pieces.
RETORT_INLINE std::int64_t first_slot(const AttentionArgs& g, std::int64_t s) {
  return (g.query_offsets[s] - g.query_offsets[0]) / kQueryRows + s;
}

template <class T>
void attention(const Launch& launch, const AttentionArgs& g) {
  if (g.sequences <= 0) return;
  const std::int64_t tasks = first_slot(g, g.sequences) * g.heads;
  parallel_ranges(tasks, task_grain(g), [&](std::int64_t from, std::int64_t to, int worker) {
    T* const scratch = static_cast<T*>(launch.workspace) + worker * scratch_elements<T>(g);
    for (std::int64_t task = from; task < to; ++task) {
      const std::int64_t slot = task / g.heads;
      std::int64_t s = 0, end = g.sequences;  // the last sequence whose first slot is <= slot
      while (end - s > 1) {
        const std::int64_t middle = (s + end) / 2;
        if (first_slot(g, middle) <= slot) s = middle;
        else end = middle;
      }
      const std::int64_t queries = g.query_offsets[s + 1] - g.query_offsets[s];
      const std::int64_t piece = query_piece(queries);
      const std::int64_t begin = (slot - first_slot(g, s)) * piece;
      if (begin >= queries) continue;
      attend<T>(g, s, task % g.heads, g.query_offsets[s] + begin, smaller(piece, queries - begin),
                scratch);
    }
  });
}

}  // namespace

RETORT_EXPORT_F32_F64(attention, AttentionArgs)
RETORT_EXPORT_WORKSPACE_F32_F64(attention, AttentionArgs)

}  // namespace retort::isa::RETORT_ISA
