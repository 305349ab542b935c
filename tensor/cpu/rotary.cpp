// Rotary positions (Su et al. 2021). Angles are computed in f64, once per batch, into a table that
// all layers share; the rotation itself is two products and a sum per number, each rounded.
#include "tensor/cpu/export.h"
#include "tensor/cpu/loops.h"

namespace retort::isa::RETORT_ISA {
namespace {

template <class T>
void rotary_table(const Launch&, const RotaryTableArgs& args) {
  const std::int64_t pairs = args.rotary_dim / 2;
  for_rows(args.rows, 64 * pairs, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      T* const table = static_cast<T*>(args.table) + row * args.rotary_dim;
      for (std::int64_t i = 0; i < pairs; ++i) {
        const double angle = args.positions[row] * args.frequencies[i];
        table[i] = static_cast<T>(args.factor * std::cos(angle));
        table[pairs + i] = static_cast<T>(args.factor * std::sin(angle));
      }
    }
  });
}

/// Pairs (i, i + pairs).
template <class T>
RETORT_INLINE void rotate_halves(const T* x, const T* cosines, const T* sines, T sign, T* y,
                                 std::int64_t pairs) {
  using V = Vec<T>;
  const V factor = broadcast<V>(sign);
  sweep<T>(pairs, [&](std::int64_t i, auto lanes) {
    const V a = load(x + i, lanes), b = load(x + pairs + i, lanes);
    const V c = load(cosines + i, lanes), s = load(sines + i, lanes) * factor;
    store(y + i, a * c - b * s, lanes);
    store(y + pairs + i, b * c + a * s, lanes);
  });
}

/// Pairs (2i, 2i + 1).
template <class T>
RETORT_INLINE void rotate_neighbours(const T* x, const T* cosines, const T* sines, T sign, T* y,
                                     std::int64_t pairs) {
  for (std::int64_t i = 0; i < pairs; ++i) {
    const T a = x[2 * i], b = x[2 * i + 1], c = cosines[i], s = sines[i] * sign;
    y[2 * i] = a * c - b * s;
    y[2 * i + 1] = b * c + a * s;
  }
}

template <class T>
void rotary(const Launch&, const RotaryArgs& args) {
  const std::int64_t pairs = args.rotary_dim / 2, width = args.heads * args.head_dim;
  const T sign = args.inverse ? T(-1) : T(1);
  for_rows(args.rows, width, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const T* const cosines = static_cast<const T*>(args.table) + row * args.rotary_dim;
      for (std::int64_t head = 0; head < args.heads; ++head) {
        const T* const x = static_cast<const T*>(args.x) + row * args.x_row + head * args.head_dim;
        T* const y = static_cast<T*>(args.y) + row * width + head * args.head_dim;
        if (args.interleaved) rotate_neighbours(x, cosines, cosines + pairs, sign, y, pairs);
        else rotate_halves(x, cosines, cosines + pairs, sign, y, pairs);
        sweep<T>(args.head_dim - args.rotary_dim, [&](std::int64_t i, auto lanes) {
          store(y + args.rotary_dim + i, load(x + args.rotary_dim + i, lanes), lanes);
        });
      }
    }
  });
}

}  // namespace

RETORT_EXPORT_F32_F64(rotary_table, RotaryTableArgs)
RETORT_EXPORT_F32_F64(rotary, RotaryArgs)

}  // namespace retort::isa::RETORT_ISA
