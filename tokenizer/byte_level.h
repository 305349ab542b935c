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

}  // namespace retort::byte_level
