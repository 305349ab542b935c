// softmax and log_softmax along rows, and their derivatives. Every row is computed on its own.
#include "tensor/cpu/export.h"
#include "tensor/cpu/rows.h"
#include "tensor/cpu/simd_math.h"

namespace retort::isa::RETORT_ISA {
namespace {

// The largest of a row (−∞ for none), passing over NaN: exp brings it back. Four vectors, so that
// comparisons don't wait for each other.
template <int Passes, class S>
RETORT_INLINE Vec<Compute<S>> highest_of(const S* x, std::int64_t n) {
  using T = Compute<S>;
  constexpr int kWidth = Vec<T>::kWidth, kBest = 4;
  const Vec<T> lowest = broadcast<Vec<T>>(-static_cast<T>(__builtin_inf()));
  Vec<T> best[kBest] = {lowest, lowest, lowest, lowest};
  std::int64_t i = 0;
  for (; i + kBest * kWidth <= n; i += kBest * kWidth)
    for (int k = 0; k < kBest; ++k) {
      fetch_next<Passes>(x, n, 0, i + k * kWidth);
      best[k] = at_least(best[k], load(x + i + k * kWidth));
    }
  sweep<T>(n - i, [&](std::int64_t j, auto lanes) {
    fetch_next<Passes>(x, n, 0, i + j);
    best[0] = at_least(best[0], only(load(x + i + j, lanes), lowest, lanes));
  });
  best[0] = at_least(at_least(best[0], best[1]), at_least(best[2], best[3]));
  return broadcast<Vec<T>>(fold(best[0], [](Vec<T> p, Vec<T> q) { return at_least(p, q); }));
}

// Rows of at most so many columns keep exponentials in a buffer; longer ones compute them again.
constexpr std::int64_t kExponentials = 4096;

// Short rows. A row is written while the next one's exponentials take the place of its own, so that
// memory is written to all the time.
template <class S>
class SoftmaxRows {
  using T = Compute<S>;

 public:
  RETORT_INLINE SoftmaxRows(std::int64_t n, const Writer<S>& write_row)
      : n_(n), write_row_(write_row) {}

  RETORT_INLINE void add(const S* x, S* y) {
    const Vec<T> highest = highest_of<2>(x, n_);
    const double total = sum<T>(n_, [&](std::int64_t i, auto lanes) {
      fetch_next<2>(x, n_, 1, i);
      if (y_) write(i, lanes);
      const Vec<T> e = exp(load(x + i, lanes) - highest);
      store(kept_ + i, e, lanes);
      return e;
    });
    y_ = y;
    factor_ = static_cast<T>(1 / total);
  }
  RETORT_INLINE void finish() {
    if (y_) sweep<T>(n_, [&](std::int64_t i, auto lanes) { write(i, lanes); });
    y_ = nullptr;
  }

 private:
  template <class Lanes>
  RETORT_INLINE void write(std::int64_t i, Lanes lanes) {
    write_row_(y_ + i, load(kept_ + i, lanes) * broadcast<Vec<T>>(factor_), lanes);
  }

  std::int64_t n_;
  const Writer<S>& write_row_;
  S* y_ = nullptr;  // where what is in the buffer belongs
  T factor_ = 0;
  alignas(64) T kept_[kExponentials];
};

// A long row.
template <class S>
RETORT_INLINE void softmax_row(const S* x, S* y, std::int64_t n, const Writer<S>& write_row) {
  using T = Compute<S>;
  const Vec<T> highest = highest_of<3>(x, n);
  const double total = sum<T>(n, [&](std::int64_t i, auto lanes) {
    fetch_next<3>(x, n, 1, i);
    return exp(load(x + i, lanes) - highest);
  });
  const Vec<T> factor = broadcast<Vec<T>>(static_cast<T>(1 / total));
  sweep<T>(n, [&](std::int64_t i, auto lanes) {
    fetch_next<3>(x, n, 2, i);
    write_row(y + i, exp(load(x + i, lanes) - highest) * factor, lanes);
  });
}

template <class S>
RETORT_INLINE void log_softmax_row(const S* x, S* y, std::int64_t n, const Writer<S>& write_row) {
  using T = Compute<S>;
  const Vec<T> highest = highest_of<3>(x, n);
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
    SoftmaxRows<S> short_rows(args.columns, write_row);
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t at = row * args.columns;
      if (args.log) log_softmax_row(x + at, y + at, args.columns, write_row);
      else if (args.columns <= kExponentials) short_rows.add(x + at, y + at);
      else softmax_row(x + at, y + at, args.columns, write_row);
    }
    short_rows.finish();
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
