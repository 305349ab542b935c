// fill, unary, binary and where against double loops.
#include "tests/engine/kernel_testing.h"

using namespace retort;
using namespace retort::testing;

namespace {

// What clamp and inside take in these tests.
constexpr double kFirst = -0.75, kSecond = 1.25;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

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
    case UnaryOp::rsqrt:
      return 1 / std::sqrt(x);
    case UnaryOp::reciprocal:
      return 1 / x;
    case UnaryOp::tanh:
      return std::tanh(x);
    case UnaryOp::erf:
      return std::erf(x);
    case UnaryOp::sin:
      return std::sin(x);
    case UnaryOp::cos:
      return std::cos(x);
    case UnaryOp::gelu_tanh:
      return x * sigmoid(2 * std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x));
    case UnaryOp::silu:
      return x * sigmoid(x);
    case UnaryOp::softplus:
      return std::isnan(x) ? x : std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x)));
    case UnaryOp::gelu:
      return x == -kInfinity ? 0 : 0.5 * x * std::erfc(-x / std::sqrt(2.0));
    case UnaryOp::relu:
      return std::isnan(x) ? x : x > 0 ? x : 0;
    case UnaryOp::abs:
      return std::fabs(x);
    case UnaryOp::square:
      return x * x;
    case UnaryOp::sigmoid:
      return sigmoid(x);
    case UnaryOp::sign:
      return std::isnan(x) ? x : x > 0 ? 1 : x < 0 ? -1 : 0;
    case UnaryOp::clamp:
      return std::isnan(x) ? x : std::fmin(std::fmax(x, kFirst), kSecond);
    case UnaryOp::inside:
      return x > kFirst && x < kSecond;
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
    case BinaryOp::power:
      return std::pow(a, b);
    case BinaryOp::equal:
      return a == b;
    case BinaryOp::not_equal:
      return a != b;
    case BinaryOp::less:
      return a < b;
    case BinaryOp::less_equal:
      return a <= b;
    case BinaryOp::relu_backward:
      return b <= 0 ? 0 : a;
    case BinaryOp::tanh_backward:
      return a * (1 - b * b);
    case BinaryOp::sigmoid_backward:
      return a * (b * (1 - b));
    case BinaryOp::gelu_backward: {
      const double density = std::exp(-0.5 * b * b) / std::sqrt(2 * std::acos(-1.0));
      return a * (0.5 * std::erfc(-b / std::sqrt(2.0)) + (density > 0 ? b * density : 0));
    }
    case BinaryOp::gelu_tanh_backward: {
      const double c = 2 * std::sqrt(2 / std::acos(-1.0));
      const double s = sigmoid(c * (b + 0.044715 * b * b * b));
      // Where s is 0 or 1 the slope is, whatever b².
      const double bend =
          s * (1 - s) > 0 ? b * s * (1 - s) * c * (1 + 3 * 0.044715 * b * b) : 0 * s;
      return a * (s + bend);
    }
    case BinaryOp::silu_backward: {
      const double s = sigmoid(b);
      return a * (s * (1 + b * (1 - s)));
    }
  }
  return kNan;
}

bool is_backward(BinaryOp op) { return op > BinaryOp::relu_backward; }

constexpr int kUnaryOps = static_cast<int>(UnaryOp::inside) + 1;
constexpr int kBinaryOps = static_cast<int>(BinaryOp::silu_backward) + 1;

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
    UnaryArgs args{op, x.data(), result.data(), make_plan<2>(sizes, {from, to}), kFirst, kSecond};
    launch<T>(kernels().unary, args);
    return result;
  });
  std::vector<double> expected(static_cast<std::size_t>(y_size), -77);
  const auto source = offsets(sizes, from);
  const auto target = offsets(sizes, to);
  for (std::size_t i = 0; i < source.size(); ++i)
    expected[static_cast<std::size_t>(target[i])] =
        rounded<T>(reference(op, static_cast<double>(x[source[i]])));
  const Tolerance limit = tolerance<T>(op == UnaryOp::gelu || op == UnaryOp::gelu_tanh);
  INFO("unary op " << static_cast<int>(op) << ", " << y_size << " outputs");
  // Sigmoid's denominator overflows before its value underflows.
  const double absolute = op == UnaryOp::sigmoid || op == UnaryOp::silu ? 1e-35 : limit.absolute;
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
  double absolute = is_backward(op) ? 1e-6 : 1.5e-45;
  if (std::is_same_v<T, double>) absolute *= 1e-9;
  for (std::size_t i = 0; i < left.size(); ++i) {
    const auto u = static_cast<double>(a[left[i]]);
    const auto v = static_cast<double>(b[right[i]]);
    double value = rounded<T>(reference(op, u, v));
    const auto found = static_cast<double>(y[target[i]]);
    // The derivatives cancel: their error is that of dy times a number near one.
    const bool derivative = is_backward(op);
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

namespace {

// |found − expected| in units of the last place of f32.
double units_off(float found, double expected) {
  const auto nearest = static_cast<float>(expected);
  if (std::isinf(nearest)) return found == nearest ? 0 : kInfinity;
  const double unit = static_cast<double>(std::nextafter(std::fabs(nearest), INFINITY)) -
                      std::fabs(static_cast<double>(nearest));
  return std::fabs(static_cast<double>(found) - expected) / unit;
}

}  // namespace

TEST_CASE("f32 functions stay within a few units in the last place", "[kernels]") {
  const Restore restore;
  struct Case {
    UnaryOp op;
    double low, high, units;
  };
  const Case cases[] = {{UnaryOp::exp, -104, 89, 1},          {UnaryOp::log, 0, 3.4e38, 0.8},
                        {UnaryOp::tanh, -10, 10, 1.3},        {UnaryOp::erf, -4.5, 4.5, 1},
                        {UnaryOp::sin, -100, 100, 1.5},       {UnaryOp::cos, -100, 100, 1.5},
                        {UnaryOp::sin, -3.4e38, 3.4e38, 1.5}, {UnaryOp::cos, -3.4e38, 3.4e38, 1.5},
                        {UnaryOp::rsqrt, 0, 3.4e38, 1.5},     {UnaryOp::silu, -80, 1e4, 3},
                        {UnaryOp::softplus, -80, 1e4, 2}};
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
          const double error = units_off(y[i], reference(c.op, static_cast<double>(x[i])));
          if (!(error <= worst)) worst = error, worst_at = x[i];
        }
      }
      INFO(isa << ", op " << static_cast<int>(c.op) << ": " << worst << " units at " << worst_at);
      CHECK(worst <= c.units);
    }
  }
}

