// Cross entropy with labels, and divergences from a teacher, both from logits in log space.
#include "tensor/cpu/export.h"
#include "tensor/cpu/loss_rows.h"
#include "tensor/cpu/simd_math.h"

namespace retort::isa::RETORT_ISA {
namespace {

template <class S>
void cross_entropy(const Launch&, const CrossEntropyArgs& args) {
  using T = Compute<S>;
  const std::int64_t n = args.columns;
  T* lse = static_cast<T*>(args.lse);
  for (std::int64_t row = 0; row < args.rows; ++row)
    if (ignored(args.labels, row)) lse[row] = 0;
  sum_rows<T>(args, [&](std::int64_t row) {
    const S* x = static_cast<const S*>(args.logits) + row * n;
    const T highest = largest(x, n);
    const Vec<T> shift = broadcast<Vec<T>>(highest);
    const double exps =
        sum<T>(n, [&](std::int64_t i, auto lanes) { return exp(load(x + i, lanes) - shift); });
    const double log_sum = static_cast<double>(highest) + std::log(exps);
    lse[row] = static_cast<T>(log_sum);
    return log_sum - static_cast<double>(read(x + args.labels[row]));
  });
}

template <class S>
void cross_entropy_backward(const Launch&, const CrossEntropyBackwardArgs& args) {
  using T = Compute<S>;
  const Vec<T> factor = gradient_factor<T>(args.dloss, args.factor);
  differentiate_rows<S>(args, args.dlogits, [&](std::int64_t row, S* dx) {
    const S* x = static_cast<const S*>(args.logits) + row * args.columns;
    const Vec<T> shift = broadcast<Vec<T>>(static_cast<const T*>(args.lse)[row]);
    const auto term = [&](std::int64_t i, auto lanes) {
      return factor * exp(load(x + i, lanes) - shift);
    };
    sweep<T>(args.columns,
             [&](std::int64_t i, auto lanes) { store(dx + i, term(i, lanes), lanes); });
    const FirstLanes one{1};  // the label's, rounded once
    store(dx + args.labels[row], term(args.labels[row], one) - factor, one);
  });
}

// A row's softmax at a temperature: proportional to exp((x − highest) · inverse). The maximum is
// taken away before dividing, so that no finite logit overflows.
template <class T>
struct Tempered {
  Vec<T> highest, inverse;

