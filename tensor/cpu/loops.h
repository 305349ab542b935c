// Loops that every kernel shares: over the vectors of a row, over rows and chunks in parallel, and
// over the dimensions of a plan.
//
// A loop's body is one generic lambda for whole vectors and for the tail, so that an element's
// result can't depend on its position. Chunks are cut by the shapes alone.
#pragma once

#include <cstdint>

#include "tensor/base/parallel.h"
#include "tensor/cpu/simd.h"
#include "tensor/cpu/simd_halves.h"
#include "tensor/kernels.h"

namespace retort::isa::RETORT_ISA {
namespace {

/// Elements of cheap work that are worth handing to another thread.
constexpr std::int64_t kGrain = 16384;
/// Upper bound of the partial results that a kernel keeps on its stack.
constexpr std::int64_t kMaxChunks = 256;

RETORT_INLINE std::int64_t smaller(std::int64_t a, std::int64_t b) { return b < a ? b : a; }
RETORT_INLINE std::int64_t larger(std::int64_t a, std::int64_t b) { return a < b ? b : a; }

// ---- The vectors of a row ----

struct AllLanes {};
struct FirstLanes {
  std::int64_t count;
};

template <class S>
RETORT_INLINE Vec<Compute<S>> load(const S* p, AllLanes) {
  return load(p);
}
template <class S>
RETORT_INLINE Vec<Compute<S>> load(const S* p, FirstLanes lanes) {
  return load(p, lanes.count);
}
template <class S>
RETORT_INLINE void store(S* p, Vec<Compute<S>> x, AllLanes) {
  store(p, x);
}
template <class S>
RETORT_INLINE void store(S* p, Vec<Compute<S>> x, FirstLanes lanes) {
  store(p, x, lanes.count);
}
/// x in the named lanes, `other` in the rest.
template <class T>
RETORT_INLINE Vec<T> only(Vec<T> x, Vec<T>, AllLanes) {
  return x;
}
template <class T>
RETORT_INLINE Vec<T> only(Vec<T> x, Vec<T> other, FirstLanes lanes) {
  return select(first_lanes<Vec<T>>(lanes.count), x, other);
}

/// Calls f(i, lanes) for every vector of [0, n): whole ones, then the tail.
template <class T, class F>
RETORT_INLINE void sweep(std::int64_t n, F&& f) {
  constexpr int kWidth = Vec<T>::kWidth;
  std::int64_t i = 0;
  for (; i + kWidth <= n; i += kWidth) f(i, AllLanes{});
  if constexpr (kWidth > 1)
    if (i < n) f(i, FirstLanes{n - i});
}

/// totals[k] = Σ_i term_k over [0, n), where f(i, lanes, terms) writes N vectors of terms. A lane
/// adds 64 numbers in T, then everything goes to f64: the error doesn't grow with n.
template <class T, int N, class F>
RETORT_INLINE void sums(std::int64_t n, double (&totals)[N], F&& f) {
  constexpr std::int64_t kBlock = 64 * Vec<T>::kWidth;
  const Vec<T> zero = broadcast<Vec<T>>(T(0));
  for (double& total : totals) total = 0;
  for (std::int64_t begin = 0; begin < n; begin += kBlock) {
    Vec<T> sum[N];
    for (auto& s : sum) s = zero;
    sweep<T>(smaller(kBlock, n - begin), [&](std::int64_t i, auto lanes) {
      Vec<T> terms[N];
      f(begin + i, lanes, terms);
      for (int k = 0; k < N; ++k) sum[k] = sum[k] + only(terms[k], zero, lanes);
    });
    for (int k = 0; k < N; ++k) totals[k] += static_cast<double>(horizontal_sum(sum[k]));
  }
}

/// Σ f(i, lanes) over [0, n).
template <class T, class F>
RETORT_INLINE double sum(std::int64_t n, F&& f) {
  double total[1];
  sums<T, 1>(n, total, [&](std::int64_t i, auto lanes, Vec<T>* terms) { terms[0] = f(i, lanes); });
  return total[0];
}

/// The largest of x[0, n), −∞ for none, NaN if one is.
template <class S>
RETORT_INLINE Compute<S> largest(const S* x, std::int64_t n) {
  using T = Compute<S>;
  const Vec<T> lowest = broadcast<Vec<T>>(-static_cast<T>(__builtin_inf()));
  Vec<T> best = lowest;
  sweep<T>(n, [&](std::int64_t i, auto lanes) {
    best = max(best, only(load(x + i, lanes), lowest, lanes));
  });
  return horizontal_max(best);
}

// ---- Rows and chunks ----

/// Calls f(begin, end) for ranges of rows, each of about kGrain elements, in parallel.
template <class F>
RETORT_INLINE void for_rows(std::int64_t rows, std::int64_t columns, F&& f) {
  parallel_ranges(rows, larger(1, kGrain / larger(1, columns)),
                  [&](std::int64_t begin, std::int64_t end, int) { f(begin, end); });
}

/// Calls f(row, begin, end) for the pieces of every row of [rows, columns], in parallel; a piece is
/// at most kGrain columns.
template <class F>
RETORT_INLINE void for_pieces(std::int64_t rows, std::int64_t columns, F&& f) {
  const std::int64_t pieces = (columns + kGrain - 1) / kGrain;  // per row
  parallel_ranges(rows * pieces, larger(1, kGrain / larger(1, columns)),
                  [&](std::int64_t first, std::int64_t last, int) {
                    for (std::int64_t piece = first; piece < last; ++piece) {
                      const std::int64_t row = piece / pieces;
                      const std::int64_t begin = (piece - row * pieces) * kGrain;
                      f(row, begin, smaller(columns, begin + kGrain));
                    }
                  });
}

/// Adds up f(begin, end) over at most kMaxChunks chunks of [0, n), each of `grain` or more, in
/// order.
template <class F>
RETORT_INLINE double sum_chunks(std::int64_t n, std::int64_t grain, F&& f) {
  const std::int64_t size = larger(grain, (n + kMaxChunks - 1) / kMaxChunks);
  double partial[kMaxChunks];
  parallel_ranges(n, size, [&](std::int64_t begin, std::int64_t end, int) {
    partial[begin / size] = f(begin, end);
  });
  double total = 0;
  for (std::int64_t chunk = 0; chunk * size < n; ++chunk) total += partial[chunk];
  return total;
}

// ---- The dimensions of a plan ----

/// Elements of the first `rank` dimensions.
template <int N>
RETORT_INLINE std::int64_t count(const Plan<N>& plan, int rank) {
  std::int64_t n = 1;
  for (int d = 0; d < rank; ++d) n *= plan.size[d];
  return n;
}

/// Walks the first `rank` dimensions of a plan, the last one fastest, from a given element on.
template <int N>
struct Walk {
  const Plan<N>& plan;
  int rank;
  std::int64_t index[kMaxRank];
  std::int64_t offset[N];

  RETORT_INLINE Walk(const Plan<N>& p, int dims, std::int64_t element) : plan(p), rank(dims) {
    for (int k = 0; k < N; ++k) offset[k] = 0;
    for (int d = rank - 1; d >= 0; --d) {
      index[d] = element % plan.size[d];
      element /= plan.size[d];
      for (int k = 0; k < N; ++k) offset[k] += index[d] * plan.stride[k][d];
    }
  }
  RETORT_INLINE void next() {
    for (int d = rank - 1; d >= 0; --d) {
      for (int k = 0; k < N; ++k) offset[k] += plan.stride[k][d];
      if (++index[d] < plan.size[d]) return;
      index[d] = 0;
      for (int k = 0; k < N; ++k) offset[k] -= plan.size[d] * plan.stride[k][d];
    }
  }
};

}  // namespace
}  // namespace retort::isa::RETORT_ISA
