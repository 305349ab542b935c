// Cross entropy with labels, and divergences from a teacher, both from logits in log space.
#include "tensor/cpu/export.h"
#include "tensor/cpu/loss_rows.h"
#include "tensor/cpu/rows.h"
#include "tensor/cpu/simd_math.h"

namespace retort::isa::RETORT_ISA {
namespace {

// ---- Sums of exponentials, in one pass through memory ----

// Columns that are visited twice, for their maximum and for their exponentials, while they are in
// the first-level cache.
constexpr std::int64_t kBlock = 1024;

// Σ exp((x − highest) · inverse) of what has been seen of a row; the maximum is taken away before
// dividing by the temperature, so that no finite logit overflows.
struct Exponentials {
  double highest = -__builtin_inf();
  double total = 0;

  // What to subtract: 0 as long as everything is −∞.
  RETORT_INLINE double shift() const { return highest == -__builtin_inf() ? 0 : highest; }
  // Raises the maximum; returns by how much the exponents fall.
  RETORT_INLINE double raise(double seen, double inverse) {
    const double before = shift();
    if (!(seen > highest)) return 0;
    highest = seen;
    const double fall = (highest - before) * inverse;
    total = total == 0 ? 0 : total * std::exp(-fall);
    return fall;
  }
};

// highest[k] = the largest of x_k over [0, n), where f(i, lanes, x) writes N vectors, passing over
// NaN: exp brings it back. Of several at once, whose comparisons don't wait for each other.
template <class T, int N, class F>
RETORT_INLINE void find_highest(std::int64_t n, double (&highest)[N], F&& f) {
  const Vec<T> lowest = broadcast<Vec<T>>(-static_cast<T>(__builtin_inf()));
  Vec<T> best[N];
  for (auto& b : best) b = lowest;
  sweep<T>(n, [&](std::int64_t i, auto lanes) {
    Vec<T> x[N];
    f(i, lanes, x);
    for (int k = 0; k < N; ++k) best[k] = at_least(best[k], only(x[k], lowest, lanes));
  });
  for (int k = 0; k < N; ++k)
    highest[k] =
        static_cast<double>(fold(best[k], [](Vec<T> a, Vec<T> b) { return at_least(a, b); }));
}

template <class S>
void cross_entropy(const Launch&, const CrossEntropyArgs& args) {
  using T = Compute<S>;
  const std::int64_t n = args.columns;
  T* lse = static_cast<T*>(args.lse);
  for (std::int64_t row = 0; row < args.rows; ++row)
    if (ignored(args.labels, row)) lse[row] = 0;
  sum_rows<T>(args, [&](std::int64_t row) {
    const S* x = static_cast<const S*>(args.logits) + row * n;
    Exponentials e;
    for (std::int64_t begin = 0; begin < n; begin += kBlock) {
      const S* from = x + begin;
      const std::int64_t size = smaller(kBlock, n - begin);
      double highest[1];
      find_highest<T>(size, highest, [&](std::int64_t i, auto lanes, Vec<T>* logits) {
        logits[0] = load(from + i, lanes);
      });
      e.raise(highest[0], 1);
      const Vec<T> shift = broadcast<Vec<T>>(static_cast<T>(e.shift()));
      e.total += sum<T>(size, [&](std::int64_t i, auto lanes) {
        __builtin_prefetch(from + kBlock + i);
        return exp(load(from + i, lanes) - shift);
      });
    }
    const double log_sum = e.shift() + std::log(e.total);
    lse[row] = static_cast<T>(log_sum);
    return log_sum - static_cast<double>(read(x + args.labels[row]));
  });
}

template <class S>
void cross_entropy_backward(const Launch&, const CrossEntropyBackwardArgs& args) {
  using T = Compute<S>;
  const Vec<T> factor = gradient_factor<T>(args.dloss, args.factor);
  const Writer<S> write_row(static_cast<const S*>(args.dlogits), args.rows, args.columns);
  differentiate_rows<S>(args, args.dlogits, [&](std::int64_t row, S* dx) {
    const S* x = static_cast<const S*>(args.logits) + row * args.columns;
    const Vec<T> shift = broadcast<Vec<T>>(static_cast<const T*>(args.lse)[row]);
    const auto term = [&](std::int64_t i, auto lanes) {
      return factor * exp(load(x + i, lanes) - shift);
    };
    write_row.row(dx, args.columns, [&](std::int64_t i, auto lanes) {
      fetch_ahead(x + i);
      return term(i, lanes);
    });
    const FirstLanes one{1};  // the label's, rounded once
    write_row.finish();
    store(dx + args.labels[row], term(args.labels[row], one) - factor, one);
  });
}

// ---- Divergences ----

// One row of teacher and student, of whose logits t and s log p = (t − p_shift)·inverse − p_log and
// log q = (s − q_shift)·inverse − q_log. `statistics` holds the four numbers for the derivative.
template <class S>
struct Divergence {
  using T = Compute<S>;
  using V = Vec<T>;

