// Sums and extremes over the inner dimensions of a plan: rows (inner contiguous), columns (outer
// contiguous, e.g. a bias gradient), and anything else. Sums end in f64.
#include "tensor/cpu/export.h"
#include "tensor/cpu/loops.h"

namespace retort::isa::RETORT_ISA {
namespace {

struct Sum {
  static constexpr double kEmpty = 0;
  static RETORT_INLINE double combine(double a, double b) { return a + b; }
  template <class T>
  static RETORT_INLINE Vec<T> combine(Vec<T> a, Vec<T> b) {
    return a + b;
  }
  template <class S>
  static RETORT_INLINE double row(const S* x, std::int64_t n) {
    return sum<Compute<S>>(n, [&](std::int64_t i, auto lanes) { return load(x + i, lanes); });
  }
};

// NaN if any number is.
template <class Op, class S>
RETORT_INLINE double extreme_of_row(const S* x, std::int64_t n) {
  using T = Compute<S>;
  const Vec<T> empty = broadcast<Vec<T>>(static_cast<T>(Op::kEmpty));
  Vec<T> best = empty;
  sweep<T>(n, [&](std::int64_t i, auto lanes) {
    best = Op::combine(best, only(load(x + i, lanes), empty, lanes));
  });
  return static_cast<double>(fold(best, [](Vec<T> a, Vec<T> b) { return Op::combine(a, b); }));
}

struct Maximum {
  static constexpr double kEmpty = -__builtin_inf();
  static RETORT_INLINE double combine(double a, double b) {
    return a != a ? a : (a < b || b != b) ? b : a;
  }
  template <class T>
  static RETORT_INLINE Vec<T> combine(Vec<T> a, Vec<T> b) {
    return max(a, b);
  }
  template <class S>
  static RETORT_INLINE double row(const S* x, std::int64_t n) {
    return extreme_of_row<Maximum>(x, n);
  }
};

struct Minimum {
  static constexpr double kEmpty = __builtin_inf();
  static RETORT_INLINE double combine(double a, double b) {
    return a != a ? a : (b < a || b != b) ? b : a;
  }
  template <class T>
  static RETORT_INLINE Vec<T> combine(Vec<T> a, Vec<T> b) {
    return min(a, b);
  }
  template <class S>
  static RETORT_INLINE double row(const S* x, std::int64_t n) {
    return extreme_of_row<Minimum>(x, n);
  }
};

// ---- One output: a part of its inner elements ----

// Inner elements [begin, end), which lie in rows of the innermost dimension.
template <class Op, class S>
double reduce_part(const S* x, const Plan<1>& inner, std::int64_t begin, std::int64_t end) {
  if (begin >= end) return Op::kEmpty;
  if (inner.rank == 0) return static_cast<double>(read(x));
  const int last = inner.rank - 1;
  const std::int64_t size = inner.size[last];
  const std::int64_t stride = inner.stride[0][last];
  Walk<1> walk(inner, last, begin / size);
  double total = Op::kEmpty;
  for (std::int64_t at = begin % size; begin < end; at = 0, walk.next()) {
    const std::int64_t n = smaller(size - at, end - begin);
    const S* row = x + walk.offset[0] + at * stride;
    if (stride == 1) {
      total = Op::combine(total, Op::row(row, n));
    } else {
      double part = Op::kEmpty;
      for (std::int64_t i = 0; i < n; ++i)
        part = Op::combine(part, static_cast<double>(read(row + i * stride)));
      total = Op::combine(total, part);
    }
    begin += n;
  }
  return total;
}

template <class Op, class S>
void reduce_rows(const S* x, S* y, const ReduceArgs& args, std::int64_t outputs,
                 std::int64_t terms) {
  using T = Compute<S>;
  // Cut by the shape alone; the chunks of one output are added in order.
  const std::int64_t size = larger(4 * kGrain, (terms + kMaxChunks - 1) / kMaxChunks);
  const auto whole = [&](const S* from) {
    double total = Op::kEmpty;
    for (std::int64_t begin = 0; begin < terms; begin += size)
      total = Op::combine(total,
                          reduce_part<Op>(from, args.inner, begin, smaller(terms, begin + size)));
    return static_cast<T>(total);
  };
  if (outputs >= 8 || terms <= size) {
    for_rows(outputs, terms, [&](std::int64_t begin, std::int64_t end) {
      Walk<1> walk(args.outer, args.outer.rank, begin);
      for (std::int64_t i = begin; i < end; ++i, walk.next())
        write(y + i, whole(x + walk.offset[0]));
    });
    return;
  }
  Walk<1> walk(args.outer, args.outer.rank, 0);
  for (std::int64_t i = 0; i < outputs; ++i, walk.next()) {
    const S* from = x + walk.offset[0];
    double partial[kMaxChunks];
    parallel_ranges(terms, size, [&](std::int64_t begin, std::int64_t end, int) {
      partial[begin / size] = reduce_part<Op>(from, args.inner, begin, end);
    });
    double total = Op::kEmpty;
    for (std::int64_t chunk = 0; chunk * size < terms; ++chunk)
      total = Op::combine(total, partial[chunk]);
    write(y + i, static_cast<T>(total));
  }
}

// ---- Columns: the innermost outer dimension is contiguous, so that a vector holds many outputs
// ----

constexpr std::int64_t kTile = 64;      // columns
constexpr std::int64_t kRowBlock = 64;  // rows that are added in T

// totals[0, n) = op over inner elements [begin, end) of x[·][0, n), n ≤ kTile.
template <class Op, class S>
void reduce_tile(const S* x, const Plan<1>& inner, std::int64_t begin, std::int64_t end,
                 std::int64_t n, double* totals) {
  using T = Compute<S>;
  constexpr int kVectors = static_cast<int>(kTile / Vec<T>::kWidth);
  const Vec<T> empty = broadcast<Vec<T>>(static_cast<T>(Op::kEmpty));
  for (std::int64_t j = 0; j < kTile; ++j) totals[j] = Op::kEmpty;
  Walk<1> walk(inner, inner.rank, begin);
  while (begin < end) {
    const std::int64_t stop = smaller(end, begin + kRowBlock);
    Vec<T> best[kVectors];
    for (auto& v : best) v = empty;
    for (; begin < stop; ++begin, walk.next()) {
      const S* row = x + walk.offset[0];
      if (n == kTile) {
        for (int v = 0; v < kVectors; ++v)
          best[v] = Op::combine(best[v], load(row + v * Vec<T>::kWidth));
      } else {
        for (int v = 0; v < kVectors && v * Vec<T>::kWidth < n; ++v)
          best[v] = Op::combine(best[v], load(row + v * Vec<T>::kWidth, n - v * Vec<T>::kWidth));
      }
    }
    T lane[kTile];
    for (int v = 0; v < kVectors; ++v) store(lane + v * Vec<T>::kWidth, best[v]);
    for (std::int64_t j = 0; j < kTile; ++j)
      totals[j] = Op::combine(totals[j], static_cast<double>(lane[j]));
  }
}

template <class Op, class S>
void reduce_columns(const S* x, S* y, const ReduceArgs& args, std::int64_t outputs,
                    std::int64_t terms) {
  using T = Compute<S>;
  const int last = args.outer.rank - 1;
  const std::int64_t columns = args.outer.size[last];
  const std::int64_t tiles_per_row = (columns + kTile - 1) / kTile;
  const std::int64_t tiles = outputs / columns * tiles_per_row;
  const auto place = [&](std::int64_t tile, std::int64_t& n, std::int64_t& output) {
    const std::int64_t row = tile / tiles_per_row;
    const std::int64_t column = (tile - row * tiles_per_row) * kTile;
    n = smaller(kTile, columns - column);
    output = row * columns + column;
    return x + Walk<1>(args.outer, last, row).offset[0] + column;
  };
  // Few tiles of many rows share the rows out; the parts are added in order.
  constexpr std::int64_t kParts = 16;
  if (tiles < 8 && terms >= 2048) {
    const std::int64_t size = (terms + kParts - 1) / kParts;
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
      std::int64_t n, output;
      const S* from = place(tile, n, output);
      double part[kParts][kTile];
      parallel_ranges(terms, size, [&](std::int64_t begin, std::int64_t end, int) {
        reduce_tile<Op>(from, args.inner, begin, end, n, part[begin / size]);
      });
      for (std::int64_t j = 0; j < n; ++j) {
        double total = Op::kEmpty;
        for (std::int64_t p = 0; p * size < terms; ++p) total = Op::combine(total, part[p][j]);
        write(y + output + j, static_cast<T>(total));
      }
    }
    return;
  }
  for_rows(tiles, terms * kTile, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t tile = begin; tile < end; ++tile) {
      std::int64_t n, output;
      const S* from = place(tile, n, output);
      double total[kTile];
      reduce_tile<Op>(from, args.inner, 0, terms, n, total);
      for (std::int64_t j = 0; j < n; ++j) write(y + output + j, static_cast<T>(total[j]));
    }
  });
}

