// One vector type, Vec<T>, for whatever instruction set this file is being compiled for.
//
// Included only by tensor/cpu/*.cpp. Everything sits in an anonymous namespace inside the instruction
// set's own namespace: a function compiled with AVX-512 flags must never become a weak symbol that the
// linker keeps for everybody. No STL containers or algorithms here, for the same reason.
//
// Vec<float> is 1, 8 or 16 wide. Vec<double> is half as wide, but has no more than what products of
// matrices need: other f64 kernels exist in the generic table only. Tails run the same code under a
// mask: load(p, n) reads the first n lanes and zeroes the rest.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(RETORT_ISA_avx2) || defined(RETORT_ISA_avx512)
// GCC's own headers read an uninitialised variable on purpose (GCC bug 105593).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#else
#include <immintrin.h>
#endif
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
template <class T> RETORT_INLINE bool less_equal(Vec<T> a, Vec<T> b) { return a.value <= b.value; }
template <class T> RETORT_INLINE bool equal(Vec<T> a, Vec<T> b) { return a.value == b.value; }
template <class T> RETORT_INLINE bool is_nan(Vec<T> a) { return a.value != a.value; }
template <class T> RETORT_INLINE Vec<T> select(bool mask, Vec<T> yes, Vec<T> no) { return mask ? yes : no; }
/// x, or `limit` where x lies beyond it; a NaN in either gives x.
template <class T> RETORT_INLINE Vec<T> at_most(Vec<T> x, Vec<T> limit) { return limit.value < x.value ? limit : x; }
template <class T> RETORT_INLINE Vec<T> at_least(Vec<T> x, Vec<T> limit) { return limit.value > x.value ? limit : x; }
/// Whether the mask holds in any lane.
RETORT_INLINE bool any(bool mask) { return mask; }
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
RETORT_INLINE VecF::Mask less_equal(VecF a, VecF b) { return {_mm256_cmp_ps(a.value, b.value, _CMP_LE_OQ)}; }
RETORT_INLINE VecF::Mask equal(VecF a, VecF b) { return {_mm256_cmp_ps(a.value, b.value, _CMP_EQ_OQ)}; }
RETORT_INLINE VecF::Mask is_nan(VecF a) { return {_mm256_cmp_ps(a.value, a.value, _CMP_UNORD_Q)}; }
RETORT_INLINE VecF select(VecF::Mask mask, VecF yes, VecF no) {
  return {_mm256_blendv_ps(no.value, yes.value, mask.bits)};
}
RETORT_INLINE VecF at_most(VecF x, VecF limit) { return {_mm256_min_ps(limit.value, x.value)}; }
RETORT_INLINE VecF at_least(VecF x, VecF limit) { return {_mm256_max_ps(limit.value, x.value)}; }
RETORT_INLINE bool any(VecF::Mask mask) { return _mm256_movemask_ps(mask.bits) != 0; }
RETORT_INLINE VecF scale_by_power_of_two(VecF x, VecF n) {
  const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n.value), _mm256_set1_epi32(127));
  return {_mm256_mul_ps(x.value, _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23)))};
}

template <>
struct Vec<double> {
  static constexpr int kWidth = 4;
  __m256d value;
};
using VecD = Vec<double>;

