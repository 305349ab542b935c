// What the losses share: which rows count, sums over them in a fixed order, and gradients of the
// rest.
#pragma once

#include "tensor/cpu/loops.h"

namespace retort::isa::RETORT_ISA {
namespace {

constexpr std::int32_t kIgnored = -100;

RETORT_INLINE bool ignored(const std::int32_t* labels, std::int64_t row) {
  return labels && labels[row] == kIgnored;
}

RETORT_INLINE bool any_row(const std::int32_t* labels, std::int64_t rows) {
  if (!labels) return rows > 0;
  for (std::int64_t row = 0; row < rows; ++row)
    if (labels[row] != kIgnored) return true;
  return false;
}

/// Rows of about kGrain exponentials each.
RETORT_INLINE std::int64_t loss_grain(std::int64_t columns) {
  return larger(1, kGrain / 8 / larger(1, columns));
}

/// loss[0] = factor · Σ f(row) over the rows that count, added in order in f64.
template <class T, class Args, class F>
RETORT_INLINE void sum_rows(const Args& args, F&& f) {
  const double total =
      sum_chunks(args.rows, loss_grain(args.columns), [&](std::int64_t begin, std::int64_t end) {
        double part = 0;
        for (std::int64_t row = begin; row < end; ++row)
          if (!ignored(args.labels, row)) part += f(row);
        return part;
      });
  *static_cast<T*>(args.loss) =
      any_row(args.labels, args.rows) ? static_cast<T>(*args.factor * total) : T(0);
}

/// Calls f(row, dx) with the row of `gradient` for the rows that count; zeroes the others.
template <class S, class Args, class F>
RETORT_INLINE void differentiate_rows(const Args& args, void* gradient, F&& f) {
  using T = Compute<S>;
  const Vec<T> zero = broadcast<Vec<T>>(T(0));
  parallel_ranges(
      args.rows, loss_grain(args.columns), [&](std::int64_t begin, std::int64_t end, int) {
        for (std::int64_t row = begin; row < end; ++row) {
          S* dx = static_cast<S*>(gradient) + row * args.columns;
          if (!ignored(args.labels, row)) f(row, dx);
          else
            sweep<T>(args.columns, [&](std::int64_t i, auto lanes) { store(dx + i, zero, lanes); });
        }
      });
}

/// dloss · factor · more, in every lane.
template <class T>
RETORT_INLINE Vec<T> gradient_factor(const void* dloss, const double* factor, double more = 1) {
  return broadcast<Vec<T>>(
      static_cast<T>(static_cast<double>(*static_cast<const T*>(dloss)) * *factor * more));
}

}  // namespace
}  // namespace retort::isa::RETORT_ISA
