// RMS normalisation (Zhang & Sennrich 2019), also with Gemma's 1 + weight, and its derivative.
#include "tensor/cpu/export.h"
#include "tensor/cpu/row_sums.h"
#include "tensor/cpu/rows.h"

namespace retort::isa::RETORT_ISA {
namespace {

template <class S>
void rms_norm(const Launch&, const RmsNormArgs& args) {
  using T = Compute<S>;
  using V = Vec<T>;
  const std::int64_t n = args.columns;
  const T* weight = static_cast<const T*>(args.weight);
  const V offset = broadcast<V>(static_cast<T>(args.weight_offset));
  const Writer<S> write_row(static_cast<const S*>(args.y), args.rows, n);
  for_rows(args.rows, 2 * n, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const S* x = static_cast<const S*>(args.x) + row * n;
      S* y = static_cast<S*>(args.y) + row * n;
      const double squares = sum<T>(n, [&](std::int64_t i, auto lanes) {
        fetch_next<2>(x, n, 0, i);
        const V value = load(x + i, lanes);
        return value * value;
      });
      const T rstd = static_cast<T>(1 / std::sqrt(squares / static_cast<double>(n) + args.epsilon));
      const V factor = broadcast<V>(rstd);
      sweep<T>(n, [&](std::int64_t i, auto lanes) {
        fetch_next<2>(x, n, 1, i);
        write_row(y + i, load(x + i, lanes) * factor * (offset + load(weight + i, lanes)), lanes);
      });
      static_cast<T*>(args.rstd)[row] = rstd;
    }
    write_row.finish();
  });
}

template <class S>
std::int64_t rms_norm_backward_workspace(const RmsNormBackwardArgs& args, int) {
  return args.dweight ? row_sums_workspace<Compute<S>, 1>(args.rows, args.columns) : 0;
}

// dx = rstd · (g − x̂ · mean(g·x̂)) with g = dy · (offset + weight) and x̂ = x · rstd;
// dweight = Σ dy · x̂.
template <class S>
void rms_norm_backward(const Launch& launch, const RmsNormBackwardArgs& args) {
  using T = Compute<S>;
  using V = Vec<T>;
  const std::int64_t n = args.columns;
  const T* weight = static_cast<const T*>(args.weight);
  const V offset = broadcast<V>(static_cast<T>(args.weight_offset));
  T* partial = args.dweight ? static_cast<T*>(launch.workspace) : nullptr;
  const Writer<S> write_row(static_cast<const S*>(args.dx), args.rows, n);
  const auto differentiate = [&](std::int64_t row, T* dweight) {
    const S* dy = static_cast<const S*>(args.dy) + row * n;
    const S* x = static_cast<const S*>(args.x) + row * n;
    const V factor = broadcast<V>(static_cast<const T*>(args.rstd)[row]);
    const double total = sum<T>(n, [&](std::int64_t i, auto lanes) {
      fetch_next<2>(dy, n, 0, i);
      fetch_next<2>(x, n, 0, i);
      const V d = load(dy + i, lanes), normal = load(x + i, lanes) * factor;
      if (dweight) store(dweight + i, fma(d, normal, load(dweight + i, lanes)), lanes);
      return d * (offset + load(weight + i, lanes)) * normal;
    });
    if (!args.dx) return;
    const V mean = broadcast<V>(static_cast<T>(total / static_cast<double>(n)));
    S* dx = static_cast<S*>(args.dx) + row * n;
    sweep<T>(n, [&](std::int64_t i, auto lanes) {
      fetch_next<2>(dy, n, 1, i);
      fetch_next<2>(x, n, 1, i);
      const V normal = load(x + i, lanes) * factor;
      const V g = load(dy + i, lanes) * (offset + load(weight + i, lanes));
      write_row(dx + i, factor * (g - normal * mean), lanes);
    });
  };
  for_row_chunks<T, 1>(args.rows, n, partial, differentiate, [&] { write_row.finish(); });
  if (partial) add_row_chunks<T, 1>(args.rows, n, partial, 0, static_cast<T*>(args.dweight));
}

}  // namespace

RETORT_EXPORT(rms_norm, RmsNormArgs)
RETORT_EXPORT(rms_norm_backward, RmsNormBackwardArgs)
RETORT_EXPORT_WORKSPACE(rms_norm_backward, RmsNormBackwardArgs)

}  // namespace retort::isa::RETORT_ISA
