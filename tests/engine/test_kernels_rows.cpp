// softmax and layer norm, forwards and backwards, against double loops.
#include "tests/engine/kernel_testing.h"

using namespace retort;
using namespace retort::testing;

namespace {

using Values = std::vector<double>;

struct Shape {
  std::int64_t rows, columns;
};
const Shape kShapes[] = {{0, 5},   {1, 1},    {3, 1},   {2, 7},    {3, 8},
                         {2, 9},   {4, 15},   {3, 16},  {5, 17},   {2, 33},
                         {7, 128}, {300, 40}, {3, 999}, {2, 5000}, {130, 384}};

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

template <class T>
double epsilon() {
  return std::is_same_v<T, double> ? 1e-14 : 1e-6;
}

template <class T>
double largest_magnitude(const Guarded<T>& x) {
  double largest = 0;
  for (std::int64_t i = 0; i < x.size(); ++i)
    if (std::isfinite(x[i])) largest = std::fmax(largest, std::fabs(static_cast<double>(x[i])));
  return largest;
}

template <class T>
Values softmax(const Guarded<T>& x, Shape shape, bool log) {
  Values y(at(x.size()));
  for (std::int64_t r = 0; r < shape.rows; ++r) {
    double highest = -kInfinity, total = 0;
    for (std::int64_t c = 0; c < shape.columns; ++c)
      highest = std::fmax(highest, static_cast<double>(x[r * shape.columns + c]));
    for (std::int64_t c = 0; c < shape.columns; ++c)
      total += std::exp(static_cast<double>(x[r * shape.columns + c]) - highest);
    for (std::int64_t c = 0; c < shape.columns; ++c) {
      const double z = static_cast<double>(x[r * shape.columns + c]) - highest - std::log(total);
      y[at(r * shape.columns + c)] = log ? z : std::exp(z);
    }
  }
  return y;
}

template <class T>
Guarded<T> run_softmax(const Guarded<T>& x, Shape shape, bool log) {
  return same_for_all_threads([&] {
    Guarded<T> y(x.size());
    launch<T>(kernels().softmax, SoftmaxArgs{x.data(), y.data(), shape.rows, shape.columns, log});
    return y;
  });
}

}  // namespace

TEST_CASE("softmax equals a double loop", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    for (const Shape shape : kShapes)
      for (const double scale : {1.0, 30.0, 1e4})
        for (const bool log : {false, true}) {
          const Guarded<T> x(random_values(shape.rows * shape.columns, 3, scale));
          const auto y = run_softmax(x, shape, log);
          INFO(shape.rows << " x " << shape.columns << ", scale " << scale << ", log " << log);
          CHECK(first_far(y, softmax(x, shape, log), epsilon<T>(), epsilon<T>()) == -1);
        }
  });
}

TEST_CASE("softmax: minus infinity has probability 0, NaN and infinity make NaN", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    const Shape shape{4, 21};
    for (std::int64_t c = 0; c < shape.columns; ++c) {
      Values values = random_values(shape.rows * shape.columns, 9);
      values[at(0 * shape.columns + c)] = -kInfinity;
      values[at(1 * shape.columns + c)] = kInfinity;
      values[at(2 * shape.columns + c)] = kNan;
      const Guarded<T> x(values);
      const auto y = run_softmax(x, shape, false);
      CHECK(y[c] == T(0));
      CHECK(std::isfinite(y[(c + 1) % shape.columns]));
      CHECK(std::isnan(y[shape.columns + c]));
      CHECK(std::isnan(y[2 * shape.columns + (c + 1) % shape.columns]));
      CHECK(std::isfinite(y[3 * shape.columns + c]));
    }
  });
}

