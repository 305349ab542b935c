// Gradients of a norm's parameters: sums over all rows, one per column. Rows are cut into chunks by
// the shape alone, each chunk adds into arrays of its own in the workspace, and these are added in
// order; so the result doesn't depend on the number of threads.
#pragma once

#include "tensor/cpu/loops.h"

namespace retort::isa::RETORT_ISA {
namespace {

RETORT_INLINE std::int64_t rows_per_chunk(std::int64_t rows) {
  return larger(64, (rows + kMaxChunks - 1) / kMaxChunks);
}

/// Bytes of workspace for N arrays of T per chunk.
template <class T, int N>
std::int64_t row_sums_workspace(std::int64_t rows, std::int64_t columns) {
  const std::int64_t size = rows_per_chunk(rows);
  return (rows + size - 1) / size * N * columns * static_cast<std::int64_t>(sizeof(T));
}

/// Calls f(row, sums) for every row in parallel, and finish() at the end of each chunk; sums are
/// the N arrays of the row's chunk, end to end, which f adds to, or null without a workspace.
template <class T, int N, class F, class Finish>
RETORT_INLINE void for_row_chunks(std::int64_t rows, std::int64_t columns, T* workspace, F&& f,
                                  Finish&& finish) {
  const std::int64_t size = rows_per_chunk(rows);
  const Vec<T> zero = broadcast<Vec<T>>(T(0));
  parallel_ranges(rows, size, [&](std::int64_t begin, std::int64_t end, int) {
    T* sums = workspace ? workspace + begin / size * N * columns : nullptr;
    if (sums)
      sweep<T>(N * columns, [&](std::int64_t i, auto lanes) { store(sums + i, zero, lanes); });
    for (std::int64_t row = begin; row < end; ++row) f(row, sums);
    finish();
  });
}

/// Array `which` of the N, summed over the chunks.
template <class T, int N>
void add_row_chunks(std::int64_t rows, std::int64_t columns, const T* workspace, int which, T* to) {
  const std::int64_t size = rows_per_chunk(rows), chunks = (rows + size - 1) / size;
  parallel_ranges(columns, larger(256, kGrain / larger(1, chunks)),
                  [&](std::int64_t begin, std::int64_t end, int) {
                    sweep<T>(end - begin, [&](std::int64_t i, auto lanes) {
                      Vec<T> total = broadcast<Vec<T>>(T(0));
                      for (std::int64_t chunk = 0; chunk < chunks; ++chunk)
                        total = total +
                                load(workspace + (N * chunk + which) * columns + begin + i, lanes);
                      store(to + begin + i, total, lanes);
                    });
                  });
}

}  // namespace
}  // namespace retort::isa::RETORT_ISA
