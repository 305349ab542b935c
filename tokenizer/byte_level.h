// The 256 characters by which byte-level vocabularies (GPT-2's and all that followed) write bytes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tokenizer/unicode.h"

namespace retort::byte_level {

namespace detail {
// Printable bytes stand for themselves, the others for U+0100 and on, in order.
constexpr std::array<char32_t, 256> make_characters() {
  std::array<char32_t, 256> result{};
  char32_t next = 256;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool itself =
        (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    result[byte] = itself ? byte : next++;
  }
  return result;
}
}  // namespace detail

constexpr std::array<char32_t, 256> kCharacterOf = detail::make_characters();

/// The byte that `c` writes.
inline std::optional<std::uint8_t> byte_of(char32_t c) {
  static constexpr auto kBytes = [] {
    std::array<std::int16_t, 0x144> result{};
    for (auto& byte : result) byte = -1;
    for (std::size_t byte = 0; byte < 256; ++byte)
      result[kCharacterOf[byte]] = static_cast<std::int16_t>(byte);
    return result;
  }();
  if (c >= kBytes.size() || kBytes[c] < 0) return {};
  return static_cast<std::uint8_t>(kBytes[c]);
}

/// Puts the bytes that `piece` (valid UTF-8) writes into `bytes`; false: one of its characters
/// writes none.
inline bool bytes_of(std::string_view piece, std::string& bytes) {
  bytes.clear();
  for (const char* at = piece.data(); at < piece.data() + piece.size();) {
    const auto byte = byte_of(unicode::decode(at));
    if (!byte) return false;
    bytes += static_cast<char>(*byte);
  }
  return true;
}
inline std::optional<std::string> bytes_of(std::string_view piece) {
  std::string bytes;
  return bytes_of(piece, bytes) ? std::optional(std::move(bytes)) : std::nullopt;
}

/// Whether `piece` writes exactly these bytes.
inline bool writes(std::string_view piece, std::string_view bytes) {
  std::size_t at = 0;
  for (const char byte : bytes) {
    const char32_t c = kCharacterOf[static_cast<unsigned char>(byte)];
    if (c < 0x80) {
      if (at >= piece.size() || piece[at++] != static_cast<char>(c)) return false;
    } else {  // two bytes of UTF-8, as all below U+0800
      if (at + 2 > piece.size() || piece[at] != static_cast<char>(0xC0 | c >> 6) ||
          piece[at + 1] != static_cast<char>(0x80 | (c & 0x3F)))
        return false;
      at += 2;
    }
  }
  return at == piece.size();
}

}  // namespace retort::byte_level
