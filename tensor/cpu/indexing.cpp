// Elements by index and sums by index. A thread owns the lines that it writes, so that what meets
// in one place is added in the order of the list.
#include "tensor/cpu/export.h"
#include "tensor/cpu/lines.h"

namespace retort::isa::RETORT_ISA {
namespace {

template <class S>
void gather(const Launch&, const GatherArgs& args) {
  const S* x = static_cast<const S*>(args.x);
  S* y = static_cast<S*>(args.y);
  const std::int64_t inner = args.lines.inner, plane = args.lines.size * inner;
  for_rows(args.lines.outer * args.count, inner, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const S* from = x + row / args.count * plane;
      S* to = y + row * inner;
      if (args.shared) {
        std::memcpy(to, from + args.index[row % args.count] * inner,
                    static_cast<std::size_t>(inner) * sizeof(S));
      } else {
        const std::int64_t* index = args.index + row * inner;
        for (std::int64_t i = 0; i < inner; ++i) to[i] = from[index[i] * inner + i];
      }
    }
  });
}

template <class S>
void scatter_add(const Launch&, const ScatterAddArgs& args) {
  using T = Compute<S>;
  const S* x = static_cast<const S*>(args.x);
  T* y = static_cast<T*>(args.y);
  const std::int64_t inner = args.lines.inner;
  const Lines added{args.lines.outer, args.count, inner};
  for_tiles(added, [&](std::int64_t at, std::int64_t line, std::int64_t n) {
    const std::int64_t outer = line / inner;
    T* base = y + outer * args.lines.size * inner + line % inner;
    for (std::int64_t j = 0; j < args.count; ++j, at += inner) {
      if (args.shared) {
        T* to = base + args.index[j] * inner;
        sweep<T>(n, [&](std::int64_t i, auto lanes) {
          store(to + i, load(to + i, lanes) + load(x + at + i, lanes), lanes);
        });
      } else {
        for (std::int64_t i = 0; i < n; ++i)
          base[args.index[at + i] * inner + i] += read(x + at + i);
      }
    }
  });
}

}  // namespace

RETORT_EXPORT(gather, GatherArgs)
RETORT_EXPORT(scatter_add, ScatterAddArgs)

}  // namespace retort::isa::RETORT_ISA
