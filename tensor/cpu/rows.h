// Rows that stream through memory: results larger than the caches are written around them, and the
// next row is fetched while this one is computed with.
#pragma once

#include "tensor/cpu/loops.h"

namespace retort::isa::RETORT_ISA {
namespace {

/// An array larger than this won't be found in a cache by whoever reads it next.
constexpr std::int64_t kStreamBytes = std::int64_t{64} << 20;

#if defined(RETORT_ISA_avx512)
RETORT_INLINE void store_around(float* p, VecF x) { _mm512_stream_ps(p, x.value); }
template <class S>
RETORT_INLINE void store_around(S* p, VecF x) {
  _mm256_stream_si256(reinterpret_cast<__m256i*>(p), narrow(x, S{}));
}
RETORT_INLINE void drain_stores() { _mm_sfence(); }
#elif defined(RETORT_ISA_avx2)
RETORT_INLINE void store_around(float* p, VecF x) { _mm256_stream_ps(p, x.value); }
template <class S>
RETORT_INLINE void store_around(S* p, VecF x) {
  _mm_stream_si128(reinterpret_cast<__m128i*>(p), narrow(x, S{}));
}
RETORT_INLINE void drain_stores() { _mm_sfence(); }
#else
template <class S>
RETORT_INLINE void store_around(S* p, Vec<Compute<S>> x) {
  store(p, x);
}
RETORT_INLINE void drain_stores() {}
#endif

/// How the rows of one result are written: with plain stores, or around the caches, which saves
/// reading lines that are only going to be overwritten. The bits are the same.
template <class S>
class Writer {
 public:
  /// For y: [rows, columns], written by whole vectors from the beginning of each row, or by row().
  RETORT_INLINE Writer(const S* y, std::int64_t rows, std::int64_t columns)
      : large_(rows * columns * kSize > kStreamBytes),
        around_(large_ && columns * kSize % kLine == 0 && behind_line(y) == 0) {}
  /// For a piece of an array of so many elements.
  RETORT_INLINE Writer(const S* piece, std::int64_t elements)
      : large_(elements * kSize > kStreamBytes), around_(large_ && behind_line(piece) == 0) {}
  RETORT_INLINE bool around() const { return around_; }
  RETORT_INLINE void operator()(S* p, Vec<Compute<S>> x, AllLanes) const {
    if (around_) store_around(p, x);
    else store(p, x);
  }
  RETORT_INLINE void operator()(S* p, Vec<Compute<S>> x, FirstLanes lanes) const {
    store(p, x, lanes);
  }
  /// y[i] = f(i, lanes) for a row of n numbers, which need not begin at a line of the cache: what
  /// stands before the first one goes through the caches.
  template <class F>
  RETORT_INLINE void row(S* y, std::int64_t n, F&& f) const {
    using T = Compute<S>;
    const std::int64_t head = large_ ? smaller(n, (kLine - behind_line(y)) % kLine / kSize) : 0;
    sweep<T>(head, [&](std::int64_t i, auto lanes) { store(y + i, f(i, lanes), lanes); });
    const Writer behind(large_);
    sweep<T>(n - head,
             [&](std::int64_t i, auto lanes) { behind(y + head + i, f(head + i, lanes), lanes); });
  }
  /// At the end of a thread's part: others may read it from now on.
  RETORT_INLINE void finish() const {
    if (large_) drain_stores();
  }

 private:
  static constexpr std::int64_t kSize = static_cast<std::int64_t>(sizeof(S)), kLine = 64;
  RETORT_INLINE explicit Writer(bool around) : large_(around), around_(around) {}
  RETORT_INLINE static std::int64_t behind_line(const S* p) {
    return static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(p) % kLine);
  }
  bool large_;   // won't be found in a cache
  bool around_;  // and every vector lies within a line
};

/// Fetches row + columns … while `Passes` passes go over `row`: pass k fetches the k-th part, so
/// that memory is busy all the time. (Behind the last row nothing happens: a prefetch never
/// faults.)
template <int Passes, class S>
RETORT_INLINE void fetch_next(const S* row, std::int64_t columns, int pass, std::int64_t i) {
  __builtin_prefetch(row + columns + (pass * columns + i) / Passes);
}

/// Fetches what stands 2 KiB behind p, for loops that compute more than they wait.
template <class S>
RETORT_INLINE void fetch_ahead(const S* p) {
  __builtin_prefetch(reinterpret_cast<const char*>(p) + 2048);
}

}  // namespace
}  // namespace retort::isa::RETORT_ISA