RETORT_INLINE __m256i lane_mask_f64(std::int64_t n) {
  return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
}
RETORT_INLINE VecD load(const double* p) { return {_mm256_loadu_pd(p)}; }
RETORT_INLINE VecD load(const double* p, std::int64_t n) { return {_mm256_maskload_pd(p, lane_mask_f64(n))}; }
RETORT_INLINE void store(double* p, VecD x) { _mm256_storeu_pd(p, x.value); }
RETORT_INLINE void store(double* p, VecD x, std::int64_t n) { _mm256_maskstore_pd(p, lane_mask_f64(n), x.value); }
RETORT_INLINE VecD operator+(VecD a, VecD b) { return {_mm256_add_pd(a.value, b.value)}; }
RETORT_INLINE VecD fma(VecD a, VecD b, VecD c) { return {_mm256_fmadd_pd(a.value, b.value, c.value)}; }

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
RETORT_INLINE VecF::Mask less_equal(VecF a, VecF b) { return {_mm512_cmp_ps_mask(a.value, b.value, _CMP_LE_OQ)}; }
RETORT_INLINE VecF::Mask equal(VecF a, VecF b) { return {_mm512_cmp_ps_mask(a.value, b.value, _CMP_EQ_OQ)}; }
RETORT_INLINE VecF::Mask is_nan(VecF a) { return {_mm512_cmp_ps_mask(a.value, a.value, _CMP_UNORD_Q)}; }
RETORT_INLINE VecF select(VecF::Mask mask, VecF yes, VecF no) {
  return {_mm512_mask_blend_ps(mask.bits, no.value, yes.value)};
}
RETORT_INLINE VecF at_most(VecF x, VecF limit) { return {_mm512_min_ps(limit.value, x.value)}; }
RETORT_INLINE VecF at_least(VecF x, VecF limit) { return {_mm512_max_ps(limit.value, x.value)}; }
RETORT_INLINE bool any(VecF::Mask mask) { return mask.bits != 0; }
/// table[i] with i the low five bits of each lane of `index`.
RETORT_INLINE VecF look_up(const float (&table)[32], VecF index) {
  return {_mm512_permutex2var_ps(_mm512_load_ps(table), _mm512_castps_si512(index.value),
                                 _mm512_load_ps(table + 16))};
}
RETORT_INLINE VecF scale_by_power_of_two(VecF x, VecF n) {
  const __m512i exponent = _mm512_add_epi32(_mm512_cvtps_epi32(n.value), _mm512_set1_epi32(127));
  return {_mm512_mul_ps(x.value, _mm512_castsi512_ps(_mm512_slli_epi32(exponent, 23)))};
}

template <>
struct Vec<double> {
  static constexpr int kWidth = 8;
  __m512d value;
};
using VecD = Vec<double>;

RETORT_INLINE __mmask8 lane_mask_f64(std::int64_t n) { return static_cast<__mmask8>(lane_mask(n)); }
RETORT_INLINE VecD load(const double* p) { return {_mm512_loadu_pd(p)}; }
RETORT_INLINE VecD load(const double* p, std::int64_t n) { return {_mm512_maskz_loadu_pd(lane_mask_f64(n), p)}; }
RETORT_INLINE void store(double* p, VecD x) { _mm512_storeu_pd(p, x.value); }
RETORT_INLINE void store(double* p, VecD x, std::int64_t n) { _mm512_mask_storeu_pd(p, lane_mask_f64(n), x.value); }
RETORT_INLINE VecD operator+(VecD a, VecD b) { return {_mm512_add_pd(a.value, b.value)}; }
RETORT_INLINE VecD fma(VecD a, VecD b, VecD c) { return {_mm512_fmadd_pd(a.value, b.value, c.value)}; }

#else

/// x · 2^n for an integral n (given as a float) in [-126, 127].
RETORT_INLINE Vec<float> scale_by_power_of_two(Vec<float> x, Vec<float> n) {
  const std::int32_t exponent = is_nan(n) ? 0 : static_cast<std::int32_t>(n.value);
  const std::uint32_t bits = static_cast<std::uint32_t>(exponent + 127) << 23;
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
  if constexpr (V::kWidth == 4) return {_mm256_set1_pd(static_cast<double>(x))};
#elif defined(RETORT_ISA_avx512)
  if constexpr (V::kWidth == 16) return {_mm512_set1_ps(static_cast<float>(x))};
  if constexpr (V::kWidth == 8) return {_mm512_set1_pd(static_cast<double>(x))};
#endif
  if constexpr (V::kWidth == 1) return {static_cast<decltype(V::value)>(x)};
}

