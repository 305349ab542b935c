// bf16 and f16 are numbers in memory only: load gives a Vec<float>, store rounds one to nearest, ties
// to even, and a NaN stays a NaN. read and write do the same for one number, of any storage type.
//
// The wide instruction sets don't use the structs' own conversions: inline members of a shared header
// could become weak symbols.
#pragma once

#include "tensor/cpu/simd.h"
#include "tensor/dtype.h"

namespace retort::isa::RETORT_ISA {
namespace {

template <class T> RETORT_INLINE T read(const T* p) { return *p; }
template <class T> RETORT_INLINE void write(T* p, T x) { *p = x; }

#if defined(RETORT_ISA_avx2) || defined(RETORT_ISA_avx512)

#if defined(RETORT_ISA_avx2)

using Words = __m128i;  // eight halves
RETORT_INLINE Words load_words(const void* p) { return _mm_loadu_si128(static_cast<const Words*>(p)); }
RETORT_INLINE Words load_words(const void* p, std::int64_t n) {
  if (n >= 8) return load_words(p);
  std::uint16_t lane[8] = {};
  if (n > 0) std::memcpy(lane, p, static_cast<std::size_t>(n) * sizeof(std::uint16_t));
  return load_words(lane);
}
RETORT_INLINE void store_words(void* p, Words x) { _mm_storeu_si128(static_cast<Words*>(p), x); }
RETORT_INLINE void store_words(void* p, Words x, std::int64_t n) {
  if (n >= 8) return store_words(p, x);
  std::uint16_t lane[8];
  store_words(lane, x);
  if (n > 0) std::memcpy(p, lane, static_cast<std::size_t>(n) * sizeof(std::uint16_t));
}
RETORT_INLINE VecF widen(Words x, bf16) {
  return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(x), 16))};
}
RETORT_INLINE Words narrow(VecF x, bf16) {
  const __m256i word = _mm256_castps_si256(x.value);
  const __m256i upper = _mm256_srli_epi32(word, 16);
  const __m256i odd = _mm256_and_si256(upper, _mm256_set1_epi32(1));
  const __m256i rounded = _mm256_srli_epi32(
      _mm256_add_epi32(word, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF))), 16);
  const __m256i quiet = _mm256_or_si256(upper, _mm256_set1_epi32(0x40));
  const __m256i result =
      _mm256_blendv_epi8(rounded, quiet, _mm256_castps_si256(is_nan(x).bits));
  return _mm_packus_epi32(_mm256_castsi256_si128(result), _mm256_extracti128_si256(result, 1));
}
RETORT_INLINE VecF widen(Words x, f16) { return {_mm256_cvtph_ps(x)}; }
RETORT_INLINE Words narrow(VecF x, f16) { return _mm256_cvtps_ph(x.value, _MM_FROUND_TO_NEAREST_INT); }

#else

using Words = __m256i;  // sixteen halves
RETORT_INLINE Words load_words(const void* p) { return _mm256_loadu_si256(static_cast<const Words*>(p)); }
RETORT_INLINE Words load_words(const void* p, std::int64_t n) {
  return _mm256_maskz_loadu_epi16(lane_mask(n), p);
}
RETORT_INLINE void store_words(void* p, Words x) { _mm256_storeu_si256(static_cast<Words*>(p), x); }
RETORT_INLINE void store_words(void* p, Words x, std::int64_t n) {
  _mm256_mask_storeu_epi16(p, lane_mask(n), x);
}
RETORT_INLINE VecF widen(Words x, bf16) {  // word i to the upper half of lane i
  const __m512i word = _mm512_set_epi16(15, 15, 14, 14, 13, 13, 12, 12, 11, 11, 10, 10, 9, 9, 8, 8, 7, 7,
                                        6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0);
  return {_mm512_castsi512_ps(
      _mm512_maskz_permutexvar_epi16(0xAAAAAAAAu, word, _mm512_castsi256_si512(x)))};
}
RETORT_INLINE Words narrow(VecF x, bf16) {
  const __m512i word = _mm512_castps_si512(x.value);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(word, 16), _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_add_epi32(word, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7FFF)));
  const __m512i result =
      _mm512_mask_or_epi32(rounded, is_nan(x).bits, word, _mm512_set1_epi32(0x400000));
  const __m512i upper = _mm512_set_epi16(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1, 31,
                                         29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
  return _mm512_castsi512_si256(_mm512_permutexvar_epi16(upper, result));
}
RETORT_INLINE VecF widen(Words x, f16) { return {_mm512_cvtph_ps(x)}; }
RETORT_INLINE Words narrow(VecF x, f16) {
  return _mm512_cvtps_ph(x.value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

#endif

#define RETORT_HALF_MEMORY(S)                                                                         \
  RETORT_INLINE VecF load(const S* p) { return widen(load_words(p), S{}); }                           \
  RETORT_INLINE VecF load(const S* p, std::int64_t n) { return widen(load_words(p, n), S{}); }        \
  RETORT_INLINE void store(S* p, VecF x) { store_words(p, narrow(x, S{})); }                          \
  RETORT_INLINE void store(S* p, VecF x, std::int64_t n) { store_words(p, narrow(x, S{}), n); }       \
  RETORT_INLINE float read(const S* p) { return first_lane(load(p, 1)); }                             \
  RETORT_INLINE void write(S* p, float x) { store(p, broadcast<VecF>(x), 1); }

#else

#define RETORT_HALF_MEMORY(S)                                                                         \
  RETORT_INLINE float read(const S* p) { return static_cast<float>(*p); }                             \
  RETORT_INLINE void write(S* p, float x) { *p = S(x); }                                              \
  RETORT_INLINE Vec<float> load(const S* p) { return {read(p)}; }                                     \
  RETORT_INLINE Vec<float> load(const S* p, std::int64_t n) { return {n > 0 ? read(p) : 0.0f}; }      \
  RETORT_INLINE void store(S* p, Vec<float> x) { write(p, x.value); }                                 \
  RETORT_INLINE void store(S* p, Vec<float> x, std::int64_t n) { if (n > 0) write(p, x.value); }

#endif

RETORT_HALF_MEMORY(bf16)
RETORT_HALF_MEMORY(f16)
#undef RETORT_HALF_MEMORY

}  // namespace
}  // namespace retort::isa::RETORT_ISA
