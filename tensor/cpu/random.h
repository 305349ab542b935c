// Dropout's random bits, a whole vector of Philox blocks at a time: the same bits as
// tensor/base/philox.h, whose definition this file may not change.
#pragma once

#include "tensor/cpu/loops.h"
#include "tensor/kernels.h"

namespace retort::isa::RETORT_ISA {
namespace {

/// Columns that one call of random_words covers.
constexpr int kRandomColumns = 4 * Vec<float>::kWidth;

/// words, end to end: those of the columns [4·block, 4·block + kRandomColumns) of `row` (which
/// counts within the whole optimiser step).
RETORT_INLINE void random_words(const RandomSite& at, std::uint32_t row, std::uint32_t block,
                                VecU32 (&words)[4]) {
  VecU32 c0 = broadcast_u32(block) + transposed_lanes();
  VecU32 c1 = broadcast_u32(row);
  VecU32 c2 = broadcast_u32(at.site);
  VecU32 c3 = broadcast_u32(at.step);
  const VecU32 multiplier0 = broadcast_u32(0xD2511F53u);
  const VecU32 multiplier1 = broadcast_u32(0xCD9E8D57u);
  auto k0 = static_cast<std::uint32_t>(at.seed);
  auto k1 = static_cast<std::uint32_t>(at.seed >> 32);
  for (int round = 0; round < 10; ++round) {
    VecU32 high0, high1;
    const VecU32 low0 = multiply_wide(c0, multiplier0, high0);
    const VecU32 low1 = multiply_wide(c2, multiplier1, high1);
    c0 = high1 ^ c1 ^ broadcast_u32(k0);
    c1 = low1;
    c2 = high0 ^ c3 ^ broadcast_u32(k1);
    c3 = low0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  words[0] = c0;
  words[1] = c1;
  words[2] = c2;
  words[3] = c3;
  transpose_words(words);
}

/// factors[i] = rule.scale where the element (row, column + i) is kept, 0 where it is dropped, for
/// i < n. `row` already includes rule.row_offset; `column` is fastest as a multiple of 4.
template <class T>
RETORT_INLINE void keep_factors(const DropoutRule& rule, std::uint32_t row, std::int64_t column,
                                std::int64_t n, T* factors) {
  using V = Vec<T>;
  constexpr int kWidth = V::kWidth;
  const V kept = broadcast<V>(static_cast<T>(rule.scale));
  if (rule.drop_below == 0) {
    sweep<T>(n, [&](std::int64_t i, auto lanes) { store(factors + i, kept, lanes); });
    return;
  }
  const V dropped = broadcast<V>(T(0));
  const VecU32 limit = broadcast_u32(rule.drop_below);
  const std::int64_t skip = column % 4;  // words of the first block that belong to columns before
  for (std::int64_t i = -skip; i < n; i += kRandomColumns) {
    VecU32 words[4];
    random_words(rule.site, row, static_cast<std::uint32_t>((column + i) / 4), words);
    V factor[4];
    for (int k = 0; k < 4; ++k) factor[k] = select(not_less(words[k], limit), kept, dropped);
    if (i >= 0) {
      for (int k = 0; k < 4; ++k) store(factors + i + k * kWidth, factor[k], n - i - k * kWidth);
    } else {
      T buffer[kRandomColumns];
      for (int k = 0; k < 4; ++k) store(buffer + k * kWidth, factor[k]);
      for (std::int64_t j = skip; j < kRandomColumns && i + j < n; ++j) factors[i + j] = buffer[j];
    }
  }
}

/// x[i] = x[i] · scale where the element (row, column + i) is kept, 0 (whatever x[i] was) where it
/// is dropped, for i < n; row and column as above.
template <class T>
RETORT_INLINE void apply_dropout(const DropoutRule& rule, std::uint32_t row, std::int64_t column,
                                 std::int64_t n, T* x) {
  constexpr std::int64_t kBlock = 4 * kRandomColumns;
  const Vec<T> zero = broadcast<Vec<T>>(T(0));
  T factors[kBlock];
  for (std::int64_t begin = 0; begin < n; begin += kBlock) {
    const std::int64_t size = smaller(kBlock, n - begin);
    keep_factors(rule, row, column + begin, size, factors);
    sweep<T>(size, [&](std::int64_t i, auto lanes) {
      const Vec<T> factor = load(factors + i, lanes);
      store(x + begin + i, select(equal(factor, zero), zero, load(x + begin + i, lanes) * factor),
            lanes);
    });
  }
}

}  // namespace
}  // namespace retort::isa::RETORT_ISA
