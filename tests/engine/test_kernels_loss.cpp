// Losses and the optimiser's kernels against double loops.
#include "tests/engine/kernel_testing.h"

using namespace retort;
using namespace retort::testing;

namespace {

using Values = std::vector<double>;

struct Shape {
  std::int64_t rows, columns;
};
const Shape kShapes[] = {{0, 3},  {1, 1},  {1, 2},  {5, 2},    {3, 7},    {4, 8},    {3, 9},
                         {2, 15}, {6, 16}, {3, 17}, {700, 33}, {3, 1000}, {2, 30522}};

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

template <class T>
double epsilon() {
  return std::is_same_v<T, double> ? 2e-15 : 1e-6;
}

/// Labels of which about a third are ignored; `all` ignores every one.
std::vector<std::int32_t> make_labels(Shape shape, bool all) {
  RandomStream random(77);
  std::vector<std::int32_t> labels;
  for (std::int64_t r = 0; r < shape.rows; ++r)
    labels.push_back(all || random.below(3) == 0 ? -100
                                                 : static_cast<std::int32_t>(random.below(
                                                       static_cast<std::uint64_t>(shape.columns))));
  return labels;
}

/// log softmax of a row's x / temperature.
template <class T>
Values log_probabilities(const Guarded<T>& x, std::int64_t row, std::int64_t columns,
                         double temperature, double* lse = nullptr) {
  double highest = -kInfinity;
  long double total = 0;
  for (std::int64_t c = 0; c < columns; ++c)
    highest = std::fmax(highest, static_cast<double>(x[row * columns + c]) / temperature);
  for (std::int64_t c = 0; c < columns; ++c)
    total += std::exp(static_cast<double>(x[row * columns + c]) / temperature - highest);
  const double log_sum = highest + static_cast<double>(std::log(total));
  if (lse) *lse = log_sum;
  Values result;
  for (std::int64_t c = 0; c < columns; ++c)
    result.push_back(static_cast<double>(x[row * columns + c]) / temperature - log_sum);
  return result;
}

// What one run of a loss and its derivative gives, in one buffer: loss, per-row values, gradient.
template <class T>
Guarded<T> run_cross_entropy(const Guarded<T>& logits, const std::vector<std::int32_t>& labels,
                             Shape shape, double factor, double dloss) {
  return same_for_all_threads([&] {
    Guarded<T> out(1 + shape.rows + logits.size());
    T* const p = out.data();
    const T upstream = static_cast<T>(dloss);
    launch<T>(kernels().cross_entropy, CrossEntropyArgs{logits.data(), labels.data(), p, p + 1,
                                                        shape.rows, shape.columns, &factor});
    launch<T>(kernels().cross_entropy_backward,
              CrossEntropyBackwardArgs{&upstream, logits.data(), labels.data(), p + 1,
                                       p + 1 + shape.rows, shape.rows, shape.columns, &factor});
    return out;
  });
}

template <class T>
Guarded<T> run_divergence(const Guarded<T>& student, const Guarded<T>& teacher,
                          const std::int32_t* labels, Shape shape, double temperature,
                          double factor, double dloss) {
  return same_for_all_threads([&] {
    Guarded<T> out(1 + student.size());
    T* const p = out.data();
    const T upstream = static_cast<T>(dloss);
    Guarded<T> statistics(4 * shape.rows);
    const KlDivergenceArgs args{.student = student.data(),
                                .teacher = teacher.data(),
                                .labels = labels,
                                .loss = p,
                                .statistics = statistics.data(),
                                .rows = shape.rows,
                                .columns = shape.columns,
                                .temperature = temperature,
                                .beta = 0,
                                .factor = &factor};
    launch<T>(kernels().kl_divergence, args);
    launch<T>(kernels().kl_divergence_backward, KlDivergenceBackwardArgs{args, &upstream, statistics.data(), p + 1});
    CHECK(statistics.intact());
    return out;
  });
}

}  // namespace

TEST_CASE("cross entropy and its derivative equal double loops", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    for (const Shape shape : kShapes)
      for (const double scale : {1.0, 1e4}) {
        const Guarded<T> logits(random_values(shape.rows * shape.columns, 3, scale));
        const auto labels = make_labels(shape, false);
        const double factor = 0.25, dloss = 1.5;
        const auto out = run_cross_entropy(logits, labels, shape, factor, dloss);
        Values expected(at(out.size()));
        double total = 0;
        for (std::int64_t r = 0; r < shape.rows; ++r) {
          if (labels[at(r)] == -100) continue;
          double lse = 0;
          const Values log_p = log_probabilities(logits, r, shape.columns, 1, &lse);
          total -= log_p[at(labels[at(r)])];
          expected[at(1 + r)] = lse;
          for (std::int64_t c = 0; c < shape.columns; ++c)
            expected[at(1 + shape.rows + r * shape.columns + c)] =
                dloss * factor * (std::exp(log_p[at(c)]) - (c == labels[at(r)] ? 1 : 0));
        }
        expected[0] = factor * total;
        INFO(shape.rows << " x " << shape.columns << ", scale " << scale);
        // lse is saved in T: its rounding is the gradient's error.
        CHECK(first_far(out, expected, 2 * epsilon<T>(), epsilon<T>() * (1 + scale)) == -1);
      }
  });
}

