// One vector type, Vec<T>, for whatever instruction set this file is being compiled for.
//
// Included only by tensor/cpu/*.cpp. Everything sits in an anonymous namespace inside the instruction
// set's own namespace: a function compiled with AVX-512 flags must never become a weak symbol that the
// linker keeps for everybody. No STL containers or algorithms here, for the same reason.
//
// Vec<float> is 1, 8 or 16 wide; Vec<double> is always 1 wide (f64 kernels exist in the generic table
// only). Tails run the same code under a mask: load(p, n) reads the first n lanes and zeroes the rest.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(RETORT_ISA_avx2) || defined(RETORT_ISA_avx512)
#include <immintrin.h>
#endif

#define RETORT_INLINE inline __attribute__((always_inline))

namespace retort::isa::RETORT_ISA {
namespace {

template <class T>
struct Vec {  // one lane
  static constexpr int kWidth = 1;
  using Mask = bool;
  T value;
};

template <class T> RETORT_INLINE Vec<T> load(const T* p) { return {*p}; }
template <class T> RETORT_INLINE Vec<T> load(const T* p, std::int64_t n) { return {n > 0 ? *p : T(0)}; }
template <class T> RETORT_INLINE void store(T* p, Vec<T> x) { *p = x.value; }
template <class T> RETORT_INLINE void store(T* p, Vec<T> x, std::int64_t n) { if (n > 0) *p = x.value; }
template <class T> RETORT_INLINE Vec<T> operator+(Vec<T> a, Vec<T> b) { return {a.value + b.value}; }
template <class T> RETORT_INLINE Vec<T> operator-(Vec<T> a, Vec<T> b) { return {a.value - b.value}; }
template <class T> RETORT_INLINE Vec<T> operator*(Vec<T> a, Vec<T> b) { return {a.value * b.value}; }
template <class T> RETORT_INLINE Vec<T> operator/(Vec<T> a, Vec<T> b) { return {a.value / b.value}; }
template <class T> RETORT_INLINE Vec<T> operator-(Vec<T> a) { return {-a.value}; }
/// a·b + c, rounded once.
template <class T> RETORT_INLINE Vec<T> fma(Vec<T> a, Vec<T> b, Vec<T> c) {
  return {std::fma(a.value, b.value, c.value)};
}
template <class T> RETORT_INLINE Vec<T> sqrt(Vec<T> x) { return {std::sqrt(x.value)}; }
template <class T> RETORT_INLINE Vec<T> abs(Vec<T> x) { return {std::fabs(x.value)}; }
template <class T> RETORT_INLINE Vec<T> round(Vec<T> x) { return {std::nearbyint(x.value)}; }
/// Comparisons are ordered: false with a NaN.
template <class T> RETORT_INLINE bool less(Vec<T> a, Vec<T> b) { return a.value < b.value; }
template <class T> RETORT_INLINE bool equal(Vec<T> a, Vec<T> b) { return a.value == b.value; }
template <class T> RETORT_INLINE bool is_nan(Vec<T> a) { return a.value != a.value; }
template <class T> RETORT_INLINE Vec<T> select(bool mask, Vec<T> yes, Vec<T> no) { return mask ? yes : no; }
#if defined(RETORT_ISA_avx2)

template <>
struct Vec<float> {
  static constexpr int kWidth = 8;
  struct Mask { __m256 bits; };
  __m256 value;
};
using VecF = Vec<float>;

RETORT_INLINE __m256i lane_mask(std::int64_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)),
                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
RETORT_INLINE VecF load(const float* p) { return {_mm256_loadu_ps(p)}; }
RETORT_INLINE VecF load(const float* p, std::int64_t n) {
  return n >= 8 ? VecF{_mm256_loadu_ps(p)} : VecF{_mm256_maskload_ps(p, lane_mask(n))};
}
RETORT_INLINE void store(float* p, VecF x) { _mm256_storeu_ps(p, x.value); }
RETORT_INLINE void store(float* p, VecF x, std::int64_t n) {
  if (n >= 8) _mm256_storeu_ps(p, x.value);
  else _mm256_maskstore_ps(p, lane_mask(n), x.value);
}
RETORT_INLINE VecF operator+(VecF a, VecF b) { return {_mm256_add_ps(a.value, b.value)}; }
RETORT_INLINE VecF operator-(VecF a, VecF b) { return {_mm256_sub_ps(a.value, b.value)}; }
RETORT_INLINE VecF operator*(VecF a, VecF b) { return {_mm256_mul_ps(a.value, b.value)}; }
RETORT_INLINE VecF operator/(VecF a, VecF b) { return {_mm256_div_ps(a.value, b.value)}; }
RETORT_INLINE VecF operator-(VecF a) { return {_mm256_xor_ps(a.value, _mm256_set1_ps(-0.0f))}; }
RETORT_INLINE VecF fma(VecF a, VecF b, VecF c) { return {_mm256_fmadd_ps(a.value, b.value, c.value)}; }
RETORT_INLINE VecF sqrt(VecF x) { return {_mm256_sqrt_ps(x.value)}; }
RETORT_INLINE VecF abs(VecF x) { return {_mm256_andnot_ps(_mm256_set1_ps(-0.0f), x.value)}; }
RETORT_INLINE VecF round(VecF x) {
  return {_mm256_round_ps(x.value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
RETORT_INLINE VecF::Mask less(VecF a, VecF b) { return {_mm256_cmp_ps(a.value, b.value, _CMP_LT_OQ)}; }
RETORT_INLINE VecF::Mask equal(VecF a, VecF b) { return {_mm256_cmp_ps(a.value, b.value, _CMP_EQ_OQ)}; }
RETORT_INLINE VecF::Mask is_nan(VecF a) { return {_mm256_cmp_ps(a.value, a.value, _CMP_UNORD_Q)}; }
RETORT_INLINE VecF select(VecF::Mask mask, VecF yes, VecF no) {
  return {_mm256_blendv_ps(no.value, yes.value, mask.bits)};
}
RETORT_INLINE VecF scale_by_power_of_two(VecF x, VecF n) {
  const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n.value), _mm256_set1_epi32(127));
  return {_mm256_mul_ps(x.value, _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23)))};
}