  const S* student;
  const S* teacher;
  std::int64_t n;
  double beta, inverse;
  const T* statistics;

  RETORT_INLINE Divergence(const KlDivergenceArgs& args, const void* saved, std::int64_t row)
      : student(static_cast<const S*>(args.student) + row * args.columns),
        teacher(static_cast<const S*>(args.teacher) + row * args.columns),
        n(args.columns),
        beta(args.beta),
        inverse(1 / args.temperature),
        statistics(static_cast<const T*>(saved) + 4 * row) {}

  template <class Lanes>
  RETORT_INLINE V teacher_logit(std::int64_t i, Lanes lanes) const {
    return load(teacher + i, lanes);
  }
  // KL(q‖p) leaves out what the teacher excludes.
  template <class Lanes>
  RETORT_INLINE V student_logit(std::int64_t i, Lanes lanes) const {
    const V x = load(student + i, lanes);
    if (beta < 1) return x;
    const V lowest = broadcast<V>(-static_cast<T>(__builtin_inf()));
    return select(equal(load(teacher + i, lanes), lowest), lowest, x);
  }

  // Fills in the statistics; returns KL(p‖q) = Σ p (log p − log q) = Σ e^a (a − b) / Σ e^a
  // + log Σ e^b − log Σ e^a with a and b the shifted logits of teacher and student.
  RETORT_INLINE double measure(T* measured) const {
    const V zero = broadcast<V>(T(0)), scale = broadcast<V>(static_cast<T>(inverse));
    Exponentials p, q;
    double weighted = 0;  // Σ e^a (a − b)
    for (std::int64_t begin = 0; begin < n; begin += kBlock) {
      const std::int64_t size = smaller(kBlock, n - begin);
      double highest[2];
      find_highest<T>(size, highest, [&](std::int64_t i, auto lanes, V* logits) {
        logits[0] = teacher_logit(begin + i, lanes);
        logits[1] = student_logit(begin + i, lanes);
      });
      const double total_before = p.total;
      const double p_fall = p.raise(highest[0], inverse), q_fall = q.raise(highest[1], inverse);
      if (total_before != 0)  // e^a and a − b have both changed
        weighted = weighted * (p.total / total_before) - (p_fall - q_fall) * p.total;
      const V p_shift = broadcast<V>(static_cast<T>(p.shift()));
      const V q_shift = broadcast<V>(static_cast<T>(q.shift()));
      double totals[3];
      sums<T, 3>(size, totals, [&](std::int64_t i, auto lanes, V* terms) {
        __builtin_prefetch(teacher + begin + kBlock + i);
        __builtin_prefetch(student + begin + kBlock + i);
        const V a = (teacher_logit(begin + i, lanes) - p_shift) * scale;
        const V b = (student_logit(begin + i, lanes) - q_shift) * scale;
        const V e = exp(a);
        terms[0] = e;
        terms[1] = exp(b);
        terms[2] = select(equal(e, zero), zero, e * (a - b));
      });
      p.total += totals[0];
      q.total += totals[1];
      weighted += totals[2];
    }
    const double p_log = std::log(p.total), q_log = std::log(q.total);
    const double all[4] = {p.shift(), p_log, q.shift(), q_log};
    for (int k = 0; k < 4; ++k) measured[k] = static_cast<T>(all[k]);
    return weighted / p.total + q_log - p_log;
  }

