// The short words that are one token, for a look at each word of a text: most words are.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tokenizer/large_pages.h"
#include "tokenizer/word_key.h"

namespace retort {

/// Ids by words of at most WordKey::kMaxBytes bytes. A look takes one line of the processor's
/// cache, where three words have room.
class ShortWords {
 public:
  static constexpr std::int32_t kNone = -1;

  ShortWords() = default;
  /// For about `count` words, none yet.
  explicit ShortWords(std::size_t count) {
    std::size_t lines = 2;
    shift_ = 63;
    for (; lines * 2 < count; lines *= 2) --shift_;
    lines_.resize(lines);
  }

  bool empty() const { return lines_.empty(); }

  /// A word that isn't there yet; its id is not negative.
  void add(const WordKey& key, std::int32_t id) {
    for (std::size_t i = key.hash() >> shift_;; i = next(i)) {
      for (int way = 0; way < kWays; ++way) {
        if (lines_[i].ids[way] != kNone) continue;
        lines_[i].keys[way] = key;
        lines_[i].ids[way] = id;
        return;
      }
      lines_[i].overflows = 1;
    }
  }

  /// Fetches from memory what find() will look at.
  void prefetch(std::uint64_t hash) const { __builtin_prefetch(&lines_[hash >> shift_]); }

  /// The id of the word that `key` is of and its hash, or kNone.
  std::int32_t find(const WordKey& key, std::uint64_t hash) const {
    for (std::size_t i = hash >> shift_;; i = next(i)) {
      const Line& line = lines_[i];
      std::int32_t id = kNone;
      for (int way = 0; way < kWays; ++way) id = line.keys[way] == key ? line.ids[way] : id;
      if (id != kNone || line.overflows == 0) return id;
    }
  }

  /// What it takes of memory.
  std::size_t bytes() const { return lines_.capacity() * sizeof(Line); }

 private:
  static constexpr int kWays = 3;
  struct alignas(64) Line {
    WordKey keys[kWays] = {};
    std::int32_t ids[kWays] = {kNone, kNone, kNone};
    std::int32_t overflows = 0;  // words that belong here stand in a later line
  };

  std::size_t next(std::size_t i) const { return i + 1 == lines_.size() ? 0 : i + 1; }

  LargeVector<Line> lines_;  // a power of two
  int shift_ = 63;
};

}  // namespace retort
