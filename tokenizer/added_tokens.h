// Added tokens: "[MASK]" in a text is one token, whatever the normaliser and the model would make
// of it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/byte_trie.h"

namespace retort {

/// A token that is found in the text itself, before (or, when `normalized`, after) normalisation.
struct AddedToken {
  std::string content;
  std::int32_t id = 0;
  bool special = false;
  bool normalized = false;   // match in the normalised text, the content being normalised too
  bool single_word = false;  // only where no word character is next to it
  bool lstrip = false;       // takes the white space before it along
  bool rstrip = false;       // and after it

  bool operator==(const AddedToken&) const = default;
};

/// A set of added tokens that are searched together: leftmost first, the longest of those that
/// start there.
class AddedTokens {
 public:
  struct Pattern {
    std::string text;  // what is searched for, not empty: the content, or its normalised form
    AddedToken token;
  };

  AddedTokens() = default;
  /// Errors: a pattern longer than kMaxPatternBytes (the search is quadratic in it).
  explicit AddedTokens(std::vector<Pattern> patterns);

  static constexpr std::size_t kMaxPatternBytes = 1024;

  bool empty() const { return patterns_.empty(); }

  /// Calls in order `rest(begin, end)` for each non-empty piece of text between matches and
  /// `found(id, begin, end)` for each match. Special tokens are text when `special_too` is false.
  template <class Rest, class Found>
  void split(std::string_view text, bool special_too, Rest&& rest, Found&& found) const {
    std::size_t done = 0;  // everything before it has been handed out
    Match match;
    if (!patterns_.empty())
      for (std::size_t from = 0; next(text, from, done, special_too, match); from = match.resume) {
        if (match.begin > done) rest(done, match.begin);
        found(match.id, match.begin, match.end);
        done = match.end;
      }
    if (done < text.size()) rest(done, text.size());
  }

 private:
  struct Match {
    std::size_t begin = 0, end = 0;          // with the stripped white space
    std::size_t resume = 0;                  // where the search goes on: behind the token itself
    std::size_t run_begin = 1, run_end = 0;  // the last run of white space that rstrip looked at
    std::int32_t id = 0;
  };

  /// The first acceptable match at or after `from`; `done` bounds what lstrip may take.
  bool next(std::string_view text, std::size_t from, std::size_t done, bool special_too,
            Match& match) const;
  /// The next byte at or after `from` that starts a pattern.
  std::size_t candidate(std::string_view text, std::size_t from) const;

  std::vector<Pattern> patterns_;
  ByteTrie trie_;  // value: index in patterns_
  std::array<bool, 256> starts_{};
  int only_start_ = -1;  // the byte that starts every pattern, if it is one
};

}  // namespace retort