  // log p of teacher's logits, log q of student's.
  struct Logarithm {
    V shift, log, scale;
    RETORT_INLINE V operator()(V x) const { return (x - shift) * scale - log; }
  };
  RETORT_INLINE Logarithm logarithm(const T* saved) const {
    return {broadcast<V>(saved[0]), broadcast<V>(saved[1]), broadcast<V>(static_cast<T>(inverse))};
  }
  RETORT_INLINE Logarithm log_p() const { return logarithm(statistics); }
  RETORT_INLINE Logarithm log_q() const { return logarithm(statistics + 2); }

  // For beta > 0: the term of one class, and g (see KlDivergenceBackwardArgs); qi is its q.
  // Differences of logarithms beyond ±80 belong to probabilities that are nothing beside the
  // other's: their products are 0 anyway, and exp must not overflow.
  template <class Lanes>
  RETORT_INLINE V term(std::int64_t i, Lanes lanes, V& qi, V& g) const {
    const V zero = broadcast<V>(T(0)), limit = broadcast<V>(T(80));
    const V p = log_p()(teacher_logit(i, lanes)), q = log_q()(student_logit(i, lanes));
    V d = q - p;
    qi = exp(q);
    const auto no_q = equal(qi, zero);
    if (beta >= 1) {
      g = select(no_q, zero, d);
      return qi * g;
    }
    d = select(less(d, -limit), -limit, select(less(limit, d), limit, d));
    const V pi = exp(p);
    const V b = broadcast<V>(static_cast<T>(beta)), c = broadcast<V>(static_cast<T>(1 - beta));
    const V p_to_m = select(equal(pi, zero), zero, -log(fma(c, exp(d), b)));  // log(p / m)
    const V q_to_m = select(no_q, zero, -log(fma(b, exp(-d), c)));
    g = c * q_to_m;
    return b * pi * p_to_m + qi * g;
  }

  RETORT_INLINE double loss(T* measured) const {
    const double forward = measure(measured);
    if (beta <= 0) return forward;
    return sum<T>(n, [&](std::int64_t i, auto lanes) {
      V q, g;
      return term(i, lanes, q, g);
    });
  }

  RETORT_INLINE void gradient(S* dstudent, V factor, const Writer<S>& write_row) const {
    const V zero = broadcast<V>(T(0));
    if (beta <= 0) {
      const Logarithm p = log_p(), q = log_q();
      write_row.row(dstudent, n, [&](std::int64_t i, auto lanes) {
        fetch_ahead(student + i);
        fetch_ahead(teacher + i);
        return factor * (exp(q(load(student + i, lanes))) - exp(p(load(teacher + i, lanes))));
      });
      return;
    }
    const V mean = broadcast<V>(static_cast<T>(sum<T>(n, [&](std::int64_t i, auto lanes) {
      V q, g;
      term(i, lanes, q, g);
      return q * g;
    })));
    write_row.row(dstudent, n, [&](std::int64_t i, auto lanes) {
      V q, g;
      term(i, lanes, q, g);
      return select(equal(q, zero), zero, factor * (q * (g - mean)));
    });
  }
};

template <class S>
void kl_divergence(const Launch&, const KlDivergenceArgs& args) {
  using T = Compute<S>;
  sum_rows<T>(args, [&](std::int64_t row) {
    return Divergence<S>(args, args.statistics, row)
        .loss(static_cast<T*>(args.statistics) + 4 * row);
  });
}

template <class S>
void kl_divergence_backward(const Launch&, const KlDivergenceBackwardArgs& args) {
  const KlDivergenceArgs& f = args.forward;
  const auto factor = gradient_factor<Compute<S>>(args.dloss, f.factor, 1 / f.temperature);
  const Writer<S> write_row(static_cast<const S*>(args.dstudent), f.rows, f.columns);
  differentiate_rows<S>(f, args.dstudent, [&](std::int64_t row, S* dx) {
    Divergence<S>(f, args.statistics, row).gradient(dx, factor, write_row);
    write_row.finish();
  });
}

}  // namespace

RETORT_EXPORT(cross_entropy, CrossEntropyArgs)
RETORT_EXPORT(cross_entropy_backward, CrossEntropyBackwardArgs)
RETORT_EXPORT(kl_divergence, KlDivergenceArgs)
RETORT_EXPORT(kl_divergence_backward, KlDivergenceBackwardArgs)

}  // namespace retort::isa::RETORT_ISA
