// What the operands of a block of c are made of: steps of 32 along k, of 32 rows of A and 32
// columns of B, packed as words of two elements. A step of A is two tiles (rows 0 … 15 and 16 … 31)
// of 16 rows of 16 words, a step of B two tiles (columns 0 … 15 and 16 … 31) of 16 pairs of rows by
// 16 words; a word holds the elements k and k + 1.
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

}  // namespace
}  // namespace retort::isa::RETORT_ISA
