// The products of attention's forward pass and derivative: small, ragged, in the caches. Sums run
// over ascending p (see matmul_tile.h), so no bit depends on how rows are grouped.
#pragma once

#include "tensor/cpu/loops.h"
#include "tensor/cpu/matmul_tile.h"
#include "tensor/cpu/query_pieces.h"
#include "tensor/cpu/simd_math.h"
#include "tensor/kernels.h"

namespace retort::isa::RETORT_ISA {
namespace {

/// Row stride of a scores buffer: whole vectors, and never a power of two (rows would share sets of
/// the cache).
template <class T>
std::int64_t score_stride(std::int64_t keys) {
  constexpr std::int64_t kUnit = 64 / sizeof(T);
  return (ceil_div(keys, kUnit) | 1) * kUnit;
}

/// The register tile of these products: 64 columns in AVX-512, the width of most heads and of many
/// a sequence, where matmul's 48 would leave a rest of 16.
template <class T>
struct AttentionTile {
#if defined(RETORT_ISA_avx512)
  static constexpr int kRows = 6, kVectors = 4;  // 24 of 32 registers hold sums
#elif defined(RETORT_ISA_avx2)
  static constexpr int kRows = 4, kVectors = 3;  // 12 of 16
#else
  static constexpr int kRows = 4, kVectors = 4;
#endif
  static constexpr int kColumns = kVectors * Vec<T>::kWidth;
  /// Depth of a packed panel, which stays in the first-level cache while the rows pass by.
  static constexpr std::int64_t kDepth = 128;
};

/// c[i, j] = (load_c ? c[i, j] : 0) + Σ_p a[i, p] · b[p, j] in ascending order of p: a(i, p) at
/// a_row·i + a_col·p; b a packed panel; c(i, j) at c_row·i + j.
template <class T>
struct SmallProduct {
  const T* a;
  std::int64_t a_row, a_col;
  const T* panel;
  std::int64_t k;
  T* c;
  std::int64_t c_row;
  std::int64_t last;  // valid lanes of the last vector
  bool load_c;
};

template <class T, int Rows, int Vectors>
void small_tile(const SmallProduct<T>& t) {
  using V = Vec<T>;
  constexpr int W = V::kWidth;
  const auto lanes = [&](int v) { return v == Vectors - 1 ? t.last : W; };
  V sum[Rows][Vectors];
  RETORT_UNROLL for (int i = 0; i < Rows; ++i) RETORT_UNROLL for (int v = 0; v < Vectors; ++v)
      sum[i][v] = t.load_c ? load(t.c + i * t.c_row + v * W, lanes(v)) : broadcast<V>(T(0));
  const T* a = t.a;
  const T* b = t.panel;
  for (std::int64_t p = 0; p < t.k; ++p) {
    V line[Vectors];
    RETORT_UNROLL for (int v = 0; v < Vectors; ++v) line[v] = load(b + v * W);
    RETORT_UNROLL for (int i = 0; i < Rows; ++i) {
      const V x = broadcast<V>(a[i * t.a_row]);
      RETORT_UNROLL for (int v = 0; v < Vectors; ++v) sum[i][v] = fma(x, line[v], sum[i][v]);
    }
    a += t.a_col;
    b += AttentionTile<T>::kColumns;
  }
  RETORT_UNROLL for (int i = 0; i < Rows; ++i) RETORT_UNROLL for (int v = 0; v < Vectors; ++v)
      store(t.c + i * t.c_row + v * W, sum[i][v], lanes(v));
}

template <class T>
using SmallTile = void (*)(const SmallProduct<T>&);

/// The tile for `rows` rows and `vectors` vectors of columns (1 … the maximum).
template <class T>
SmallTile<T> find_small_tile(std::int64_t rows, std::int64_t vectors) {
#if defined(RETORT_ISA_avx2)
#define RETORT_TILES(r) \
  { small_tile<T, r, 1>, small_tile<T, r, 2>, small_tile<T, r, 3> }
#else
#define RETORT_TILES(r) \
  { small_tile<T, r, 1>, small_tile<T, r, 2>, small_tile<T, r, 3>, small_tile<T, r, 4> }
#endif
  static constexpr SmallTile<T> table[AttentionTile<T>::kRows][AttentionTile<T>::kVectors] = {
    RETORT_TILES(1),
    RETORT_TILES(2),
    RETORT_TILES(3),
    RETORT_TILES(4),
#if defined(RETORT_ISA_avx512)
    RETORT_TILES(5),
    RETORT_TILES(6),
#endif
  };
#undef RETORT_TILES
  return table[rows - 1][vectors - 1];
}

/// All m rows of one panel of `columns` columns.
template <class T>
void multiply_rows(SmallProduct<T> t, std::int64_t m, std::int64_t columns) {
  constexpr int W = Vec<T>::kWidth, kRows = AttentionTile<T>::kRows;
  const std::int64_t vectors = ceil_div(columns, W);
  t.last = columns - (vectors - 1) * W;
  const SmallTile<T> full = find_small_tile<T>(kRows, vectors);
  std::int64_t i = 0;
  for (; i + kRows <= m; i += kRows) {
    full(t);
    t.a += kRows * t.a_row;
    t.c += kRows * t.c_row;
  }
  if (i < m) find_small_tile<T>(m - i, vectors)(t);
}

/// Elements of one packed panel, in whole cache lines.
template <class T>
constexpr std::int64_t panel_elements() {
  return AttentionTile<T>::kDepth * AttentionTile<T>::kColumns;
}

/// c[i, j] (+)= Σ_p a[i, p] · b[p, j] for an m × n result and depth k, b packed piece by piece:
/// b(p, j) at b_row·p + b_col·j, one of the two being 1. `panel` holds panel_elements.
template <class T>
void multiply_small(const T* a, std::int64_t a_row, std::int64_t a_col, std::int64_t m, const T* b,
                    std::int64_t b_row, std::int64_t b_col, std::int64_t n, std::int64_t k, T* c,
                    std::int64_t c_row, bool accumulate, T* panel) {
  using Tile = AttentionTile<T>;
  constexpr int W = Vec<T>::kWidth;
  SmallProduct<T> t{};
  t.a_row = a_row;
  t.a_col = a_col;
  t.panel = panel;
  t.c_row = c_row;
  if (n <= 0) return;
  // Panels of equal width: 5 vectors are three and two, not four and one.
  const std::int64_t vectors = ceil_div(n, W);
  const std::int64_t step = ceil_div(vectors, ceil_div(vectors, Tile::kVectors)) * W;
  for (std::int64_t j = 0; j < n; j += step)
    for (std::int64_t p = 0; p < k; p += Tile::kDepth) {
      const std::int64_t columns = smaller(step, n - j);
      t.a = a + p * a_col;
      t.k = smaller(Tile::kDepth, k - p);
      t.c = c + j;
      t.load_c = accumulate || p > 0;
      pack_panel<T, Tile::kColumns>(b + p * b_row + j * b_col, b_col, b_row, columns, t.k, panel);
      multiply_rows(t, m, columns);
    }
}

/// c[i, j] = Σ_p a[i, p] · b[j, p] for m × n rows of length k.
template <class T>
void multiply_by_rows(const T* a, std::int64_t a_row, std::int64_t m, const T* b,
                      std::int64_t b_row, std::int64_t n, std::int64_t k, T* c, std::int64_t c_row,
                      T* panel) {
  multiply_small(a, a_row, std::int64_t{1}, m, b, std::int64_t{1}, b_row, n, k, c, c_row, false,
                 panel);
}

/// c[i, j] (+)= Σ_p a[i, p] · b[p, j]; a(i, p) at a_row·i + a_col·p is read in place; b is packed,
/// since rows of all heads lie a large power of two or so apart, where they would push each other
/// out of the cache.
template <class T>
void multiply_by_columns(const T* a, std::int64_t a_row, std::int64_t a_col, std::int64_t m,
                         const T* b, std::int64_t b_row, std::int64_t n, std::int64_t k, T* c,
                         std::int64_t c_row, bool accumulate, T* panel) {
  multiply_small(a, a_row, a_col, m, b, b_row, std::int64_t{1}, n, k, c, c_row, accumulate, panel);
}

template <class S>
RETORT_INLINE void fill(S* x, std::int64_t n, Compute<S> value) {
  using T = Compute<S>;
  sweep<T>(n, [&](std::int64_t j, auto lanes) { store(x + j, broadcast<Vec<T>>(value), lanes); });
}

/// Rows of numbers to compute with.
template <class T>
struct WideRows {
  const T* data;
  std::int64_t row;
};

/// The rows themselves, or of halves a widened copy in `buffer` (rows · columns).
template <class S>
WideRows<Compute<S>> widen_rows(const S* x, std::int64_t row, std::int64_t rows,
                                std::int64_t columns, Compute<S>* buffer) {
  using T = Compute<S>;
  if constexpr (sizeof(S) == sizeof(T)) {
    return {x, row};
  } else {
    for (std::int64_t i = 0; i < rows; ++i)
      sweep<T>(columns, [&](std::int64_t c, auto lanes) {
        store(buffer + i * columns + c, load(x + i * row + c, lanes), lanes);
      });
    return {buffer, columns};
  }
}

/// Where rows of S are to be computed: in place, or for halves in `buffer`.
template <class S>
RETORT_INLINE Compute<S>* compute_place(S* y, Compute<S>* buffer) {
  if constexpr (sizeof(S) == sizeof(Compute<S>)) return y;
  else return buffer;
}

/// Rounds what was computed in a buffer; nothing to do where it was computed in place.
template <class S>
void round_rows(const Compute<S>* buffer, std::int64_t rows, std::int64_t columns, S* y,
                std::int64_t row) {
  using T = Compute<S>;
  if constexpr (sizeof(S) != sizeof(T))
    for (std::int64_t i = 0; i < rows; ++i)
      sweep<T>(columns, [&](std::int64_t c, auto lanes) {
        store(y + i * row + c, load(buffer + i * columns + c, lanes), lanes);
      });
}

/// Elements of a buffer for `rows` rows of one head: none where rows are used as they lie.
template <class S>
RETORT_INLINE std::int64_t wide_elements(std::int64_t rows, std::int64_t columns) {
  constexpr std::int64_t kUnit = 64 / sizeof(Compute<S>);
  return sizeof(S) == sizeof(Compute<S>) ? 0 : ceil_div(rows * columns, kUnit) * kUnit;
}

template <class S>
void zero_rows(S* x, std::int64_t row, std::int64_t rows, std::int64_t columns) {
  for (std::int64_t i = 0; i < rows; ++i) fill(x + i * row, columns, Compute<S>(0));
}

/// The row of random bits that a query row and head draw.
RETORT_INLINE std::uint32_t dropout_row(const AttentionArgs& g, std::int64_t query_row,
                                        std::int64_t head) {
  return (g.dropout.row_offset + static_cast<std::uint32_t>(query_row)) *
             static_cast<std::uint32_t>(g.heads) +
         static_cast<std::uint32_t>(head);
}

/// Keys [first, end) of a sequence's range.
struct KeySpan {
  std::int64_t first, end;
};

/// What query i of a sequence sees. Both ends grow with i.
RETORT_INLINE KeySpan visible_keys(const AttentionArgs& g, std::int64_t i, std::int64_t queries,
                                   std::int64_t keys) {
  const std::int64_t position = i + keys - queries;
  const std::int64_t first = larger(0, position - g.keys_before);
  return {first, larger(first, smaller(keys, position + g.keys_after + 1))};
}

/// What the queries [i, i + rows) see together.
RETORT_INLINE KeySpan visible_keys(const AttentionArgs& g, std::int64_t i, std::int64_t rows,
                                   std::int64_t queries, std::int64_t keys) {
  const std::int64_t first = visible_keys(g, i, queries, keys).first;
  return {first, larger(first, visible_keys(g, i + rows - 1, queries, keys).end)};
}

/// Whether scores are more than scaled products.
RETORT_INLINE bool transforms_scores(const AttentionArgs& g) { return g.soft_cap > 0 || g.bias; }

/// s[j] = cap(scale · s[j]) + bias for the keys from `visible.first` on, as query i of the sequence
/// sees them; slopes[j] (if not null) = scale · cap'.
template <class T>
void transform_scores(const AttentionArgs& g, std::int64_t head, std::int64_t position,
                      KeySpan visible, T* s, T* slopes) {
  using V = Vec<T>;
  const V scale = broadcast<V>(static_cast<T>(g.scale));
  const V cap = broadcast<V>(static_cast<T>(g.soft_cap));
  const V inverse = broadcast<V>(static_cast<T>(1 / g.soft_cap));
  const V one = broadcast<V>(T(1));
  const T* const bias = g.bias ? static_cast<const T*>(g.bias) + head * g.bias_row + g.bias_zero +
                                     visible.first - position
                               : nullptr;
  sweep<T>(visible.end - visible.first, [&](std::int64_t j, auto lanes) {
    V x = load(s + j, lanes) * scale;
    V slope = scale;
    if (g.soft_cap > 0) {
      const V t = tanh(x * inverse);
      x = cap * t;
      slope = scale * (one - t * t);
    }
    if (bias) x = x + load(bias + j, lanes);
    if (slopes) store(slopes + j, slope, lanes);
    store(s + j, x, lanes);
  });
}

/// (sequence, head) pairs that are worth a thread's while.
RETORT_INLINE std::int64_t task_grain(const AttentionArgs& g) {
  const std::int64_t queries = g.query_rows / larger(1, g.sequences) + 1;
  const std::int64_t work = smaller(queries, kQueryRows) * larger(1, g.max_keys) * g.head_dim;
  return larger(1, (1 << 17) / larger(1, work));
}

}  // namespace
}  // namespace retort::isa::RETORT_ISA
