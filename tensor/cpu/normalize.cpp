// Rows divided by their lengths, and the derivative. Every row is computed on its own.
#include "tensor/cpu/export.h"
#include "tensor/cpu/loops.h"

namespace retort::isa::RETORT_ISA {
namespace {

template <class S>
void normalize(const Launch&, const NormalizeArgs& args) {
  using T = Compute<S>;
  for_rows(args.rows, 2 * args.columns, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const S* x = static_cast<const S*>(args.x) + row * args.columns;
      S* y = static_cast<S*>(args.y) + row * args.columns;
      const double squares = sum<T>(args.columns, [&](std::int64_t i, auto lanes) {
        return load(x + i, lanes) * load(x + i, lanes);
      });
      const T scale = static_cast<T>(1 / std::sqrt(squares + args.epsilon));
      static_cast<T*>(args.scale)[row] = scale;
      const Vec<T> factor = broadcast<Vec<T>>(scale);
      sweep<T>(args.columns, [&](std::int64_t i, auto lanes) {
        store(y + i, load(x + i, lanes) * factor, lanes);
      });
    }
  });
}

template <class S>
void normalize_backward(const Launch&, const NormalizeBackwardArgs& args) {
  using T = Compute<S>;
  for_rows(args.rows, 2 * args.columns, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const S* dy = static_cast<const S*>(args.dy) + row * args.columns;
      const S* y = static_cast<const S*>(args.y) + row * args.columns;
      S* dx = static_cast<S*>(args.dx) + row * args.columns;
      const Vec<T> along =
          broadcast<Vec<T>>(static_cast<T>(sum<T>(args.columns, [&](std::int64_t i, auto lanes) {
            return load(dy + i, lanes) * load(y + i, lanes);
          })));
      const Vec<T> scale = broadcast<Vec<T>>(static_cast<const T*>(args.scale)[row]);
      sweep<T>(args.columns, [&](std::int64_t i, auto lanes) {
        store(dx + i, scale * (load(dy + i, lanes) - load(y + i, lanes) * along), lanes);
      });
    }
  });
}

}  // namespace

RETORT_EXPORT(normalize, NormalizeArgs)
RETORT_EXPORT(normalize_backward, NormalizeBackwardArgs)

}  // namespace retort::isa::RETORT_ISA
