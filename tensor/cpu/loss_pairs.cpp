// Losses of pairs of numbers: binary cross entropy with logits, squared and smooth absolute errors;
// and the cosine of pairs of rows.
#include "tensor/cpu/export.h"
#include "tensor/cpu/loss_rows.h"
#include "tensor/cpu/simd_math.h"

namespace retort::isa::RETORT_ISA {
namespace {

// ---- Binary cross entropy ----

// log(1 + e) for e in [0, 1], also where 1 + e rounds: the error of u = 1 + e cancels in log(u)/(u
// − 1).
template <class T>
RETORT_INLINE Vec<T> log_one_plus(Vec<T> e) {
  const Vec<T> one = like(e, 1);
  const Vec<T> u = one + e;
  return select(equal(u, one), e, log(u) * e / (u - one));
}

// One row's logits, targets and weights.
template <class S>
struct BinaryRow {
  using T = Compute<S>;
  using V = Vec<T>;
  const S* x;
  const T* y;
  const T* w;

  RETORT_INLINE BinaryRow(const BinaryCrossEntropyArgs& args, std::int64_t row)
      : x(static_cast<const S*>(args.logits) + row * args.columns),
        y(static_cast<const T*>(args.targets) + row * args.columns),
        w(static_cast<const T*>(args.positive_weight)) {}
  // w·y
  template <class Lanes>
  RETORT_INLINE V weighted(std::int64_t i, Lanes lanes, V target) const {
    return w ? load(w + i, lanes) * target : target;
  }
};

// w·y·log(1 + e^−x) + (1 − y)·log(1 + e^x), with log(1 + e^x) = log(1 + e^−|x|) + max(x, 0)
template <class S>
void binary_cross_entropy(const Launch&, const BinaryCrossEntropyArgs& args) {
  using T = Compute<S>;
  sum_rows<T>(args, [&](std::int64_t r) {
    const BinaryRow<S> row(args, r);
    return sum<T>(args.columns, [&](std::int64_t i, auto lanes) {
      const Vec<T> x = load(row.x + i, lanes), y = load(row.y + i, lanes), zero = like(x, 0);
      const Vec<T> near = log_one_plus(exp(-abs(x)));
      return fma(row.weighted(i, lanes, y), near + max(-x, zero),
                 (like(y, 1) - y) * (near + max(x, zero)));
    });
  });
}

template <class S>
void binary_cross_entropy_backward(const Launch&, const BinaryCrossEntropyBackwardArgs& args) {
  using T = Compute<S>;
  const Vec<T> factor = gradient_factor<T>(args.dloss, args.forward.factor);
  differentiate_rows<S>(args.forward, args.dlogits, [&](std::int64_t r, S* dx) {
    const BinaryRow<S> row(args.forward, r);
    sweep<T>(args.forward.columns, [&](std::int64_t i, auto lanes) {
      const Vec<T> x = load(row.x + i, lanes), y = load(row.y + i, lanes), one = like(y, 1);
      const Vec<T> yes = one / (one + exp(-x)), no = one / (one + exp(x));  // σ(x), σ(−x)
      store(dx + i, factor * ((one - y) * yes - row.weighted(i, lanes, y) * no), lanes);
    });
  });
}

// ---- Errors ----

struct Squared {
  template <class V>
  RETORT_INLINE V cost(V e) const {
    return e * e;
  }
  template <class V>
  RETORT_INLINE V slope(V e) const {
    return e + e;
  }
};

struct SmoothL1 {
  double beta;
  template <class V>
  RETORT_INLINE V cost(V e) const {
    const V size = abs(e), bend = like(e, beta);
    // 1/β is only used where |e| < β.
    return select(less(size, bend), like(e, 0.5 / beta) * e * e, size - like(e, 0.5 * beta));
  }
  template <class V>
  RETORT_INLINE V slope(V e) const {
    const V zero = like(e, 0), one = like(e, 1);
    const V sign = select(less(zero, e), one, select(less(e, zero), -one, e));
    return select(less(abs(e), like(e, beta)), like(e, 1 / beta) * e, sign);
  }
};

template <class F>
RETORT_INLINE void with_cost(const ErrorLossArgs& args, F&& f) {
  if (args.cost == ErrorCost::squared) f(Squared{});
  else f(SmoothL1{args.beta});
}

template <class S>
void error_loss(const Launch&, const ErrorLossArgs& args) {
  using T = Compute<S>;
  with_cost(args, [&](auto error) {
    sum_rows<T>(args, [&](std::int64_t row) {
      const S* a = static_cast<const S*>(args.a) + row * args.columns;
      const S* b = static_cast<const S*>(args.b) + row * args.columns;
      return sum<T>(args.columns, [&](std::int64_t i, auto lanes) {
        return error.cost(load(a + i, lanes) - load(b + i, lanes));
      });
    });
  });
}

template <class S>
void error_loss_backward(const Launch&, const ErrorLossBackwardArgs& args) {
  using T = Compute<S>;
  const ErrorLossArgs& f = args.forward;
  const Vec<T> factor = gradient_factor<T>(args.dloss, f.factor);
  with_cost(f, [&](auto error) {
    differentiate_rows<S>(f, args.da, [&](std::int64_t row, S* da) {
      const S* a = static_cast<const S*>(f.a) + row * f.columns;
      const S* b = static_cast<const S*>(f.b) + row * f.columns;
      sweep<T>(f.columns, [&](std::int64_t i, auto lanes) {
        store(da + i, factor * error.slope(load(a + i, lanes) - load(b + i, lanes)), lanes);
      });
    });
  });
}

// ---- Cosine ----

template <class S>
void cosine_similarity(const Launch&, const CosineSimilarityArgs& args) {
  using T = Compute<S>;
  const std::int64_t n = args.columns;
  const auto norm = [&](double squares) {
    const double root = std::sqrt(squares);
    return root < args.epsilon ? args.epsilon : root;  // NaN stays
  };
  for_rows(args.rows, n, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const S* a = static_cast<const S*>(args.a) + row * n;
      const S* b = static_cast<const S*>(args.b) + row * n;
      double totals[3];
      sums<T, 3>(n, totals, [&](std::int64_t i, auto lanes, Vec<T>* terms) {
        const Vec<T> x = load(a + i, lanes), y = load(b + i, lanes);
        terms[0] = x * y;
        terms[1] = x * x;
        terms[2] = y * y;
      });
      const double a_norm = norm(totals[1]), b_norm = norm(totals[2]);
      static_cast<T*>(args.similarity)[row] = static_cast<T>(totals[0] / (a_norm * b_norm));
      static_cast<T*>(args.a_norm)[row] = static_cast<T>(a_norm);
      static_cast<T*>(args.b_norm)[row] = static_cast<T>(b_norm);
    }
  });
}

