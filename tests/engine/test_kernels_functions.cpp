// How precise the kernels' functions are: distances to libm in units of the last place, and numbers
// with which formulas break.
#include <cmath>
#include <cstring>

#include "tests/engine/elementwise_oracle.h"

using namespace retort;
using namespace retort::testing;

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
      constexpr std::uint32_t kPasses = kQuick ? 1 : 16;
      for (std::uint32_t pass = 0; pass < 2 * kPasses; ++pass) {
        for (std::int64_t i = 0; i < x.size(); ++i) {
          const std::uint32_t at = pass / 2 + kPasses * static_cast<std::uint32_t>(i);
          if (pass % 2 == 0) {
            x[i] = static_cast<float>(c.low + (c.high - c.low) * at / (kPasses * 65536.0));
          } else {
            const std::uint32_t bits = at * (4093u * 16 / kPasses);
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
