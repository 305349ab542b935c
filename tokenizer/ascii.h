// Which bytes of a text are ASCII letters (and the like), many at a time.
//
// Most of most texts are ASCII. SSE2 is part of every x86-64; elsewhere the same is done byte by
// byte.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace retort::ascii {

inline constexpr std::size_t kBlock = 16;      // bytes that letters() and its like read
inline constexpr std::size_t kWideBlock = 64;  // bytes that kinds() reads

/// A bit for each of kWideBlock bytes, the first one's lowest.
struct Kinds {
  std::uint64_t letters, digits, spaces;        // white space: U+0009 to U+000D and the blank
  std::uint64_t blanks, newlines, apostrophes;  // newlines: U+000A and U+000D
  std::uint64_t foreign;                        // of other characters than ASCII
};

constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Whether a text has no other characters than ASCII.
inline bool is_all(std::string_view text) {
  unsigned char bits = 0;
  for (const char c : text) bits |= static_cast<unsigned char>(c);
  return bits < 0x80;
}

#if defined(__SSE2__)

namespace detail {

inline __m128i load(const char* at) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
}
// All ones where first <= byte < first + count: comparisons are signed, hence the shift by 128.
inline __m128i in_range(__m128i bytes, char first, int count) {
  const __m128i shifted = _mm_sub_epi8(bytes, _mm_set1_epi8(static_cast<char>(first ^ '\x80')));
  return _mm_cmplt_epi8(shifted, _mm_set1_epi8(static_cast<char>(count - 128)));
}
inline __m128i letter_bytes(__m128i bytes) {
  return in_range(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), 'a', 26);
}
inline std::size_t run(__m128i matches) {
  const auto mask = static_cast<unsigned>(_mm_movemask_epi8(matches));
  return static_cast<std::size_t>(std::countr_zero(~mask));
}

}  // namespace detail

/// Letters among the kBlock bytes at `at` before the first other one.
inline std::size_t letters(const char* at) {
  return detail::run(detail::letter_bytes(detail::load(at)));
}
/// Letters and digits.
inline std::size_t alphanumerics(const char* at) {
  const __m128i bytes = detail::load(at);
  return detail::run(_mm_or_si128(detail::letter_bytes(bytes), detail::in_range(bytes, '0', 10)));
}
/// Bytes above the space, those of other characters than ASCII among them.
inline std::size_t above_space(const char* at) {
  const __m128i bytes = _mm_xor_si128(detail::load(at), _mm_set1_epi8('\x80'));
  return detail::run(_mm_cmpgt_epi8(bytes, _mm_set1_epi8(static_cast<char>(' ' ^ '\x80'))));
}

/// The kinds of the kWideBlock bytes at `at`.
inline Kinds kinds(const char* at) {
  Kinds kinds{};
  for (std::size_t i = 0; i < kWideBlock; i += kBlock) {
    const __m128i bytes = detail::load(at + i);
    const auto set = [&](std::uint64_t& bits, __m128i matches) {
      bits |= std::uint64_t{static_cast<unsigned>(_mm_movemask_epi8(matches))} << i;
    };
    const __m128i blanks = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(' '));
    set(kinds.letters, detail::letter_bytes(bytes));
    set(kinds.digits, detail::in_range(bytes, '0', 10));
    set(kinds.spaces, _mm_or_si128(blanks, detail::in_range(bytes, '\t', 5)));
    set(kinds.blanks, blanks);
    set(kinds.newlines, _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n')),
                                     _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\r'))));
    set(kinds.apostrophes, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\'')));
    set(kinds.foreign, bytes);
  }
  return kinds;
}

/// Printable characters: U+0021 to U+007E.
inline std::size_t printables(const char* at) {
  return detail::run(detail::in_range(detail::load(at), '!', 94));
}

#else

namespace detail {
template <class Matches>
std::size_t run(const char* at, Matches&& matches) {
  std::size_t count = 0;
  while (count < kBlock && matches(at[count])) ++count;
  return count;
}
}  // namespace detail

inline std::size_t letters(const char* at) { return detail::run(at, is_letter); }
inline std::size_t alphanumerics(const char* at) {
  return detail::run(at, [](char c) { return is_letter(c) || is_digit(c); });
}
inline std::size_t above_space(const char* at) {
  return detail::run(at, [](char c) { return static_cast<unsigned char>(c) > ' '; });
}
inline std::size_t printables(const char* at) {
  return detail::run(at, [](char c) { return c > ' ' && c < '\x7F'; });
}
inline Kinds kinds(const char* at) {
  Kinds kinds{};
  for (std::size_t i = 0; i < kWideBlock; ++i) {
    const char c = at[i];
    const auto set = [&](std::uint64_t& bits, bool matches) {
      bits |= std::uint64_t{matches} << i;
    };
    set(kinds.letters, is_letter(c));
    set(kinds.digits, is_digit(c));
    set(kinds.spaces, c == ' ' || (c >= '\t' && c <= '\r'));
    set(kinds.blanks, c == ' ');
    set(kinds.newlines, c == '\n' || c == '\r');
    set(kinds.apostrophes, c == '\'');
    set(kinds.foreign, static_cast<unsigned char>(c) >= 128);
  }
  return kinds;
}

#endif

}  // namespace retort::ascii
