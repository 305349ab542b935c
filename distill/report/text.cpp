#include "distill/report/text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>

namespace retort {
namespace {

constexpr const char* kNone = "\u2013";
constexpr const char* kReplacement = "\uFFFD";

struct Decoded {
  char32_t code = 0;
  std::size_t bytes = 1;
  bool valid = false;
};

// The code point at `at`; an ill-formed sequence is reported byte by byte.
Decoded decode(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(at);
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || at + bytes > text.size()) return {};
  char32_t code = lead & (0xFFu >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(at + i) & 0xC0u) != 0x80u) return {};
    code = code << 6 | (byte(at + i) & 0x3Fu);
  }
  const char32_t smallest = bytes == 2 ? 0x80 : bytes == 3 ? 0x800 : 0x10000;
  if (code < smallest || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return {};
  return {code, bytes, true};
}

struct Range {
  char32_t first, last;
};

// Blocks of marks and format characters that take no column.
constexpr Range kZeroWidth[] = {
    {0x300, 0x36F},   {0x483, 0x489},   {0x591, 0x5BD},   {0x610, 0x61A},   {0x64B, 0x65F},
    {0x93C, 0x93C},   {0x941, 0x948},   {0x94D, 0x94D},   {0xE31, 0xE31},   {0xE34, 0xE3A},
    {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x200B, 0x200F}, {0x202A, 0x202E}, {0x2060, 0x2064},
    {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xFEFF, 0xFEFF}, {0xE0100, 0xE01EF}};
// Blocks that Unicode's East Asian Width calls wide or fullwidth.
constexpr Range kWide[] = {{0x1100, 0x115F},   {0x231A, 0x231B},   {0x23E9, 0x23EC},
                           {0x2E80, 0x303E},   {0x3041, 0xA4CF},   {0xA960, 0xA97F},
                           {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},
                           {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},   {0x16FE0, 0x18CFF},
                           {0x1B000, 0x1B2FF}, {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF},
                           {0x1F900, 0x1F9FF}, {0x1FA70, 0x1FAFF}, {0x20000, 0x3FFFD}};

template <std::size_t N>
bool in_ranges(const Range (&ranges)[N], char32_t code) {
  const auto after = std::upper_bound(std::begin(ranges), std::end(ranges), code,
                                      [](char32_t c, const Range& r) { return c < r.first; });
  return after != std::begin(ranges) && code <= std::prev(after)->last;
}

int code_width(char32_t code) {
  if (code < 0x300) return 1;
  if (in_ranges(kZeroWidth, code)) return 0;
  return in_ranges(kWide, code) ? 2 : 1;
}

}  // namespace

std::string format_fixed(double value, int decimals) {
  if (!std::isfinite(value)) return kNone;
  // A number this large is a fault upstream; fixed notation would print hundreds of digits of it.
  char buffer[64];
  const auto format = std::abs(value) < 1e15 ? std::chars_format::fixed : std::chars_format::general;
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, format, decimals).ptr;
  std::string text(buffer, end);
  // "-0.0" is a zero.
  if (text[0] == '-' && text.find_first_not_of("-0.") == std::string::npos) text.erase(0, 1);
  return text;
}

std::string format_signed(double value, int decimals) {
  std::string text = format_fixed(value, decimals);
  if (!std::isfinite(value) || text.find_first_not_of("0.") == std::string::npos) return text;
  if (text[0] == '-') return "\u2212" + text.substr(1);
  return "+" + text;
}

std::string format_grouped(std::int64_t value) {
  std::string text = std::to_string(value);
  const std::size_t digits_from = value < 0 ? 1 : 0;
  for (std::size_t at = text.size(); at > digits_from + 3;) text.insert(at -= 3, ",");
  return text;
}

std::string format_count(double value, std::string_view space) {
  if (!std::isfinite(value)) return kNone;
  // The limits are where the smaller unit's rounding would print a fourth digit.
  if (std::abs(value) >= 999.995e6) return format_fixed(value / 1e9, 2).append(space) + "G";
  if (std::abs(value) >= 999.95e3) return format_fixed(value / 1e6, 2).append(space) + "M";
  if (std::abs(value) >= 999.5) return format_fixed(value / 1e3, 1).append(space) + "k";
  return format_fixed(value, 0);
}

std::string format_short(double value) {
  const double size = std::abs(value);
  if (size >= 99.95) return size < 1e15 ? format_grouped(std::llround(value)) : format_fixed(value, 2);
  if (size >= 9.995) return format_fixed(value, 1);
  if (size >= 0.9995) return format_fixed(value, 2);
  return format_fixed(value, size == 0 ? 0 : 3);
}

std::string clean_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const Decoded next = decode(text, at);
    const bool control = (next.code < 0x20 && next.code != '\n' && next.code != '\t') ||
                         (next.code >= 0x7F && next.code < 0xA0);
    if (next.valid && !control)
      out += text.substr(at, next.bytes);
    else
      out += kReplacement;
    at += next.bytes;
  }
  return out;
}

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : clean_utf8(text)) switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  return out;
}

std::string shorten(std::string_view text, std::size_t limit) {
  std::size_t at = 0, points = 0;
  for (; at < text.size() && points < limit; ++points) at += decode(text, at).bytes;
  std::string out(text.substr(0, at));
  if (at < text.size()) out += "\u2026";
  return out;
}

int display_width(std::string_view text) {
  int width = 0;
  for (std::size_t at = 0; at < text.size();) {
    const Decoded next = decode(text, at);
    width += next.valid ? code_width(next.code) : 1;
    at += next.bytes;
  }
  return width;
}

std::string fit_columns(std::string_view text, int columns) {
  std::size_t at = 0;
  int width = 0;
  while (at < text.size()) {
    const Decoded next = decode(text, at);
    width += next.valid ? code_width(next.code) : 1;
    if (width > columns) break;
    at += next.bytes;
  }
  return std::string(text.substr(0, at));
}

std::string lower_case(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return text;
}

}  // namespace retort
