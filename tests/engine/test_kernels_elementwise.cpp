// fill, unary, binary and reduce against double loops.
#include "tests/engine/kernel_testing.h"

using namespace retort;
using namespace retort::testing;

namespace {

double reference(UnaryOp op, double x) {
  switch (op) {
    case UnaryOp::copy:
      return x;
    case UnaryOp::negate:
      return -x;
    case UnaryOp::exp:
      return std::exp(x);
    case UnaryOp::log:
      return std::log(x);
    case UnaryOp::sqrt:
      return std::sqrt(x);
    case UnaryOp::reciprocal:
      return 1 / x;
    case UnaryOp::tanh:
      return std::tanh(x);
    case UnaryOp::erf:
      return std::erf(x);
    case UnaryOp::gelu:
      return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    case UnaryOp::relu:
      return std::isnan(x) ? x : x > 0 ? x : 0;
    case UnaryOp::abs:
      return std::fabs(x);
    case UnaryOp::square:
      return x * x;
    case UnaryOp::sigmoid:
      return 1 / (1 + std::exp(-x));
    case UnaryOp::step:
      return x > 0 ? 1 : 0;
    case UnaryOp::sign:
      return std::isnan(x) ? x : x > 0 ? 1 : x < 0 ? -1 : 0;
  }
  return kNan;
}

double reference(BinaryOp op, double a, double b) {
  const bool nan = std::isnan(a) || std::isnan(b);
  switch (op) {
    case BinaryOp::add:
      return a + b;
    case BinaryOp::subtract:
      return a - b;
    case BinaryOp::multiply:
      return a * b;
    case BinaryOp::divide:
      return a / b;
    case BinaryOp::maximum:
      return nan ? kNan : std::fmax(a, b);
    case BinaryOp::minimum:
      return nan ? kNan : std::fmin(a, b);
    case BinaryOp::equal:
      return a == b;
    case BinaryOp::less:
      return a < b;
    case BinaryOp::gelu_backward: {
      const double density = std::exp(-0.5 * b * b) / std::sqrt(2 * std::acos(-1.0));
      return a * (0.5 * (1 + std::erf(b / std::sqrt(2.0))) + b * density);
    }
    case BinaryOp::tanh_backward:
      return a * (1 - b * b);
  }
  return kNan;
}

constexpr int kUnaryOps = static_cast<int>(UnaryOp::sign) + 1;
constexpr int kBinaryOps = static_cast<int>(BinaryOp::tanh_backward) + 1;

// Overflow to ±∞ and underflow happen where T's range ends.
template <class T>
double rounded(double x) {
  return static_cast<double>(static_cast<T>(x));
}

struct Tolerance {
  double relative, absolute;
};

template <class T>
Tolerance tolerance(bool sums_cancel) {
  if constexpr (std::is_same_v<T, double>) return {4e-16, sums_cancel ? 1e-15 : 1e-300};
  return {2.6e-7, sums_cancel ? 1e-6 : 1.5e-45};
}

template <class T>
void check_unary(UnaryOp op, const std::vector<std::int64_t>& sizes,
                 const std::vector<std::int64_t>& from, const std::vector<std::int64_t>& to,
                 std::int64_t x_size, std::int64_t y_size) {
  const Guarded<T> x(hostile_values(x_size, 7 + static_cast<std::uint64_t>(op)));
  const auto y = same_for_all_threads([&] {
    Guarded<T> result(std::vector<double>(static_cast<std::size_t>(y_size), -77));
    UnaryArgs args{op, x.data(), result.data(), make_plan<2>(sizes, {from, to})};
    launch<T>(kernels().unary, args);
    return result;
  });
  std::vector<double> expected(static_cast<std::size_t>(y_size), -77);
  const auto source = offsets(sizes, from);
  const auto target = offsets(sizes, to);
  for (std::size_t i = 0; i < source.size(); ++i)
    expected[static_cast<std::size_t>(target[i])] =
        rounded<T>(reference(op, static_cast<double>(x[source[i]])));
  const Tolerance limit = tolerance<T>(op == UnaryOp::gelu);
  INFO("unary op " << static_cast<int>(op) << ", " << y_size << " outputs");
  // Sigmoid's denominator overflows before its value underflows.
  const double absolute = op == UnaryOp::sigmoid ? 1e-37 : limit.absolute;
  CHECK(first_far(y, expected, limit.relative, absolute) == -1);
}

template <class T>
void check_binary(BinaryOp op, const std::vector<std::int64_t>& sizes,
                  const std::vector<std::int64_t>& a_stride,
                  const std::vector<std::int64_t>& b_stride,
                  const std::vector<std::int64_t>& y_stride, std::int64_t size) {
  const Guarded<T> a(hostile_values(size, 3));
  const Guarded<T> b(hostile_values(size, 5 + static_cast<std::uint64_t>(op)));
  const auto y = same_for_all_threads([&] {
    Guarded<T> result(std::vector<double>(static_cast<std::size_t>(size), -77));
    BinaryArgs args{op, a.data(), b.data(), result.data(),
                    make_plan<3>(sizes, {a_stride, b_stride, y_stride})};
    launch<T>(kernels().binary, args);
    return result;
  });
  std::vector<double> expected(static_cast<std::size_t>(size), -77);
  const auto left = offsets(sizes, a_stride);
  const auto right = offsets(sizes, b_stride);
  const auto target = offsets(sizes, y_stride);
  double absolute = op == BinaryOp::gelu_backward || op == BinaryOp::tanh_backward ? 1e-6 : 1.5e-45;
  if (std::is_same_v<T, double>) absolute *= 1e-9;
  for (std::size_t i = 0; i < left.size(); ++i) {
    const auto u = static_cast<double>(a[left[i]]);
    const auto v = static_cast<double>(b[right[i]]);
    double value = rounded<T>(reference(op, u, v));
    const auto found = static_cast<double>(y[target[i]]);
    // The derivatives cancel: their error is that of dy times a number near one.
    const bool derivative = op == BinaryOp::gelu_backward || op == BinaryOp::tanh_backward;
    const double scale = derivative && std::isfinite(u) ? std::fabs(u) + 1 : 1;
    INFO("binary op " << static_cast<int>(op) << " of " << u << " and " << v << ": found " << found
                      << ", expected " << value);
    // Where x² overflows T, or dy is infinite and the derivative rounds to 0, T's answer is its
    // own.
    const bool own = derivative && (std::fabs(v) > 1e18 || std::isinf(u));
    if (!own) CHECK(close(found, value, 4e-7, absolute * scale));
    expected[static_cast<std::size_t>(target[i])] = found;
  }
  CHECK(first_far(y, expected, 0, 0) == -1);  // nothing else was written
}

}  // namespace

