// Walking the lines along one dimension of a contiguous tensor.
#pragma once

#include "tensor/cpu/loops.h"
#include "tensor/kernels_reduce.h"

namespace retort::isa::RETORT_ISA {
namespace {

// Columns that are walked together.
constexpr std::int64_t kLinesTile = 64;

// Calls f(at, line, n) in parallel for every tile of n ≤ kLinesTile neighbouring lines: element j
// of the tile's line i is at + j · inner + i, and the line's number line + i.
template <class F>
RETORT_INLINE void for_tiles(const Lines& lines, F&& f) {
  const std::int64_t tiles = (lines.inner + kLinesTile - 1) / kLinesTile;  // per outer index
  for_rows(lines.outer * tiles, lines.size * smaller(kLinesTile, lines.inner),
           [&](std::int64_t begin, std::int64_t end) {
             for (std::int64_t tile = begin; tile < end; ++tile) {
               const std::int64_t outer = tile / tiles;
               const std::int64_t column = (tile - outer * tiles) * kLinesTile;
               f(outer * lines.size * lines.inner + column, outer * lines.inner + column,
                 smaller(kLinesTile, lines.inner - column));
             }
           });
}

}  // namespace
}  // namespace retort::isa::RETORT_ISA
