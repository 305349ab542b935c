// The published splitting patterns by hand: what a regular expression matcher finds, without one.
//
// Each scanner has `next(text, at, slack)`: the end of the match that begins at byte `at`
// (< text.size()); every position of every text begins a match, so a text is cut without gaps. All
// are linear. `slack` bytes behind the text may be read, which makes short texts faster.
//
// Most of most texts are ASCII, where 64 bytes at a time can be cut by operations on bits, without
// a branch that depends on the text: `marks(kinds)` says where matches begin if one begins at the
// first of these bytes. It needs only be right up to a hard place, which next() takes.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <string_view>

#include "tokenizer/ascii.h"
#include "tokenizer/unicode.h"
#include "tokenizer/unicode16.h"

namespace retort::scanners {

enum Kind : std::uint8_t { kOther, kLetter, kNumber, kSpace, kNotAscii };

namespace detail {
constexpr std::array<Kind, 256> make_kinds() {
  std::array<Kind, 256> kinds{};
  for (int c = 0; c < 256; ++c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool space = c == ' ' || (c >= '\t' && c <= '\r');
    kinds[static_cast<std::size_t>(c)] = c >= 128               ? kNotAscii
                                         : letter               ? kLetter
                                         : c >= '0' && c <= '9' ? kNumber
                                         : space                ? kSpace
                                                                : kOther;
  }
  return kinds;
}
}  // namespace detail

inline constexpr std::array<Kind, 256> kKinds = detail::make_kinds();

/// A place in a text; `kind` is that of the character there, of which `end` is the end.
struct Cursor {
  explicit Cursor(std::string_view text_, std::size_t at_) : text(text_) { move(at_); }

  void move(std::size_t to) {
    at = end = to;
    if (at >= text.size()) return;
    kind = kKinds[static_cast<unsigned char>(text[at])];
    if (kind != kNotAscii) {
      end = at + 1;
      return;
    }
    const char* next = text.data() + at;
    const char32_t c = unicode::decode(next);
    end = static_cast<std::size_t>(next - text.data());
    const unicode::Properties16& record = unicode::properties16(c);
    const unicode::CategorySet set = unicode::category_bit(record.category);
    kind = (set & unicode::kLetters) != 0            ? kLetter
           : (set & unicode::kNumbers) != 0          ? kNumber
           : (record.flags & unicode::kSpace16) != 0 ? kSpace
                                                     : kOther;
  }
  bool done() const { return at >= text.size(); }
  void advance() { move(end); }
  /// Passes over characters of one kind.
  void skip(Kind run) {
    if (run == kLetter) {  // most of most texts
      while (end < text.size() && kKinds[static_cast<unsigned char>(text[end])] == kLetter) ++end;
      advance();
    }
    while (!done() && kind == run) advance();
  }
  char byte() const { return text[at]; }
  bool is_newline() const { return !done() && (byte() == '\n' || byte() == '\r'); }

  std::string_view text;
  std::size_t at = 0, end = 0;
  Kind kind = kOther;
};

/// The part of a run of white space, which begins at `at`, that \s+(?!\S)|\s+ matches.
inline std::size_t space_end(std::string_view text, std::size_t at) {
  Cursor cursor(text, at);
  std::size_t last = at;  // where the run's last character begins
  for (; !cursor.done() && cursor.kind == kSpace; cursor.advance()) last = cursor.at;
  if (cursor.done()) return text.size();
  return last == at ? cursor.at : last;
}

/// The end of a word of ASCII letters, before the first of which `skip` bytes stand; 0: there is no
/// such word, or it isn't seen at a glance.
inline std::size_t short_word_end(std::string_view text, std::size_t at, std::size_t skip,
                                  std::size_t slack) {
  const std::size_t begin = at + skip;
  if (begin + ascii::kBlock > text.size() + slack) return 0;
  const std::size_t count = ascii::letters(text.data() + begin), end = begin + count;
  if (count == 0 || count == ascii::kBlock) return 0;
  if (end >= text.size()) return begin < text.size() ? text.size() : 0;
  return static_cast<unsigned char>(text[end]) < 128 ? end : 0;
}

/// Which of 64 bytes begin matches, as far as that is known before the first hard one; of two
/// neighbouring starts, the bytes between them are a match if none of them is hard.
struct Marks {
  std::uint64_t starts, hard;
};

/// Characters that are of one kind with the one before them.
inline std::uint64_t same_as_before(const ascii::Kinds& is, std::uint64_t others) {
  return (is.letters & is.letters << 1) | (is.digits & is.digits << 1) |
         (is.spaces & is.spaces << 1) | (others & others << 1);
}
/// Where a match may depend on a character that isn't ASCII.
inline std::uint64_t near_foreign(const ascii::Kinds& is) {
  return is.foreign | is.foreign >> 1 | is.foreign >> 2;
}

/// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
struct Gpt2 {
  static std::size_t next(std::string_view text, std::size_t at, std::size_t slack) {
    const std::size_t skip = text[at] == ' ' ? 1 : 0;
    if (const std::size_t end = short_word_end(text, at, skip, slack)) return end;
    return other_end(text, at);
  }

