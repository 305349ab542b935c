#include "tokenizer/unicode.h"

#include <cstring>

namespace retort::unicode {

void append(std::string& out, char32_t c) {
  const auto byte = [](char32_t value) {
    return static_cast<char>(static_cast<unsigned char>(value));
  };
  if (c < 0x80) {
    out += byte(c);
  } else if (c < 0x800) {
    const char bytes[] = {byte(0xC0 | c >> 6), byte(0x80 | (c & 0x3F))};
    out.append(bytes, 2);
  } else if (c < 0x10000) {
    const char bytes[] = {byte(0xE0 | c >> 12), byte(0x80 | (c >> 6 & 0x3F)),
                          byte(0x80 | (c & 0x3F))};
    out.append(bytes, 3);
  } else {
    const char bytes[] = {byte(0xF0 | c >> 18), byte(0x80 | (c >> 12 & 0x3F)),
                          byte(0x80 | (c >> 6 & 0x3F)), byte(0x80 | (c & 0x3F))};
    out.append(bytes, 4);
  }
}

void append_lower(std::string& out, char32_t c) {
  append(out, lower(c));
  if (c == 0x130) append(out, 0x307);
}

std::size_t find_invalid_utf8(std::string_view text) {
  const std::size_t size = text.size();
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  std::size_t i = 0;
  while (i < size) {
    if (size - i >= 32) {  // ASCII, many bytes at once
      std::uint64_t words[4];
      std::memcpy(words, text.data() + i, 32);
      if (((words[0] | words[1] | words[2] | words[3]) & 0x8080808080808080u) == 0) {
        i += 32;
        continue;
      }
    }
    if (size - i >= 8) {
      std::uint64_t word;
      std::memcpy(&word, text.data() + i, 8);
      if ((word & 0x8080808080808080u) == 0) {
        i += 8;
        continue;
      }
    }
    const unsigned lead = byte(i);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    const std::size_t length = lead < 0xC2   ? 0
                               : lead < 0xE0 ? 2
                               : lead < 0xF0 ? 3
                               : lead < 0xF5 ? 4
                                             : 0;
    if (length == 0 || size - i < length) return i;
    // The second byte's range excludes overlong forms, surrogates and what lies above U+10FFFF.
    const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (byte(i + 1) < low || byte(i + 1) > high) return i;
    for (std::size_t k = 2; k < length; ++k)
      if ((byte(i + k) & 0xC0) != 0x80) return i;
    i += length;
  }
  return std::string_view::npos;
}

// As the standard's section 3.9 recommends, and Rust's from_utf8_lossy does it.
std::string replace_invalid(std::string_view text) {
  std::string out;
  for (;;) {
    const std::size_t bad = find_invalid_utf8(text);
    out += text.substr(0, bad);
    if (bad == std::string_view::npos) return out;
    text.remove_prefix(bad);
    append(out, 0xFFFD);
    // The longest prefix that could still become a character.
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned lead = byte(0);
    const std::size_t expected = lead >= 0xC2 && lead < 0xE0   ? 2
                                 : lead >= 0xE0 && lead < 0xF0 ? 3
                                 : lead >= 0xF0 && lead < 0xF5 ? 4
                                                               : 1;
    std::size_t length = 1;
    while (length < expected && length < text.size()) {
      const unsigned low = length > 1 ? 0x80 : lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
      const unsigned high = length > 1 ? 0xBF : lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
      if (byte(length) < low || byte(length) > high) break;
      ++length;
    }
    text.remove_prefix(length);
  }
}

}  // namespace retort::unicode
