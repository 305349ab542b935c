// Cross entropy with labels and the Kullback-Leibler divergence from a teacher, both from logits in
// log space. Rows give f64 results that are added in order; ignored rows are not even read.
#include "tensor/cpu/export.h"
#include "tensor/cpu/loops.h"
#include "tensor/cpu/simd_math.h"

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

// Rows of about kGrain exponentials each.
RETORT_INLINE std::int64_t loss_grain(std::int64_t columns) {
  return larger(1, kGrain / 8 / larger(1, columns));
}

template <class S>
RETORT_INLINE void clear_row(S* y, std::int64_t n) {
  using T = Compute<S>;
  const Vec<T> zero = broadcast<Vec<T>>(T(0));
  sweep<T>(n, [&](std::int64_t i, auto lanes) { store(y + i, zero, lanes); });
}

template <class S>
void cross_entropy(const Launch&, const CrossEntropyArgs& args) {
  using T = Compute<S>;
  const std::int64_t n = args.columns;
  T* lse = static_cast<T*>(args.lse);
  T* loss = static_cast<T*>(args.loss);
  const double total =
      sum_chunks(args.rows, loss_grain(n), [&](std::int64_t begin, std::int64_t end) {
        double part = 0;
        for (std::int64_t row = begin; row < end; ++row) {
          if (ignored(args.labels, row)) {
            lse[row] = 0;
            continue;
          }
          const S* x = static_cast<const S*>(args.logits) + row * n;
          const T highest = largest(x, n);
          const Vec<T> shift = broadcast<Vec<T>>(highest);
          const double exps = sum<T>(
              n, [&](std::int64_t i, auto lanes) { return exp(load(x + i, lanes) - shift); });
          const double log_sum = static_cast<double>(highest) + std::log(exps);
          lse[row] = static_cast<T>(log_sum);
          part += log_sum - static_cast<double>(read(x + args.labels[row]));
        }
        return part;
      });
  *loss = any_row(args.labels, args.rows) ? static_cast<T>(*args.factor * total) : T(0);
}

template <class S>
void cross_entropy_backward(const Launch&, const CrossEntropyBackwardArgs& args) {
  using T = Compute<S>;
  const std::int64_t n = args.columns;
  const T* lse = static_cast<const T*>(args.lse);
  const double dloss = static_cast<double>(*static_cast<const T*>(args.dloss));
  const Vec<T> factor = broadcast<Vec<T>>(static_cast<T>(dloss * *args.factor));
  parallel_ranges(args.rows, loss_grain(n), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t row = begin; row < end; ++row) {
      S* dx = static_cast<S*>(args.dlogits) + row * n;
      if (ignored(args.labels, row)) {
        clear_row(dx, n);
        continue;
      }
      const S* x = static_cast<const S*>(args.logits) + row * n;
      const Vec<T> shift = broadcast<Vec<T>>(lse[row]);
      const auto term = [&](std::int64_t i, auto lanes) {
        return factor * exp(load(x + i, lanes) - shift);
      };
      sweep<T>(n, [&](std::int64_t i, auto lanes) { store(dx + i, term(i, lanes), lanes); });
      const FirstLanes one{1};  // the label's, rounded once
      store(dx + args.labels[row], term(args.labels[row], one) - factor, one);
    }
  });
}

// A row's softmax at a temperature: proportional to exp((x − highest) · inverse). The maximum is
// taken away before dividing, so that no finite logit overflows.
template <class S>
struct Tempered {
  using T = Compute<S>;
  Vec<T> highest, inverse;

  RETORT_INLINE Tempered(const S* x, std::int64_t n, double temperature)
      : highest(broadcast<Vec<T>>(largest(x, n))),
        inverse(broadcast<Vec<T>>(static_cast<T>(1 / temperature))) {}
  RETORT_INLINE Vec<T> shifted(Vec<T> x) const { return (x - highest) * inverse; }
};