  static Marks marks(const ascii::Kinds& is) {
    const std::uint64_t others = ~(is.letters | is.digits | is.spaces | is.foreign);
    // A blank goes with what it stands before; of more white space the last character is alone.
    const std::uint64_t starts = ~(same_as_before(is, others) | (is.blanks << 1 & ~is.spaces)) |
                                 (is.spaces & ~is.spaces >> 1);
    return {starts, near_foreign(is) | (is.apostrophes & is.letters >> 1)};
  }

 private:
  // The same without a short cut.
  static std::size_t other_end(std::string_view text, std::size_t at) {
    Cursor cursor(text, at);
    if (cursor.byte() == '\'') {
      const std::string_view rest = text.substr(at + 1, 2);
      if (!rest.empty() && (rest[0] == 's' || rest[0] == 't' || rest[0] == 'm' || rest[0] == 'd'))
        return at + 2;
      if (rest == "re" || rest == "ve" || rest == "ll") return at + 3;
    }
    if (cursor.byte() == ' ') {
      cursor.advance();
      if (cursor.done()) return text.size();
      if (cursor.kind == kSpace) return space_end(text, at);
    } else if (cursor.kind == kSpace) {
      return space_end(text, at);
    }
    cursor.skip(cursor.kind);
    return cursor.at;
  }
};

/// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|
/// \s*[\r\n]+|\s+(?!\S)|\s+ with {1,kDigits}
template <int kDigits>
struct Llama3 {
  static std::size_t next(std::string_view text, std::size_t at, std::size_t slack) {
    const std::size_t skip = text[at] == ' ' ? 1 : 0;
    if (const std::size_t end = short_word_end(text, at, skip, slack)) return end;
    return other_end(text, at);
  }

  static Marks marks(const ascii::Kinds& is) {
    const std::uint64_t others = ~(is.letters | is.digits | is.spaces | is.foreign);
    const std::uint64_t inline_spaces = is.spaces & ~is.newlines;
    // What letters take with them: white space, or one sign that no blank stands before.
    const std::uint64_t before_letters =
        inline_spaces | (others & ~(others << 1) & ~(is.blanks << 1));
    // Signs take the line ends behind them with them, two at most here.
    const std::uint64_t line_end = is.newlines & others << 1;
    const std::uint64_t line_ends = line_end | (is.newlines & line_end << 1);
    std::uint64_t starts = ~(same_as_before(is, others) | (is.letters & before_letters << 1) |
                             (others & is.blanks << 1) | line_ends) |
                           (inline_spaces & (is.newlines << 1 | ~is.spaces >> 1));
    std::uint64_t hard = near_foreign(is) | (is.apostrophes & is.letters >> 1) |
                         (is.newlines & line_ends << 1 & ~line_ends);
    if constexpr (kDigits == 1) starts |= is.digits;
    else hard |= is.digits & is.digits << 1 & is.digits << 2 & is.digits << 3;
    // White space is one match up to its last line end, which may be far away.
    const std::uint64_t before_newlines = inline_spaces & is.newlines >> 1;
    if ((before_newlines | is.spaces >> 63 | (is.spaces & is.foreign >> 1)) != 0)
      hard |= before_newlines | (is.newlines & inline_spaces >> 1);
    return {starts, hard};
  }