TEST_CASE("cross entropy: no valid row gives 0, and gradients are finite for finite logits",
          "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    const Shape shape{3, 18};
    const Guarded<T> nan(Values(54, kNan));
    const auto nothing = run_cross_entropy(nan, make_labels(shape, true), shape, kInfinity, 1);
    for (std::int64_t i = 0; i < nothing.size(); ++i) CHECK(nothing[i] == T(0));
    Values extreme(54, 3e38);
    for (std::size_t i = 0; i < extreme.size(); i += 2) extreme[i] = -3e38;
    const auto large = run_cross_entropy(Guarded<T>(extreme), {0, 1, 2}, shape, 1, 1);
    for (std::int64_t i = 4; i < large.size(); ++i) CHECK(std::isfinite(large[i]));
    const auto poisoned = run_cross_entropy(nan, {0, -100, 2}, shape, 1, 1);
    CHECK(std::isnan(poisoned[0]));
    CHECK(std::isnan(poisoned[4]));
    CHECK(poisoned[4 + 18] == T(0));
  });
}

TEST_CASE("KL divergence and its derivative equal double loops", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    for (const Shape shape : kShapes)
      for (const double temperature : {1.0, 3.0, 0.5})
        for (const bool some : {false, true}) {
          const Guarded<T> student(random_values(shape.rows * shape.columns, 3, 2));
          const Guarded<T> teacher(random_values(shape.rows * shape.columns, 4, 3));
          const auto labels = make_labels(shape, false);
          const double factor = 0.125, dloss = 2;
          const auto out = run_divergence(student, teacher, some ? labels.data() : nullptr, shape,
                                          temperature, factor, dloss);
          Values expected(at(out.size()));
          long double total = 0;
          for (std::int64_t r = 0; r < shape.rows; ++r) {
            if (some && labels[at(r)] == -100) continue;
            const Values log_p = log_probabilities(teacher, r, shape.columns, temperature);
            const Values log_q = log_probabilities(student, r, shape.columns, temperature);
            for (std::int64_t c = 0; c < shape.columns; ++c) {
              total += std::exp(log_p[at(c)]) * (log_p[at(c)] - log_q[at(c)]);
              expected[at(1 + r * shape.columns + c)] =
                  dloss * factor * (std::exp(log_q[at(c)]) - std::exp(log_p[at(c)])) / temperature;
            }
          }
          expected[0] = static_cast<double>(factor * total);
          INFO(shape.rows << " x " << shape.columns << ", temperature " << temperature
                          << ", labels " << some);
          CHECK(first_far(out, expected, 5 * epsilon<T>(), 2 * epsilon<T>()) == -1);
        }
  });
}

