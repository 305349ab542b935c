// Number types. f16 and bf16 are storage types of our own (no compiler types): they convert, and all
// arithmetic happens in f32.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace retort {

enum class DType : std::uint8_t { f32, f64, f16, bf16, i32, i64, u8, boolean };

/// Bytes of one element.
constexpr std::size_t size_of(DType dtype) {
  constexpr std::size_t kSizes[] = {4, 8, 2, 2, 4, 8, 1, 1};
  return kSizes[static_cast<int>(dtype)];
}

/// "f32", "bf16", …
constexpr const char* name(DType dtype) {
  constexpr const char* kNames[] = {"f32", "f64", "f16", "bf16", "i32", "i64", "u8", "bool"};
  return kNames[static_cast<int>(dtype)];
}

constexpr bool is_floating(DType dtype) { return dtype <= DType::bf16; }

/// Whether numbers of this type are only stored, and computed with in f32.
constexpr bool is_half(DType dtype) { return dtype == DType::f16 || dtype == DType::bf16; }

/// The type that arithmetic on stored numbers happens in.
constexpr DType compute_dtype(DType dtype) { return is_half(dtype) ? DType::f32 : dtype; }

/// The f32 next to `value` towards zero, with its last bit set if anything was cut off ("round to
/// odd"): rounding that to fewer bits gives what rounding `value` itself would give.
float round_to_odd(double value);

/// The upper half of an f32.
struct bf16 {
  std::uint16_t bits = 0;
  bf16() = default;
  /// Rounds to nearest, ties to even; a NaN stays a (quiet) NaN.
  explicit bf16(float value) {
    const auto word = std::bit_cast<std::uint32_t>(value);
    bits = (word & 0x7FFFFFFFu) > 0x7F800000u
               ? static_cast<std::uint16_t>(word >> 16 | 0x40u)
               : static_cast<std::uint16_t>((word + 0x7FFFu + (word >> 16 & 1u)) >> 16);
  }
  explicit bf16(double value) : bf16(round_to_odd(value)) {}
  explicit operator float() const {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  }
};

/// IEEE 754 binary16.
struct f16 {
  std::uint16_t bits = 0;
  f16() = default;
  /// Rounds to nearest, ties to even; overflow gives infinity, tiny values become subnormal or zero.
  explicit f16(float value);
  explicit f16(double value) : f16(round_to_odd(value)) {}
  explicit operator float() const;
};

/// The number of this floating-point type that is nearest to `value`, ties to even.
double nearest(double value, DType dtype);

template <class S>
struct ComputeOf {
  using type = S;
};
template <>
struct ComputeOf<f16> {
  using type = float;
};
template <>
struct ComputeOf<bf16> {
  using type = float;
};
/// compute_dtype for a C++ type.
template <class S>
using Compute = typename ComputeOf<S>::type;

template <class T>
inline constexpr DType dtype_of = DType::f32;
template <>
inline constexpr DType dtype_of<double> = DType::f64;
template <>
inline constexpr DType dtype_of<f16> = DType::f16;
template <>
inline constexpr DType dtype_of<bf16> = DType::bf16;
template <>
inline constexpr DType dtype_of<std::int32_t> = DType::i32;
template <>
inline constexpr DType dtype_of<std::int64_t> = DType::i64;
template <>
inline constexpr DType dtype_of<std::uint8_t> = DType::u8;
template <>
inline constexpr DType dtype_of<bool> = DType::boolean;

}  // namespace retort
