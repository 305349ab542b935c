// The inner part of every bf16 product: a 32 × 32 block of c as sums over packed pairs of bf16.
//
// Operands come in steps of 32 along k. A step of A is two tiles (rows 0 … 15 and 16 … 31) of 16
// rows of 16 words, a step of B two tiles (columns 0 … 15 and 16 … 31) of 16 pairs of rows by 16
// words; a word holds the elements k and k + 1. Three ways to multiply them share the packing and
// the blocking above: AMX tiles, their scalar twin (the same arithmetic bit for bit, for machines
// without AMX), and AVX-512-BF16's dot products.
#pragma once

#include "tensor/cpu/prefetch.h"
#include "tensor/cpu/simd.h"

namespace retort::isa::RETORT_ISA {
namespace {

constexpr int kTileRows = 16;                   // of A or c; also pairs of B
constexpr int kTileWords = 16;                  // of one row: 64 bytes
constexpr int kTile = kTileRows * kTileWords;   // words of a tile
constexpr int kStep = 2 * kTileWords;           // elements of k in a step
constexpr int kSide = 2 * kTileRows;            // rows and columns of a block of c
constexpr std::int64_t kStepWords = 2 * kTile;  // words of a packed step of either operand
constexpr std::int64_t kSideFloats = kSide * kSide;

using Word = std::uint32_t;

/// Where the words of 32 rows of A are: packed, or in place.
struct Rows {
  const char* at;
  std::int64_t row_bytes;   // from a row to the next
  std::int64_t half_bytes;  // from row 0 to row 16
  std::int64_t step_bytes;  // from a step to the next
};

/// The steps of two operands in the order in which they are multiplied.
struct Steps {
  Rows a;
  const Word* b;
  std::int64_t count;
  std::int64_t b_words;  // from a step of B to the next

  Steps(const Rows& rows, const Word* panel, std::int64_t steps, bool backwards)
      : a(rows), b(panel), count(steps), b_words(kStepWords) {
    if (!backwards || steps == 0) return;
    a.at += (steps - 1) * a.step_bytes;
    a.step_bytes = -a.step_bytes;
    b += (steps - 1) * b_words;
    b_words = -b_words;
  }
};

RETORT_INLINE Rows packed_rows(const Word* packed) {
  return {reinterpret_cast<const char*>(packed), kTileWords * sizeof(Word), kTile * sizeof(Word),
          kStepWords * sizeof(Word)};
}

#if defined(RETORT_ISA_amx)

struct alignas(64) TileConfiguration {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

/// Tiles are configured while one of these lives, on this thread only: another library in the
/// process may want them otherwise.
struct TileScope {
  TileScope() {
    const TileConfiguration all;
    asm volatile("ldtilecfg %0" : : "m"(all));
  }
  ~TileScope() { asm volatile("tilerelease" : : : "memory"); }
  TileScope(const TileScope&) = delete;
  TileScope& operator=(const TileScope&) = delete;
};

template <int Tile>
RETORT_INLINE void tile_zero() {
  asm volatile("tilezero %%tmm%c0" : : "i"(Tile));
}
/// Row r of the tile from p + r · stride bytes.
template <int Tile>
RETORT_INLINE void tile_load(const void* p, std::int64_t stride) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(p), "r"(stride), "i"(Tile) : "memory");
}
template <int Tile>
RETORT_INLINE void tile_store(void* p, std::int64_t stride) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(p), "r"(stride), "i"(Tile) : "memory");
}
/// c[i, j] += Σ a[i, k] · b[k, j] over the 32 elements of a row of A.
template <int C, int A, int B>
RETORT_INLINE void tile_multiply() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(C), "i"(A), "i"(B));
}

#elif defined(RETORT_ISA_amx_twin)

/// The eight tiles of a thread.
thread_local Word g_tiles[8][kTile];

struct TileScope {};