TEST_CASE("KL divergence: extreme teachers and students", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    const Shape shape{2, 21};
    // Teacher logits of −∞: the same as a teacher without those classes.
    Values teacher = random_values(42, 5, 2);
    for (const std::int64_t c : {0, 3, 15, 16, 20})
      teacher[at(c)] = teacher[at(21 + c)] = -kInfinity;
    const Guarded<T> student(random_values(42, 6, 2));
    const auto out = run_divergence(student, Guarded<T>(teacher), nullptr, shape, 2, 0.5, 1);
    double total = 0;
    for (std::int64_t r = 0; r < 2; ++r) {
      const Values log_p = log_probabilities(Guarded<T>(teacher), r, 21, 2);
      const Values log_q = log_probabilities(student, r, 21, 2);
      for (std::int64_t c = 0; c < 21; ++c)
        if (!std::isinf(log_p[at(c)]))
          total += std::exp(log_p[at(c)]) * (log_p[at(c)] - log_q[at(c)]);
    }
    CHECK(close(static_cast<double>(out[0]), 0.5 * total, 5 * epsilon<T>(), 0));
    for (std::int64_t i = 0; i < out.size(); ++i) CHECK(std::isfinite(out[i]));

    // The same distribution, however it is shifted: exactly 0.
    Values shifted = random_values(42, 6, 2);
    for (double& v : shifted) v = std::round(v * 64) / 64;
    const Guarded<T> plain(shifted);
    for (double& v : shifted) v += 32;
    const auto equal = run_divergence(plain, Guarded<T>(shifted), nullptr, shape, 3, 1, 1);
    for (std::int64_t i = 0; i < equal.size(); ++i) CHECK(equal[i] == T(0));

    // ±1e4 and ±3e38: finite gradients.
    for (const double size : {1e4, 3e38})
      for (const double temperature : {0.5, 1.0, 4.0}) {
        Values a(42), b(42);
        for (std::size_t i = 0; i < 42; ++i) {
          a[i] = i % 2 ? size : -size;
          b[i] = i % 3 ? size : -size;
        }
        const auto far =
            run_divergence(Guarded<T>(a), Guarded<T>(b), nullptr, shape, temperature, 1, 1);
        for (std::int64_t i = 1; i < far.size(); ++i) CHECK(std::isfinite(far[i]));
        if (size < 1e5) CHECK(std::isfinite(far[0]));
      }

    const std::vector<std::int32_t> none = {-100, -100};
    const Guarded<T> nan(Values(42, kNan));
    const auto nothing = run_divergence(nan, nan, none.data(), shape, 1, kInfinity, 1);
    for (std::int64_t i = 0; i < nothing.size(); ++i) CHECK(nothing[i] == T(0));
    CHECK(std::isnan(run_divergence(nan, student, nullptr, shape, 1, 1, 1)[0]));
    CHECK(std::isnan(run_divergence(student, nan, nullptr, shape, 1, 1, 1)[0]));
  });
}

TEST_CASE("the sum of squares is taken in f64 and added to what is there", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    for (const std::int64_t n : {0, 1, 15, 16, 17, 100, 16384, 16385, 300001}) {
      const Guarded<T> x(random_values(n, 9, 1e25));  // x² is beyond f32
      long double expected = 3;  // a plain double loop is less exact than the kernel
      for (std::int64_t i = 0; i < n; ++i)
        expected += static_cast<double>(x[i]) * static_cast<double>(x[i]);
      const auto sum = same_for_all_threads([&] {
        Guarded<double> result(Values{3});
        launch<T>(kernels().sum_of_squares, SumOfSquaresArgs{x.data(), n, result.data()});
        return result;
      });
      INFO(n << " numbers");
      CHECK(close(sum[0], static_cast<double>(expected), 1e-14, 0));
    }
  });
}

TEST_CASE("AdamW follows its formula for several steps", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    for (const std::int64_t n : {0, 1, 15, 16, 17, 65, 40000}) {
      const Values start = random_values(n, 1);
      const auto run = same_for_all_threads([&] {
        Guarded<T> out(3 * n);  // parameter, m, v
        for (std::int64_t i = 0; i < n; ++i) out[i] = static_cast<T>(start[at(i)]);
        for (std::int64_t i = n; i < 3 * n; ++i) out[i] = 0;
        for (int t = 1; t <= 3; ++t) {
          const Guarded<T> gradient(random_values(n, 10 + static_cast<std::uint64_t>(t)));
          const AdamwStep step{
              1e-2 / t, 0.9, 0.999, 1e-8, 0.1, 1 - std::pow(0.9, t), 1 - std::pow(0.999, t), 0.5};
          launch<T>(kernels().adamw, AdamwArgs{out.data(), gradient.data(), out.data() + n,
                                               out.data() + 2 * n, n, &step});
        }
        return out;
      });
      Values expected(at(3 * n));
      for (std::int64_t i = 0; i < n; ++i) expected[at(i)] = start[at(i)];
      for (int t = 1; t <= 3; ++t) {
        const Values gradient = random_values(n, 10 + static_cast<std::uint64_t>(t));
        const double rate = 1e-2 / t;
        for (std::int64_t i = 0; i < n; ++i) {
          double &p = expected[at(i)], &m = expected[at(n + i)], &v = expected[at(2 * n + i)];
          const double g = 0.5 * gradient[at(i)];
          p *= 1 - rate * 0.1;
          m = 0.9 * m + (1 - 0.9) * g;
          v = 0.999 * v + (1 - 0.999) * g * g;
          p -= rate / (1 - std::pow(0.9, t)) * m /
               (std::sqrt(v) / std::sqrt(1 - std::pow(0.999, t)) + 1e-8);
        }
      }
      INFO(n << " parameters");
      CHECK(first_far(run, expected, 2 * epsilon<T>(), 0.2 * epsilon<T>()) == -1);
    }
  });
}