// Σ p (log p − log q) = Σ p (a − b) + log Σ e^b − log Σ e^a, with a and b the shifted logits of
// teacher and student.
template <class S>
RETORT_INLINE double divergence(const S* student, const S* teacher, std::int64_t n,
                                double temperature) {
  using T = Compute<S>;
  using V = Vec<T>;
  const Tempered<S> p(teacher, n, temperature);
  const Tempered<S> q(student, n, temperature);
  const V zero = broadcast<V>(T(0));
  double totals[3];
  sums<T, 3>(n, totals, [&](std::int64_t i, auto lanes, V* terms) {
    const V a = p.shifted(load(teacher + i, lanes));
    const V b = q.shifted(load(student + i, lanes));
    const V e = exp(a);
    terms[0] = e;
    terms[1] = exp(b);
    terms[2] = select(equal(e, zero), zero, e * (a - b));
  });
  return totals[2] / totals[0] + std::log(totals[1]) - std::log(totals[0]);
}

template <class S>
void kl_divergence(const Launch&, const KlDivergenceArgs& args) {
  using T = Compute<S>;
  const std::int64_t n = args.columns;
  const double total =
      sum_chunks(args.rows, loss_grain(n), [&](std::int64_t begin, std::int64_t end) {
        double part = 0;
        for (std::int64_t row = begin; row < end; ++row)
          if (!ignored(args.labels, row))
            part += divergence(static_cast<const S*>(args.student) + row * n,
                               static_cast<const S*>(args.teacher) + row * n, n, args.temperature);
        return part;
      });
  *static_cast<T*>(args.loss) =
      any_row(args.labels, args.rows) ? static_cast<T>(*args.factor * total) : T(0);
}

template <class S>
RETORT_INLINE void divergence_gradient(const S* student, const S* teacher, S* dstudent,
                                       std::int64_t n, double temperature, Vec<Compute<S>> factor) {
  using T = Compute<S>;
  using V = Vec<T>;
  const Tempered<S> p(teacher, n, temperature);
  const Tempered<S> q(student, n, temperature);
  double totals[2];
  sums<T, 2>(n, totals, [&](std::int64_t i, auto lanes, V* terms) {
    terms[0] = exp(p.shifted(load(teacher + i, lanes)));
    terms[1] = exp(q.shifted(load(student + i, lanes)));
  });
  const V p_scale = broadcast<V>(static_cast<T>(1 / totals[0]));
  const V q_scale = broadcast<V>(static_cast<T>(1 / totals[1]));
  sweep<T>(n, [&](std::int64_t i, auto lanes) {
    const V pi = exp(p.shifted(load(teacher + i, lanes))) * p_scale;
    const V qi = exp(q.shifted(load(student + i, lanes))) * q_scale;
    store(dstudent + i, factor * (qi - pi), lanes);
  });
}

template <class S>
void kl_divergence_backward(const Launch&, const KlDivergenceBackwardArgs& args) {
  using T = Compute<S>;
  const std::int64_t n = args.columns;
  const double dloss = static_cast<double>(*static_cast<const T*>(args.dloss));
  const Vec<T> factor = broadcast<Vec<T>>(static_cast<T>(dloss * *args.factor / args.temperature));
  parallel_ranges(args.rows, loss_grain(n), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t row = begin; row < end; ++row) {
      S* dx = static_cast<S*>(args.dstudent) + row * n;
      if (ignored(args.labels, row)) {
        clear_row(dx, n);
        continue;
      }
      divergence_gradient(static_cast<const S*>(args.student) + row * n,
                          static_cast<const S*>(args.teacher) + row * n, dx, n, args.temperature,
                          factor);
    }
  });
}

}  // namespace

RETORT_EXPORT(cross_entropy, CrossEntropyArgs)
RETORT_EXPORT(cross_entropy_backward, CrossEntropyBackwardArgs)
RETORT_EXPORT(kl_divergence, KlDivergenceArgs)
RETORT_EXPORT(kl_divergence_backward, KlDivergenceBackwardArgs)

}  // namespace retort::isa::RETORT_ISA