 private:
  // The same without a short cut.
  static std::size_t other_end(std::string_view text, std::size_t at) {
    Cursor cursor(text, at);
    if (cursor.byte() == '\'')
      if (const std::size_t end = contraction_end(text, at); end != at) return end;
    if (cursor.kind == kLetter) {
      cursor.skip(kLetter);
      return cursor.at;
    }
    if (cursor.kind == kNumber) {
      for (int i = 0; i < kDigits && !cursor.done() && cursor.kind == kNumber; ++i)
        cursor.advance();
      return cursor.at;
    }
    Cursor behind = cursor;
    behind.advance();
    if (!cursor.is_newline() && !behind.done() && behind.kind == kLetter) {
      behind.skip(kLetter);
      return behind.at;
    }
    if (cursor.byte() == ' ' && !behind.done() && behind.kind == kOther) cursor = behind;
    if (cursor.kind == kOther) {
      cursor.skip(kOther);
      while (cursor.is_newline()) cursor.advance();
      return cursor.at;
    }
    // White space: up to the last line end in the run, if there is one.
    std::size_t newline_end = at;
    for (Cursor run(text, at); !run.done() && run.kind == kSpace; run.advance())
      if (run.is_newline()) newline_end = run.end;
    return newline_end > at ? newline_end : space_end(text, at);
  }

  /// Behind 's, 't, 're, 've, 'm, 'll or 'd in any case (s may be U+017F), or `at`.
  static std::size_t contraction_end(std::string_view text, std::size_t at) {
    const auto lower = [&](std::size_t i) {
      const char c = i < text.size() ? text[i] : '\0';
      return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    };
    const char first = lower(at + 1), second = lower(at + 2);
    if (first == 's' || first == 't' || first == 'm' || first == 'd') return at + 2;
    if (text.substr(at + 1).starts_with("\xC5\xBF")) return at + 3;
    if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e') ||
        (first == 'l' && second == 'l'))
      return at + 3;
    return at;
  }
};

enum class Known { kGpt2, kLlama3, kQwen2 };

/// Which scanner finds what this regular expression matches, if there is one.
std::optional<Known> find(std::string_view pattern);

/// Calls `piece(begin, end)` for each match in the ASCII text that begins at `at` (where a match
/// begins), as far as that is seen at a glance, and moves `at` behind them; true: there may be more
/// to see from there. kWideBlock bytes are read.
template <class Scanner, class Found>
bool scan_block(std::string_view text, std::size_t& at, Found&& piece) {
  ascii::Kinds is = ascii::kinds(text.data() + at);
  const std::size_t rest = text.size() - at;
  std::uint64_t ends = 1;          // bits of places that are not looked at: the first byte's ...
  if (rest < ascii::kWideBlock) {  // (behind the text, white space goes on and on)
    const std::uint64_t behind = ~std::uint64_t{0} << rest;
    is.letters &= ~behind, is.digits &= ~behind, is.foreign &= ~behind;
    is.newlines &= ~behind, is.apostrophes &= ~behind;
    is.spaces |= behind, is.blanks |= behind;
    ends |= behind;
  } else {
    ends |= std::uint64_t{1} << 63;  // ... and the last one's, which depends on the next
  }
  const Marks marks = Scanner::marks(is);
  std::uint64_t starts = marks.starts & ~ends;
  if (rest < ascii::kWideBlock) starts |= std::uint64_t{1} << rest;
  starts &= marks.hard ^ (marks.hard - 1);  // up to the first hard place
  const bool moves = starts != 0;
  for (const std::size_t block = at; starts != 0; starts &= starts - 1) {
    const std::size_t end = block + static_cast<std::size_t>(std::countr_zero(starts));
    piece(at, end);
    at = end;
  }
  return moves && marks.hard == 0;
}

/// Calls `piece(begin, end)` for each match.
template <class Scanner, class Found>
void scan_with(std::string_view text, std::size_t slack, Found&& piece) {
  for (std::size_t at = 0; at < text.size();) {
    if (at + ascii::kWideBlock <= text.size() + slack) {
      if (scan_block<Scanner>(text, at, piece)) continue;
      if (at == text.size()) return;
    }
    const std::size_t end = Scanner::next(text, at, slack);
    piece(at, end);
    at = end;
  }
}
template <class Found>
void scan(Known known, std::string_view text, std::size_t slack, Found&& piece) {
  switch (known) {
    case Known::kGpt2:
      return scan_with<Gpt2>(text, slack, piece);
    case Known::kLlama3:
      return scan_with<Llama3<3>>(text, slack, piece);
    case Known::kQwen2:
      return scan_with<Llama3<1>>(text, slack, piece);
  }
}

}  // namespace retort::scanners