TEST_CASE("unary kernels equal their formulas", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    for (int i = 0; i < kUnaryOps; ++i) {
      const auto op = static_cast<UnaryOp>(i);
      for (const std::int64_t n : {0, 1, 7, 8, 9, 15, 16, 17, 33, 100, 1000})
        check_unary<T>(op, {n}, {1}, {1}, n, n);
      check_unary<T>(op, {}, {}, {}, 1, 1);                              // a scalar
      check_unary<T>(op, {5, 7}, {1, 5}, {7, 1}, 35, 35);                // transposed
      check_unary<T>(op, {70, 3}, {1, 70}, {3, 1}, 210, 210);            //
      check_unary<T>(op, {3, 130}, {0, 1}, {130, 1}, 130, 390);          // rows broadcast
      check_unary<T>(op, {3, 130}, {1, 0}, {130, 1}, 3, 390);            // columns broadcast
      check_unary<T>(op, {2, 3, 9}, {40, 10, 1}, {60, 20, 2}, 70, 118);  // slices into slices
    }
    check_unary<T>(UnaryOp::exp, {50001}, {1}, {1}, 50001, 50001);
    check_unary<T>(UnaryOp::exp, {2, 40000}, {40001, 1}, {40000, 1}, 80001, 80000);
    check_unary<T>(UnaryOp::copy, {300, 200}, {1, 300}, {200, 1}, 60000, 60000);
    check_unary<T>(UnaryOp::gelu, {3, 40, 70}, {2900, 1, 41}, {2800, 70, 1}, 8700, 8400);
    check_unary<T>(UnaryOp::erf, {2, 33, 9}, {300, 1, 33}, {700, 20, 2}, 600, 1400);
    check_unary<T>(UnaryOp::copy, {0, 40, 70}, {2900, 1, 41}, {2800, 70, 1}, 1, 1);
    check_unary<T>(UnaryOp::copy, {4, 0}, {1, 1}, {1, 1}, 4, 4);
    check_unary<T>(UnaryOp::copy, {0, 4}, {1, 1}, {1, 1}, 4, 4);
  });
}