template <class S>
void cosine_similarity_backward(const Launch&, const CosineSimilarityBackwardArgs& args) {
  using T = Compute<S>;
  const std::int64_t n = args.columns;
  for_rows(args.rows, n, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const S* a = static_cast<const S*>(args.a) + row * n;
      const S* b = static_cast<const S*>(args.b) + row * n;
      S* da = static_cast<S*>(args.da) + row * n;
      const auto at = [row](const void* x) {
        return static_cast<double>(static_cast<const T*>(x)[row]);
      };
      const double a_norm = at(args.a_norm), scale = at(args.dy) / a_norm;
      const bool clamped = a_norm <= static_cast<double>(static_cast<T>(args.epsilon));
      const Vec<T> of_b = broadcast<Vec<T>>(static_cast<T>(scale / at(args.b_norm)));
      const Vec<T> of_a =
          broadcast<Vec<T>>(static_cast<T>(clamped ? 0 : -scale * at(args.similarity) / a_norm));
      sweep<T>(n, [&](std::int64_t i, auto lanes) {
        store(da + i, fma(of_a, load(a + i, lanes), of_b * load(b + i, lanes)), lanes);
      });
    }
  });
}

}  // namespace

RETORT_EXPORT(binary_cross_entropy, BinaryCrossEntropyArgs)
RETORT_EXPORT(binary_cross_entropy_backward, BinaryCrossEntropyBackwardArgs)
RETORT_EXPORT(error_loss, ErrorLossArgs)
RETORT_EXPORT(error_loss_backward, ErrorLossBackwardArgs)
RETORT_EXPORT(cosine_similarity, CosineSimilarityArgs)
RETORT_EXPORT(cosine_similarity_backward, CosineSimilarityBackwardArgs)

}  // namespace retort::isa::RETORT_ISA