#elif defined(RETORT_ISA_avx512)

template <>
struct Vec<float> {
  static constexpr int kWidth = 16;
  struct Mask { __mmask16 bits; };
  __m512 value;
};
using VecF = Vec<float>;

RETORT_INLINE __mmask16 lane_mask(std::int64_t n) {
  return n >= 16 ? static_cast<__mmask16>(0xFFFF)
                 : static_cast<__mmask16>(n <= 0 ? 0 : (1u << n) - 1u);
}
RETORT_INLINE VecF load(const float* p) { return {_mm512_loadu_ps(p)}; }
RETORT_INLINE VecF load(const float* p, std::int64_t n) { return {_mm512_maskz_loadu_ps(lane_mask(n), p)}; }
RETORT_INLINE void store(float* p, VecF x) { _mm512_storeu_ps(p, x.value); }
RETORT_INLINE void store(float* p, VecF x, std::int64_t n) { _mm512_mask_storeu_ps(p, lane_mask(n), x.value); }
RETORT_INLINE VecF operator+(VecF a, VecF b) { return {_mm512_add_ps(a.value, b.value)}; }
RETORT_INLINE VecF operator-(VecF a, VecF b) { return {_mm512_sub_ps(a.value, b.value)}; }
RETORT_INLINE VecF operator*(VecF a, VecF b) { return {_mm512_mul_ps(a.value, b.value)}; }
RETORT_INLINE VecF operator/(VecF a, VecF b) { return {_mm512_div_ps(a.value, b.value)}; }
RETORT_INLINE VecF operator-(VecF a) { return {_mm512_xor_ps(a.value, _mm512_set1_ps(-0.0f))}; }
RETORT_INLINE VecF fma(VecF a, VecF b, VecF c) { return {_mm512_fmadd_ps(a.value, b.value, c.value)}; }
RETORT_INLINE VecF sqrt(VecF x) { return {_mm512_sqrt_ps(x.value)}; }
RETORT_INLINE VecF abs(VecF x) { return {_mm512_abs_ps(x.value)}; }
RETORT_INLINE VecF round(VecF x) {
  return {_mm512_roundscale_ps(x.value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
RETORT_INLINE VecF::Mask less(VecF a, VecF b) { return {_mm512_cmp_ps_mask(a.value, b.value, _CMP_LT_OQ)}; }
RETORT_INLINE VecF::Mask equal(VecF a, VecF b) { return {_mm512_cmp_ps_mask(a.value, b.value, _CMP_EQ_OQ)}; }
RETORT_INLINE VecF::Mask is_nan(VecF a) { return {_mm512_cmp_ps_mask(a.value, a.value, _CMP_UNORD_Q)}; }
RETORT_INLINE VecF select(VecF::Mask mask, VecF yes, VecF no) {
  return {_mm512_mask_blend_ps(mask.bits, no.value, yes.value)};
}
RETORT_INLINE VecF scale_by_power_of_two(VecF x, VecF n) {
  const __m512i exponent = _mm512_add_epi32(_mm512_cvtps_epi32(n.value), _mm512_set1_epi32(127));
  return {_mm512_mul_ps(x.value, _mm512_castsi512_ps(_mm512_slli_epi32(exponent, 23)))};
}

#else

/// x · 2^n for an integral n (given as a float) in [-126, 127].
RETORT_INLINE Vec<float> scale_by_power_of_two(Vec<float> x, Vec<float> n) {
  const std::int32_t bits = (static_cast<std::int32_t>(n.value) + 127) << 23;
  float factor;
  std::memcpy(&factor, &bits, sizeof factor);
  return {x.value * factor};
}

#endif

/// All lanes equal to x.
template <class V, class T>
RETORT_INLINE V broadcast(T x) {
#if defined(RETORT_ISA_avx2)
  if constexpr (V::kWidth == 8) return {_mm256_set1_ps(static_cast<float>(x))};
#elif defined(RETORT_ISA_avx512)
  if constexpr (V::kWidth == 16) return {_mm512_set1_ps(static_cast<float>(x))};
#endif
  if constexpr (V::kWidth == 1) return {static_cast<decltype(V::value)>(x)};
}

/// The larger of two; a NaN in either gives a NaN (the hardware's max would drop one).
template <class T> RETORT_INLINE Vec<T> max(Vec<T> a, Vec<T> b) {
  return select(is_nan(a), a, select(less(a, b), b, select(is_nan(b), b, a)));
}
template <class T> RETORT_INLINE Vec<T> min(Vec<T> a, Vec<T> b) {
  return select(is_nan(a), a, select(less(b, a), b, select(is_nan(b), b, a)));
}

}  // namespace
}  // namespace retort::isa::RETORT_ISA
