// The queries of ragged sequences, cut into pieces that tasks take.
#pragma once

#include "tensor/cpu/loops.h"

namespace retort::isa::RETORT_ISA {
namespace {

/// Query rows that one pass handles, at most: scores[kQueryRows, keys] stay in the L2 cache.
constexpr std::int64_t kQueryRows = 64;

RETORT_INLINE std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Splits n rows into equal pieces of at most kQueryRows, multiples of 8.
RETORT_INLINE std::int64_t query_piece(std::int64_t n) {
  return n <= 0 ? 8 : ceil_div(ceil_div(n, ceil_div(n, kQueryRows)), 8) * 8;
}

/// Queries [begin, begin + rows) of a sequence.
struct QueryPiece {
  std::int64_t sequence, begin, rows;
};

/// Pieces are numbered without a table: sequence s owns the slots [first_slot(s), first_slot(s+1)),
/// which are never fewer than its pieces; what is left over is a piece of no rows.
struct QueryPieces {
  const std::int32_t* offsets;  // [sequences + 1]
  std::int64_t sequences;

  RETORT_INLINE std::int64_t first_slot(std::int64_t s) const {
    return (offsets[s] - offsets[0]) / kQueryRows + s;
  }
  RETORT_INLINE std::int64_t slots() const { return sequences > 0 ? first_slot(sequences) : 0; }
  RETORT_INLINE QueryPiece operator[](std::int64_t slot) const {
    std::int64_t s = 0, end = sequences;  // the last sequence whose first slot is <= slot
    while (end - s > 1) {
      const std::int64_t middle = (s + end) / 2;
      if (first_slot(middle) <= slot) s = middle;
      else end = middle;
    }
    const std::int64_t queries = offsets[s + 1] - offsets[s];
    const std::int64_t piece = query_piece(queries);
    const std::int64_t begin = (slot - first_slot(s)) * piece;
    return {s, begin, begin < queries ? smaller(piece, queries - begin) : 0};
  }
};

}  // namespace
}  // namespace retort::isa::RETORT_ISA