TEST_CASE("gelu and its derivative keep their digits where they are small", "[kernels]") {
  const Restore restore;
  for (const std::string& isa : available_isas()) {
    use_isa(isa);
    // By erf, digits are lost before the sum 1 + erf; by a table, not before x = −6.
    const bool by_table = isa.starts_with("avx512") || isa == "amx";
    Guarded<float> x(std::int64_t{1} << 16), dy(x.size()), y(x.size()), dx(x.size());
    for (std::int64_t i = 0; i < x.size(); ++i) {
      x[i] = static_cast<float>(-7 + 14.0 * static_cast<double>(i) / 65536);
      dy[i] = 1;
    }
    launch<float>(kernels().unary, UnaryArgs{UnaryOp::gelu, x.data(), y.data(),
                                             make_plan<2>({x.size()}, {{1}, {1}})});
    launch<float>(kernels().binary,
                  BinaryArgs{BinaryOp::gelu_backward, dy.data(), x.data(), dx.data(),
                             make_plan<3>({x.size()}, {{1}, {1}, {1}})});
    std::int64_t wrong = 0;
    for (std::int64_t i = 0; i < x.size(); ++i) {
      const auto at = static_cast<double>(x[i]);
      const double relative = at > -3 ? 7e-7 : at > -6 ? 3e-5 : 1;
      const double value = reference(UnaryOp::gelu, at);
      wrong +=
          !close(static_cast<double>(y[i]), value, by_table ? relative : 2e-7, by_table ? 0 : 5e-7);
      wrong += !close(static_cast<double>(dx[i]), reference(BinaryOp::gelu_backward, 1, at), 1.2e-7,
                      by_table ? 1e-7 : 5e-7);
    }
    INFO(isa);
    CHECK(wrong == 0);
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

TEST_CASE("f32 powers stay within a few units in the last place", "[kernels]") {
  for_every_table([](auto zero) {
    if (!std::is_same_v<decltype(zero), float>) return;
    constexpr std::int64_t kCount = 1 << 17;
    RandomStream random(3);
    Guarded<float> x(kCount), y(kCount), power(kCount);
    for (std::int64_t i = 0; i < kCount; ++i) {
      x[i] = static_cast<float>(std::exp2(random.uniform() * 250 - 125));
      y[i] = static_cast<float>(random.normal() * std::exp2(random.uniform() * 12 - 6));
      if (i % 4 == 0) x[i] = static_cast<float>(1 + random.normal() * 0.01);
      if (i % 8 == 0) y[i] *= 100;
      if (i % 4 == 1) {
        y[i] = std::round(y[i]);
        x[i] = -x[i];
      }
    }
    launch<float>(kernels().binary, BinaryArgs{BinaryOp::power, x.data(), y.data(), power.data(),
                                               make_plan<3>({kCount}, {{1}, {1}, {1}})});
    double worst = 0;
    std::int64_t at = 0;
    for (std::int64_t i = 0; i < kCount; ++i) {
      const double error =
          units_off(power[i], std::pow(static_cast<double>(x[i]), static_cast<double>(y[i])));
      if (!(error <= worst)) worst = error, at = i;
    }
    INFO(x[at] << " to the power of " << y[at] << ": " << power[at] << ", " << worst
               << " units off");
    CHECK(worst <= 1.5);
  });
}

TEST_CASE("powers of special numbers are those of C", "[kernels]") {
  const double special[] = {0.0,    -0.0,       1.0,  -1.0,      0.5,       -0.5,  2.0,
                            -2.0,   3.0,        -3.0, 2.5,       1e30,      -1e30, 1e-40,
                            -1e-40, 16777215.0, kNan, kInfinity, -kInfinity};
  for_every_table([&](auto zero) {
    using T = decltype(zero);
    Guarded<T> x(static_cast<std::int64_t>(std::size(special))), y(1), power(x.size());
    for (std::int64_t i = 0; i < x.size(); ++i) x[i] = static_cast<T>(special[i]);
    for (const double exponent : special) {
      y[0] = static_cast<T>(exponent);
      launch<T>(kernels().binary, BinaryArgs{BinaryOp::power, x.data(), y.data(), power.data(),
                                             make_plan<3>({x.size()}, {{1}, {0}, {1}})});
      for (std::int64_t i = 0; i < x.size(); ++i) {
        const double expected =
            rounded<T>(std::pow(static_cast<double>(x[i]), static_cast<double>(y[0])));
        INFO(x[i] << " to the power of " << y[0] << ": found " << power[i] << ", expected "
                  << expected);
        CHECK(close(static_cast<double>(power[i]), expected, 3e-7, 1.5e-45));
        if (!std::isnan(expected))
          CHECK(std::signbit(static_cast<double>(power[i])) == std::signbit(expected));
      }
    }
  });
}

TEST_CASE("sin and cos of zeros, infinities and the largest numbers", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    const Guarded<T> x({0.0, -0.0, kInfinity, -kInfinity, kNan, 3.4028234663852886e38, -71476.0,
                        71476.0078125, 1e5, -1e9});
    Guarded<T> sine(x.size()), cosine(x.size());
    const auto plan = make_plan<2>({x.size()}, {{1}, {1}});
    launch<T>(kernels().unary, UnaryArgs{UnaryOp::sin, x.data(), sine.data(), plan});
    launch<T>(kernels().unary, UnaryArgs{UnaryOp::cos, x.data(), cosine.data(), plan});
    CHECK_FALSE(std::signbit(static_cast<double>(sine[0])));
    CHECK(std::signbit(static_cast<double>(sine[1])));
    for (std::int64_t i = 0; i < x.size(); ++i) {
      const auto angle = static_cast<double>(x[i]);
      INFO(angle);
      CHECK(close(static_cast<double>(sine[i]), std::sin(angle), 1.2e-7, 0));
      CHECK(close(static_cast<double>(cosine[i]), std::cos(angle), 1.2e-7, 0));
    }
  });
}

