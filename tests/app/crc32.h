// CRC-32 as in zlib, by which golden files hold what would be too long.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace retort::testing {

inline std::uint32_t crc32(std::string_view bytes, std::uint32_t crc = 0) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> result{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      result[i] = i;
      for (int k = 0; k < 8; ++k)
        result[i] = result[i] >> 1 ^ (result[i] % 2 != 0 ? 0xEDB88320u : 0);
    }
    return result;
  }();
  crc = ~crc;
  for (const char c : bytes) crc = crc >> 8 ^ table[(crc ^ static_cast<unsigned char>(c)) & 255];
  return ~crc;
}

}  // namespace retort::testing
