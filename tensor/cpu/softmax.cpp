// softmax and log_softmax along rows, and their derivatives. Every row is computed on its own.
#include "tensor/cpu/export.h"
#include "tensor/cpu/loops.h"
#include "tensor/cpu/simd_math.h"

namespace retort::isa::RETORT_ISA {
namespace {

template <class S>
void softmax_row(const S* x, S* y, std::int64_t n) {
  using T = Compute<S>;
  constexpr bool kKeeps = sizeof(S) == sizeof(T);  // exponentials in y; halves would round them
  const Vec<T> highest = broadcast<Vec<T>>(largest(x, n));
  const double total = sum<T>(n, [&](std::int64_t i, auto lanes) {
    const Vec<T> e = exp(load(x + i, lanes) - highest);
    if constexpr (kKeeps) store(y + i, e, lanes);
    return e;
  });
  const Vec<T> factor = broadcast<Vec<T>>(static_cast<T>(1 / total));
  sweep<T>(n, [&](std::int64_t i, auto lanes) {
    if constexpr (kKeeps) store(y + i, load(y + i, lanes) * factor, lanes);
    else store(y + i, exp(load(x + i, lanes) - highest) * factor, lanes);
  });
}

template <class S>
void log_softmax_row(const S* x, S* y, std::int64_t n) {
  using T = Compute<S>;
  const Vec<T> highest = broadcast<Vec<T>>(largest(x, n));
  const double total =
      sum<T>(n, [&](std::int64_t i, auto lanes) { return exp(load(x + i, lanes) - highest); });
  const Vec<T> log_total = broadcast<Vec<T>>(static_cast<T>(std::log(total)));
  sweep<T>(n, [&](std::int64_t i, auto lanes) {
    store(y + i, (load(x + i, lanes) - highest) - log_total, lanes);
  });
}

template <class S>
void softmax(const Launch&, const SoftmaxArgs& args) {
  const S* x = static_cast<const S*>(args.x);
  S* y = static_cast<S*>(args.y);
  for_rows(args.rows, 8 * args.columns, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t at = row * args.columns;
      if (args.log) log_softmax_row(x + at, y + at, args.columns);
      else softmax_row(x + at, y + at, args.columns);
    }
  });
}

template <class S>
void softmax_backward_row(const S* dy, const S* y, S* dx, std::int64_t n) {
  using T = Compute<S>;
  const Vec<T> total = broadcast<Vec<T>>(static_cast<T>(sum<T>(
      n, [&](std::int64_t i, auto lanes) { return load(dy + i, lanes) * load(y + i, lanes); })));
  sweep<T>(n, [&](std::int64_t i, auto lanes) {
    store(dx + i, load(y + i, lanes) * (load(dy + i, lanes) - total), lanes);
  });
}

template <class S>
void log_softmax_backward_row(const S* dy, const S* y, S* dx, std::int64_t n) {
  using T = Compute<S>;
  const Vec<T> total = broadcast<Vec<T>>(
      static_cast<T>(sum<T>(n, [&](std::int64_t i, auto lanes) { return load(dy + i, lanes); })));
  sweep<T>(n, [&](std::int64_t i, auto lanes) {
    store(dx + i, load(dy + i, lanes) - exp(load(y + i, lanes)) * total, lanes);
  });
}

template <class S>
void softmax_backward(const Launch&, const SoftmaxBackwardArgs& args) {
  const S* dy = static_cast<const S*>(args.dy);
  const S* y = static_cast<const S*>(args.y);
  S* dx = static_cast<S*>(args.dx);
  for_rows(args.rows, 2 * args.columns, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t at = row * args.columns;
      if (args.log) log_softmax_backward_row(dy + at, y + at, dx + at, args.columns);
      else softmax_backward_row(dy + at, y + at, dx + at, args.columns);
    }
  });
}

}  // namespace

RETORT_EXPORT(softmax, SoftmaxArgs)
RETORT_EXPORT(softmax_backward, SoftmaxBackwardArgs)

}  // namespace retort::isa::RETORT_ISA
