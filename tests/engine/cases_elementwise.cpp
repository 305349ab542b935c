// Cases of elementwise operations, with libm as the second opinion.
#include <cmath>

#include "tests/engine/cases.h"

namespace retort::testing {
namespace {

const std::vector<std::vector<Shape>> kUnaryShapes = {{{3, 4}}, {{}},   {{1}},       {{0, 3}},
                                                      {{17}},   {{33}}, {{120, 517}}};
const std::vector<std::vector<Shape>> kBinaryShapes = {
    {{3, 4}, {3, 4}},         {{2, 1, 3}, {4, 1}}, {{}, {2, 3}},
    {{0, 3}, {1, 3}},         {{5}, {1}},          {{33, 7}, {7}},
    {{120, 517}, {120, 517}}, {{120, 517}, {517}}, {{120, 1}, {1, 517}}};

Function unary_loop(double (*f)(double)) {
  return [f](const Variables& in) {
    std::vector<double> y;
    for (const double x : in[0].value().to_vector<double>()) y.push_back(f(x));
    return constant(y, in[0].shape(), in[0].dtype());
  };
}

Function binary_loop(double (*f)(double, double)) {
  return [f](const Variables& in) {
    const Shape shape = broadcast(in[0].shape(), in[1].shape(), "case");
    const auto a = broadcast_values(in[0], shape), b = broadcast_values(in[1], shape);
    std::vector<double> y;
    for (std::size_t i = 0; i < a.size(); ++i) y.push_back(f(a[i], b[i]));
    return constant(y, shape, in[0].dtype());
  };
}

Case unary(const std::string& name, Variable (*f)(const Variable&), double (*loop)(double),
           Values values = Values::normal, bool extreme = true, double half_tolerance = 0) {
  return {.name = name,
          .functions = {name},
          .kernels = {"unary", "binary"},
          .f = [f](const Variables& in) { return f(in[0]); },
          .values = {values},
          .shapes = kUnaryShapes,
          .reference = unary_loop(loop),
          .extreme = extreme,
          .half_tolerance = half_tolerance};
}

Case binary(const std::string& name, Variable (*f)(const Variable&, const Variable&),
            double (*loop)(double, double), Values second = Values::normal) {
  return {.name = name,
          .functions = {name},
          .kernels = {"binary", "reduce"},
          .f = [f](const Variables& in) { return f(in[0], in[1]); },
          .values = {Values::normal, second},
          .shapes = kBinaryShapes,
          .reference = binary_loop(loop),
          .extreme = true};
}

// A comparison: a constant, which no NaN reaches.
Case comparison(const std::string& name, Variable (*f)(const Variable&, const Variable&),
                double (*loop)(double, double)) {
  Case c = binary(name, f, loop);
  c.differentiable = false;
  c.nan_reaches = [](std::size_t, const Shape&, std::int64_t) { return false; };
  return c;
}

// Every third element is 1, the others 0.
bool chosen(std::int64_t index) { return index % 3 == 0; }
Variable choice(const Shape& shape, DType dtype) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < shape.count(); ++i) values.push_back(chosen(i) ? 1 : 0);
  return constant(values, shape, dtype);
}

