// The inner part of every matrix product: a register tile and the packing of panels.
//
// c[i, j] is one chain of fused multiply-adds in ascending order of p, whatever the height of the
// tile, the mask of its last vector or the blocking above: a later block of p continues from the
// value that the earlier one left in c. That is what makes a row's bits independent of everything
// but that row. Padding lanes are computed and never stored.
#pragma once

#include "tensor/cpu/prefetch.h"
#include "tensor/cpu/simd.h"

// Loops over the registers of a tile must unroll, or its sums live on the stack.
#if defined(__clang__)
#define RETORT_UNROLL _Pragma("unroll")
#else
#define RETORT_UNROLL _Pragma("GCC unroll 8")
#endif

#define RETORT_ALWAYS __attribute__((always_inline))

namespace retort::isa::RETORT_ISA {
namespace {

/// Rows and columns (in vectors) of the register tile, and the depth of a packed block: the B panel
/// of one block stays in the first-level cache while the rows of A pass by.
template <class T>
struct TileShape {
#if defined(RETORT_ISA_avx512)
  static constexpr int kRows = 8, kVectors = 3;  // 24 of 32 registers hold sums
#elif defined(RETORT_ISA_avx2)
  static constexpr int kRows = 4, kVectors = 3;  // 12 of 16
#else
  static constexpr int kRows = 4, kVectors = 4;
#endif
  static constexpr int kColumns = kVectors * Vec<T>::kWidth;
  static constexpr std::int64_t kDepth = 192;
};

/// One tile: c[i, j] = (load_c ? c[i, j] : 0) + Σ_p a[i, p] · b[p, j] (+ bias[j]).
/// a(i, p) at a_row·i + a_col·p, b(p, j) at b_row·p + j, c(i, j) at c_row·i + j.
template <class T>
struct TileArgs {
  const T* a;
  std::int64_t a_row, a_col;
  const T* b;
  std::int64_t b_row;
  std::int64_t k;
  T* c;
  std::int64_t c_row;
  std::int64_t last;  // valid lanes of the last vector
  const T* bias;      // [columns] or null
  bool load_c;
  bool b_streams;    // packed B comes from memory and goes by once
  Prefetch* next_a;  // of a blocked product (both operands packed), else unused
  Prefetch* next_b;
  const T* next_c;  // the tile below this one, or null
};

/// PackedA: a_row = 1, a_col = kRows. PackedB: b_row = kColumns and every lane may be read.
template <class T, int Rows, int Vectors, bool PackedA, bool PackedB>
void tile(const TileArgs<T>& t) {
  using X = Vec<T>;
  using Shape = TileShape<T>;
  constexpr int W = X::kWidth;
  const std::int64_t last = t.last;
  X sum[Rows][Vectors];
  if (t.load_c) {
    RETORT_UNROLL for (int i = 0; i < Rows; ++i) RETORT_UNROLL for (int v = 0; v < Vectors; ++v)
        sum[i][v] = load(t.c + i * t.c_row + v * W, v == Vectors - 1 ? last : W);
  } else {
    RETORT_UNROLL for (int i = 0; i < Rows; ++i) RETORT_UNROLL for (int v = 0; v < Vectors; ++v)
        sum[i][v] = broadcast<X>(T(0));
  }
  const std::int64_t a_col = PackedA ? Shape::kRows : t.a_col;
  const std::int64_t b_row = PackedB ? Shape::kColumns : t.b_row;
  const T* row_of_a[Rows];
  RETORT_UNROLL for (int i = 0; i < Rows; ++i) row_of_a[i] = t.a + (PackedA ? i : i * t.a_row);
  const T* b = t.b;
  std::int64_t at = 0;
  const auto add_products = [&]() RETORT_ALWAYS {
    X line[Vectors];
    RETORT_UNROLL for (int v = 0; v < Vectors; ++v) line[v] =
        !PackedB && v == Vectors - 1 ? load(b + v * W, last) : load(b + v * W);
    RETORT_UNROLL for (int i = 0; i < Rows; ++i) {
      const X x = broadcast<X>(PackedA ? t.a[at + i] : row_of_a[i][at]);
      RETORT_UNROLL for (int v = 0; v < Vectors; ++v) sum[i][v] = fma(x, line[v], sum[i][v]);
    }
    at += a_col;
    b += b_row;
  };
  std::int64_t p = 0;
  if constexpr (PackedA && PackedB && Rows == Shape::kRows) {
    const T* c = t.next_c;
    for (; p + 8 <= t.k; p += 8) {
      t.next_a->read();
      t.next_b->read();
      if (c && p < 8 * Rows) {
        RETORT_UNROLL for (int v = 0; v < Vectors; ++v) __builtin_prefetch(c + v * W, 1, 3);
        c += t.c_row;
      }
      RETORT_UNROLL for (int q = 0; q < 8; ++q) add_products();
    }
  }
  if constexpr (!PackedA && PackedB && Rows < Shape::kRows) {
    constexpr std::int64_t kAhead = (8 << 10) / sizeof(T);
    if (t.b_streams)
      for (; p < t.k; ++p) {
        RETORT_UNROLL for (int v = 0; v < Vectors; ++v) __builtin_prefetch(b + kAhead + v * W, 0, 2);
        add_products();
      }
  }
  for (; p < t.k; ++p) add_products();
  if (t.bias) {
    RETORT_UNROLL for (int v = 0; v < Vectors; ++v) {
      const X bias = load(t.bias + v * W, v == Vectors - 1 ? last : W);
      RETORT_UNROLL for (int i = 0; i < Rows; ++i) sum[i][v] = sum[i][v] + bias;
    }
  }
  RETORT_UNROLL for (int i = 0; i < Rows; ++i) RETORT_UNROLL for (int v = 0; v < Vectors; ++v)
      store(t.c + i * t.c_row + v * W, sum[i][v], v == Vectors - 1 ? last : W);
}

template <class T>
using Tile = void (*)(const TileArgs<T>&);

/// The tile for `rows` rows and `vectors` vectors of columns (1 … the maximum).
template <class T, bool PackedA, bool PackedB>
Tile<T> find_tile(std::int64_t rows, std::int64_t vectors) {
#if defined(RETORT_ISA_avx512)
#define RETORT_TILES(r)                                               \
  {                                                                   \
    tile<T, r, 1, PackedA, PackedB>, tile<T, r, 2, PackedA, PackedB>, \
        tile<T, r, 3, PackedA, PackedB>                               \
  }
  static constexpr Tile<T> table[8][3] = {RETORT_TILES(1), RETORT_TILES(2), RETORT_TILES(3),
                                          RETORT_TILES(4), RETORT_TILES(5), RETORT_TILES(6),
                                          RETORT_TILES(7), RETORT_TILES(8)};
#elif defined(RETORT_ISA_avx2)
#define RETORT_TILES(r)                                               \
  {                                                                   \
    tile<T, r, 1, PackedA, PackedB>, tile<T, r, 2, PackedA, PackedB>, \
        tile<T, r, 3, PackedA, PackedB>                               \
  }
  static constexpr Tile<T> table[4][3] = {RETORT_TILES(1), RETORT_TILES(2), RETORT_TILES(3),
                                          RETORT_TILES(4)};
#else
#define RETORT_TILES(r)                                                  \
  {                                                                      \
    tile<T, r, 1, PackedA, PackedB>, tile<T, r, 2, PackedA, PackedB>,    \
        tile<T, r, 3, PackedA, PackedB>, tile<T, r, 4, PackedA, PackedB> \
  }
  static constexpr Tile<T> table[4][4] = {RETORT_TILES(1), RETORT_TILES(2), RETORT_TILES(3),
                                          RETORT_TILES(4)};
#endif
#undef RETORT_TILES
  return table[rows - 1][vectors - 1];
}

/// c[m, n] of one panel of columns (n <= kColumns), all its rows. The other fields as in TileArgs;
/// packed A consists of panels of kRows rows, `a_panel` apart.
template <class T, bool PackedA, bool PackedB>
void multiply_panel(TileArgs<T> t, std::int64_t m, std::int64_t n, std::int64_t a_panel) {
  using Shape = TileShape<T>;
  constexpr int W = Vec<T>::kWidth;
  const std::int64_t vectors = (n + W - 1) / W;
  t.last = n - (vectors - 1) * W;
  const Tile<T> full = find_tile<T, PackedA, PackedB>(Shape::kRows, vectors);
  std::int64_t i = 0;
  for (; i + Shape::kRows <= m; i += Shape::kRows) {
    t.next_c = i + 2 * Shape::kRows <= m ? t.c + Shape::kRows * t.c_row : nullptr;
    full(t);
    t.a += PackedA ? a_panel : Shape::kRows * t.a_row;
    t.c += Shape::kRows * t.c_row;
  }
  if (i < m) find_tile<T, PackedA, PackedB>(m - i, vectors)(t);
}

#if defined(RETORT_ISA_avx2) || defined(RETORT_ISA_avx512)

// y[p · stride + i] = x[i · row + p] for an 8 × 8 block.
RETORT_INLINE void transpose_block8(const float* x, std::int64_t row, float* y,
                                    std::int64_t stride) {
  const auto halves = [&](std::int64_t i, std::int64_t p) {  // rows i and i + 4, four columns
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(x + i * row + p)),
                                _mm_loadu_ps(x + (i + 4) * row + p), 1);
  };
  for (std::int64_t p = 0; p < 8; p += 4) {
    const __m256 r0 = halves(0, p), r1 = halves(1, p), r2 = halves(2, p), r3 = halves(3, p);
    const __m256 a0 = _mm256_unpacklo_ps(r0, r1), a1 = _mm256_unpackhi_ps(r0, r1);
    const __m256 a2 = _mm256_unpacklo_ps(r2, r3), a3 = _mm256_unpackhi_ps(r2, r3);
    float* out = y + p * stride;
    _mm256_storeu_ps(out, _mm256_shuffle_ps(a0, a2, 0x44));
    _mm256_storeu_ps(out + stride, _mm256_shuffle_ps(a0, a2, 0xEE));
    _mm256_storeu_ps(out + 2 * stride, _mm256_shuffle_ps(a1, a3, 0x44));
    _mm256_storeu_ps(out + 3 * stride, _mm256_shuffle_ps(a1, a3, 0xEE));
  }
}

