// The published splitting patterns by hand: what a regular expression matcher finds, without one.
//
// Each scanner has `next(text, at, slack)`: the end of the match that begins at byte `at`
// (< text.size()); every position of every text begins a match, so a text is cut without gaps. All
// are linear. `slack` bytes behind the text may be read, which makes short texts faster.
#pragma once

#include <array>
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

/// The end of the run of ASCII characters of the kind of the one at `begin` (< text.size()); 0: the
/// run may go on with other characters.
inline std::size_t short_run_end(std::string_view text, std::size_t begin) {
  const Kind kind = kKinds[static_cast<unsigned char>(text[begin])];
  for (std::size_t end = begin + 1; end < text.size(); ++end) {
    const Kind next = kKinds[static_cast<unsigned char>(text[end])];
    if (next != kind) return next == kNotAscii ? 0 : end;
  }
  return text.size();
}

/// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
struct Gpt2 {
  static std::size_t next(std::string_view text, std::size_t at, std::size_t slack) {
    const std::size_t skip = text[at] == ' ' ? 1 : 0;
    if (const std::size_t end = short_word_end(text, at, skip, slack)) return end;
    if (const std::size_t begin = at + skip; begin < text.size()) {
      const Kind kind = kKinds[static_cast<unsigned char>(text[begin])];
      if (kind == kNumber || (kind == kOther && text[at] != '\''))
        if (const std::size_t end = short_run_end(text, begin)) return end;
    }
    return other_end(text, at);
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
    const std::size_t begin = at + skip;
    const bool sign_alone = begin + 1 < text.size() && text[begin + 1] == ' ' &&
                            kKinds[static_cast<unsigned char>(text[begin])] == kOther;
    return sign_alone ? begin + 1 : other_end(text, at);
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

/// Calls `piece(begin, end)` for each match.
template <class Scanner, class Found>
void scan_with(std::string_view text, std::size_t slack, Found&& piece) {
  for (std::size_t at = 0; at < text.size();) {
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
