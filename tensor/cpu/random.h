// Dropout's random bits, a whole vector of Philox blocks at a time: the same bits as
// tensor/base/philox.h, whose definition this file may not change.
#pragma once

#include "tensor/cpu/loops.h"
#include "tensor/kernels.h"

namespace retort::isa::RETORT_ISA {
namespace {

/// Vectors of words that RandomRow draws at a time: whole groups of 16 words.
constexpr int kWordVectors = Vec<float>::kWidth == 1 ? 16 : 4;
/// Columns that have their halves.
constexpr int kRandomColumns = 2 * kWordVectors * Vec<float>::kWidth;

constexpr std::uint32_t kPhilox0 = 0xD2511F53u, kPhilox1 = 0xCD9E8D57u;

/// The keys of all rounds, where an instruction can spread one over its lanes as it reads it.
struct RandomKeys {
  std::uint64_t first[kDropoutRounds], second[kDropoutRounds];

  RETORT_INLINE explicit RandomKeys(const RandomSite& at) {
    auto k0 = static_cast<std::uint32_t>(at.seed);
    auto k1 = static_cast<std::uint32_t>(at.seed >> 32);
    for (int round = 0; round < kDropoutRounds; ++round) {
      first[round] = k0;
      second[round] = k1;
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
  }
};

/// A limit for the bits that RandomRow::halves gives.
RETORT_INLINE VecU32 upper_half(std::uint32_t drop_below) {
  return broadcast_u32(drop_below << 16);
}

/// The random bits of one row (which counts within the whole optimiser step).
///
/// A block's counter is in 64-bit lanes, so that a product's two halves need no shuffling; what
/// their upper halves hold in between doesn't matter. Blocks of a row differ in one of the
/// counter's four words only: half of the first three rounds is the same for all.
class RandomRow {
 public:
  RETORT_INLINE RandomRow(const RandomKeys& keys, const RandomSite& at, std::uint32_t row)
      : keys_(keys) {
    const std::uint64_t site = std::uint64_t{kPhilox1} * at.site;
    const std::uint64_t once =
        std::uint64_t{kPhilox0} *
        (static_cast<std::uint32_t>(site >> 32) ^ row ^ static_cast<std::uint32_t>(keys.first[0]));
    second1_ = at.step ^ keys.second[0];
    first2_ = (site & 0xFFFFFFFFu) ^ keys.first[1];
    second2_ = (once >> 32) ^ keys.second[1];
    second3_ = (once & 0xFFFFFFFFu) ^ keys.second[2];
  }

  /// Calls f(k, bits) for the k-th vector of columns behind `column`, a multiple of 32, up to
  /// kRandomColumns of them: the bits of each stand in the upper halves of the words.
  template <class F>
  RETORT_INLINE void halves(std::int64_t column, F&& f) const {
    constexpr int kPerGroup =
        16 / Vec<float>::kWidth;  // vectors of words, and half those of columns
    VecU32 drawn[kWordVectors];
    words(static_cast<std::uint32_t>(column / 8), drawn);
    for (int k = 0; k < kWordVectors; ++k) {
      const int at = k / kPerGroup * 2 * kPerGroup + k % kPerGroup;
      f(at, lower_half_up(drawn[k]));
      f(at + kPerGroup, drawn[k]);
    }
  }

 private:
  // words, end to end: those of this block and the ones behind it.
  RETORT_INLINE void words(std::uint32_t block, VecU32 (&words)[kWordVectors]) const {
    const VecU64 multiplier0 = broadcast_u64(kPhilox0);
    const VecU64 multiplier1 = broadcast_u64(kPhilox1);
    constexpr int kSets = kWordVectors * Vec<float>::kWidth / (4 * VecU64::kWidth);
    VecU64 c[kSets][4];
    for (int set = 0; set < kSets; ++set) {
      VecU64* const counter = c[set];
      const VecU64 product = multiply_low(
          first_blocks(block + static_cast<std::uint32_t>(set * VecU64::kWidth)), multiplier0);
      counter[1] = multiply_low(high_word(product) ^ broadcast_u64(second1_), multiplier1);
      const VecU64 product0 =
          multiply_low(high_word(counter[1]) ^ broadcast_u64(first2_), multiplier0);
      const VecU64 product1 = multiply_low(product ^ broadcast_u64(second2_), multiplier1);
      counter[0] = high_word(product1) ^ counter[1] ^ broadcast_u64(keys_.first[2]);
      counter[1] = product1;
      counter[2] = high_word(product0) ^ broadcast_u64(second3_);
      counter[3] = product0;
    }
    for (int round = 3; round < kDropoutRounds; ++round) {
      const VecU64 key0 = broadcast_u64(keys_.first[round]);
      const VecU64 key1 = broadcast_u64(keys_.second[round]);
      for (auto& counter : c) {
        const VecU64 product0 = multiply_low(counter[0], multiplier0);
        const VecU64 product1 = multiply_low(counter[2], multiplier1);
        counter[0] = high_word(product1) ^ counter[1] ^ key0;
        counter[1] = product1;
        counter[2] = high_word(product0) ^ counter[3] ^ key1;
        counter[3] = product0;
      }
    }
    for (int set = 0; set < kSets; ++set)
      in_memory_order(c[set], words + kWordVectors / kSets * set);
  }

  const RandomKeys& keys_;
  // What is added to a word of every block in rounds 1 to 3.
  std::uint64_t second1_, first2_, second2_, second3_;
};

/// factors[i] = rule.scale where the element (row, column + i) is kept, 0 where it is dropped, for
/// i < n. `row` already includes rule.row_offset; `column` is fastest as a multiple of 32.
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
  const VecU32 limit = upper_half(rule.drop_below);
  const RandomKeys keys(rule.site);
  const RandomRow random(keys, rule.site, row);
  const std::int64_t skip = column % 32;  // columns of the first group that stand before
  for (std::int64_t i = -skip; i < n; i += kRandomColumns) {
    T buffer[kRandomColumns];
    random.halves(column + i, [&](int k, VecU32 bits) {
      const V factor = select(not_less(bits, limit), kept, dropped);
      if (i < 0) store(buffer + k * kWidth, factor);
      else if (i + k * kWidth < n) store(factors + i + k * kWidth, factor, n - i - k * kWidth);
    });
    for (std::int64_t j = skip; i < 0 && j < kRandomColumns && i + j < n; ++j)
      factors[i + j] = buffer[j];
  }
}

/// x[i] = x[i] · scale where the element (row, column + i) is kept, 0 (whatever x[i] was) where it
/// is dropped, for i < n; row and column as above.
template <class T>
RETORT_INLINE void apply_dropout(const DropoutRule& rule, std::uint32_t row, std::int64_t column,
                                 std::int64_t n, T* x) {
  constexpr std::int64_t kBlock = 2 * kRandomColumns;
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
