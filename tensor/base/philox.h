// Philox-4x32 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): random bits
// as a pure function of a counter and a key, so that micro-batching, recomputation and resume change
// nothing. One header for C++ and CUDA.
#pragma once

#include <cstdint>

#ifdef __CUDACC__
#define RETORT_HOST_DEVICE __host__ __device__
#else
#define RETORT_HOST_DEVICE
#endif

namespace retort {

struct PhiloxBlock {
  std::uint32_t word[4];
};

/// Rounds for what dropout draws: the fewest with which the paper found the bits to pass TestU01's
/// BigCrush. Everything else takes its authors' margin of three more.
constexpr int kDropoutRounds = 7;

/// Four random words for `counter` under `key`.
RETORT_HOST_DEVICE static inline PhiloxBlock philox(PhiloxBlock counter, std::uint64_t key,
                                                    int rounds = 10) {
  auto k0 = static_cast<std::uint32_t>(key);
  auto k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < rounds; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * counter.word[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * counter.word[2];
    counter = {{static_cast<std::uint32_t>(p1 >> 32) ^ counter.word[1] ^ k0,
                static_cast<std::uint32_t>(p1),
                static_cast<std::uint32_t>(p0 >> 32) ^ counter.word[3] ^ k1,
                static_cast<std::uint32_t>(p0)}};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return counter;
}

/// Which random bits an op draws: a function of seed, optimiser step and site (module name + use).
/// A row, which counts within the whole optimiser step, has the words of its blocks
/// philox({block, row, site, step}, seed), one block after the other, and for dropout each element
/// has 16 bits of them: see random_half().
struct RandomSite {
  std::uint64_t seed = 0;
  std::uint32_t step = 0;
  std::uint32_t site = 0;
};

RETORT_HOST_DEVICE static inline PhiloxBlock random_block(const RandomSite& at, std::uint32_t row,
                                                          std::uint32_t block, int rounds = 10) {
  return philox({{block, row, at.site, at.step}}, at.seed, rounds);
}

/// The 16 bits of element (row, column). 32 columns share 16 words, the first 16 of them the lower
/// halves, so that vectors of words are vectors of columns, too.
RETORT_HOST_DEVICE static inline std::uint32_t random_half(const RandomSite& at, std::uint32_t row,
                                                           std::uint32_t column) {
  const std::uint32_t word = column / 32 * 16 + column % 16;
  const std::uint32_t both = random_block(at, row, word / 4, kDropoutRounds).word[word % 4];
  return column % 32 < 16 ? both & 0xFFFFu : both >> 16;
}

/// A sequential stream over the same generator, for shuffles, initialisation and test data.
class RandomStream {
 public:
  explicit RandomStream(std::uint64_t seed, std::uint32_t site = 0) : seed_(seed), site_(site) {}
  std::uint32_t next_u32() {
    if (used_ == 4) {
      block_ = philox({{static_cast<std::uint32_t>(count_), static_cast<std::uint32_t>(count_ >> 32),
                        site_, 0x52544F52u}},
                      seed_);
      ++count_;
      used_ = 0;
    }
    return block_.word[used_++];
  }
  std::uint64_t next_u64() {
    const std::uint64_t high = next_u32();
    return high << 32 | next_u32();
  }
  /// Uniform in [0, 1) with 53 bits.
  double uniform() { return static_cast<double>(next_u64() >> 11) * 0x1.0p-53; }
  /// Uniform in [0, n) without modulo bias; n > 0.
  std::uint64_t below(std::uint64_t n) {
    const std::uint64_t limit = -n % n;  // 2^64 mod n
    for (;;) {
      const std::uint64_t bits = next_u64();
      if (bits >= limit) return bits % n;
    }
  }
  /// Standard normal (Box-Muller).
  double normal();

 private:
  std::uint64_t seed_;
  std::uint64_t count_ = 0;
  std::uint32_t site_;
  PhiloxBlock block_{};
  int used_ = 4;
  bool has_spare_ = false;
  double spare_ = 0;
};

}  // namespace retort
