// Fetching into the second-level cache what a later block of a product will read, a few lines at a
// time while the one before it is computed: cores get little bandwidth beyond that cache, and each
// miss there costs more than a register tile's work.
#pragma once

#include "tensor/cpu/simd.h"

namespace retort::isa::RETORT_ISA {
namespace {

constexpr std::int64_t kLineBytes = 64;

/// `outers` stretches of `inners` lines, `stride` bytes apart, to be fetched in some number of
/// steps.
struct Prefetch {
  const char* at = nullptr;
  std::int64_t stride = 0;
  std::int64_t inners = 0, outers = 0;
  std::int64_t inner = 0;
  std::int64_t lines_per_step = 0;

  /// Of rows × k numbers at row · i + col · p; nothing when neither is contiguous.
  template <class T>
  static Prefetch matrix(const T* x, std::int64_t row, std::int64_t col, std::int64_t rows,
                         std::int64_t k, std::int64_t steps) {
    constexpr auto kSize = static_cast<std::int64_t>(sizeof(T));
    Prefetch p;
    if (rows <= 0 || k <= 0 || (row != 1 && col != 1)) return p;
    p.at = reinterpret_cast<const char*>(x);
    p.stride = (col == 1 ? row : col) * kSize;
    p.inners = ((col == 1 ? k : rows) * kSize + kLineBytes - 1) / kLineBytes;
    p.outers = col == 1 ? rows : k;
    p.lines_per_step = (p.inners * p.outers + steps - 1) / (steps > 0 ? steps : 1);
    return p;
  }

  /// For reading, into the second-level cache.
  RETORT_INLINE void read() {
    step([](const char* line) { __builtin_prefetch(line, 0, 2); });
  }
  /// For writing, into the first-level cache.
  RETORT_INLINE void write() {
    step([](const char* line) { __builtin_prefetch(line, 1, 3); });
  }

 private:
  template <class F>
  RETORT_INLINE void step(F fetch) {
    for (std::int64_t i = 0; i < lines_per_step && outers > 0; ++i) {
      fetch(at + inner * kLineBytes);
      if (++inner == inners) {
        inner = 0;
        at += stride;
        --outers;
      }
    }
  }
};

}  // namespace
}  // namespace retort::isa::RETORT_ISA
