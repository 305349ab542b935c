// Attention's derivative: one task per (group of sequences that share keys, key head), which walks
// the sequences, the heads and the queries piece by piece in a fixed order, so that dk and dv are
// the same sums whatever the number of threads.
//
// With P the probabilities, F dropout's factors, dM the gradient of the map that was asked for and
// D = rowsum(dO ∘ O) (FlashAttention-2, Dao 2023, section 2.3.2):
//   dV = (P∘F)ᵀ dO,  dP = F∘(dO Vᵀ),  dS = P∘(dP − D),  dQ = (dS∘cap') K,  dK = (dS∘cap')ᵀ Q,
// where dM joins dP (and D gains rowsum(P∘dM)) for a map of probabilities, or dS for one of scores,
// and cap' includes the scale. The bias has dS itself, summed along diagonals.
#include "tensor/cpu/attention_products.h"
#include "tensor/cpu/export.h"
#include "tensor/cpu/random.h"

namespace retort::isa::RETORT_ISA {
namespace {

/// Bias gradients are summed by at most so many chunks of groups, then over the chunks in order.
constexpr std::int64_t kBiasChunks = 32;

/// One worker's memory.
template <class T>
struct Scratch {
  T* panel;
  T* s;        // scores, then dropped probabilities
  T* dp;       // dP, then dS∘cap'
  T* factors;  // dropout's, of one row
  T* slopes;   // cap', of one row
  // Of halves: widened rows of queries (later dq), of dout, of keys, of values, and the sums of dk
  // and dv.
  T *q, *dout, *k, *v, *dk, *dv;
};

template <class S>
std::int64_t scratch_elements(const AttentionArgs& g) {
  return panel_elements<Compute<S>>() +
         (2 * kQueryRows + 2) * score_stride<Compute<S>>(g.max_keys) +
         2 * wide_elements<S>(kQueryRows, g.head_dim) +
         4 * wide_elements<S>(g.max_keys, g.head_dim);
}

template <class S, class T>
Scratch<T> scratch_at(const AttentionArgs& g, T* memory) {
  const std::int64_t stride = score_stride<T>(g.max_keys);
  const std::int64_t queries = wide_elements<S>(kQueryRows, g.head_dim);
  const std::int64_t keys = wide_elements<S>(g.max_keys, g.head_dim);
  Scratch<T> at{};
  at.panel = memory;
  at.s = at.panel + panel_elements<T>();
  at.dp = at.s + kQueryRows * stride;
  at.factors = at.dp + kQueryRows * stride;
  at.slopes = at.factors + stride;
  at.q = at.slopes + stride;
  at.dout = at.q + queries;
  at.k = at.dout + queries;
  at.v = at.k + keys;
  at.dk = at.v + keys;
  at.dv = at.dk + keys;
  return at;
}

/// Sums of one key head's gradients, from the first key of a sequence's range on.
template <class T>
struct KeySums {
  T* dk;
  T* dv;
  std::int64_t dk_row, dv_row;
};

/// Turns one row of scaled products into P, and one of dP into dS∘scale: nothing but scores.
template <class T>
RETORT_INLINE void differentiate_plain_row(T* s, T* dp, std::int64_t n, T factor, T lse, T dot) {
  using V = Vec<T>;
  const V scale = broadcast<V>(factor);
  const V log_sum = broadcast<V>(lse);
  const V d = broadcast<V>(dot);
  sweep<T>(n, [&](std::int64_t j, auto lanes) {
    const V p = exp(load(s + j, lanes) * scale - log_sum);
    store(s + j, p, lanes);
    store(dp + j, p * (load(dp + j, lanes) - d) * scale, lanes);
  });
}

/// One row of everything: what s[0, n) and dp[0, n) meet.
template <class S, class T>
struct Row {
  const T* factors;  // or null
  const T* slopes;   // or null: scale
  const S* dmap;     // or null
  bool map_of_scores;
  T* dbias;  // or null
  T scale;
  T score_factor;  // 1 where s holds scores already
  T lse, dot;
};

template <class S, class T>
void differentiate_row(const Row<S, T>& row, T* s, T* dp, std::int64_t n) {
  using V = Vec<T>;
  const V zero = broadcast<V>(T(0));
  const V scale = broadcast<V>(row.scale);
  const V score_factor = broadcast<V>(row.score_factor);
  const V log_sum = broadcast<V>(row.lse);
  T dot = row.dot;
  const S* const dp_map = row.map_of_scores ? nullptr : row.dmap;
  const S* const ds_map = row.map_of_scores ? row.dmap : nullptr;
  if (dp_map)
    dot += static_cast<T>(sum<T>(n, [&](std::int64_t j, auto lanes) {
      return exp(load(s + j, lanes) * score_factor - log_sum) * load(dp_map + j, lanes);
    }));
  const V d = broadcast<V>(dot);
  sweep<T>(n, [&](std::int64_t j, auto lanes) {
    const V p = exp(load(s + j, lanes) * score_factor - log_sum);
    V through = load(dp + j, lanes);
    V mixed = p;
    if (row.factors) {
      const V factor = load(row.factors + j, lanes);
      const auto dropped = equal(factor, zero);
      through = select(dropped, zero, through * factor);
      mixed = select(dropped, zero, p * factor);
    }
    if (dp_map) through = through + load(dp_map + j, lanes);
    V ds = p * (through - d);
    if (ds_map) ds = ds + load(ds_map + j, lanes);
    if (row.dbias) store(row.dbias + j, load(row.dbias + j, lanes) + ds, lanes);
    store(s + j, mixed, lanes);
    store(dp + j, ds * (row.slopes ? load(row.slopes + j, lanes) : scale), lanes);
  });
}

/// The derivative of one sequence and head. `fresh`: the sums hold nothing yet, overwrite them.
/// dbias: the head's row of partial sums, or null.
template <class S, class T>
void differentiate(const AttentionBackwardArgs& args, std::int64_t sequence, std::int64_t head,
                   bool fresh, const KeySums<T>& sums, T* dbias, const Scratch<T>& scratch) {
  const AttentionArgs& g = args.forward;
  const std::int64_t first = g.query_offsets[sequence];
  const std::int64_t queries = g.query_offsets[sequence + 1] - first;
  const std::int64_t keys = g.key_length[sequence];
  const std::int64_t width = g.head_dim;
  const std::int64_t column = head * width;
  const std::int64_t key_column = head / (g.heads / g.key_heads) * width;
  const std::int64_t piece = query_piece(queries);
  const KeySpan whole = visible_keys(g, 0, smaller(piece, queries), queries, keys);
  if (fresh && (queries <= 0 || whole.first > 0 || whole.end < keys)) {
    zero_rows(sums.dk, sums.dk_row, keys, width);
    zero_rows(sums.dv, sums.dv_row, keys, width);
    fresh = false;
  }
  const bool plain = !transforms_scores(g) && g.dropout.drop_below == 0 && !args.dmap && !dbias;
  for (std::int64_t begin = 0; begin < queries; begin += piece) {
    const std::int64_t rows = smaller(piece, queries - begin);
    const std::int64_t row = first + begin;
    const KeySpan span = visible_keys(g, begin, rows, queries, keys);
    const std::int64_t n = span.end - span.first;
    S* const dq = static_cast<S*>(args.dq) + row * g.q_row + column;
    if (n <= 0) {
      zero_rows(dq, g.q_row, rows, width);
      continue;
    }
    const std::int64_t key_row = g.key_begin[sequence] + span.first;
    const WideRows<T> q = widen_rows(static_cast<const S*>(g.q) + row * g.q_row + column, g.q_row,
                                     rows, width, scratch.q);
    const WideRows<T> k = widen_rows(static_cast<const S*>(g.k) + key_row * g.k_row + key_column,
                                     g.k_row, n, width, scratch.k);
    const WideRows<T> v = widen_rows(static_cast<const S*>(g.v) + key_row * g.v_row + key_column,
                                     g.v_row, n, width, scratch.v);
    const S* const out = static_cast<const S*>(g.out) + row * g.out_row + column;
    WideRows<T> dout{};
    if (args.dout)
      dout = widen_rows(static_cast<const S*>(args.dout) + row * args.dout_row + column,
                        args.dout_row, rows, width, scratch.dout);
    const T* const lse = static_cast<const T*>(g.lse) + head * g.query_rows + row;
    const std::int64_t stride = score_stride<T>(n);
    T *const s = scratch.s, *const dp = scratch.dp;
    multiply_by_rows(q.data, q.row, rows, k.data, k.row, n, width, s, stride, scratch.panel);
    if (args.dout)
      multiply_by_rows(dout.data, dout.row, rows, v.data, v.row, n, width, dp, stride,
                       scratch.panel);
    else zero_rows(dp, stride, rows, n);
    for (std::int64_t i = 0; i < rows; ++i) {
      const KeySpan visible = visible_keys(g, begin + i, queries, keys);
      const std::int64_t seen = visible.end - visible.first, at = visible.first - span.first;
      const std::int64_t position = begin + i + keys - queries;
      T *const s_row = s + i * stride, *const dp_row = dp + i * stride;
      double dot = 0;
      if (args.dout)
        dot = sum<T>(width, [&](std::int64_t c, auto lanes) {
          return load(dout.data + i * dout.row + c, lanes) * load(out + i * g.out_row + c, lanes);
        });
      if (plain) {
        differentiate_plain_row(s_row + at, dp_row + at, seen, static_cast<T>(g.scale), lse[i],
                                static_cast<T>(dot));
      } else {
        Row<S, T> context{};
        if (transforms_scores(g)) {
          transform_scores(g, head, position, visible, s_row + at, scratch.slopes);
          context.slopes = scratch.slopes;
        }
        if (g.dropout.drop_below != 0) {
          keep_factors(g.dropout, dropout_row(g, row + i, head), visible.first, seen,
                       scratch.factors);
          context.factors = scratch.factors;
        }
        if (args.dmap)
          context.dmap = static_cast<const S*>(args.dmap) + g.map_offsets[sequence] +
                         (head * queries + begin + i) * keys + visible.first;
        context.map_of_scores = g.map_of_scores;
        if (dbias) context.dbias = dbias + g.bias_zero + visible.first - position;
        context.scale = static_cast<T>(g.scale);
        context.score_factor = transforms_scores(g) ? T(1) : static_cast<T>(g.scale);
        context.lse = lse[i];
        context.dot = static_cast<T>(dot);
        differentiate_row(context, s_row + at, dp_row + at, seen);
      }
      fill(s_row, at, T(0));
      fill(dp_row, at, T(0));
      fill(s_row + at + seen, span.end - visible.end, T(0));
      fill(dp_row + at + seen, span.end - visible.end, T(0));
    }
    T* const dk = sums.dk + span.first * sums.dk_row;
    T* const dv = sums.dv + span.first * sums.dv_row;
    const bool accumulate = !fresh || begin > 0;
    if (args.dout)
      multiply_by_columns(s, 1, stride, n, dout.data, dout.row, width, rows, dv, sums.dv_row,
                          accumulate, scratch.panel);
    else if (!accumulate) zero_rows(dv, sums.dv_row, n, width);
    multiply_by_columns(dp, 1, stride, n, q.data, q.row, width, rows, dk, sums.dk_row, accumulate,
                        scratch.panel);
    T* const dq_sums = compute_place(dq, scratch.q);  // q has been used
    multiply_by_columns(dp, stride, 1, rows, k.data, k.row, width, n, dq_sums,
                        sizeof(S) == sizeof(T) ? g.q_row : width, false, scratch.panel);
    round_rows(dq_sums, rows, width, dq, g.q_row);
  }
}

/// One sequence and key head: the query heads that share it, one after the other.
template <class S, class T>
void differentiate_key_head(const AttentionBackwardArgs& args, std::int64_t sequence,
                            std::int64_t key_head, bool fresh, T* dbias,
                            const Scratch<T>& scratch) {
  const AttentionArgs& g = args.forward;
  const std::int64_t width = g.head_dim, keys = g.key_length[sequence];
  const std::int64_t key_row = g.key_begin[sequence], column = key_head * width;
  S* const dk = static_cast<S*>(args.dk) + key_row * g.k_row + column;
  S* const dv = static_cast<S*>(args.dv) + key_row * g.v_row + column;
  constexpr bool kInPlace = sizeof(S) == sizeof(T);
  const KeySums<T> sums{compute_place(dk, scratch.dk), compute_place(dv, scratch.dv),
                        kInPlace ? g.k_row : width, kInPlace ? g.v_row : width};
  const std::int64_t heads_per_key = g.heads / g.key_heads;
  for (std::int64_t h = 0; h < heads_per_key; ++h)
    differentiate<S>(args, sequence, key_head * heads_per_key + h, fresh && h == 0, sums,
                     dbias ? dbias + h * g.bias_row : nullptr, scratch);
  round_rows(sums.dk, keys, width, dk, g.k_row);
  round_rows(sums.dv, keys, width, dv, g.v_row);
}

/// Groups that one task takes, one after the other.
RETORT_INLINE std::int64_t groups_per_task(const AttentionBackwardArgs& args) {
  return args.dbias ? larger(1, ceil_div(args.groups, kBiasChunks)) : 1;
}

/// Elements of the bias gradients of all chunks of groups, in whole cache lines.
template <class T>
std::int64_t bias_elements(const AttentionBackwardArgs& args) {
  constexpr std::int64_t kUnit = 64 / sizeof(T);
  if (!args.dbias) return 0;
  const std::int64_t chunks = ceil_div(args.groups, groups_per_task(args));
  return ceil_div(chunks * args.forward.heads * args.forward.bias_row, kUnit) * kUnit;
}

template <class S>
std::int64_t attention_backward_workspace(const AttentionBackwardArgs& args, int threads) {
  using T = Compute<S>;
  return (bias_elements<T>(args) + threads * scratch_elements<S>(args.forward)) *
         static_cast<std::int64_t>(sizeof(T));
}

/// dbias = Σ over chunks of groups, in order.
template <class T>
void sum_bias(const AttentionBackwardArgs& args, const T* partial, std::int64_t chunks) {
  const std::int64_t n = args.forward.heads * args.forward.bias_row;
  T* const dbias = static_cast<T*>(args.dbias);
  parallel_ranges(n, larger(1, kGrain / larger(1, chunks)),
                  [&](std::int64_t begin, std::int64_t end, int) {
                    sweep<T>(end - begin, [&](std::int64_t i, auto lanes) {
                      Vec<T> total = broadcast<Vec<T>>(T(0));
                      for (std::int64_t c = 0; c < chunks; ++c)
                        total = total + load(partial + c * n + begin + i, lanes);
                      store(dbias + begin + i, total, lanes);
                    });
                  });
}

template <class S>
void attention_backward(const Launch& launch, const AttentionBackwardArgs& args) {
  using T = Compute<S>;
  const AttentionArgs& g = args.forward;
  const std::int64_t per_task = groups_per_task(args), chunks = ceil_div(args.groups, per_task);
  const std::int64_t heads_per_key = g.heads / g.key_heads;
  T* const partial = static_cast<T*>(launch.workspace);
  T* const memory = partial + bias_elements<T>(args);
  const std::int64_t grain = args.dbias ? 1 : larger(1, task_grain(g) / heads_per_key);
  parallel_ranges(chunks * g.key_heads, grain, [&](std::int64_t from, std::int64_t to, int worker) {
    const Scratch<T> scratch = scratch_at<S>(g, memory + worker * scratch_elements<S>(g));
    for (std::int64_t task = from; task < to; ++task) {
      const std::int64_t chunk = task / g.key_heads,
                         first_head = task % g.key_heads * heads_per_key;
      T* const dbias = args.dbias ? partial + (chunk * g.heads + first_head) * g.bias_row : nullptr;
      if (dbias) fill(dbias, heads_per_key * g.bias_row, T(0));
      const std::int64_t last = smaller(args.groups, (chunk + 1) * per_task);
      for (std::int64_t group = chunk * per_task; group < last; ++group) {
        const std::int32_t begin = args.group_offsets[group], end = args.group_offsets[group + 1];
        for (std::int32_t i = begin; i < end; ++i)
          differentiate_key_head<S>(args, args.group_sequences[i], task % g.key_heads,
                                    end - begin == 1, dbias, scratch);
      }
    }
  });
  if (args.dbias) sum_bias(args, partial, chunks);
}

}  // namespace

RETORT_EXPORT(attention_backward, AttentionBackwardArgs)
RETORT_EXPORT_WORKSPACE(attention_backward, AttentionBackwardArgs)

}  // namespace retort::isa::RETORT_ISA