  RETORT_INLINE Tempered(T maximum, double temperature)
      : highest(broadcast<Vec<T>>(maximum)),
        inverse(broadcast<Vec<T>>(static_cast<T>(1 / temperature))) {}
  RETORT_INLINE Vec<T> shifted(Vec<T> x) const { return (x - highest) * inverse; }
};

// ---- KL(p‖q): Σ p (log p − log q) = Σ p (a − b) + log Σ e^b − log Σ e^a, with a and b the shifted
// logits of teacher and student ----

template <class S>
RETORT_INLINE double forward_divergence(const S* student, const S* teacher, std::int64_t n,
                                        double temperature) {
  using T = Compute<S>;
  using V = Vec<T>;
  const Tempered<T> p(largest(teacher, n), temperature), q(largest(student, n), temperature);
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
RETORT_INLINE void forward_gradient(const S* student, const S* teacher, S* dstudent, std::int64_t n,
                                    double temperature, Vec<Compute<S>> factor) {
  using T = Compute<S>;
  using V = Vec<T>;
  const Tempered<T> p(largest(teacher, n), temperature), q(largest(student, n), temperature);
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

// ---- The other divergences, from log p and log q ----

template <class S>
struct Divergence {
  using T = Compute<S>;
  using V = Vec<T>;

  const S* student;
  const S* teacher;
  double beta;
  Tempered<T> p, q;
  V p_log_sum, q_log_sum;

  RETORT_INLINE Divergence(const S* student_logits, const S* teacher_logits, std::int64_t n,
                           double temperature, double beta_)
      : student(student_logits),
        teacher(teacher_logits),
        beta(beta_),
        p(largest(teacher, n), temperature),
        q(highest_student(n), temperature) {
    double totals[2];
    sums<T, 2>(n, totals, [&](std::int64_t i, auto lanes, V* terms) {
      terms[0] = exp(p.shifted(load(teacher + i, lanes)));
      terms[1] = exp(q.shifted(student_logit(i, lanes)));
    });
    p_log_sum = broadcast<V>(static_cast<T>(std::log(totals[0])));
    q_log_sum = broadcast<V>(static_cast<T>(std::log(totals[1])));
  }

  // KL(q‖p) leaves out what the teacher excludes.
  template <class Lanes>
  RETORT_INLINE V student_logit(std::int64_t i, Lanes lanes) const {
    const V x = load(student + i, lanes);
    if (beta < 1) return x;
    const V lowest = broadcast<V>(-static_cast<T>(__builtin_inf()));
    return select(equal(load(teacher + i, lanes), lowest), lowest, x);
  }
  RETORT_INLINE T highest_student(std::int64_t n) const {
    const V lowest = broadcast<V>(-static_cast<T>(__builtin_inf()));
    V best = lowest;
    sweep<T>(n, [&](std::int64_t i, auto lanes) {
      best = max(best, only(student_logit(i, lanes), lowest, lanes));
    });
    return horizontal_max(best);
  }

  // The term of one class, and g (see KlDivergenceBackwardArgs); qi is its q. Differences of
  // logarithms beyond ±80 belong to probabilities that are nothing beside the other's: their
  // products are 0 anyway, and exp must not overflow.
  template <class Lanes>
  RETORT_INLINE V term(std::int64_t i, Lanes lanes, V& qi, V& g) const {
    const V zero = broadcast<V>(T(0)), limit = broadcast<V>(T(80));
    const V log_p = p.shifted(load(teacher + i, lanes)) - p_log_sum;
    const V log_q = q.shifted(student_logit(i, lanes)) - q_log_sum;
    V d = log_q - log_p;
    qi = exp(log_q);
    const auto no_q = equal(qi, zero);
    if (beta >= 1) {
      g = select(no_q, zero, d);
      return qi * g;
    }
    d = select(less(d, -limit), -limit, select(less(limit, d), limit, d));
    const V pi = exp(log_p);
    const V b = broadcast<V>(static_cast<T>(beta)), c = broadcast<V>(static_cast<T>(1 - beta));
    const V p_to_m = select(equal(pi, zero), zero, -log(fma(c, exp(d), b)));  // log(p / m)
    const V q_to_m = select(no_q, zero, -log(fma(b, exp(-d), c)));
    g = c * q_to_m;
    return b * pi * p_to_m + qi * g;
  }
};

template <class S>
RETORT_INLINE double mixed_divergence(const S* student, const S* teacher, std::int64_t n,
                                      double temperature, double beta) {
  using T = Compute<S>;
  const Divergence<S> divergence(student, teacher, n, temperature, beta);
  return sum<T>(n, [&](std::int64_t i, auto lanes) {
    Vec<T> q, g;
    return divergence.term(i, lanes, q, g);
  });
}

template <class S>
RETORT_INLINE void mixed_gradient(const S* student, const S* teacher, S* dstudent, std::int64_t n,
                                  double temperature, double beta, Vec<Compute<S>> factor) {
  using T = Compute<S>;
  using V = Vec<T>;
  const Divergence<S> divergence(student, teacher, n, temperature, beta);
  const V mean = broadcast<V>(static_cast<T>(sum<T>(n, [&](std::int64_t i, auto lanes) {
    V q, g;
    divergence.term(i, lanes, q, g);
    return q * g;
  })));
  const V zero = broadcast<V>(T(0));
  sweep<T>(n, [&](std::int64_t i, auto lanes) {
    V q, g;
    divergence.term(i, lanes, q, g);
    store(dstudent + i, select(equal(q, zero), zero, factor * (q * (g - mean))), lanes);
  });
}

template <class S>
void kl_divergence(const Launch&, const KlDivergenceArgs& args) {
  const std::int64_t n = args.columns;
  sum_rows<Compute<S>>(args, [&](std::int64_t row) {
    const S* student = static_cast<const S*>(args.student) + row * n;
    const S* teacher = static_cast<const S*>(args.teacher) + row * n;
    return args.beta <= 0 ? forward_divergence(student, teacher, n, args.temperature)
                          : mixed_divergence(student, teacher, n, args.temperature, args.beta);
  });
}

template <class S>
void kl_divergence_backward(const Launch&, const KlDivergenceBackwardArgs& args) {
  const KlDivergenceArgs& f = args.forward;
  const std::int64_t n = f.columns;
  const auto factor = gradient_factor<Compute<S>>(args.dloss, f.factor, 1 / f.temperature);
  differentiate_rows<S>(f, args.dstudent, [&](std::int64_t row, S* dx) {
    const S* student = static_cast<const S*>(f.student) + row * n;
    const S* teacher = static_cast<const S*>(f.teacher) + row * n;
    if (f.beta <= 0) forward_gradient(student, teacher, dx, n, f.temperature, factor);
    else mixed_gradient(student, teacher, dx, n, f.temperature, f.beta, factor);
  });
}

}  // namespace

RETORT_EXPORT(cross_entropy, CrossEntropyArgs)
RETORT_EXPORT(cross_entropy_backward, CrossEntropyBackwardArgs)
RETORT_EXPORT(kl_divergence, KlDivergenceArgs)
RETORT_EXPORT(kl_divergence_backward, KlDivergenceBackwardArgs)

}  // namespace retort::isa::RETORT_ISA