template <class Op, class S>
void reduce_by(const ReduceArgs& args) {
  using T = Compute<S>;
  const S* x = static_cast<const S*>(args.x);
  S* y = static_cast<S*>(args.y);
  const std::int64_t outputs = count(args.outer, args.outer.rank);
  const std::int64_t terms = count(args.inner, args.inner.rank);
  if (outputs == 0) return;
  if (terms == 0) {
    for (std::int64_t i = 0; i < outputs; ++i) write(y + i, static_cast<T>(Op::kEmpty));
    return;
  }
  const bool inner_contiguous =
      args.inner.rank > 0 && args.inner.stride[0][args.inner.rank - 1] == 1;
  const bool outer_contiguous =
      args.outer.rank > 0 && args.outer.stride[0][args.outer.rank - 1] == 1;
  if (outer_contiguous && !inner_contiguous) reduce_columns<Op>(x, y, args, outputs, terms);
  else reduce_rows<Op>(x, y, args, outputs, terms);
}

template <class S>
void reduce(const Launch&, const ReduceArgs& args) {
  switch (args.op) {
    case ReduceOp::sum:
      return reduce_by<Sum, S>(args);
    case ReduceOp::maximum:
      return reduce_by<Maximum, S>(args);
    case ReduceOp::minimum:
      return reduce_by<Minimum, S>(args);
  }
}

}  // namespace

RETORT_EXPORT(reduce, ReduceArgs)

}  // namespace retort::isa::RETORT_ISA