std::vector<Case> choosing_cases() {
  return {
      {.name = "where",
       .functions = {"where"},
       .kernels = {"where"},
       .f =
           [](const Variables& in) {
             return where(choice(in[0].shape(), in[0].dtype()), in[0], in[1]);
           },
       .shapes =
           {{{3, 4}, {3, 4}}, {{}, {}}, {{0, 3}, {0, 3}}, {{17}, {17}}, {{120, 517}, {120, 517}}},
       .reference =
           [](const Variables& in) {
             const Variable c = choice(in[0].shape(), in[0].dtype());
             return c * in[0] + (add_scalar(-c, 1)) * in[1];
           },
       .extreme = true,
       .nan_reaches = [](std::size_t input, const Shape&,
                         std::int64_t index) { return (input == 0) == chosen(index); }},
      {.name = "where, broadcast, with a bool condition",
       .functions = {"where"},
       .kernels = {"where", "reduce"},
       .f =
           [](const Variables& in) {
             return where(choice({3, 2, 1}, DType::boolean), in[0], in[1]);
           },
       .shapes = {{{5}, {2, 1}}, {{}, {3, 1, 1}}, {{3, 2, 5}, {}}, {{1, 2, 300}, {3, 1, 1}}},
       .reference =
           [](const Variables& in) {
             const Variable c = choice({3, 2, 1}, in[0].dtype());
             return c * in[0] + (add_scalar(-c, 1)) * in[1];
           },
       .nan_reaches = [](std::size_t, const Shape&, std::int64_t) { return false; }},
      {.name = "masked_fill",
       .functions = {"masked_fill"},
       .kernels = {"where"},
       .f =
           [](const Variables& in) {
             return masked_fill(in[0], choice({in[0].size(-1)}, DType::boolean), 2.5);
           },
       .shapes = {{{3, 4}}, {{1}}, {{0, 3}}, {{17}}, {{120, 517}}},
       .reference =
           [](const Variables& in) {
             const Variable c = choice({in[0].size(-1)}, in[0].dtype());
             return add_scalar(-c, 1) * in[0] + 2.5 * c;
           },
       .extreme = true,
       .composed = true,
       .nan_reaches = [](std::size_t, const Shape& shape,
                         std::int64_t index) { return !chosen(index % shape[-1]); }},
  };
}

}  // namespace

