// softmax and log_softmax along rows, and their derivatives. Every row is computed on its own.
#include "tensor/cpu/export.h"
#include "tensor/cpu/rows.h"
#include "tensor/cpu/simd_math.h"

namespace retort::isa::RETORT_ISA {
namespace {

// The largest of a row (−∞ for none), passing over NaN: exp brings it back.
template <class S>
RETORT_INLINE Vec<Compute<S>> highest_of(const S* x, std::int64_t n) {
  using T = Compute<S>;
  const Vec<T> lowest = broadcast<Vec<T>>(-static_cast<T>(__builtin_inf()));
  Vec<T> best = lowest;
  sweep<T>(n, [&](std::int64_t i, auto lanes) {
    fetch_next<3>(x, n, 0, i);
    best = at_least(best, only(load(x + i, lanes), lowest, lanes));
  });
  return broadcast<Vec<T>>(fold(best, [](Vec<T> p, Vec<T> q) { return at_least(p, q); }));
}

// Exponentials wait in a buffer for their sum; those of long rows are computed again.
constexpr std::int64_t kExponentials = 4096;

template <class S>
RETORT_INLINE void softmax_row(const S* x, S* y, std::int64_t n, const Writer<S>& write_row) {
  using T = Compute<S>;
  alignas(64) T kept[kExponentials];
  const bool keep = n <= kExponentials;
  const Vec<T> highest = highest_of(x, n);
  const double total = sum<T>(n, [&](std::int64_t i, auto lanes) {
    fetch_next<3>(x, n, 1, i);
    const Vec<T> e = exp(load(x + i, lanes) - highest);
    if (keep) store(kept + i, e, lanes);
    return e;
  });
  const Vec<T> factor = broadcast<Vec<T>>(static_cast<T>(1 / total));
  sweep<T>(n, [&](std::int64_t i, auto lanes) {
    fetch_next<3>(x, n, 2, i);
    const Vec<T> e = keep ? load(kept + i, lanes) : exp(load(x + i, lanes) - highest);
    write_row(y + i, e * factor, lanes);
  });
}

template <class S>
RETORT_INLINE void log_softmax_row(const S* x, S* y, std::int64_t n, const Writer<S>& write_row) {
  using T = Compute<S>;
  const Vec<T> highest = highest_of(x, n);
  const double total = sum<T>(n, [&](std::int64_t i, auto lanes) {
    fetch_next<3>(x, n, 1, i);
    return exp(load(x + i, lanes) - highest);
  });
  const Vec<T> log_total = broadcast<Vec<T>>(static_cast<T>(std::log(total)));
  sweep<T>(n, [&](std::int64_t i, auto lanes) {
    fetch_next<3>(x, n, 2, i);
    write_row(y + i, (load(x + i, lanes) - highest) - log_total, lanes);
  });
}

template <class S>
void softmax(const Launch&, const SoftmaxArgs& args) {
  const S* x = static_cast<const S*>(args.x);
  S* y = static_cast<S*>(args.y);
  const Writer<S> write_row(y, args.rows, args.columns);
  for_rows(args.rows, 8 * args.columns, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t at = row * args.columns;
      if (args.log) log_softmax_row(x + at, y + at, args.columns, write_row);
      else softmax_row(x + at, y + at, args.columns, write_row);
    }
    write_row.finish();
  });
}

template <class S>
RETORT_INLINE void softmax_backward_row(const S* dy, const S* y, S* dx, std::int64_t n, bool log,
                                        const Writer<S>& write_row) {
  using T = Compute<S>;
  const Vec<T> total = broadcast<Vec<T>>(static_cast<T>(sum<T>(n, [&](std::int64_t i, auto lanes) {
    fetch_next<2>(dy, n, 0, i);
    fetch_next<2>(y, n, 0, i);
    const Vec<T> d = load(dy + i, lanes);
    return log ? d : d * load(y + i, lanes);
  })));
  sweep<T>(n, [&](std::int64_t i, auto lanes) {
    fetch_next<2>(dy, n, 1, i);
    fetch_next<2>(y, n, 1, i);
    const Vec<T> d = load(dy + i, lanes), out = load(y + i, lanes);
    write_row(dx + i, log ? d - exp(out) * total : out * (d - total), lanes);
  });
}

template <class S>
void softmax_backward(const Launch&, const SoftmaxBackwardArgs& args) {
  const S* dy = static_cast<const S*>(args.dy);
  const S* y = static_cast<const S*>(args.y);
  S* dx = static_cast<S*>(args.dx);
  const Writer<S> write_row(dx, args.rows, args.columns);
  for_rows(args.rows, 2 * args.columns, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t at = row * args.columns;
      softmax_backward_row(dy + at, y + at, dx + at, args.columns, args.log, write_row);
    }
    write_row.finish();
  });
}

}  // namespace

RETORT_EXPORT(softmax, SoftmaxArgs)
RETORT_EXPORT(softmax_backward, SoftmaxBackwardArgs)

}  // namespace retort::isa::RETORT_ISA
