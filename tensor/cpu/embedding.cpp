// Rows of a table by id, and the derivative, which adds rows with the same id in ascending order
// because a thread owns columns, never rows.
#include "tensor/cpu/export.h"
#include "tensor/cpu/loops.h"

namespace retort::isa::RETORT_ISA {
namespace {

template <class S>
void embedding(const Launch&, const EmbeddingArgs& args) {
  const std::int64_t columns = args.columns;
  const S* table = static_cast<const S*>(args.table);
  S* y = static_cast<S*>(args.y);
  for_rows(args.rows, columns, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row)
      std::memcpy(y + row * columns, table + args.ids[row] * columns,
                  static_cast<std::size_t>(columns) * sizeof(S));
  });
}

template <class S>
void embedding_backward(const Launch&, const EmbeddingBackwardArgs& args) {
  using T = Compute<S>;
  const std::int64_t columns = args.columns;
  const S* dy = static_cast<const S*>(args.dy);
  T* dtable = static_cast<T*>(args.dtable);
  // Narrow stripes only where there is enough work to share.
  const std::int64_t stripe = args.rows * columns < 2 * kGrain ? larger(1, columns) : 64;
  parallel_ranges(columns, stripe, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t row = 0; row < args.rows; ++row) {
      const S* from = dy + row * columns + begin;
      T* to = dtable + args.ids[row] * columns + begin;
      sweep<T>(end - begin, [&](std::int64_t i, auto lanes) {
        store(to + i, load(to + i, lanes) + load(from + i, lanes), lanes);
      });
    }
  });
}

}  // namespace

RETORT_EXPORT(embedding, EmbeddingArgs)
RETORT_EXPORT(embedding_backward, EmbeddingBackwardArgs)

}  // namespace retort::isa::RETORT_ISA