TEST_CASE("softmax's derivative equals a double loop", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    for (const Shape shape : kShapes)
      for (const bool log : {false, true}) {
        const std::int64_t n = shape.rows * shape.columns;
        const Guarded<T> y(softmax(Guarded<T>(random_values(n, 3, 2)), shape, log));
        const Guarded<T> dy(random_values(n, 4));
        const auto dx = same_for_all_threads([&] {
          Guarded<T> result(n);
          launch<T>(kernels().softmax_backward,
                    SoftmaxBackwardArgs{dy.data(), y.data(), result.data(), shape.rows,
                                        shape.columns, log});
          return result;
        });
        Values expected(at(n));
        double magnitude = 1;
        for (std::int64_t r = 0; r < shape.rows; ++r) {
          double total = 0, absolute = 0;
          for (std::int64_t i = r * shape.columns; i < (r + 1) * shape.columns; ++i) {
            total += static_cast<double>(dy[i]) * (log ? 1 : static_cast<double>(y[i]));
            absolute +=
                std::fabs(static_cast<double>(dy[i]) * (log ? 1 : static_cast<double>(y[i])));
          }
          magnitude = std::fmax(magnitude, absolute);
          for (std::int64_t i = r * shape.columns; i < (r + 1) * shape.columns; ++i) {
            const auto p = static_cast<double>(y[i]);
            const auto d = static_cast<double>(dy[i]);
            expected[at(i)] = log ? d - std::exp(p) * total : p * (d - total);
          }
        }
        INFO(shape.rows << " x " << shape.columns << ", log " << log);
        CHECK(first_far(dx, expected, epsilon<T>(), epsilon<T>() * magnitude) == -1);
      }
  });
}

namespace {

struct NormOracle {
  Values y, mean, rstd;
};

template <class T>
NormOracle layer_norm(const Guarded<T>& x, const Guarded<T>& weight, const Guarded<T>& bias,
                      Shape shape, double eps) {
  NormOracle out;
  for (std::int64_t r = 0; r < shape.rows; ++r) {
    double mean = 0, variance = 0;
    for (std::int64_t c = 0; c < shape.columns; ++c)
      mean += static_cast<double>(x[r * shape.columns + c]) / static_cast<double>(shape.columns);
    for (std::int64_t c = 0; c < shape.columns; ++c)
      variance += std::pow(static_cast<double>(x[r * shape.columns + c]) - mean, 2) /
                  static_cast<double>(shape.columns);
    out.mean.push_back(mean);
    out.rstd.push_back(1 / std::sqrt(variance + eps));
    for (std::int64_t c = 0; c < shape.columns; ++c)
      out.y.push_back((static_cast<double>(x[r * shape.columns + c]) - mean) * out.rstd.back() *
                          static_cast<double>(weight[c]) +
                      static_cast<double>(bias[c]));
  }
  return out;
}

}  // namespace

TEST_CASE("layer norm equals a double loop, also far from zero", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    for (const Shape shape : kShapes)
      for (const double offset : {0.0, 1e3}) {
        Values values = random_values(shape.rows * shape.columns, 5);
        for (double& v : values) v = static_cast<double>(static_cast<float>(v + offset));
        const Guarded<T> x(values);
        const Guarded<T> weight(random_values(shape.columns, 6));
        const Guarded<T> bias(random_values(shape.columns, 7));
        const double eps = 1e-5;
        Guarded<T> mean(shape.rows), rstd(shape.rows);
        const auto y = same_for_all_threads([&] {
          Guarded<T> result(x.size());
          launch<T>(kernels().layer_norm,
                    LayerNormArgs{x.data(), weight.data(), bias.data(), result.data(), mean.data(),
                                  rstd.data(), shape.rows, shape.columns, eps});
          return result;
        });
        CHECK(mean.intact());
        CHECK(rstd.intact());
        // The rounding of the mean, times 1/σ (which 1/√epsilon bounds where a row is constant).
        const double slack = epsilon<T>() * (1 + offset * (shape.columns == 1 ? 300 : 3));
        const NormOracle expected = layer_norm(x, weight, bias, shape, eps);
        INFO(shape.rows << " x " << shape.columns << ", around " << offset);
        CHECK(first_far(y, expected.y, epsilon<T>(), 3 * slack) == -1);
        CHECK(first_far(mean, expected.mean, epsilon<T>(), epsilon<T>()) == -1);
        CHECK(first_far(rstd, expected.rstd, 20 * slack, 0) == -1);
      }
  });
}