// The same for a block of 4 rows and 8 columns.
RETORT_INLINE void transpose_block4(const float* x, std::int64_t row, float* y,
                                    std::int64_t stride) {
  for (std::int64_t p = 0; p < 8; p += 4) {
    __m128 r0 = _mm_loadu_ps(x + p), r1 = _mm_loadu_ps(x + row + p);
    __m128 r2 = _mm_loadu_ps(x + 2 * row + p), r3 = _mm_loadu_ps(x + 3 * row + p);
    _MM_TRANSPOSE4_PS(r0, r1, r2, r3);
    float* out = y + p * stride;
    _mm_storeu_ps(out, r0);
    _mm_storeu_ps(out + stride, r1);
    _mm_storeu_ps(out + 2 * stride, r2);
    _mm_storeu_ps(out + 3 * stride, r3);
  }
}

template <int Panel>
RETORT_INLINE void transpose_block(const float* x, std::int64_t row, float* y,
                                   std::int64_t stride) {
  if constexpr (Panel % 8 == 0) transpose_block8(x, row, y, stride);
  else transpose_block4(x, row, y, stride);
}

#endif

/// y[p · Panel + i] = x[i · row + p · col] for i < count <= Panel, p < k. Lanes from `count` to the
/// end of their vector are zeroed in a panel that is read by vectors.
template <class T, int Panel>
void pack_panel(const T* x, std::int64_t row, std::int64_t col, std::int64_t count, std::int64_t k,
                T* y) {
  constexpr int W = Vec<T>::kWidth;
  constexpr bool kByVectors = Panel % W == 0;
  const std::int64_t padded = kByVectors ? (count + W - 1) / W * W : count;
  if (row == 1 && kByVectors) {
    for (std::int64_t p = 0; p < k; ++p)
      for (std::int64_t i = 0; i < padded; i += W)
        store(y + p * Panel + i, load(x + p * col + i, count - i));
    return;
  }
  if (row == 1 && count == Panel) {
    for (std::int64_t p = 0; p < k; ++p) std::memcpy(y + p * Panel, x + p * col, Panel * sizeof(T));
    return;
  }
  std::int64_t i = 0;
#if defined(RETORT_ISA_avx2) || defined(RETORT_ISA_avx512)
  if constexpr (sizeof(T) == sizeof(float))
    if (col == 1) {
      constexpr int kBlock = Panel % 8 == 0 ? 8 : 4;
      for (; i < count; i += kBlock) {
        const std::int64_t rows = count - i < kBlock ? count - i : kBlock;
        const T* from = x + i * row;
        std::int64_t p = 0;
        if (rows == kBlock) {
          for (; p + 8 <= k; p += 8)
            transpose_block<Panel>(from + p, row, y + p * Panel + i, Panel);
        } else {  // through a block whose missing rows are zeros
          T block[8 * kBlock] = {};
          for (; p + 8 <= k; p += 8) {
            for (std::int64_t r = 0; r < rows; ++r)
              std::memcpy(block + 8 * r, from + r * row + p, 8 * sizeof(T));
            transpose_block<Panel>(block, 8, y + p * Panel + i, Panel);
          }
        }
        for (; p < k; ++p)
          for (std::int64_t r = 0; r < kBlock; ++r)
            y[p * Panel + i + r] = r < rows ? from[r * row + p] : T(0);
      }
    }
#endif
  for (; i < count; ++i)
    for (std::int64_t p = 0; p < k; ++p) y[p * Panel + i] = x[i * row + p * col];
  if (kByVectors && i < padded)
    for (std::int64_t p = 0; p < k; ++p)
      store(y + p * Panel + i, broadcast<Vec<T>>(T(0)), padded - i);
}

}  // namespace
}  // namespace retort::isa::RETORT_ISA