RETORT_INLINE float as_float(Word bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
RETORT_INLINE Word as_word(float value) {
  Word bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}
/// Denormal numbers count as zeros of their sign, in and out.
RETORT_INLINE float flushed(float x) {
  return __builtin_fabsf(x) < 0x1p-126f ? __builtin_copysignf(0.0f, x) : x;
}

template <int Tile>
void tile_zero() {
  std::memset(g_tiles[Tile], 0, sizeof g_tiles[Tile]);
}
template <int Tile>
void tile_load(const void* p, std::int64_t stride) {
  for (int row = 0; row < kTileRows; ++row)
    std::memcpy(g_tiles[Tile] + row * kTileWords, static_cast<const char*>(p) + row * stride, 64);
}
template <int Tile>
void tile_store(void* p, std::int64_t stride) {
  for (int row = 0; row < kTileRows; ++row)
    std::memcpy(static_cast<char*>(p) + row * stride, g_tiles[Tile] + row * kTileWords, 64);
}
// Intel's Software Developer's Manual, TDPBF16PS: within one instruction the even and the odd
// elements of k are summed apart by fused multiply-adds, then together, then onto c; denormals are
// flushed.
template <int C, int A, int B>
void tile_multiply() {
  for (int i = 0; i < kTileRows; ++i)
    for (int j = 0; j < kTileWords; ++j) {
      float low = 0, high = 0;
      for (int p = 0; p < kTileWords; ++p) {
        const Word a = g_tiles[A][i * kTileWords + p], b = g_tiles[B][p * kTileWords + j];
        low = flushed(std::fma(flushed(as_float(a << 16)), flushed(as_float(b << 16)), low));
        high = flushed(
            std::fma(flushed(as_float(a & 0xFFFF0000u)), flushed(as_float(b & 0xFFFF0000u)), high));
      }
      Word& c = g_tiles[C][i * kTileWords + j];
      c = as_word(flushed(flushed(as_float(c)) + flushed(low + high)));
    }
}

#endif

#if defined(RETORT_ISA_amx) || defined(RETORT_ISA_amx_twin)

/// c[32, 32] = the product of the steps; the halves of rows and columns that the caller doesn't
/// need are neither read nor written. c is aligned to a cache line. Calls between() after each
/// step: the tiles leave most of the core idle.
template <int RowHalves, int ColumnHalves, class F>
RETORT_INLINE void multiply_tiles(Steps x, float* c, F&& between) {
  constexpr std::int64_t kRow = kSide * sizeof(float);
  constexpr std::int64_t kHalf = kTileRows * kSide;  // floats between the halves of rows
  tile_zero<0>();
  tile_zero<1>();
  tile_zero<2>();
  tile_zero<3>();
  for (std::int64_t step = 0; step < x.count; ++step) {
    tile_load<6>(x.b, 64);
    tile_load<4>(x.a.at, x.a.row_bytes);
    tile_multiply<0, 4, 6>();
    if constexpr (ColumnHalves > 1) {
      tile_load<7>(x.b + kTile, 64);
      tile_multiply<1, 4, 7>();
    }
    if constexpr (RowHalves > 1) {
      tile_load<5>(x.a.at + x.a.half_bytes, x.a.row_bytes);
      tile_multiply<2, 5, 6>();
    }
    if constexpr (RowHalves > 1 && ColumnHalves > 1) tile_multiply<3, 5, 7>();
    between();
    x.a.at += x.a.step_bytes;
    x.b += x.b_words;
  }
  tile_store<0>(c, kRow);
  if constexpr (ColumnHalves > 1) tile_store<1>(c + kTileWords, kRow);
  if constexpr (RowHalves > 1) tile_store<2>(c + kHalf, kRow);
  if constexpr (RowHalves > 1 && ColumnHalves > 1) tile_store<3>(c + kHalf + kTileWords, kRow);
}

#else  // AVX-512-BF16

struct TileScope {};

/// The same by VDPBF16PS, eight rows at a time: 16 sums hide its latency.
template <int RowHalves, int ColumnHalves, class F>
RETORT_INLINE void multiply_tiles(const Steps& steps, float* c, F&& between) {
  constexpr int kRows = 8;
  for (int i = 0; i < RowHalves * kTileRows; i += kRows) {
    __m512 sum[kRows][ColumnHalves];
    for (int r = 0; r < kRows; ++r)
      for (int h = 0; h < ColumnHalves; ++h) sum[r][h] = _mm512_setzero_ps();
    const Rows& a = steps.a;
    const char* x = a.at + i / kTileRows * a.half_bytes + i % kTileRows * a.row_bytes;
    const Word* y = steps.b;
    for (std::int64_t step = 0; step < steps.count; ++step) {
      for (int p = 0; p < kTileWords; ++p) {
        __m512bh line[ColumnHalves];
        for (int h = 0; h < ColumnHalves; ++h)
          line[h] = (__m512bh)_mm512_load_si512(y + h * kTile + p * kTileWords);
        for (int r = 0; r < kRows; ++r) {
          int word;
          std::memcpy(&word, x + r * a.row_bytes + p * static_cast<int>(sizeof(Word)), sizeof word);
          const __m512bh pair = (__m512bh)_mm512_set1_epi32(word);
          for (int h = 0; h < ColumnHalves; ++h)
            sum[r][h] = _mm512_dpbf16_ps(sum[r][h], pair, line[h]);
        }
      }
      if (i == 0) between();
      x += a.step_bytes;
      y += steps.b_words;
    }
    for (int r = 0; r < kRows; ++r)
      for (int h = 0; h < ColumnHalves; ++h)
        _mm512_store_ps(c + (i + r) * kSide + h * kTileWords, sum[r][h]);
  }
}

#endif

/// The block's product by the smallest of the above that covers `rows` and `columns` (1 … 32).
template <class F>
RETORT_INLINE void multiply_block(const Steps& steps, std::int64_t rows, std::int64_t columns,
                                  float* c, F&& between) {
  if (rows > kTileRows) {
    if (columns > kTileWords) multiply_tiles<2, 2>(steps, c, between);
    else multiply_tiles<2, 1>(steps, c, between);
  } else {
    if (columns > kTileWords) multiply_tiles<1, 2>(steps, c, between);
    else multiply_tiles<1, 1>(steps, c, between);
  }
}

}  // namespace
}  // namespace retort::isa::RETORT_ISA