TEST_CASE("f32 functions stay within a few units in the last place", "[kernels]") {
  const Restore restore;
  struct Case {
    UnaryOp op;
    double low, high, units;
  };
  const Case cases[] = {{UnaryOp::exp, -104, 89, 1},
                        {UnaryOp::log, 0, 3.4e38, 0.8},
                        {UnaryOp::tanh, -10, 10, 1.3},
                        {UnaryOp::erf, -4.5, 4.5, 1}};
  for (const std::string& isa : available_isas()) {
    use_isa(isa);
    for (const Case& c : cases) {
      Guarded<float> x(std::int64_t{1} << 16), y(x.size());
      double worst = 0;
      float worst_at = 0;
      // Evenly spaced numbers, and evenly spaced bit patterns, which reach zero and denormal
      // numbers.
      for (int pass = 0; pass < 32; ++pass) {
        for (std::int64_t i = 0; i < x.size(); ++i) {
          const auto at = static_cast<std::uint32_t>(pass / 2 * x.size() + i);
          if (pass % 2 == 0) {
            x[i] = static_cast<float>(c.low + (c.high - c.low) * at / (16.0 * 65536));
          } else {
            const std::uint32_t bits = at * 4093u;
            std::memcpy(&x[i], &bits, sizeof bits);
            if (!(x[i] >= static_cast<float>(c.low) && x[i] <= static_cast<float>(c.high)))
              x[i] = 0.75f;
          }
        }
        UnaryArgs args{c.op, x.data(), y.data(), make_plan<2>({x.size()}, {{1}, {1}})};
        launch<float>(kernels().unary, args);
        for (std::int64_t i = 0; i < x.size(); ++i) {
          const double expected = reference(c.op, static_cast<double>(x[i]));
          const auto nearest = static_cast<float>(expected);
          if (std::isinf(nearest)) {
            if (y[i] != nearest) worst = kInfinity, worst_at = x[i];
            continue;
          }
          const double unit = static_cast<double>(std::nextafter(std::fabs(nearest), INFINITY)) -
                              std::fabs(static_cast<double>(nearest));
          const double error = std::fabs(static_cast<double>(y[i]) - expected) / unit;
          if (!(error <= worst)) worst = error, worst_at = x[i];
        }
      }
      INFO(isa << ", op " << static_cast<int>(c.op) << ": " << worst << " units at " << worst_at);
      CHECK(worst <= c.units);
    }
  }
}

TEST_CASE("an element's result doesn't depend on its position", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    const Guarded<T> x(hostile_values(67, 1));
    for (int op = 0; op < kUnaryOps; ++op) {
      Guarded<T> whole(67);
      launch<T>(kernels().unary, UnaryArgs{static_cast<UnaryOp>(op), x.data(), whole.data(),
                                           make_plan<2>({67}, {{1}, {1}})});
      for (std::int64_t begin = 0; begin < 67; ++begin) {
        Guarded<T> one(1);
        launch<T>(kernels().unary, UnaryArgs{static_cast<UnaryOp>(op), x.data() + begin, one.data(),
                                             make_plan<2>({1}, {{1}, {1}})});
        const bool same = std::memcmp(one.data(), whole.data() + begin, sizeof(T)) == 0;
        CHECK(same);
      }
    }
  });
}

TEST_CASE("binary kernels equal their formulas", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    for (int i = 0; i < kBinaryOps; ++i) {
      const auto op = static_cast<BinaryOp>(i);
      for (const std::int64_t n : {0, 1, 7, 8, 9, 15, 16, 17, 33, 250})
        check_binary<T>(op, {n}, {1}, {1}, {1}, n);
      check_binary<T>(op, {37}, {0}, {1}, {1}, 37);  // scalar operands
      check_binary<T>(op, {37}, {1}, {0}, {1}, 37);
      check_binary<T>(op, {37}, {0}, {0}, {1}, 37);
      check_binary<T>(op, {5, 19}, {19, 1}, {0, 1}, {19, 1}, 95);  // row broadcast
      check_binary<T>(op, {5, 19}, {1, 0}, {19, 1}, {19, 1}, 95);  // column broadcast
      check_binary<T>(op, {5, 19}, {1, 5}, {19, 1}, {19, 1}, 95);  // transposed
      check_binary<T>(op, {5, 19}, {19, 1}, {0, 1}, {1, 5}, 95);
      check_binary<T>(op, {3, 4, 5}, {20, 5, 1}, {0, 1, 0}, {24, 6, 1}, 80);
    }
    check_binary<T>(BinaryOp::add, {3, 20000}, {20000, 1}, {0, 1}, {20000, 1}, 60000);
  });
}

