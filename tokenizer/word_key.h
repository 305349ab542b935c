// Short words as numbers, for tables of them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace retort {

/// A word's bytes, then zeros, and in the last byte 1 + their number. Both 0: no word.
struct WordKey {
  static constexpr std::size_t kMaxBytes = 15;  // of a word

  std::uint64_t low, high;

  bool operator==(const WordKey& other) const {
    return ((low ^ other.low) | (high ^ other.high)) == 0;
  }
  std::size_t size() const { return (high >> 56) - 1; }
  /// Of whose upper bits tables take as many as they need.
  std::uint64_t hash() const {
    constexpr std::uint64_t kFactor = 0x9E3779B97F4A7C15u;
    return (low ^ high * kFactor) * 0xBF58476D1CE4E5B9u;
  }
  /// The word, written to 16 `bytes`.
  std::string_view text(char* bytes) const {
    std::memcpy(bytes, &low, 8);
    std::memcpy(bytes + 8, &high, 8);
    return {bytes, size()};
  }

  /// Of a word of at most kMaxBytes bytes.
  static WordKey of(std::string_view word) {
    char bytes[16] = {};
    std::memcpy(bytes, word.data(), word.size());
    return at(bytes, word.size());
  }
  /// Of the `size` bytes at `bytes`, where at least 16 may be read.
  static WordKey at(const char* bytes, std::size_t size);
};

namespace detail {
constexpr std::array<WordKey, WordKey::kMaxBytes + 1> make_word_masks() {
  std::array<WordKey, WordKey::kMaxBytes + 1> masks{};
  for (std::size_t size = 0; size < masks.size(); ++size) {
    const auto ones = [](std::size_t bytes) {
      return bytes >= 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << 8 * bytes) - 1;
    };
    masks[size] = {ones(size), size > 8 ? ones(size - 8) : 0};
  }
  return masks;
}
}  // namespace detail

inline WordKey WordKey::at(const char* bytes, std::size_t size) {
  static constexpr auto kMasks = detail::make_word_masks();
  WordKey key;
  std::memcpy(&key.low, bytes, 8);
  std::memcpy(&key.high, bytes + 8, 8);
  key.low &= kMasks[size].low;
  key.high = (key.high & kMasks[size].high) | std::uint64_t{size + 1} << 56;
  return key;
}

}  // namespace retort
