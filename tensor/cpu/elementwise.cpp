// fill, unary and binary: one formula (tensor/functors.h) applied along the innermost dimension, in
// vectors where that is contiguous or broadcast, through a small buffer where it is strided.
#include "tensor/functors.h"

#include "tensor/cpu/export.h"
#include "tensor/cpu/loops.h"
#include "tensor/cpu/simd_math.h"

namespace retort::isa::RETORT_ISA {
namespace {

// Elements that the strided paths gather before they compute.
constexpr std::int64_t kBuffer = 64;

template <class T>
void fill(const Launch&, const FillArgs& args) {
  T* y = static_cast<T*>(args.y);
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

template <class T>
RETORT_INLINE void gather(T* buffer, const T* x, std::int64_t stride, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) buffer[i] = x[i * stride];
}
template <class T>
RETORT_INLINE void scatter(T* y, std::int64_t stride, const T* buffer, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i * stride] = buffer[i];
}

// A broadcast operand becomes one vector that every step of the loop reads again.
template <class T>
RETORT_INLINE const T* expand(T (&lanes)[Vec<T>::kWidth], const T* x, std::int64_t stride) {
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

template <class T>
void unary_transposed(const UnaryArgs& args) {
  const int last = args.plan.rank - 1;
  const std::int64_t rows = args.plan.size[last - 1];
  const std::int64_t columns = args.plan.size[last];
  const std::int64_t x_stride = args.plan.stride[0][last];
  const std::int64_t y_row = args.plan.stride[1][last - 1];
  const std::int64_t y_stride = args.plan.stride[1][last];
  const std::int64_t across = (columns + kTile - 1) / kTile;
  const std::int64_t tiles = across * ((rows + kTile - 1) / kTile);  // per matrix
  const std::int64_t matrices = count(args.plan, last - 1);
  parallel_ranges(
      matrices * tiles, kGrain / (kTile * kTile), [&](std::int64_t first, std::int64_t stop, int) {
        functors::visit(args.op, [&](auto op) {
          for (std::int64_t tile = first; tile < stop; ++tile) {
            const std::int64_t row = tile % tiles / across * kTile;
            const std::int64_t column = tile % tiles % across * kTile;
            const std::int64_t height = smaller(kTile, rows - row);
            const std::int64_t width = smaller(kTile, columns - column);
            const Walk<2> walk(args.plan, last - 1, tile / tiles);
            const T* x = static_cast<const T*>(args.x) + walk.offset[0] + row + column * x_stride;
            T* y = static_cast<T*>(args.y) + walk.offset[1] + row * y_row + column * y_stride;
            T buffer[kTile][kTile];
            for (std::int64_t j = 0; j < width; ++j)
              for (std::int64_t i = 0; i < height; ++i) buffer[i][j] = x[i + j * x_stride];
            for (std::int64_t i = 0; i < height; ++i) {
              sweep<T>(width, [&](std::int64_t j, auto lanes) {
                store(buffer[i] + j, op(load(buffer[i] + j, lanes)), lanes);
              });
              scatter(y + i * y_row, y_stride, buffer[i], width);
            }
          }
        });
      });
}

template <class T>
void unary(const Launch&, const UnaryArgs& args) {
  if (is_transposed(args.plan)) return unary_transposed<T>(args);
  const T* x = static_cast<const T*>(args.x);
  T* y = static_cast<T*>(args.y);
  const Inner<2> inner(args.plan);
  const std::int64_t* stride = inner.stride;
  for_piece_ranges(inner, [&](std::int64_t first, std::int64_t last) {
    functors::visit(args.op, [&](auto op) {
      for_pieces_of(args.plan, inner, first, last, [&](const std::int64_t* at, std::int64_t n) {
        const T* from = x + at[0];
        T* to = y + at[1];
        if (stride[0] == 1 && stride[1] == 1) {
          sweep<T>(n, [&](std::int64_t i, auto lanes) {
            store(to + i, op(load(from + i, lanes)), lanes);
          });
          return;
        }
        T buffer[kBuffer];
        for (std::int64_t begin = 0; begin < n; begin += kBuffer) {
          const std::int64_t size = smaller(kBuffer, n - begin);
          gather(buffer, from + begin * stride[0], stride[0], size);
          sweep<T>(size, [&](std::int64_t i, auto lanes) {
            store(buffer + i, op(load(buffer + i, lanes)), lanes);
          });
          scatter(to + begin * stride[1], stride[1], buffer, size);
        }
      });
    });
  });
}

template <class T>
void binary(const Launch&, const BinaryArgs& args) {
  const T* a = static_cast<const T*>(args.a);
  const T* b = static_cast<const T*>(args.b);
  T* y = static_cast<T*>(args.y);
  const Inner<3> inner(args.plan);
  const std::int64_t* stride = inner.stride;
  const bool fast =
      (stride[0] == 0 || stride[0] == 1) && (stride[1] == 0 || stride[1] == 1) && stride[2] == 1;
  for_piece_ranges(inner, [&](std::int64_t first, std::int64_t last) {
    functors::visit(args.op, [&](auto op) {
      for_pieces_of(args.plan, inner, first, last, [&](const std::int64_t* at, std::int64_t n) {
        T* to = y + at[2];
        if (fast) {
          T a_lanes[Vec<T>::kWidth], b_lanes[Vec<T>::kWidth];
          const T* left = expand<T>(a_lanes, a + at[0], stride[0]);
          const T* right = expand<T>(b_lanes, b + at[1], stride[1]);
          sweep<T>(n, [&](std::int64_t i, auto lanes) {
            store(to + i, op(load(left + i * stride[0], lanes), load(right + i * stride[1], lanes)),
                  lanes);
          });
          return;
        }
        T left[kBuffer], right[kBuffer];
        for (std::int64_t begin = 0; begin < n; begin += kBuffer) {
          const std::int64_t size = smaller(kBuffer, n - begin);
          gather(left, a + at[0] + begin * stride[0], stride[0], size);
          gather(right, b + at[1] + begin * stride[1], stride[1], size);
          sweep<T>(size, [&](std::int64_t i, auto lanes) {
            store(left + i, op(load(left + i, lanes), load(right + i, lanes)), lanes);
          });
          scatter(to + begin * stride[2], stride[2], left, size);
        }
      });
    });
  });
}

}  // namespace

RETORT_EXPORT(fill, FillArgs)
RETORT_EXPORT(unary, UnaryArgs)
RETORT_EXPORT(binary, BinaryArgs)

}  // namespace retort::isa::RETORT_ISA
