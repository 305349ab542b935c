// The products of attention's forward pass and derivative: small, ragged, in the caches. Sums run
// over ascending p (see matmul_tile.h), so no bit depends on how rows are grouped.
#pragma once

#include "tensor/cpu/loops.h"
#include "tensor/cpu/matmul_tile.h"
#include "tensor/kernels.h"

namespace retort::isa::RETORT_ISA {
namespace {

/// Query rows that one pass handles, at most: scores[kQueryRows, keys] stay in the L2 cache.
constexpr std::int64_t kQueryRows = 64;

RETORT_INLINE std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Splits n rows into equal pieces of at most kQueryRows, multiples of 8.
RETORT_INLINE std::int64_t query_piece(std::int64_t n) {
  return n <= 0 ? 8 : ceil_div(ceil_div(n, ceil_div(n, kQueryRows)), 8) * 8;
}

/// Row stride of a scores buffer: whole vectors, and never a power of two (rows would share sets of
/// the cache).
template <class T>
std::int64_t score_stride(std::int64_t keys) {
  constexpr std::int64_t kUnit = 64 / sizeof(T);
  return (ceil_div(keys, kUnit) | 1) * kUnit;
}

/// Elements of one packed panel, in whole cache lines.
template <class T>
std::int64_t panel_elements(std::int64_t head_dim) {
  constexpr std::int64_t kUnit = 64 / sizeof(T);
  return ceil_div(larger(head_dim, TileShape<T>::kDepth) * TileShape<T>::kColumns, kUnit) * kUnit;
}

/// c[i, j] = Σ_p a[i, p] · b[j, p] for m × n rows of length k; `panel` holds panel_elements(k).
template <class T>
void multiply_by_rows(const T* a, std::int64_t a_row, std::int64_t m, const T* b,
                      std::int64_t b_row, std::int64_t n, std::int64_t k, T* c, std::int64_t c_row,
                      T* panel) {
  using Shape = TileShape<T>;
  TileArgs<T> t{};
  t.a = a;
  t.a_row = a_row;
  t.a_col = 1;
  t.b = panel;
  t.b_row = Shape::kColumns;
  t.k = k;
  t.c_row = c_row;
  for (std::int64_t j = 0; j < n; j += Shape::kColumns) {
    const std::int64_t columns = smaller(Shape::kColumns, n - j);
    pack_panel<T, Shape::kColumns>(b + j * b_row, b_row, 1, columns, k, panel);
    t.c = c + j;
    multiply_panel<T, false, true>(t, m, columns, 0);
  }
}

/// c[i, j] (+)= Σ_p a[i, p] · b[p, j] for an m × n result and depth k: a(i, p) at a_row·i +
/// a_col·p, read in place; b is packed, since rows of all heads lie a large power of two or so
/// apart, where they would push each other out of the cache. `panel` as above.
template <class T>
void multiply_by_columns(const T* a, std::int64_t a_row, std::int64_t a_col, std::int64_t m,
                         const T* b, std::int64_t b_row, std::int64_t n, std::int64_t k, T* c,
                         std::int64_t c_row, bool accumulate, T* panel) {
  using Shape = TileShape<T>;
  constexpr int W = Vec<T>::kWidth;
  TileArgs<T> t{};
  t.a_row = a_row;
  t.a_col = a_col;
  t.b = panel;
  t.b_row = Shape::kColumns;
  t.c_row = c_row;
  // Panels of equal width: 4 vectors are two by two, not three and one.
  const std::int64_t vectors = ceil_div(n, W);
  const std::int64_t step = ceil_div(vectors, ceil_div(vectors, Shape::kVectors)) * W;
  for (std::int64_t j = 0; j < n; j += step)
    for (std::int64_t p = 0; p < k; p += Shape::kDepth) {
      const std::int64_t columns = smaller(step, n - j);
      t.a = a + p * a_col;
      t.k = smaller(Shape::kDepth, k - p);
      t.c = c + j;
      t.load_c = accumulate || p > 0;
      pack_panel<T, Shape::kColumns>(b + p * b_row + j, 1, b_row, columns, t.k, panel);
      multiply_panel<T, false, true>(t, m, columns, 0);
    }
}

template <class T>
void zero_rows(T* x, std::int64_t row, std::int64_t rows, std::int64_t columns) {
  for (std::int64_t i = 0; i < rows; ++i)
    sweep<T>(columns, [&](std::int64_t c, auto lanes) {
      store(x + i * row + c, broadcast<Vec<T>>(T(0)), lanes);
    });
}

/// The row of random bits that a query row and head draw.
RETORT_INLINE std::uint32_t dropout_row(const AttentionArgs& g, std::int64_t query_row,
                                        std::int64_t head) {
  return (g.dropout.row_offset + static_cast<std::uint32_t>(query_row)) *
             static_cast<std::uint32_t>(g.heads) +
         static_cast<std::uint32_t>(head);
}

/// (sequence, head) pairs that are worth a thread's while.
RETORT_INLINE std::int64_t task_grain(const AttentionArgs& g) {
  const std::int64_t queries = g.query_rows / larger(1, g.sequences) + 1;
  const std::int64_t work = smaller(queries, kQueryRows) * larger(1, g.max_keys) * g.head_dim;
  return larger(1, (1 << 17) / larger(1, work));
}

}  // namespace
}  // namespace retort::isa::RETORT_ISA
