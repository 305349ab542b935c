// Words and their tokens that threads have from one another: each fills a WordCache of its own, and
// without this the words that all of them meet would be tokenized by each.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tokenizer/large_pages.h"
#include "tokenizer/models/model.h"
#include "tokenizer/word_key.h"

namespace retort {

/// The tokens of a word depend on nothing but the word, so it doesn't matter which thread has
/// brought them or whether they are there. Nothing ever waits and nothing is ever taken away, which
/// would need both; so that memory is bounded all the same, there is a fixed number of places, and
/// a word for which none of a few is free isn't shared: each thread then makes its tokens, as if it
/// were alone. All functions may be called by any number of threads at once.
class SharedWords {
 public:
  static constexpr std::size_t kMaxTokens = 9;  // of a word

  SharedWords() : places_(kPlaces) {}

  /// Appends the tokens of the word that `key` is of; false: they aren't there. Where they don't
  /// follow one another, their places are RawWords::forget_places()'s.
  bool find(const WordKey& key, std::vector<Token>& tokens) const;
  /// Tokens that find() may give from now on, if there is room for them.
  void add(const WordKey& key, std::span<const Token> tokens);

 private:
  // A megabyte has about 15,000 words that are new to a tokenizer.
  static constexpr std::size_t kPlaceBits = 16, kPlaces = std::size_t{1} << kPlaceBits;
  static constexpr std::size_t kTries = 4;  // places where a word may be

  // Written once: by the thread that takes it from kFree to kTaken, before that thread's release
  // of kReady; read only by those that have acquired kReady.
  enum State : std::uint8_t { kFree, kTaken, kReady };
  struct alignas(64) Place {
    std::atomic<std::uint8_t> state{kFree};
    std::uint8_t count = 0;  // of tokens; kUncovered: they don't follow one another
    std::array<std::uint8_t, kMaxTokens> lengths{};
    std::array<std::int32_t, kMaxTokens> ids{};
    WordKey key{};
  };
  static constexpr std::uint8_t kUncovered = 0x80;

  static std::size_t first(const WordKey& key) { return key.hash() >> (64 - kPlaceBits); }
  static std::size_t next(std::size_t i) { return (i + 1) % kPlaces; }

  LargeVector<Place> places_;
};

}  // namespace retort
