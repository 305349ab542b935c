// Packing bf16 operands into the tiles of tile.h, whatever their strides, by AVX-512.
//
// Rows, columns and elements of k that don't exist are packed as zeros in both operands: a product
// of padding adds +0 to every sum.
#pragma once

#include "tensor/cpu/bf16/tile.h"

namespace retort::isa::RETORT_ISA {
namespace {

using Half = std::uint16_t;

/// 32 elements, of which the first n (any number) exist.
RETORT_INLINE __m512i load_halves(const Half* p, std::int64_t n) {
  if (n >= 32) return _mm512_loadu_si512(p);
  const auto mask = static_cast<__mmask32>(n <= 0 ? 0 : (std::uint32_t{1} << n) - 1);
  return _mm512_maskz_loadu_epi16(mask, p);
}

/// y[j][i] = x[i][j] for 16 × 16 words; rows of y follow each other.
RETORT_INLINE void store_transposed(__m512i (&x)[16], Word* y) {
  __m512i t[16];
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(x[i], x[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(x[i], x[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    x[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    x[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    x[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    x[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_i32x4(x[i], x[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(x[i], x[i + 4], 0xDD);
    t[i + 8] = _mm512_shuffle_i32x4(x[i + 8], x[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(x[i + 8], x[i + 12], 0xDD);
  }
  for (int i = 0; i < 4; ++i) {
    _mm512_store_si512(y + i * 16, _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88));
    _mm512_store_si512(y + (i + 4) * 16, _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88));
    _mm512_store_si512(y + (i + 8) * 16, _mm512_shuffle_i32x4(t[i], t[i + 8], 0xDD));
    _mm512_store_si512(y + (i + 12) * 16, _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xDD));
  }
}

// In what follows x(i, k) lies at row · i + col · k: row i of A, column i of B.

/// One step of either operand gathered element by element into 32 rows of 32.
RETORT_INLINE void gather_step(const Half* x, std::int64_t row, std::int64_t col,
                               std::int64_t count, std::int64_t k, Half (&rows)[kSide][kStep]) {
  for (std::int64_t i = 0; i < kSide; ++i)
    for (std::int64_t p = 0; p < kStep; ++p)
      rows[i][p] = i < count && p < k ? x[i * row + p * col] : Half{0};
}

/// Tiles whose rows are i and whose words run along k (A), from elements that are contiguous in k.
RETORT_INLINE void pack_rows(const Half* x, std::int64_t row, std::int64_t count, std::int64_t k,
                             Word* y) {
  for (std::int64_t i = 0; i < kSide; ++i)
    _mm512_store_si512(y + i * kTileWords,
                       i < count ? load_halves(x + i * row, k) : _mm512_setzero_si512());
}
/// Tiles whose rows are pairs of k and whose words run along i (B), from the same.
RETORT_INLINE void pack_rows_transposed(const Half* x, std::int64_t row, std::int64_t count,
                                        std::int64_t k, Word* y) {
  for (int half = 0; half < 2; ++half) {
    if (half * kTileWords >= count) return;
    __m512i words[16];
    for (std::int64_t i = 0; i < 16; ++i)
      words[i] = half * kTileWords + i < count ? load_halves(x + (half * kTileWords + i) * row, k)
                                               : _mm512_setzero_si512();
    store_transposed(words, y + half * kTile);
  }
}
/// Words of the elements p and p + 1 of 32 columns that are contiguous in i: 16 and 16 of them.
RETORT_INLINE void interleave(const Half* x, std::int64_t col, std::int64_t count, std::int64_t k,
                              std::int64_t p, __m512i& low, __m512i& high) {
  const __m512i even = p < k ? load_halves(x + p * col, count) : _mm512_setzero_si512();
  const __m512i odd = p + 1 < k ? load_halves(x + (p + 1) * col, count) : _mm512_setzero_si512();
  const __m512i first = _mm512_unpacklo_epi16(even, odd), second = _mm512_unpackhi_epi16(even, odd);
  // Each 128-bit lane of `first` and `second` holds eight neighbours: put the lanes in order.
  const __m512i a = _mm512_shuffle_i32x4(first, second, 0x44),
                b = _mm512_shuffle_i32x4(first, second, 0xEE);
  low = _mm512_shuffle_i32x4(a, a, 0xD8);
  high = _mm512_shuffle_i32x4(b, b, 0xD8);
}
RETORT_INLINE void pack_columns_transposed(const Half* x, std::int64_t col, std::int64_t count,
                                           std::int64_t k, Word* y) {
  for (int pair = 0; pair < kTileRows; ++pair) {
    __m512i low, high;
    interleave(x, col, count, k, 2 * pair, low, high);
    _mm512_store_si512(y + pair * kTileWords, low);
    _mm512_store_si512(y + kTile + pair * kTileWords, high);
  }
}
RETORT_INLINE void pack_columns(const Half* x, std::int64_t col, std::int64_t count, std::int64_t k,
                                Word* y) {
  __m512i low[16], high[16];
  for (int pair = 0; pair < kTileRows; ++pair)
    interleave(x, col, count, k, 2 * pair, low[pair], high[pair]);
  store_transposed(low, y);
  if (count > kTileRows) store_transposed(high, y + kTile);
}

/// Rows [0, count) of A (count <= 32), k elements each, as steps of tiles.
void pack_a(const Half* x, std::int64_t row, std::int64_t col, std::int64_t count, std::int64_t k,
            Word* y) {
  for (std::int64_t p = 0; p < k; p += kStep, y += kStepWords) {
    if (col == 1) {
      pack_rows(x + p, row, count, k - p, y);
    } else if (row == 1) {
      pack_columns(x + p * col, col, count, k - p, y);
    } else {
      Half rows[kSide][kStep];
      gather_step(x + p * col, row, col, count, k - p, rows);
      pack_rows(rows[0], kStep, kSide, kStep, y);
    }
  }
}

/// Columns [0, count) of B (count <= 32), k elements each, as steps of tiles. `ahead`: elements
/// from here to the panel that comes next, whose lines are fetched meanwhile; 0 for none.
void pack_b(const Half* x, std::int64_t row, std::int64_t col, std::int64_t count, std::int64_t k,
            std::int64_t ahead, Word* y) {
  for (std::int64_t p = 0; p < k; p += kStep, y += kStepWords) {
    if (ahead != 0) {
      const std::int64_t lines = col == 1 ? kSide : (k - p < kStep ? k - p : kStep);
      for (std::int64_t i = 0; i < lines; ++i)
        __builtin_prefetch(x + p * col + i * (col == 1 ? row : col) + ahead, 0, 2);
    }
    if (col == 1) {
      pack_rows_transposed(x + p, row, count, k - p, y);
    } else if (row == 1) {
      pack_columns_transposed(x + p * col, col, count, k - p, y);
    } else {
      Half rows[kSide][kStep];
      gather_step(x + p * col, row, col, count, k - p, rows);
      pack_rows_transposed(rows[0], kStep, kSide, kStep, y);
    }
  }
}

}  // namespace
}  // namespace retort::isa::RETORT_ISA
