#include "tensor/dtype.h"

#include <cmath>

namespace retort {

float round_to_odd(double value) {
  const auto nearest = static_cast<float>(value);
  if (static_cast<double>(nearest) == value || std::isnan(value)) return nearest;
  auto word = std::bit_cast<std::uint32_t>(nearest);
  if (std::fabs(static_cast<double>(nearest)) > std::fabs(value)) --word;  // one step towards zero
  return std::bit_cast<float>(word | 1u);
}

f16::f16(float value) {
  const auto word = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>(word >> 16 & 0x8000u);
  const std::uint32_t magnitude = word & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) {  // NaN
    bits = static_cast<std::uint16_t>(sign | 0x7E00u);
  } else if (magnitude >= 0x477FF000u) {  // rounds to 2^16 or more
    bits = static_cast<std::uint16_t>(sign | 0x7C00u);
  } else if (magnitude < 0x38800000u) {  // below 2^-14: subnormal, in units of 2^-24
    // Adding 0.5 aligns the unit of the sum's last place with 2^-24, so the addition does the rounding.
    const float sum = std::bit_cast<float>(magnitude) + 0.5f;
    bits = static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(sum) - 0x3F000000u));
  } else {
    const std::uint32_t rounded = magnitude + 0xFFFu + (magnitude >> 13 & 1u);
    bits = static_cast<std::uint16_t>(sign | ((rounded - 0x38000000u) >> 13));
  }
}

f16::operator float() const {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  const std::uint32_t magnitude = bits & 0x7FFFu;
  if (magnitude >= 0x7C00u)  // infinity or NaN
    return std::bit_cast<float>(sign | 0x7F800000u | (magnitude & 0x3FFu) << 13);
  if (magnitude < 0x400u) {  // subnormal: magnitude · 2^-24
    const float value = static_cast<float>(magnitude) * 0x1.0p-24f;
    return sign ? -value : value;
  }
  return std::bit_cast<float>(sign | ((magnitude << 13) + 0x38000000u));
}

double nearest(double value, DType dtype) {
  switch (dtype) {
    case DType::f16: return static_cast<double>(static_cast<float>(f16(value)));
    case DType::bf16: return static_cast<double>(static_cast<float>(bf16(value)));
    case DType::f32: return static_cast<double>(static_cast<float>(value));
    default: return value;
  }
}

}  // namespace retort
