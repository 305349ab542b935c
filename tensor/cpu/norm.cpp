// Layer normalisation (Ba, Kiros & Hinton 2016) and its derivative. Mean and variance take two
// passes over a row, so that a large mean costs no digits.
#include "tensor/cpu/export.h"
#include "tensor/cpu/row_sums.h"
#include "tensor/cpu/rows.h"

namespace retort::isa::RETORT_ISA {
namespace {

template <class S>
void layer_norm(const Launch&, const LayerNormArgs& args) {
  using T = Compute<S>;
  using V = Vec<T>;
  const std::int64_t n = args.columns;
  const T* weight = static_cast<const T*>(args.weight);
  const T* bias = static_cast<const T*>(args.bias);
  const Writer<S> write_row(static_cast<const S*>(args.y), args.rows, n);
  for_rows(args.rows, 2 * n, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const S* x = static_cast<const S*>(args.x) + row * n;
      S* y = static_cast<S*>(args.y) + row * n;
      const double count = static_cast<double>(n);
      const double total = sum<T>(n, [&](std::int64_t i, auto lanes) {
        fetch_next<3>(x, n, 0, i);
        return load(x + i, lanes);
      });
      const T mean = static_cast<T>(total / count);
      const V center = broadcast<V>(mean);
      const double squares = sum<T>(n, [&](std::int64_t i, auto lanes) {
        fetch_next<3>(x, n, 1, i);
        const V d = load(x + i, lanes) - center;
        return d * d;
      });
      const T rstd = static_cast<T>(1 / std::sqrt(squares / count + args.epsilon));
      const V factor = broadcast<V>(rstd);
      sweep<T>(n, [&](std::int64_t i, auto lanes) {
        fetch_next<3>(x, n, 2, i);
        const V normal = (load(x + i, lanes) - center) * factor;
        write_row(y + i, fma(normal, load(weight + i, lanes), load(bias + i, lanes)), lanes);
      });
      static_cast<T*>(args.mean)[row] = mean;
      static_cast<T*>(args.rstd)[row] = rstd;
    }
    write_row.finish();
  });
}

template <class S>
std::int64_t layer_norm_backward_workspace(const LayerNormBackwardArgs& args, int) {
  if (!args.dweight && !args.dbias) return 0;
  return row_sums_workspace<Compute<S>, 2>(args.rows, args.columns);
}

// One row: dx = rstd · (g − mean(g) − x̂ · mean(g·x̂)) with g = dy · weight; and with `into` [2, n],
// dweight: into[0] += dy · x̂, dbias: into[1] += dy.
template <class S, class T>
RETORT_INLINE void differentiate_row(const S* dy, const S* x, const T* weight, T mean, T rstd,
                                     S* dx, T* into, std::int64_t n, const Writer<S>& write_row) {
  using V = Vec<T>;
  const V center = broadcast<V>(mean);
  const V factor = broadcast<V>(rstd);
  double totals[2];
  sums<T, 2>(n, totals, [&](std::int64_t i, auto lanes, V* terms) {
    fetch_next<2>(dy, n, 0, i);
    fetch_next<2>(x, n, 0, i);
    const V d = load(dy + i, lanes);
    const V normal = (load(x + i, lanes) - center) * factor;
    terms[0] = d * load(weight + i, lanes);
    terms[1] = terms[0] * normal;
    if (into) {
      store(into + i, fma(d, normal, load(into + i, lanes)), lanes);
      store(into + n + i, load(into + n + i, lanes) + d, lanes);
    }
  });
  if (!dx) return;
  const V mean_g = broadcast<V>(static_cast<T>(totals[0] / static_cast<double>(n)));
  const V mean_gx = broadcast<V>(static_cast<T>(totals[1] / static_cast<double>(n)));
  sweep<T>(n, [&](std::int64_t i, auto lanes) {
    fetch_next<2>(dy, n, 1, i);
    fetch_next<2>(x, n, 1, i);
    const V normal = (load(x + i, lanes) - center) * factor;
    const V g = load(dy + i, lanes) * load(weight + i, lanes);
    write_row(dx + i, factor * (g - mean_g - normal * mean_gx), lanes);
  });
}

template <class S>
void layer_norm_backward(const Launch& launch, const LayerNormBackwardArgs& args) {
  using T = Compute<S>;
  const std::int64_t n = args.columns;
  const bool parameters = args.dweight || args.dbias;
  const T* weight = static_cast<const T*>(args.weight);
  const T* mean = static_cast<const T*>(args.mean);
  const T* rstd = static_cast<const T*>(args.rstd);
  T* partial = parameters ? static_cast<T*>(launch.workspace) : nullptr;
  S* dx = static_cast<S*>(args.dx);
  const Writer<S> write_row(dx, args.rows, n);
  for_row_chunks<T, 2>(
      args.rows, n, partial,
      [&](std::int64_t row, T* totals) {
        const S* dy = static_cast<const S*>(args.dy) + row * n;
        const S* x = static_cast<const S*>(args.x) + row * n;
        differentiate_row(dy, x, weight, mean[row], rstd[row], dx ? dx + row * n : nullptr, totals,
                          n, write_row);
      },
      [&] { write_row.finish(); });
  for (int which = 0; which < 2; ++which)
    if (T* to = static_cast<T*>(which == 0 ? args.dweight : args.dbias))
      add_row_chunks<T, 2>(args.rows, n, partial, which, to);
}

}  // namespace

RETORT_EXPORT(layer_norm, LayerNormArgs)
RETORT_EXPORT(layer_norm_backward, LayerNormBackwardArgs)
RETORT_EXPORT_WORKSPACE(layer_norm_backward, LayerNormBackwardArgs)

}  // namespace retort::isa::RETORT_ISA