/// The larger of two; a NaN in either gives a NaN (the hardware's max would drop one).
template <class T> RETORT_INLINE Vec<T> max(Vec<T> a, Vec<T> b) {
  return select(is_nan(b), b, at_least(a, b));
}
template <class T> RETORT_INLINE Vec<T> min(Vec<T> a, Vec<T> b) {
  return select(is_nan(b), b, at_most(a, b));
}

// ---- Lanes: folding a vector, naming its first lanes, constants for tensor/functors.h ----

/// All lanes equal to `constant`; the first argument only names the type.
template <class T> RETORT_INLINE Vec<T> like(Vec<T>, double constant) {
  return broadcast<Vec<T>>(static_cast<T>(constant));
}

#if defined(RETORT_ISA_avx2)
template <class V> RETORT_INLINE typename V::Mask first_lanes(std::int64_t n) {
  return {_mm256_castsi256_ps(lane_mask(n))};
}
#elif defined(RETORT_ISA_avx512)
template <class V> RETORT_INLINE typename V::Mask first_lanes(std::int64_t n) { return {lane_mask(n)}; }
#else
template <class V> RETORT_INLINE bool first_lanes(std::int64_t n) { return n > 0; }
#endif

/// shifted_lanes: lane i + By in lane i (what the last lanes hold doesn't matter).
#if defined(RETORT_ISA_avx2)
template <int By> RETORT_INLINE VecF shifted_lanes(VecF x) {
  if constexpr (By == 4) return {_mm256_permute2f128_ps(x.value, x.value, 0x11)};
  else return {_mm256_permute_ps(x.value, By == 2 ? 0x0E : 0x01)};
}
RETORT_INLINE float first_lane(VecF x) { return _mm256_cvtss_f32(x.value); }
#elif defined(RETORT_ISA_avx512)
template <int By> RETORT_INLINE VecF shifted_lanes(VecF x) {
  if constexpr (By >= 4) return {_mm512_shuffle_f32x4(x.value, x.value, By == 8 ? 0x0E : 0x01)};
  else return {_mm512_permute_ps(x.value, By == 2 ? 0x0E : 0x01)};
}
RETORT_INLINE float first_lane(VecF x) { return _mm512_cvtss_f32(x.value); }
#else
template <class T> RETORT_INLINE T first_lane(Vec<T> x) { return x.value; }
#endif

/// All lanes folded by combine(vector, vector): the upper half onto the lower one until one is left.
template <class T, class F> RETORT_INLINE T fold(Vec<T> x, F combine) {
#if defined(RETORT_ISA_avx2) || defined(RETORT_ISA_avx512)
  constexpr int kWidth = Vec<T>::kWidth;
  if constexpr (kWidth >= 16) x = combine(x, shifted_lanes<8>(x));
  if constexpr (kWidth >= 8) {
    x = combine(x, shifted_lanes<4>(x));
    x = combine(x, shifted_lanes<2>(x));
    x = combine(x, shifted_lanes<1>(x));
  }
#else
  (void)combine;
#endif
  return first_lane(x);
}
template <class T> RETORT_INLINE T horizontal_sum(Vec<T> x) {
  return fold(x, [](Vec<T> a, Vec<T> b) { return a + b; });
}
/// NaN if any lane is.
template <class T> RETORT_INLINE T horizontal_max(Vec<T> x) {
  return fold(x, [](Vec<T> a, Vec<T> b) { return max(a, b); });
}

// ---- Exponents: what exp and log need of the floating-point format ----

#if defined(RETORT_ISA_avx512)
/// x · 2^n, rounded once, for an integral n in [-252, 254].
RETORT_INLINE VecF load_exponent(VecF x, VecF n) { return {_mm512_scalef_ps(x.value, n.value)}; }
#else
/// x · 2^n, rounded once (if x is in [1/2, 2)), for an integral n in [-252, 254].
RETORT_INLINE Vec<float> load_exponent(Vec<float> x, Vec<float> n) {
  const Vec<float> half = round(n * broadcast<Vec<float>>(0.5f));
  return scale_by_power_of_two(scale_by_power_of_two(x, half), n - half);
}
#endif

