// fill, unary, binary and where: one formula (tensor/functors.h) applied along the innermost
// dimension, in vectors where that is contiguous or broadcast, through a small buffer where it is
// strided or holds halves. A formula is compiled once per instruction set and number type, whatever
// the storage.
#include "tensor/functors.h"

#include <type_traits>

#include "tensor/cpu/export.h"
#include "tensor/cpu/rows.h"
#include "tensor/cpu/simd_math.h"

namespace retort::isa::RETORT_ISA {
namespace {

// Elements that are gathered in a buffer before they are computed with.
constexpr std::int64_t kBuffer = 256;

template <class S>
void fill(const Launch&, const FillArgs& args) {
  using T = Compute<S>;
  S* y = static_cast<S*>(args.y);
  const Vec<T> value = broadcast<Vec<T>>(static_cast<T>(args.value));
  for_pieces(1, args.count, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
    sweep<T>(end - begin, [&](std::int64_t i, auto lanes) { store(y + begin + i, value, lanes); });
  });
}

// The innermost dimension of a plan, and the rows that the others make.
template <int N>
struct Inner {
  std::int64_t rows, size, pieces;
  std::int64_t stride[N];
  int outer_rank;

  explicit Inner(const Plan<N>& plan) : rows(1), size(1), pieces(1), outer_rank(0) {
    for (int k = 0; k < N; ++k) stride[k] = 1;
    if (plan.rank == 0) return;
    outer_rank = plan.rank - 1;
    rows = count(plan, outer_rank);
    size = plan.size[outer_rank];
    pieces = (size + kGrain - 1) / kGrain;
    for (int k = 0; k < N; ++k) stride[k] = plan.stride[k][outer_rank];
  }
};

// Calls f(first, last) for ranges of pieces in parallel; a piece is a row of at most kGrain
// elements.
template <int N, class F>
RETORT_INLINE void for_piece_ranges(const Inner<N>& inner, F&& f) {
  if (inner.size == 0) return;
  parallel_ranges(inner.rows * inner.pieces, larger(1, kGrain / inner.size),
                  [&](std::int64_t first, std::int64_t last, int) { f(first, last); });
}

// Calls f(offsets, n) for each of those pieces; offsets[k] is where operand k's piece begins.
template <int N, class F>
RETORT_INLINE void for_pieces_of(const Plan<N>& plan, const Inner<N>& inner, std::int64_t first,
                                 std::int64_t last, F&& f) {
  Walk<N> walk(plan, inner.outer_rank, first / inner.pieces);
  std::int64_t begin = first % inner.pieces * kGrain;
  for (; first < last; ++first) {
    std::int64_t at[N];
    for (int k = 0; k < N; ++k) at[k] = walk.offset[k] + begin * inner.stride[k];
    f(at, smaller(kGrain, inner.size - begin));
    begin += kGrain;
    if (begin >= inner.size) {
      begin = 0;
      walk.next();
    }
  }
}

template <class S>
RETORT_INLINE void gather(Compute<S>* buffer, const S* x, std::int64_t stride, std::int64_t n) {
  if (stride == 1) {
    sweep<Compute<S>>(
        n, [&](std::int64_t i, auto lanes) { store(buffer + i, load(x + i, lanes), lanes); });
  } else {
    for (std::int64_t i = 0; i < n; ++i) buffer[i] = read(x + i * stride);
  }
}
/// The next n numbers of an operand: where they are, or gathered.
template <class S>
RETORT_INLINE const Compute<S>* fetch(Compute<S>* buffer, const S* x, std::int64_t stride,
                                      std::int64_t n) {
  if constexpr (std::is_same_v<S, Compute<S>>)
    if (stride == 1) return x;
  gather(buffer, x, stride, n);
  return buffer;
}
template <class S>
RETORT_INLINE void scatter(S* y, std::int64_t stride, const Compute<S>* buffer, std::int64_t n,
                           const Writer<S>& writer) {
  if (stride == 1) {
    sweep<Compute<S>>(
        n, [&](std::int64_t i, auto lanes) { writer(y + i, load(buffer + i, lanes), lanes); });
  } else {
    for (std::int64_t i = 0; i < n; ++i) write(y + i * stride, buffer[i]);
  }
}

/// Of a result that goes around the caches: fetches the numbers behind the next kBuffer ones while
/// those are computed with.
template <class S>
RETORT_INLINE void fetch_behind(const S* x, std::int64_t stride) {
  constexpr auto kLine = static_cast<std::int64_t>(64 / sizeof(S));
  if (stride == 1)
    for (std::int64_t i = 0; i < kBuffer; i += kLine) __builtin_prefetch(x + kBuffer + i);
}

// The formulas: loops over contiguous numbers, or (of several operands, stride 0) over a vector of
// equal ones. Formulas of one number may take two more.
template <class T>
using UnaryLoop = void (*)(const T* x, const Writer<T>& writer, T* y, std::int64_t n, double first,
                           double second);
template <class T, int N>
using MapLoop = void (*)(const T* const (&x)[N], const std::int64_t* stride,
                         const Writer<T>& writer, T* y, std::int64_t n);

template <class T, class Op>
void apply_unary(const T* x, const Writer<T>& writer, T* y, std::int64_t n, double first,
                 double second) {
  Op op{};
  if constexpr (!std::is_empty_v<Op>) op = {first, second};
  sweep<T>(n, [&](std::int64_t i, auto lanes) {
    if (writer.around()) fetch_ahead(x + i);
    writer(y + i, op(load(x + i, lanes)), lanes);
  });
}

template <class T, class Op, int N>
void apply_map(const T* const (&x)[N], const std::int64_t* stride, const Writer<T>& writer, T* y,
               std::int64_t n) {
  sweep<T>(n, [&](std::int64_t i, auto lanes) {
    if (writer.around())
      for (int k = 0; k < N; ++k) fetch_ahead(x[k] + i * stride[k]);
    const Vec<T> a = load(x[0] + i * stride[0], lanes), b = load(x[1] + i * stride[1], lanes);
    if constexpr (N == 2) writer(y + i, Op{}(a, b), lanes);
    else writer(y + i, Op{}(a, b, load(x[2] + i * stride[2], lanes)), lanes);
  });
}

template <class T>
UnaryLoop<T> find_loop(UnaryOp op) {
  UnaryLoop<T> loop = nullptr;
  functors::visit(op, [&](auto functor) { loop = apply_unary<T, decltype(functor)>; });
  return loop;
}

template <class T>
MapLoop<T, 2> find_loop(BinaryOp op) {
  MapLoop<T, 2> loop = nullptr;
  functors::visit(op, [&](auto functor) { loop = apply_map<T, decltype(functor), 2>; });
  return loop;
}

// A broadcast operand becomes one vector that every step of the loop reads again.
template <class T>
RETORT_INLINE const T* expand(T* lanes, const T* x, std::int64_t stride) {
  if (stride != 0) return x;
  store(lanes, broadcast<Vec<T>>(*x));
  return lanes;
}

// ---- Transposed x: square tiles, so that every cache line of x is read once ----

constexpr std::int64_t kTile = 32;

RETORT_INLINE bool is_transposed(const Plan<2>& plan) {
  const int last = plan.rank - 1;
  return plan.rank >= 2 && plan.stride[0][last] != 1 && plan.stride[0][last - 1] == 1 &&
         plan.size[last - 1] >= kTile / 4 && plan.size[last] >= kTile / 4;
}

template <class S>
void unary_transposed(const UnaryArgs& args) {
  using T = Compute<S>;
  const UnaryLoop<T> loop = find_loop<T>(args.op);
  const int last = args.plan.rank - 1;
  const std::int64_t rows = args.plan.size[last - 1];
  const std::int64_t columns = args.plan.size[last];
  const std::int64_t x_stride = args.plan.stride[0][last];
  const std::int64_t y_row = args.plan.stride[1][last - 1];
  const std::int64_t y_stride = args.plan.stride[1][last];
  const std::int64_t across = (columns + kTile - 1) / kTile;
  const std::int64_t tiles = across * ((rows + kTile - 1) / kTile);  // per matrix
  const std::int64_t matrices = count(args.plan, last - 1);
  const Writer<S> plain(static_cast<const S*>(args.y), 0);  // of few columns at a time
  parallel_ranges(
      matrices * tiles, kGrain / (kTile * kTile), [&](std::int64_t first, std::int64_t stop, int) {
        for (std::int64_t tile = first; tile < stop; ++tile) {
          const std::int64_t row = tile % tiles / across * kTile;
          const std::int64_t column = tile % tiles % across * kTile;
          const std::int64_t height = smaller(kTile, rows - row);
          const std::int64_t width = smaller(kTile, columns - column);
          const Walk<2> walk(args.plan, last - 1, tile / tiles);
          const S* x = static_cast<const S*>(args.x) + walk.offset[0] + row + column * x_stride;
          S* y = static_cast<S*>(args.y) + walk.offset[1] + row * y_row + column * y_stride;
          T buffer[kTile][kTile];
          for (std::int64_t j = 0; j < width; ++j)
            for (std::int64_t i = 0; i < height; ++i) buffer[i][j] = read(x + i + j * x_stride);
          for (std::int64_t i = 0; i < height; ++i) {
            loop(buffer[i], Writer<T>(buffer[i], 0), buffer[i], width, args.first, args.second);
            scatter(y + i * y_row, y_stride, buffer[i], width, plain);
          }
        }
      });
}

template <class S>
void unary(const Launch&, const UnaryArgs& args) {
  using T = Compute<S>;
  if (is_transposed(args.plan)) return unary_transposed<S>(args);
  const UnaryLoop<T> loop = find_loop<T>(args.op);
  const S* x = static_cast<const S*>(args.x);
  S* y = static_cast<S*>(args.y);
  const Inner<2> inner(args.plan);
  const std::int64_t* stride = inner.stride;
  for_piece_ranges(inner, [&](std::int64_t first, std::int64_t last) {
    for_pieces_of(args.plan, inner, first, last, [&](const std::int64_t* at, std::int64_t n) {
      const S* from = x + at[0];
      S* to = y + at[1];
      const Writer<S> writer(to, n < kBuffer ? 0 : inner.rows * inner.size);
      if constexpr (std::is_same_v<S, T>)
        if (stride[0] == 1 && stride[1] == 1) {
          loop(from, writer, to, n, args.first, args.second);
          return writer.finish();
        }
      T buffer[kBuffer];
      for (std::int64_t begin = 0; begin < n; begin += kBuffer) {
        const std::int64_t size = smaller(kBuffer, n - begin);
        if (writer.around()) fetch_behind(from + begin * stride[0], stride[0]);
        const T* numbers = fetch(buffer, from + begin * stride[0], stride[0], size);
        loop(numbers, Writer<T>(buffer, 0), buffer, size, args.first, args.second);
        scatter(to + begin * stride[1], stride[1], buffer, size, writer);
      }
      writer.finish();
    });
  });
}

// y = loop(inputs…) along a plan of {inputs…, y}; an input that is null is `number` everywhere.
template <int N, class S>
RETORT_INLINE void map(MapLoop<Compute<S>, N> loop, const S* const (&inputs)[N], double number,
                       S* y, const Plan<N + 1>& plan) {
  using T = Compute<S>;
  const Inner<N + 1> inner(plan);
  const std::int64_t* stride = inner.stride;
  bool fast = std::is_same_v<S, T> && stride[N] == 1;
  for (int k = 0; k < N; ++k) fast = fast && (stride[k] == 0 || stride[k] == 1);
  constexpr std::int64_t kContiguous[] = {1, 1, 1};
  for_piece_ranges(inner, [&](std::int64_t first, std::int64_t last) {
    T buffer[N][kBuffer], results[kBuffer];
    for (int k = 0; k < N; ++k)
      if (!inputs[k])
        for (T& lane : buffer[k]) lane = static_cast<T>(number);
    for_pieces_of(plan, inner, first, last, [&](const std::int64_t* at, std::int64_t n) {
      S* to = y + at[N];
      const Writer<S> writer(to, n < kBuffer ? 0 : inner.rows * inner.size);
      const T* from[N];
      if constexpr (std::is_same_v<S, T>)
        if (fast) {
          for (int k = 0; k < N; ++k)
            from[k] = inputs[k] ? expand(buffer[k], inputs[k] + at[k], stride[k]) : buffer[k];
          loop(from, stride, writer, to, n);
          return writer.finish();
        }
      for (std::int64_t begin = 0; begin < n; begin += kBuffer) {
        const std::int64_t size = smaller(kBuffer, n - begin);
        for (int k = 0; k < N; ++k) {
          from[k] = buffer[k];
          if (!inputs[k]) continue;
          const S* numbers = inputs[k] + at[k] + begin * stride[k];
          if (writer.around()) fetch_behind(numbers, stride[k]);
          from[k] = fetch(buffer[k], numbers, stride[k], size);
        }
        loop(from, kContiguous, Writer<T>(results, 0), results, size);
        scatter(to + begin * stride[N], stride[N], results, size, writer);
      }
      writer.finish();
    });
  });
}

template <class S>
void binary(const Launch&, const BinaryArgs& args) {
  const S* const inputs[] = {static_cast<const S*>(args.a), static_cast<const S*>(args.b)};
  map<2>(find_loop<Compute<S>>(args.op), inputs, args.number, static_cast<S*>(args.y), args.plan);
}

template <class S>
void where(const Launch&, const WhereArgs& args) {
  const S* const inputs[] = {static_cast<const S*>(args.condition), static_cast<const S*>(args.a),
                             static_cast<const S*>(args.b)};
  map<3>(apply_map<Compute<S>, functors::Where, 3>, inputs, 0, static_cast<S*>(args.y), args.plan);
}

}  // namespace

RETORT_EXPORT(fill, FillArgs)
RETORT_EXPORT(unary, UnaryArgs)
RETORT_EXPORT(binary, BinaryArgs)
RETORT_EXPORT(where, WhereArgs)

}  // namespace retort::isa::RETORT_ISA