TEST_CASE("layer norm's derivative equals a double loop, any output may be null", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    for (const Shape shape : kShapes) {
      const std::int64_t n = shape.columns;
      const Guarded<T> x(random_values(shape.rows * n, 5));
      const Guarded<T> dy(random_values(shape.rows * n, 8));
      const Guarded<T> weight(random_values(n, 6));
      const NormOracle saved = layer_norm(x, weight, weight, shape, 1e-5);
      const Guarded<T> mean(saved.mean), rstd(saved.rstd);
      Values dx(at(shape.rows * n)), dweight(at(n)), dbias(at(n));
      double largest_rstd = 1;
      for (std::int64_t r = 0; r < shape.rows; ++r) {
        double g_sum = 0, gx_sum = 0;
        const auto m = static_cast<double>(mean[r]), s = static_cast<double>(rstd[r]);
        largest_rstd = std::fmax(largest_rstd, s);
        for (std::int64_t c = 0; c < n; ++c) {
          const auto d = static_cast<double>(dy[r * n + c]);
          const double normal = (static_cast<double>(x[r * n + c]) - m) * s;
          g_sum += d * static_cast<double>(weight[c]) / static_cast<double>(n);
          gx_sum += d * static_cast<double>(weight[c]) * normal / static_cast<double>(n);
          dweight[at(c)] += d * normal;
          dbias[at(c)] += d;
        }
        for (std::int64_t c = 0; c < n; ++c) {
          const auto d = static_cast<double>(dy[r * n + c]);
          const double normal = (static_cast<double>(x[r * n + c]) - m) * s;
          dx[at(r * n + c)] = s * (d * static_cast<double>(weight[c]) - g_sum - normal * gx_sum);
        }
      }
      for (int wanted = 1; wanted < 8; ++wanted) {
        // One buffer for all three outputs, so that same_for_all_threads compares them all.
        const auto all = same_for_all_threads([&] {
          Guarded<T> out(shape.rows * n + 2 * n);
          for (std::int64_t i = 0; i < out.size(); ++i) out[i] = T(-9);
          T* const outputs = out.data();
          LayerNormBackwardArgs args{dy.data(),
                                     x.data(),
                                     weight.data(),
                                     mean.data(),
                                     rstd.data(),
                                     wanted & 1 ? outputs : nullptr,
                                     wanted & 2 ? outputs + shape.rows * n : nullptr,
                                     wanted & 4 ? outputs + shape.rows * n + n : nullptr,
                                     shape.rows,
                                     n};
          const std::int64_t bytes =
              kernels().layer_norm_backward_workspace[kHalf<T>](args, thread_count());
          Guarded<T> workspace((bytes + static_cast<std::int64_t>(sizeof(T)) - 1) /
                               static_cast<std::int64_t>(sizeof(T)));
          kernels().layer_norm_backward[kHalf<T>](Launch{nullptr, workspace.data()}, args);
          CHECK(workspace.intact());
          return out;
        });
        Values expected(at(all.size()), -9);
        if (wanted & 1) std::copy(dx.begin(), dx.end(), expected.begin());
        if (wanted & 2)
          std::copy(dweight.begin(), dweight.end(), expected.begin() + shape.rows * n);
        if (wanted & 4)
          std::copy(dbias.begin(), dbias.end(), expected.begin() + shape.rows * n + n);
        INFO(shape.rows << " x " << n << ", outputs " << wanted);
        const double rows = static_cast<double>(shape.rows);
        CHECK(first_far(all, expected, 10 * epsilon<T>(),
                        epsilon<T>() * (4 * largest_rstd + std::sqrt(rows))) == -1);
      }
      CHECK(largest_magnitude(dy) < 10);
    }
  });
}

TEST_CASE("a NaN in a row of layer norm stays in its row", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    const Shape shape{3, 19};
    for (std::int64_t c = 0; c < shape.columns; ++c) {
      Values values = random_values(shape.rows * shape.columns, 5);
      values[at(shape.columns + c)] = kNan;
      const Guarded<T> x(values), weight(random_values(shape.columns, 6));
      Guarded<T> y(x.size()), mean(3), rstd(3);
      launch<T>(kernels().layer_norm,
                LayerNormArgs{x.data(), weight.data(), weight.data(), y.data(), mean.data(),
                              rstd.data(), 3, shape.columns, 1e-5});
      for (std::int64_t i = 0; i < shape.columns; ++i) {
        CHECK(std::isfinite(y[i]));
        CHECK(std::isnan(y[shape.columns + i]));
        CHECK(std::isfinite(y[2 * shape.columns + i]));
      }
    }
  });
}