/// Splits a normal positive x into m · 2^exponent with m in [√½, √2); returns m.
#if defined(RETORT_ISA_avx2)
RETORT_INLINE VecF split_exponent(VecF x, VecF& exponent) {
  const __m256i bits = _mm256_castps_si256(x.value);
  const __m256i e = _mm256_srai_epi32(_mm256_sub_epi32(bits, _mm256_set1_epi32(0x3F3504F3)), 23);
  exponent = {_mm256_cvtepi32_ps(e)};
  return {_mm256_castsi256_ps(_mm256_sub_epi32(bits, _mm256_slli_epi32(e, 23)))};
}
#elif defined(RETORT_ISA_avx512)
RETORT_INLINE VecF split_exponent(VecF x, VecF& exponent) {
  const __m512i bits = _mm512_castps_si512(x.value);
  const __m512i e = _mm512_srai_epi32(_mm512_sub_epi32(bits, _mm512_set1_epi32(0x3F3504F3)), 23);
  exponent = {_mm512_cvtepi32_ps(e)};
  return {_mm512_castsi512_ps(_mm512_sub_epi32(bits, _mm512_slli_epi32(e, 23)))};
}
#else
RETORT_INLINE Vec<float> split_exponent(Vec<float> x, Vec<float>& exponent) {
  std::uint32_t bits;
  std::memcpy(&bits, &x.value, sizeof bits);
  const std::int32_t e = static_cast<std::int32_t>(bits - 0x3F3504F3u) >> 23;
  exponent = {static_cast<float>(e)};
  bits -= static_cast<std::uint32_t>(e) << 23;
  std::memcpy(&x.value, &bits, sizeof bits);
  return x;
}
#endif

// ---- 32-bit words, as wide as Vec<float>, and 64-bit lanes: what random numbers need ----

#if defined(RETORT_ISA_avx2)

struct VecU32 {
  __m256i value;
};
RETORT_INLINE VecU32 broadcast_u32(std::uint32_t x) { return {_mm256_set1_epi32(static_cast<int>(x))}; }
RETORT_INLINE VecF::Mask not_less(VecU32 a, VecU32 b) {
  return {_mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_max_epu32(a.value, b.value), a.value))};
}
RETORT_INLINE VecU32 lower_half_up(VecU32 a) { return {_mm256_slli_epi32(a.value, 16)}; }

struct VecU64 {
  static constexpr int kWidth = 4;
  __m256i value;
};
RETORT_INLINE VecU64 broadcast_u64(std::uint64_t x) { return {_mm256_set1_epi64x(static_cast<long long>(x))}; }
RETORT_INLINE VecU64 first_blocks(std::uint32_t first) {
  return {_mm256_add_epi32(_mm256_set1_epi64x(first), _mm256_setr_epi64x(0, 2, 1, 3))};
}
RETORT_INLINE VecU64 multiply_low(VecU64 a, VecU64 b) { return {_mm256_mul_epu32(a.value, b.value)}; }
RETORT_INLINE VecU64 high_word(VecU64 a) { return {_mm256_srli_epi64(a.value, 32)}; }
RETORT_INLINE VecU64 operator^(VecU64 a, VecU64 b) { return {_mm256_xor_si256(a.value, b.value)}; }
RETORT_INLINE void in_memory_order(const VecU64 (&c)[4], VecU32* words) {
  const __m256i w01 = _mm256_blend_epi32(c[0].value, _mm256_slli_epi64(c[1].value, 32), 0xAA);
  const __m256i w23 = _mm256_blend_epi32(c[2].value, _mm256_slli_epi64(c[3].value, 32), 0xAA);
  words[0] = {_mm256_unpacklo_epi64(w01, w23)};
  words[1] = {_mm256_unpackhi_epi64(w01, w23)};
}

