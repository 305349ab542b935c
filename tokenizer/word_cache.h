// Words and their tokens, for the next time that they come: most words of a text have been there
// before.
//
// A fixed number of places, so that memory is bounded; a new word takes the place of an old one.
// One cache serves one thread at a time: CachePool hands them out.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "tokenizer/models/model.h"

namespace retort {

class WordCache {
 public:
  static constexpr std::size_t kMaxBytes = 16;  // of a word

  WordCache();

  struct Found {
    const std::int32_t* ids;
    const std::uint8_t* lengths;  // in bytes; they follow each other and cover the word
    std::size_t count;
  };

  /// The tokens of `word` (1 to kMaxBytes bytes), made by `miss(std::vector<Token>&)` if they
  /// aren't there. Valid until the next call. Null ids: they don't cover the word one after the
  /// other, and stand in missed().
  template <class Miss>
  Found find(std::string_view word, Miss&& miss) {
    const Key key = key_of(word);
    Entry* const set = &entries_[slot(key) * kWays];
    for (std::size_t way = 0; way < kWays; ++way)
      if (set[way].key == key) return found(set[way]);
    missed_.clear();
    miss(missed_);
    return insert(set, key, word.size());
  }
  const std::vector<Token>& missed() const { return missed_; }

 private:
  static constexpr std::size_t kWays = 2, kInline = 3;
  static constexpr int kSetBits = 15;

  struct Key {
    std::uint64_t first = 0, last = 0;
    std::uint32_t size = 0;  // 0: an empty place
    bool operator==(const Key& other) const {
      return ((first ^ other.first) | (last ^ other.last) | (size ^ other.size)) == 0;
    }
  };
  struct Entry {
    Key key;
    std::uint8_t count = 0;
    std::uint8_t lengths[kInline] = {};
    std::int32_t ids[kInline] = {};  // of more tokens: the number of their place in more_
  };
  struct More {
    std::vector<std::int32_t> ids;
    std::vector<std::uint8_t> lengths;
  };

  static Key key_of(std::string_view word) {
    Key key;
    key.size = static_cast<std::uint32_t>(word.size());
    if (word.size() >= 8) {
      std::memcpy(&key.first, word.data(), 8);
      std::memcpy(&key.last, word.data() + word.size() - 8, 8);
    } else if (word.size() >= 4) {
      std::uint32_t first, last;
      std::memcpy(&first, word.data(), 4);
      std::memcpy(&last, word.data() + word.size() - 4, 4);
      key.first = std::uint64_t{first} << 32 | last;
    } else {
      for (const char c : word) key.first = key.first << 8 | static_cast<unsigned char>(c);
    }
    return key;
  }
  static std::size_t slot(const Key& key) {
    const std::uint64_t hash =
        (key.first ^ (key.last << 29 | key.last >> 35) ^ key.size) * 0x9E3779B97F4A7C15u;
    return (hash ^ hash >> 29) * 0xBF58476D1CE4E5B9u >> (64 - kSetBits);
  }
  Found found(const Entry& entry) const {
    if (entry.count <= kInline) return {entry.ids, entry.lengths, entry.count};
    const More& more = more_[static_cast<std::size_t>(entry.ids[0])];
    return {more.ids.data(), more.lengths.data(), more.ids.size()};
  }
  Found insert(Entry* set, const Key& key, std::size_t size);

  std::vector<Entry> entries_;
  std::vector<More> more_;
  std::vector<std::int32_t> free_;  // places in more_
  std::vector<Token> missed_;
  std::uint32_t turn_ = 0;
};

class CachePool {
 public:
  /// A cache until it is given back.
  class Lease {
   public:
    explicit Lease(CachePool& pool) : pool_(pool), cache_(pool.take()) {}
    ~Lease() { pool_.give(std::move(cache_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    WordCache& operator*() const { return *cache_; }

   private:
    CachePool& pool_;
    std::unique_ptr<WordCache> cache_;
  };

 private:
  std::unique_ptr<WordCache> take();
  void give(std::unique_ptr<WordCache> cache);

  std::mutex mutex_;
  std::vector<std::unique_ptr<WordCache>> idle_;
};

}  // namespace retort
