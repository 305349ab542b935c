// A few rows of A through a block's steps by ordinary vectors instead of tiles, to the same bits.
//
// A token that is decoded is one row: its products take as long as the weights' way from memory,
// and that is faster into vectors than into tiles, of which fifteen rows of sixteen would be idle.
#pragma once

#include "tensor/cpu/bf16/steps.h"

namespace retort::isa::RETORT_ISA {
namespace {

constexpr std::int64_t kFewRows = 4;

/// While one of these lives, denormal numbers count as zeros of their sign, in and out, as in
/// tiles.
struct FlushScope {
  FlushScope() : before_(_mm_getcsr()) { _mm_setcsr(before_ | kFlushToZero | kDenormalsAreZeros); }
  ~FlushScope() { _mm_setcsr(before_); }
  FlushScope(const FlushScope&) = delete;
  FlushScope& operator=(const FlushScope&) = delete;

 private:
  static constexpr unsigned kFlushToZero = 0x8000, kDenormalsAreZeros = 0x0040;
  unsigned before_;
};

/// c[RowCount, 32] += one step. Intel's Software Developer's Manual, TDPBF16PS: the even and the
/// odd elements of k are summed apart by fused multiply-adds, then together, then onto c. A
/// function of its own, so that no arithmetic leaves the FlushScope around its call.
template <int RowCount, int ColumnHalves>
[[gnu::noinline]] void add_step(const Rows& a, const Word* b, float* c) {
  const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xFFFF0000u));
  alignas(64) float even[RowCount][kTileWords], odd[RowCount][kTileWords];
  for (int r = 0; r < RowCount; ++r) {
    const __m512i words = _mm512_loadu_si512(a.at + r * a.row_bytes);
    _mm512_store_si512(even[r], _mm512_slli_epi32(words, 16));
    _mm512_store_si512(odd[r], _mm512_and_si512(words, upper));
  }
  __m512 low[RowCount][ColumnHalves], high[RowCount][ColumnHalves];
  for (int r = 0; r < RowCount; ++r)
    for (int h = 0; h < ColumnHalves; ++h) low[r][h] = high[r][h] = _mm512_setzero_ps();
  for (int p = 0; p < kTileRows; ++p)
    for (int h = 0; h < ColumnHalves; ++h) {
      const __m512i words = _mm512_load_si512(b + h * kTile + p * kTileWords);
      const __m512 first = _mm512_castsi512_ps(_mm512_slli_epi32(words, 16));
      const __m512 second = _mm512_castsi512_ps(_mm512_and_si512(words, upper));
      for (int r = 0; r < RowCount; ++r) {
        low[r][h] = _mm512_fmadd_ps(_mm512_set1_ps(even[r][p]), first, low[r][h]);
        high[r][h] = _mm512_fmadd_ps(_mm512_set1_ps(odd[r][p]), second, high[r][h]);
      }
    }
  for (int r = 0; r < RowCount; ++r)
    for (int h = 0; h < ColumnHalves; ++h) {
      float* const to = c + r * kSide + h * kTileWords;
      const __m512 sum = _mm512_add_ps(low[r][h], high[r][h]);
      _mm512_store_ps(to, _mm512_add_ps(_mm512_load_ps(to), sum));
    }
}

/// c[RowCount, 32] = the product of the steps; between() runs after each, outside of the
/// FlushScope.
template <int RowCount, int ColumnHalves, class F>
RETORT_INLINE void multiply_few_rows(Steps x, float* c, F&& between) {
  for (int i = 0; i < RowCount * kSide; i += kTileWords)
    _mm512_store_ps(c + i, _mm512_setzero_ps());
  for (std::int64_t step = 0; step < x.count; ++step) {
    {
      const FlushScope flush;
      add_step<RowCount, ColumnHalves>(x.a, x.b, c);
    }
    between();
    x.a.at += x.a.step_bytes;
    x.b += x.b_words;
  }
}

}  // namespace
}  // namespace retort::isa::RETORT_ISA
