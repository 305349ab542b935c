// UTF-8 and the properties of code points, as the reference tokenizer sees them.
//
// The reference mixes four versions of Unicode (see make_unicode_tables.py), which is why these
// tables exist and no system library is asked. Nothing here knows of tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace retort::unicode {

enum Flag : std::uint8_t {
  kWhitespace = 1,   // White_Space
  kRemoved = 2,      // Unicode 8 Cc, Cf, Co and U+FFFD, without tab, line feed and carriage return
  kPunctuation = 4,  // ASCII punctuation and symbols, Unicode 8 P*
  kNonspacing = 8,   // Unicode 8 Mn
  kIdeograph = 16,   // the CJK blocks that BERT surrounds with spaces
  kWord = 32,        // \w of Unicode 16
};

struct Properties {
  std::uint8_t flags;
  std::uint8_t combining_class;       // Unicode 9
  std::uint8_t decomposition_length;  // 0: none (Hangul syllables are computed, not listed)
  std::uint16_t decomposition;        // offset in kDecompositions: full, canonical, Unicode 9
  std::int32_t lower_distance;        // lower case letter minus letter
};

extern const Properties kRecords[];
extern const std::uint16_t kBlocks[];    // by code point / 128
extern const std::uint16_t kRecordOf[];  // by block and code point % 128
extern const char32_t kDecompositions[];

/// The properties of a code point up to U+10FFFF.
inline const Properties& properties(char32_t c) {
  return kRecords[kRecordOf[kBlocks[c >> 7] * std::size_t{128} + (c & 127)]];
}

/// The code point that starts at `at`, which moves behind it. The text must be valid UTF-8.
inline char32_t decode(const char*& at) {
  const auto byte = [&](int i) { return static_cast<char32_t>(static_cast<unsigned char>(at[i])); };
  const char32_t lead = byte(0);
  if (lead < 0x80) {
    at += 1;
    return lead;
  }
  if (lead < 0xE0) {
    const char32_t c = (lead & 0x1F) << 6 | (byte(1) & 0x3F);
    at += 2;
    return c;
  }
  if (lead < 0xF0) {
    const char32_t c = (lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    at += 3;
    return c;
  }
  const char32_t c =
      (lead & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
  at += 4;
  return c;
}

/// The code point that ends before `end`. The text must be valid UTF-8 and not empty.
inline char32_t decode_last(const char* end) {
  do --end;
  while ((static_cast<unsigned char>(*end) & 0xC0) == 0x80);
  return decode(end);
}

void append(std::string& out, char32_t c);

/// The number of code points of valid UTF-8.
inline std::size_t count_characters(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
  return count;
}

/// The offset of the first byte that isn't part of well-formed UTF-8 (surrogates, overlong forms
/// and code points above U+10FFFF are ill-formed), or npos.
std::size_t find_invalid_utf8(std::string_view text);

/// `text` with U+FFFD in the place of every maximal part of an ill-formed sequence.
std::string replace_invalid(std::string_view text);

/// The lower case of `c`, of which U+0130 has a second character, U+0307.
inline char32_t lower(char32_t c) {
  return static_cast<char32_t>(static_cast<std::int32_t>(c) + properties(c).lower_distance);
}

/// Appends the lower case of `c`: one code point, except U+0130, which becomes i and U+0307.
void append_lower(std::string& out, char32_t c);

/// Calls `sink(code_point)` for each code point of the full canonical decomposition of `c`.
template <class Sink>
void decompose(char32_t c, Sink&& sink) {
  constexpr char32_t kFirstSyllable = 0xAC00, kSyllables = 11172, kL = 0x1100, kV = 0x1161,
                     kT = 0x11A7;
  if (c - kFirstSyllable < kSyllables) {  // the standard's section 3.12
    const char32_t index = c - kFirstSyllable;
    sink(kL + index / 588);
    sink(kV + index % 588 / 28);
    if (index % 28 != 0) sink(kT + index % 28);
    return;
  }
  const Properties& record = properties(c);
  if (record.decomposition_length == 0) return sink(c);
  for (int i = 0; i < record.decomposition_length; ++i)
    sink(kDecompositions[record.decomposition + i]);
}

}  // namespace retort::unicode
