// softmax and log_softmax along rows, and their derivatives. Every row is computed on its own.
#include "tensor/cpu/export.h"
#include "tensor/cpu/loops.h"
#include "tensor/cpu/simd_math.h"

namespace retort::isa::RETORT_ISA {
namespace {

template <class T>
void softmax_row(const T* x, T* y, std::int64_t n) {
  const Vec<T> highest = broadcast<Vec<T>>(largest(x, n));
  const double total = sum<T>(n, [&](std::int64_t i, auto lanes) {
    const Vec<T> e = exp(load(x + i, lanes) - highest);
    store(y + i, e, lanes);
    return e;
  });
  const Vec<T> factor = broadcast<Vec<T>>(static_cast<T>(1 / total));
  sweep<T>(n,
           [&](std::int64_t i, auto lanes) { store(y + i, load(y + i, lanes) * factor, lanes); });
}

template <class T>
void log_softmax_row(const T* x, T* y, std::int64_t n) {
  const Vec<T> highest = broadcast<Vec<T>>(largest(x, n));
  const double total =
      sum<T>(n, [&](std::int64_t i, auto lanes) { return exp(load(x + i, lanes) - highest); });
  const Vec<T> log_total = broadcast<Vec<T>>(static_cast<T>(std::log(total)));
  sweep<T>(n, [&](std::int64_t i, auto lanes) {
    store(y + i, (load(x + i, lanes) - highest) - log_total, lanes);
  });
}

template <class T>
void softmax(const Launch&, const SoftmaxArgs& args) {
  const T* x = static_cast<const T*>(args.x);
  T* y = static_cast<T*>(args.y);
  for_rows(args.rows, 8 * args.columns, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t at = row * args.columns;
      if (args.log) log_softmax_row(x + at, y + at, args.columns);
      else softmax_row(x + at, y + at, args.columns);
    }
  });
}

template <class T>
void softmax_backward_row(const T* dy, const T* y, T* dx, std::int64_t n) {
  const Vec<T> total = broadcast<Vec<T>>(static_cast<T>(sum<T>(
      n, [&](std::int64_t i, auto lanes) { return load(dy + i, lanes) * load(y + i, lanes); })));
  sweep<T>(n, [&](std::int64_t i, auto lanes) {
    store(dx + i, load(y + i, lanes) * (load(dy + i, lanes) - total), lanes);
  });
}

template <class T>
void log_softmax_backward_row(const T* dy, const T* y, T* dx, std::int64_t n) {
  const Vec<T> total = broadcast<Vec<T>>(
      static_cast<T>(sum<T>(n, [&](std::int64_t i, auto lanes) { return load(dy + i, lanes); })));
  sweep<T>(n, [&](std::int64_t i, auto lanes) {
    store(dx + i, load(dy + i, lanes) - exp(load(y + i, lanes)) * total, lanes);
  });
}

template <class T>
void softmax_backward(const Launch&, const SoftmaxBackwardArgs& args) {
  const T* dy = static_cast<const T*>(args.dy);
  const T* y = static_cast<const T*>(args.y);
  T* dx = static_cast<T*>(args.dx);
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
