// Words and their tokens, for the next time that they come: most words of a text have been there
// before.
//
// It grows with the words that it is given up to a fixed number of places, so that memory is
// bounded; from then on a new word takes the place of an old one. A set of places is one line of
// the processor's cache. One WordCache serves one thread at a time (see workspace.h).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "tokenizer/models/model.h"

namespace retort {

class WordCache {
 public:
  static constexpr std::size_t kMaxBytes = 15;  // of a word
  static constexpr std::size_t kMaxTokens = 15;
  static constexpr std::size_t kInline = 3;  // tokens that stand in the place itself

  /// A word's bytes, then zeros, and in the last byte 1 + their number.
  struct Key {
    std::uint64_t low, high;  // both 0: no word
    bool operator==(const Key& other) const {
      return ((low ^ other.low) | (high ^ other.high)) == 0;
    }
  };
  /// Of a word of at most kMaxBytes bytes.
  static Key key_of(std::string_view word) {
    char bytes[16] = {};
    std::memcpy(bytes, word.data(), word.size());
    return key_at(bytes, word.size());
  }
  /// Of the `size` bytes at `at`, where at least 16 may be read.
  static Key key_at(const char* at, std::size_t size) {
    Key key;
    std::memcpy(&key.low, at, 8);
    std::memcpy(&key.high, at + 8, 8);
    key.low &= kMasks[size].low;
    key.high = (key.high & kMasks[size].high) | std::uint64_t{size + 1} << 56;
    return key;
  }

  struct Found {
    const std::int32_t* ids;      // null: too many to be kept; they stand in missed()
    const std::uint8_t* lengths;  // in bytes; null: the tokens don't cover the word one by one
    std::size_t count;
  };

  WordCache() : sets_(std::size_t{1} << kFirstBits), bits_(kFirstBits) {}

  /// The tokens of the word that `key` is of, made by `miss(std::vector<Token>&)` if they aren't
  /// there. Valid until the next call. When there are at most kInline of them, kInline numbers may
  /// be read at `ids`.
  template <class Miss>
  Found find(const Key& key, Miss&& miss) {
    const Set& set = sets_[place(key)];
    if (set.ways[0].key == key) return found(set.ways[0]);
    if (set.ways[1].key == key) return found(set.ways[1]);
    missed_.clear();
    miss(missed_);
    return insert(key);
  }
  const std::vector<Token>& missed() const { return missed_; }

  /// What it takes of memory.
  std::size_t bytes() const {
    return sets_.capacity() * sizeof(Set) + more_.capacity() * sizeof(More);
  }

 private:
  static constexpr int kFirstBits = 8, kMostBits = 16;  // sets, as powers of two
  static constexpr std::uint8_t kUncovered = 0x80;      // flag in Entry::count

  static constexpr std::array<Key, kMaxBytes + 1> kMasks = [] {
    std::array<Key, kMaxBytes + 1> masks{};
    for (std::size_t size = 0; size <= kMaxBytes; ++size) {
      const auto ones = [](std::size_t bytes) {
        return bytes >= 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << 8 * bytes) - 1;
      };
      masks[size] = {ones(size), size > 8 ? ones(size - 8) : 0};
    }
    return masks;
  }();

  struct Entry {
    Key key{};
    std::uint8_t count = 0;
    std::uint8_t lengths[kInline] = {};
    std::int32_t ids[kInline] = {};  // of more tokens: the number of their place in more_
  };
  struct alignas(64) Set {
    Entry ways[2];
  };
  struct More {
    std::int32_t ids[kMaxTokens];
    std::uint8_t lengths[kMaxTokens];
  };

  std::size_t place(const Key& key) const {
    constexpr std::uint64_t kFactor = 0x9E3779B97F4A7C15u;
    return (key.low ^ key.high * kFactor) * 0xBF58476D1CE4E5B9u >> (64 - bits_);
  }
  Found found(const Entry& entry) const {
    const std::size_t count = entry.count & ~kUncovered;
    const bool covered = (entry.count & kUncovered) == 0;
    if (count <= kInline) return {entry.ids, covered ? entry.lengths : nullptr, count};
    const More& more = more_[static_cast<std::size_t>(entry.ids[0])];
    return {more.ids, covered ? more.lengths : nullptr, count};
  }
  Found insert(const Key& key);
  void grow();
  bool has_more(const Entry& entry) const { return (entry.count & ~kUncovered) > kInline; }

  std::vector<Set> sets_;
  int bits_;
  std::size_t used_ = 0;
  std::vector<More> more_;
  std::vector<std::int32_t> free_;  // places in more_
  std::vector<Token> missed_;
  std::uint32_t turn_ = 0;
};

}  // namespace retort