#elif defined(RETORT_ISA_avx512)

struct VecU32 {
  __m512i value;
};
RETORT_INLINE VecU32 broadcast_u32(std::uint32_t x) { return {_mm512_set1_epi32(static_cast<int>(x))}; }
RETORT_INLINE VecF::Mask not_less(VecU32 a, VecU32 b) { return {_mm512_cmpge_epu32_mask(a.value, b.value)}; }
RETORT_INLINE VecU32 lower_half_up(VecU32 a) { return {_mm512_slli_epi32(a.value, 16)}; }

struct VecU64 {
  static constexpr int kWidth = 8;
  __m512i value;
};
RETORT_INLINE VecU64 broadcast_u64(std::uint64_t x) { return {_mm512_set1_epi64(static_cast<long long>(x))}; }
RETORT_INLINE VecU64 first_blocks(std::uint32_t first) {
  return {_mm512_add_epi32(_mm512_set1_epi64(first), _mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7))};
}
RETORT_INLINE VecU64 multiply_low(VecU64 a, VecU64 b) { return {_mm512_mul_epu32(a.value, b.value)}; }
// Both halves become the high one; unlike a shift, a shuffle leaves port 0 to the products.
RETORT_INLINE VecU64 high_word(VecU64 a) { return {_mm512_shuffle_epi32(a.value, _MM_PERM_DDBB)}; }
RETORT_INLINE VecU64 operator^(VecU64 a, VecU64 b) { return {_mm512_xor_si512(a.value, b.value)}; }
RETORT_INLINE void in_memory_order(const VecU64 (&c)[4], VecU32* words) {
  const __m512i w01 = _mm512_mask_blend_epi32(0xAAAA, c[0].value, _mm512_slli_epi64(c[1].value, 32));
  const __m512i w23 = _mm512_mask_blend_epi32(0xAAAA, c[2].value, _mm512_slli_epi64(c[3].value, 32));
  words[0] = {_mm512_unpacklo_epi64(w01, w23)};
  words[1] = {_mm512_unpackhi_epi64(w01, w23)};
}

#else

struct VecU32 {
  std::uint32_t value;
};
RETORT_INLINE VecU32 broadcast_u32(std::uint32_t x) { return {x}; }
RETORT_INLINE bool not_less(VecU32 a, VecU32 b) { return a.value >= b.value; }
/// The lower 16 bits in the place of the upper ones, zeros below.
RETORT_INLINE VecU32 lower_half_up(VecU32 a) { return {a.value << 16}; }

/// 64-bit lanes of which only the low halves count, unless it is said otherwise.
struct VecU64 {
  static constexpr int kWidth = 1;
  std::uint64_t value;
};
RETORT_INLINE VecU64 broadcast_u64(std::uint64_t x) { return {x}; }
/// first, first + 1, … in the order that in_memory_order wants.
RETORT_INLINE VecU64 first_blocks(std::uint32_t first) { return {first}; }
/// 64-bit products of the low halves.
RETORT_INLINE VecU64 multiply_low(VecU64 a, VecU64 b) {
  return {std::uint64_t{static_cast<std::uint32_t>(a.value)} * static_cast<std::uint32_t>(b.value)};
}
RETORT_INLINE VecU64 high_word(VecU64 a) { return {a.value >> 32}; }
RETORT_INLINE VecU64 operator^(VecU64 a, VecU64 b) { return {a.value ^ b.value}; }
/// Four words of each lane, one lane after the other, in 4 · kWidth words (two vectors; here four).
RETORT_INLINE void in_memory_order(const VecU64 (&c)[4], VecU32* words) {
  for (int k = 0; k < 4; ++k) words[k] = {static_cast<std::uint32_t>(c[k].value)};
}

#endif

}  // namespace
}  // namespace retort::isa::RETORT_ISA