TEST_CASE("fill writes every element and nothing else", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    for (const std::int64_t n : {0, 1, 15, 17, 40000}) {
      Guarded<T> y(n);
      launch<T>(kernels().fill, FillArgs{y.data(), n, 0.1});
      CHECK(y.intact());
      bool all = true;
      for (std::int64_t i = 0; i < n; ++i) all = all && y[i] == static_cast<T>(0.1);
      CHECK(all);
    }
  });
}

namespace {

template <class T>
void check_reduce(ReduceOp op, const std::vector<std::int64_t>& outer,
                  const std::vector<std::int64_t>& outer_stride,
                  const std::vector<std::int64_t>& inner,
                  const std::vector<std::int64_t>& inner_stride,
                  const std::vector<double>& values) {
  const Guarded<T> x(values);
  const auto rows = offsets(outer, outer_stride);
  const auto terms = offsets(inner, inner_stride);
  const auto y = same_for_all_threads([&] {
    Guarded<T> result(static_cast<std::int64_t>(rows.size()));
    launch<T>(kernels().reduce,
              ReduceArgs{op, x.data(), result.data(), make_plan<1>(outer, {outer_stride}),
                         make_plan<1>(inner, {inner_stride})});
    return result;
  });
  for (std::size_t r = 0; r < rows.size(); ++r) {
    double total = op == ReduceOp::sum ? 0 : -kInfinity, magnitude = 0;
    for (const std::int64_t term : terms) {
      const auto v = static_cast<double>(x[rows[r] + term]);
      magnitude += std::fabs(v);
      if (op == ReduceOp::sum) total += v;
      else total = std::isnan(total) || std::isnan(v) ? kNan : std::fmax(total, v);
    }
    const double epsilon = std::is_same_v<T, double> ? 1e-15 : 4e-7;
    const double absolute = op == ReduceOp::maximum ? 0 : epsilon * magnitude;
    INFO("row " << r << " of " << rows.size() << ", " << terms.size() << " terms: found "
                << y[static_cast<std::int64_t>(r)] << ", expected " << total);
    CHECK(close(static_cast<double>(y[static_cast<std::int64_t>(r)]), rounded<T>(total), 0,
                std::isfinite(absolute) ? absolute : 0));
  }
}

}  // namespace

TEST_CASE("reductions equal double loops in every layout", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    for (const ReduceOp op : {ReduceOp::sum, ReduceOp::maximum}) {
      for (const std::int64_t n : {0, 1, 7, 8, 9, 15, 16, 17, 64, 65, 1000, 5000}) {
        const auto x = random_values(3 * n, 11);
        check_reduce<T>(op, {}, {}, {n}, {1}, x);    // to a scalar
        check_reduce<T>(op, {3}, {n}, {n}, {1}, x);  // rows
        check_reduce<T>(op, {n}, {1}, {3}, {n}, x);  // columns
        check_reduce<T>(op, {n}, {3}, {3}, {1}, x);  // short rows
        check_reduce<T>(op, {3}, {1}, {n}, {3}, x);  // few columns
      }
      const auto x = random_values(240, 12);
      check_reduce<T>(op, {4, 5}, {60, 1}, {12}, {5}, x);  // the middle dimension
      check_reduce<T>(op, {12}, {5}, {4, 5}, {60, 1}, x);  // the outer two
      check_reduce<T>(op, {5}, {2}, {6, 4}, {40, 10}, x);  // nothing contiguous
      check_reduce<T>(op, {4}, {60}, {3, 4}, {20, 1}, x);  // sliced rows
      check_reduce<T>(op, {6}, {1}, {}, {}, x);            // nothing to reduce
      check_reduce<T>(op, {3}, {0}, {10}, {1}, x);         // broadcast
      check_reduce<T>(op, {}, {}, {300000}, {1}, random_values(300000, 13));
      check_reduce<T>(op, {2}, {1}, {150000}, {2}, random_values(300000, 14));
      check_reduce<T>(op, {70}, {1}, {4100}, {71}, random_values(4100 * 71, 15));
      check_reduce<T>(op, {600}, {1}, {300}, {600}, random_values(600 * 300, 16));
    }
  });
}

TEST_CASE("reductions let NaN and infinity through from any position", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    for (const double bad : {kNan, kInfinity, -kInfinity})
      for (std::size_t at = 0; at < 70; ++at) {
        auto x = random_values(70, 20);
        x[at] = bad;
        for (const ReduceOp op : {ReduceOp::sum, ReduceOp::maximum}) {
          check_reduce<T>(op, {}, {}, {70}, {1}, x);
          check_reduce<T>(op, {7}, {1}, {10}, {7}, x);
        }
      }
  });
}