std::vector<Case> elementwise_cases() {
  std::vector<Case> cases = {
      binary("add", add, [](double a, double b) { return a + b; }),
      binary("subtract", subtract, [](double a, double b) { return a - b; }),
      binary("multiply", multiply, [](double a, double b) { return a * b; }),
      binary(
          "divide", divide, [](double a, double b) { return a / b; }, Values::off_zero),
      unary("negate", negate, [](double x) { return -x; }),
      unary(
          "exp", exp, [](double x) { return std::exp(x); }, Values::normal, false),
      unary(
          "log", log, [](double x) { return std::log(x); }, Values::positive),
      unary(
          "sqrt", sqrt, [](double x) { return std::sqrt(x); }, Values::positive),
      unary(
          "rsqrt", rsqrt, [](double x) { return 1 / std::sqrt(x); }, Values::positive, true, 4),
      unary(
          "reciprocal", reciprocal, [](double x) { return 1 / x; }, Values::off_zero, true, 2),
      unary("sin", sin, [](double x) { return std::sin(x); }),
      unary("cos", cos, [](double x) { return std::cos(x); }),
      // The derivative 1 − y² sees a rounded y.
      unary(
          "tanh", tanh, [](double x) { return std::tanh(x); }, Values::normal, true, 4),
      unary("erf", erf, [](double x) { return std::erf(x); }),
      unary(
          "relu", relu, [](double x) { return x > 0 ? x : 0.0; }, Values::off_zero),
      unary(
          "abs", abs, [](double x) { return std::fabs(x); }, Values::off_zero),
      unary("square", square, [](double x) { return x * x; }),
      unary("sigmoid", sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }),
      unary("gelu", gelu, [](double x) { return x * 0.5 * std::erfc(-x / std::sqrt(2.0)); }),
      unary("gelu_tanh", gelu_tanh,
            [](double x) {
              const double u = std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x);
              return 0.5 * x * (1 + std::tanh(u));
            }),
      unary("silu", silu, [](double x) { return x / (1 + std::exp(-x)); }),
      unary(
          "softplus", softplus,
          [](double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }),
      unary(
          "clamp", [](const Variable& x) { return clamp(x, -0.5, 0.75); },
          [](double x) { return x < -0.5   ? -0.5
                                : x > 0.75 ? 0.75
                                           : x; }),
      unary(
          "pow", [](const Variable& x) { return pow(x, 3); }, [](double x) { return x * x * x; }),
      unary(
          "pow", [](const Variable& x) { return pow(x, -1.7); },
          [](double x) { return std::pow(x, -1.7); }, Values::positive),
      binary(
          "pow", [](const Variable& x, const Variable& y) { return pow(x, y); },
          [](double x, double y) { return std::pow(x, y); }),
      binary("maximum", maximum, [](double a, double b) { return a < b ? b : a; }),
      binary("minimum", minimum, [](double a, double b) { return b < a ? b : a; }),
      comparison("equal", equal, [](double a, double b) { return a == b ? 1.0 : 0.0; }),
      comparison("not_equal", not_equal, [](double a, double b) { return a != b ? 1.0 : 0.0; }),
      comparison("less", less, [](double a, double b) { return a < b ? 1.0 : 0.0; }),
      comparison("less_equal", less_equal, [](double a, double b) { return a <= b ? 1.0 : 0.0; }),
      comparison("greater", greater, [](double a, double b) { return a > b ? 1.0 : 0.0; }),
      comparison("greater_equal", greater_equal,
                 [](double a, double b) { return a >= b ? 1.0 : 0.0; }),
      unary("alias", alias, [](double x) { return x; }),
      // Halves become f32 and the others f64, which loses nothing (rounding has a test of its own).
      {.name = "cast",
       .functions = {"cast"},
       .kernels = {"convert"},
       .f =
           [](const Variables& in) {
             return cast(in[0], is_half(in[0].dtype()) ? DType::f32 : DType::f64);
           },
       .shapes = kUnaryShapes,
       .reference = unary_loop([](double x) { return x; }),
       .extreme = true,
       .composed = true},
      {.name = "scale",
       .functions = {"scale"},
       .kernels = {"binary"},
       .f = [](const Variables& in) { return scale(in[0], -2.5); },
       .shapes = kUnaryShapes,
       .reference = unary_loop([](double x) { return -2.5 * x; }),
       .extreme = true},
      {.name = "add_scalar",
       .functions = {"add_scalar"},
       .kernels = {"binary"},
       .f = [](const Variables& in) { return add_scalar(in[0], 1.5); },
       .shapes = kUnaryShapes,
       .reference = unary_loop([](double x) { return x + 1.5; }),
       .extreme = true},
      {.name = "operators",
       .functions = {"operator+", "operator-", "operator*", "operator/"},
       .kernels = {"binary"},
       .f =
           [](const Variables& in) {
             return -(in[0] * 2.0) + (3.0 * in[1] - in[0] / in[1]) * in[0] + 1.5;
           },
       .values = {Values::normal, Values::off_zero},
       .shapes = {{{3, 4}, {3, 4}}, {{2, 1}, {3}}},
       .reference =
           binary_loop([](double a, double b) { return -2 * a + (3 * b - a / b) * a + 1.5; }),
       .composed = true,
       .half_tolerance = 4},
      // Not differentiable, but a kernel like the others.
      {.name = "fill",
       .kernels = {"fill"},
       .f = [](const Variables& in) { return Tensor::full(in[0].shape(), 0.75, in[0].dtype()); },
       .shapes = kUnaryShapes,
       .reference = unary_loop([](double) { return 0.75; }),
       .differentiable = false,
       .nan_reaches = [](std::size_t, const Shape&, std::int64_t) { return false; }},
  };
  for (Case& c : cases) {
    if (c.name != "pow") continue;
    c.half_tolerance = 4;  // the derivative multiplies rounded numbers
    if (c.shapes != kBinaryShapes) continue;
    c.values[0] = Values::positive;
    c.extreme = false;
  }
  for (Case& c : choosing_cases()) cases.push_back(std::move(c));
  return cases;
}

}  // namespace retort::testing
