// Regular expressions as tokenizer files write them, matched as Oniguruma does it: backtracking,
// leftmost, first alternative first.
//
// There are alternation, groups, greedy, lazy and possessive quantifiers, atomic groups, look-ahead
// and look-behind, the inline flags i and m, classes with nesting and &&, \p{...}, \s \w \d \h \b,
// anchors. Everything else is an error that names it. The number of steps is bounded per byte of
// text, and passing the bound is an error too: no pattern can hang.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tokenizer/regex/char_class.h"

namespace retort {

class Regex {
 public:
  /// Errors name the pattern and the construct.
  explicit Regex(std::string_view pattern);
  /// A pattern that matches exactly `text`.
  static Regex literal(std::string_view text);

  const std::string& pattern() const { return pattern_; }

  using Match = std::pair<std::size_t, std::size_t>;  // begin, end in bytes
  /// All matches from left to right, none overlapping; an empty one never stands where the last
  /// ended. `text` must be valid UTF-8.
  std::vector<Match> find_all(std::string_view text) const;

  /// Steps allowed for each byte of a text (and as many again to begin with).
  static constexpr std::size_t kStepsPerByte = 2000;

 private:
  friend class RegexParser;
  friend class RegexCompiler;
  friend class RegexMatcher;

  enum class Op : std::uint8_t {
    kSet,            // one character of sets_[a]
    kAny,            // any character; a = 0: but a line feed
    kRepeatSet,      // as many of sets_[a] as there are, at least b; gives back one by one
    kRepeatSetAll,   // the same, gives back nothing
    kSplit,          // tries a, then b
    kJump,           // to a
    kMark,           // remembers the position in slot a
    kCheckProgress,  // fails where the position is still that of slot a
    kLineBegin,
    kLineEnd,
    kTextBegin,
    kTextEnd,
    kTextEndOrNewline,
    kWordBoundary,
    kNotWordBoundary,
    kLookAhead,
    kNotLookAhead,  // the program that follows up to kAccept; goes on at a
    kLookBehind,
    kNotLookBehind,  // the same, for texts of b.min to b.max characters that end here
    kAtomic,         // the program that follows; goes on at a, never back into it
    kAccept,
  };
  struct Instruction {
    Op op;
    std::uint32_t a = 0, b = 0, c = 0;
  };

  std::string pattern_;
  std::vector<Instruction> program_;
  std::vector<CharClass> sets_;
  std::uint32_t slots_ = 0;
};

}  // namespace retort
