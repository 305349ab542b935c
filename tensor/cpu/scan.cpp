// What goes along the lines of a tensor element by element: running sums, and where extremes stand.
// A thread owns whole lines; where lines are the columns of matrices, it walks a tile of them at
// once.
#include "tensor/cpu/export.h"
#include "tensor/cpu/lines.h"

namespace retort::isa::RETORT_ISA {
namespace {

template <class S>
void cumsum(const Launch&, const CumsumArgs& args) {
  using T = Compute<S>;
  const S* x = static_cast<const S*>(args.x);
  S* y = static_cast<S*>(args.y);
  const std::int64_t inner = args.lines.inner;
  const std::int64_t step = args.reverse ? -inner : inner;
  for_tiles(args.lines, [&](std::int64_t at, std::int64_t, std::int64_t n) {
    double total[kLinesTile] = {};
    if (args.reverse) at += (args.lines.size - 1) * inner;
    for (std::int64_t j = 0; j < args.lines.size; ++j, at += step)
      for (std::int64_t i = 0; i < n; ++i) {
        total[i] += static_cast<double>(read(x + at + i));
        write(y + at + i, static_cast<T>(total[i]));
      }
  });
}

// Whether a stands before b in the order that looks for an extreme.
template <class T>
RETORT_INLINE bool beats(T a, T b, bool minimum) {
  return b == b && (a != a || (minimum ? a < b : b < a));
}

template <class S>
void arg_reduce(const Launch&, const ArgReduceArgs& args) {
  using T = Compute<S>;
  const S* x = static_cast<const S*>(args.x);
  const std::int64_t inner = args.lines.inner;
  for_tiles(args.lines, [&](std::int64_t at, std::int64_t line, std::int64_t n) {
    T best[kLinesTile];
    std::int64_t place[kLinesTile];
    for (std::int64_t i = 0; i < n; ++i) {
      best[i] = read(x + at + i);
      place[i] = 0;
    }
    for (std::int64_t j = 1; j < args.lines.size; ++j) {
      const S* row = x + at + j * inner;
      for (std::int64_t i = 0; i < n; ++i) {
        const T now = read(row + i);
        if (!beats(now, best[i], args.minimum)) continue;
        best[i] = now;
        place[i] = j;
      }
    }
    for (std::int64_t i = 0; i < n; ++i) args.index[line + i] = place[i];
  });
}

}  // namespace

RETORT_EXPORT(cumsum, CumsumArgs)
RETORT_EXPORT(arg_reduce, ArgReduceArgs)

}  // namespace retort::isa::RETORT_ISA
