// Attention's derivative: one task per (sequence, head), which walks the queries piece by piece, so
// that dk and dv are summed over queries in ascending order whatever the number of threads.
//
// With P the probabilities, F dropout's factors and D = rowsum(dO ∘ O) (FlashAttention-2, Dao 2023,
// section 2.3.2):  dV = (P∘F)ᵀ dO,  dP = dO Vᵀ,  dS = scale · P∘(F∘dP − D),  dQ = dS K,  dK = dSᵀ
// Q.
#include "tensor/cpu/attention_products.h"
#include "tensor/cpu/export.h"
#include "tensor/cpu/random.h"
#include "tensor/cpu/simd_math.h"

namespace retort::isa::RETORT_ISA {
namespace {

/// Turns one row of scores q·k into dropped probabilities P∘F, and one of dP into dS.
template <class T>
RETORT_INLINE void differentiate_row(const AttentionArgs& g, T* s, T* dp, std::int64_t n, T lse,
                                     T dot, std::uint32_t random_row) {
  using V = Vec<T>;
  const V scale = broadcast<V>(static_cast<T>(g.scale));
  const V log_sum = broadcast<V>(lse);
  const V d = broadcast<V>(dot);
  if (g.dropout.drop_below == 0) {
    sweep<T>(n, [&](std::int64_t j, auto lanes) {
      const V p = exp(load(s + j, lanes) * scale - log_sum);
      store(s + j, p, lanes);
      store(dp + j, p * (load(dp + j, lanes) - d) * scale, lanes);
    });
    return;
  }
  constexpr std::int64_t kBlock = 4 * kRandomColumns;
  const V zero = broadcast<V>(T(0));
  T factors[kBlock];
  for (std::int64_t begin = 0; begin < n; begin += kBlock) {
    const std::int64_t size = smaller(kBlock, n - begin);
    keep_factors(g.dropout, random_row, begin, size, factors);
    sweep<T>(size, [&](std::int64_t i, auto lanes) {
      const std::int64_t j = begin + i;
      const V factor = load(factors + i, lanes);
      const auto dropped = equal(factor, zero);
      const V p = exp(load(s + j, lanes) * scale - log_sum);
      const V through = select(dropped, zero, load(dp + j, lanes) * factor);
      store(s + j, select(dropped, zero, p * factor), lanes);
      store(dp + j, p * (through - d) * scale, lanes);
    });
  }
}

template <class T>
void differentiate(const AttentionBackwardArgs& args, std::int64_t sequence, std::int64_t head,
                   T* scratch) {
  const AttentionArgs& g = args.forward;
  const std::int64_t first = g.query_offsets[sequence];
  const std::int64_t queries = g.query_offsets[sequence + 1] - first;
  const std::int64_t keys = g.key_length[sequence];
  const std::int64_t width = g.head_dim;
  const std::int64_t column = head * width;
  const std::int64_t key_row = g.key_begin[sequence];
  const T* const k = static_cast<const T*>(g.k) + key_row * g.k_row + column;
  const T* const v = static_cast<const T*>(g.v) + key_row * g.v_row + column;
  T* const dk = static_cast<T*>(args.dk) + key_row * g.k_row + column;
  T* const dv = static_cast<T*>(args.dv) + key_row * g.v_row + column;
  T* const dq = static_cast<T*>(args.dq) + column;
  if (keys <= 0 || queries <= 0) {
    if (keys > 0) zero_rows(dk, g.k_row, keys, width);
    if (keys > 0) zero_rows(dv, g.v_row, keys, width);
    if (queries > 0) zero_rows(dq + first * g.q_row, g.q_row, queries, width);
    return;
  }
  const std::int64_t stride = score_stride<T>(keys);
  T* const panel = scratch;
  T* const s = scratch + panel_elements<T>(width);
  T* const dp = s + kQueryRows * stride;
  const std::int64_t piece = query_piece(queries);
  for (std::int64_t begin = 0; begin < queries; begin += piece) {
    const std::int64_t rows = smaller(piece, queries - begin);
    const std::int64_t row = first + begin;
    const T* const q = static_cast<const T*>(g.q) + row * g.q_row + column;
    const T* const out = static_cast<const T*>(g.out) + row * g.out_row + column;
    const T* const dout = static_cast<const T*>(args.dout) + row * args.dout_row + column;
    const T* const lse = static_cast<const T*>(g.lse) + head * g.query_rows + row;
    multiply_by_rows(q, g.q_row, rows, k, g.k_row, keys, width, s, stride, panel);
    multiply_by_rows(dout, args.dout_row, rows, v, g.v_row, keys, width, dp, stride, panel);
    for (std::int64_t i = 0; i < rows; ++i) {
      const double dot = sum<T>(width, [&](std::int64_t c, auto lanes) {
        return load(dout + i * args.dout_row + c, lanes) * load(out + i * g.out_row + c, lanes);
      });
      differentiate_row(g, s + i * stride, dp + i * stride, keys, lse[i], static_cast<T>(dot),
                        dropout_row(g, row + i, head));
    }
    multiply_by_columns(dp, stride, 1, rows, k, g.k_row, width, keys, dq + row * g.q_row, g.q_row,
                        false, panel);
    multiply_by_columns(s, 1, stride, keys, dout, args.dout_row, width, rows, dv, g.v_row,
                        begin > 0, panel);
    multiply_by_columns(dp, 1, stride, keys, q, g.q_row, width, rows, dk, g.k_row, begin > 0,
                        panel);
  }
}

/// Scratch elements of one worker: a packed panel, scores and their derivatives.
template <class T>
std::int64_t scratch_elements(const AttentionArgs& g) {
  return panel_elements<T>(g.head_dim) + 2 * kQueryRows * score_stride<T>(g.max_keys);
}

template <class T>
std::int64_t attention_backward_workspace(const AttentionBackwardArgs& args, int threads) {
  return threads * scratch_elements<T>(args.forward) * static_cast<std::int64_t>(sizeof(T));
}

template <class T>
void attention_backward(const Launch& launch, const AttentionBackwardArgs& args) {
  const AttentionArgs& g = args.forward;
  parallel_ranges(
      g.sequences * g.heads, task_grain(g), [&](std::int64_t from, std::int64_t to, int worker) {
        T* const scratch = static_cast<T*>(launch.workspace) + worker * scratch_elements<T>(g);
        for (std::int64_t task = from; task < to; ++task)
          differentiate<T>(args, task / g.heads, task % g.heads, scratch);
      });
}

}  // namespace

RETORT_EXPORT_F32_F64(attention_backward, AttentionBackwardArgs)
RETORT_EXPORT_WORKSPACE_F32_F64(attention_backward, AttentionBackwardArgs)

}  // namespace retort::isa::RETORT_ISA