TEST_CASE("where chooses in every layout", "[kernels]") {
  for_every_table([](auto zero) {
    using T = decltype(zero);
    const auto check_where = [](const std::vector<std::int64_t>& sizes,
                                const std::vector<std::vector<std::int64_t>>& strides,
                                std::int64_t size) {
      auto conditions = random_values(size, 8);
      for (std::int64_t i = 0; i < size; ++i) {
        double& c = conditions[static_cast<std::size_t>(i)];
        if (i % 3 == 0) c = i % 2 == 0 ? 0.0 : -0.0;
        if (i % 7 == 1) c = kNan;  // isn't 0
      }
      const Guarded<T> condition(conditions), a(hostile_values(size, 2)),
          b(hostile_values(size, 9));
      const auto y = same_for_all_threads([&] {
        Guarded<T> result(std::vector<double>(static_cast<std::size_t>(size), -77));
        launch<T>(kernels().where, WhereArgs{condition.data(), a.data(), b.data(), result.data(),
                                             make_plan<4>(sizes, strides)});
        return result;
      });
      std::vector<double> expected(static_cast<std::size_t>(size), -77);
      const auto c_at = offsets(sizes, strides[0]), a_at = offsets(sizes, strides[1]),
                 b_at = offsets(sizes, strides[2]), y_at = offsets(sizes, strides[3]);
      for (std::size_t i = 0; i < y_at.size(); ++i)
        expected[static_cast<std::size_t>(y_at[i])] =
            static_cast<double>(condition[c_at[i]] == T(0) ? b[b_at[i]] : a[a_at[i]]);
      CHECK(first_far(y, expected, 0, 0) == -1);
    };
    for (const std::int64_t n : {0, 1, 7, 8, 9, 15, 16, 17, 33, 250})
      check_where({n}, {{1}, {1}, {1}, {1}}, n);
    check_where({37}, {{1}, {0}, {1}, {1}}, 37);
    check_where({37}, {{0}, {1}, {0}, {1}}, 37);
    check_where({5, 19}, {{0, 1}, {1, 0}, {19, 1}, {19, 1}}, 95);
    check_where({5, 19}, {{1, 5}, {19, 1}, {0, 0}, {1, 5}}, 95);
    check_where({3, 20000}, {{20000, 1}, {0, 1}, {1, 0}, {20000, 1}}, 60000);
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
