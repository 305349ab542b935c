// Words and their tokens, for the next time that they come: most words of a text have been there
// before.
//
// It grows with the words that it is given up to a fixed number of places, so that memory is
// bounded; from then on a new word takes the place of an old one. A set of places is one line of
// the processor's cache. One WordCache serves one thread at a time (see workspace.h).
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "tokenizer/large_pages.h"
#include "tokenizer/models/model.h"
#include "tokenizer/shared_words.h"
#include "tokenizer/word_key.h"

namespace retort {

class WordCache {
 public:
  static constexpr std::size_t kMaxBytes = WordKey::kMaxBytes;  // of a word
  static constexpr std::size_t kMaxTokens = 15;
  static constexpr std::size_t kInline = 3;  // tokens that stand in the place itself

  struct Found {
    const std::int32_t* ids;      // null: too many to be kept; they stand in missed()
    const std::uint8_t* lengths;  // in bytes; null: the tokens don't cover the word one by one
    std::size_t count;
  };

  WordCache() : sets_(std::size_t{1} << kFirstBits), bits_(kFirstBits) {}

  /// Fetches from memory what find() will look at.
  void prefetch(std::uint64_t hash) const { __builtin_prefetch(&sets_[place(hash)]); }

  /// The tokens of the word that `key` is of and its hash, made by `miss(std::vector<Token>&)`
  /// if they aren't there. Valid until the next call. When there are at most kInline of them,
  /// kInline numbers may be read at `ids`.
  template <class Miss>
  Found find(const WordKey& key, std::uint64_t hash, Miss&& miss) {
    const Set& set = sets_[place(hash)];
    // One branch instead of two: which of the ways has the word can't be foreseen.
    const Entry& entry = set.ways[set.ways[1].key == key ? 1 : 0];
    if (entry.key == key) return found(entry);
    missed_.clear();
    if (shared_ == nullptr) {
      miss(missed_);
    } else if (!shared_->find(key, missed_)) {
      miss(missed_);
      shared_->add(key, missed_);
    }
    return insert(key);
  }
  template <class Miss>
  Found find(const WordKey& key, Miss&& miss) {
    return find(key, key.hash(), miss);
  }
  const std::vector<Token>& missed() const { return missed_; }

  /// Words that aren't here are looked up there before they are tokenized, and put there when they
  /// have been; null: not.
  void share(SharedWords* words) { shared_ = words; }

  /// What it takes of memory.
  std::size_t bytes() const {
    return sets_.capacity() * sizeof(Set) + more_.capacity() * sizeof(More);
  }

 private:
  static constexpr int kFirstBits = 10, kMostBits = 16, kGrowth = 2;  // sets, as powers of two
  static constexpr std::uint8_t kUncovered = 0x80;                    // flag in Entry::count

  struct Entry {
    WordKey key{};
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

  std::size_t place(std::uint64_t hash) const { return hash >> (64 - bits_); }
  Found found(const Entry& entry) const {
    const std::size_t count = entry.count & ~kUncovered;
    const bool covered = (entry.count & kUncovered) == 0;
    if (count <= kInline) return {entry.ids, covered ? entry.lengths : nullptr, count};
    const More& more = more_[static_cast<std::size_t>(entry.ids[0])];
    return {more.ids, covered ? more.lengths : nullptr, count};
  }
  Found insert(const WordKey& key);
  void grow();
  bool has_more(const Entry& entry) const { return (entry.count & ~kUncovered) > kInline; }

  LargeVector<Set> sets_;
  int bits_;
  std::size_t used_ = 0;
  std::vector<More> more_;
  std::vector<std::int32_t> free_;  // places in more_
  std::vector<Token> missed_;
  std::uint32_t turn_ = 0;
  SharedWords* shared_ = nullptr;
};

}  // namespace retort
