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
/// counts within the whole optimiser step). A block's counter is in 64-bit lanes, so that a
/// product's two halves need no shuffling; what their upper halves hold in between doesn't matter.
RETORT_INLINE void random_words(const RandomSite& at, std::uint32_t row, std::uint32_t block,
                                VecU32 (&words)[4]) {
  const VecU64 multiplier0 = broadcast_u64(0xD2511F53u);
  const VecU64 multiplier1 = broadcast_u64(0xCD9E8D57u);
  constexpr int kSets = kRandomColumns / (4 * VecU64::kWidth);
  VecU64 c[kSets][4];
  for (int set = 0; set < kSets; ++set) {
    c[set][0] = first_blocks(block + static_cast<std::uint32_t>(set * VecU64::kWidth));
    c[set][1] = broadcast_u64(row);
    c[set][2] = broadcast_u64(at.site);
    c[set][3] = broadcast_u64(at.step);
  }
  auto k0 = static_cast<std::uint32_t>(at.seed);
  auto k1 = static_cast<std::uint32_t>(at.seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const VecU64 key0 = broadcast_u64(k0), key1 = broadcast_u64(k1);
    for (auto& counter : c) {
      const VecU64 product0 = multiply_low(counter[0], multiplier0);
      const VecU64 product1 = multiply_low(counter[2], multiplier1);
      counter[0] = high_word(product1) ^ counter[1] ^ key0;
      counter[1] = product1;
      counter[2] = high_word(product0) ^ counter[3] ^ key1;
      counter[3] = product0;
    }
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  for (int set = 0; set < kSets; ++set) in_memory_order(c[set], words + 4 / kSets * set);
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
