// Sums and maxima over the rows of ragged segments, and their adjoint. Tasks are bands of columns
// of a segment; rows are taken in ascending order.
#include "tensor/cpu/export.h"
#include "tensor/cpu/loops.h"

namespace retort::isa::RETORT_ISA {
namespace {

/// Columns of a band.
constexpr std::int64_t kBand = 64;
/// Rows that are summed up before their sum joins the total: the error doesn't grow with the
/// length.
constexpr std::int64_t kBlockRows = 64;

/// Calls f(segment, first column, columns) for all bands, in parallel.
template <class F>
RETORT_INLINE void for_bands(const std::int32_t* offsets, std::int64_t segments,
                             std::int64_t columns, F&& f) {
  if (segments <= 0 || columns <= 0) return;
  const std::int64_t bands = (columns + kBand - 1) / kBand;
  const std::int64_t work = kBand * (offsets[segments] / segments + 1);
  parallel_ranges(segments * bands, larger(1, kGrain / work),
                  [&](std::int64_t begin, std::int64_t end, int) {
                    for (std::int64_t task = begin; task < end; ++task) {
                      const std::int64_t column = task % bands * kBand;
                      f(task / bands, column, smaller(kBand, columns - column));
                    }
                  });
}

template <class T>
void segment_reduce(const Launch&, const SegmentReduceArgs& args) {
  using V = Vec<T>;
  const T start = args.maximum ? -static_cast<T>(__builtin_inf()) : T(0);
  for_bands(args.offsets, args.segments, args.columns,
            [&](std::int64_t segment, std::int64_t column, std::int64_t n) {
              const T* const x = static_cast<const T*>(args.x) + column;
              T* const y = static_cast<T*>(args.y) + segment * args.columns + column;
              const std::int64_t end = args.offsets[segment + 1];
              sweep<T>(n, [&](std::int64_t i, auto lanes) {
                V total = broadcast<V>(start);
                for (std::int64_t first = args.offsets[segment]; first < end; first += kBlockRows) {
                  const std::int64_t last = smaller(end, first + kBlockRows);
                  V part = broadcast<V>(start);
                  for (std::int64_t row = first; row < last; ++row) {
                    const V value = load(x + row * args.columns + i, lanes);
                    part = args.maximum ? max(part, value) : part + value;
                  }
                  total = args.maximum ? max(total, part) : total + part;
                }
                store(y + i, total, lanes);
              });
            });
}

template <class T>
void segment_expand(const Launch&, const SegmentExpandArgs& args) {
  for_bands(args.offsets, args.segments, args.columns,
            [&](std::int64_t segment, std::int64_t column, std::int64_t n) {
              const T* const x = static_cast<const T*>(args.x) + segment * args.columns + column;
              T* const y = static_cast<T*>(args.y) + column;
              for (std::int64_t row = args.offsets[segment]; row < args.offsets[segment + 1]; ++row)
                sweep<T>(n, [&](std::int64_t i, auto lanes) {
                  store(y + row * args.columns + i, load(x + i, lanes), lanes);
                });
            });
}

}  // namespace

RETORT_EXPORT_F32_F64(segment_reduce, SegmentReduceArgs)
RETORT_EXPORT_F32_F64(segment_expand, SegmentExpandArgs)

}  // namespace retort::isa::RETORT_ISA
