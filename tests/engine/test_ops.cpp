// What operations do where there is a choice: ties, bounds, zeros, infinities, nothing at all. The
// values are PyTorch's (2.15, CPU) unless docs/design.md says otherwise.
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "autograd/ops.h"
#include "tensor/base/error.h"
#include "tensor/ops.h"
#include "tests/catch.h"

namespace retort {
namespace {

using Numbers = std::vector<double>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Variable leaf(const Numbers& values) { return Variable::parameter(Tensor::from(values)); }
Variable leaf(const Numbers& values, const Shape& shape) {
  return Variable::parameter(Tensor::from(values, shape));
}
Variable fixed(const Numbers& values) { return Tensor::from(values); }
Numbers numbers(const Variable& x) { return x.value().to_vector<double>(); }

// d(Σ dy·y)/dx; dy is 1 unless it is given.
Numbers gradient(const Variable& y, const Variable& x, const Variable& dy = {}) {
  const Variable seed = dy.defined() ? dy : Variable(Tensor::full(y.shape(), 1, y.dtype()));
  return numbers(grad({y}, {x}, {seed}, {.retain_graph = true})[0]);
}

// Equal numbers, NaN where NaN is expected.
bool same(const Numbers& found, const Numbers& expected) {
  if (found.size() != expected.size()) return false;
  for (std::size_t i = 0; i < found.size(); ++i)
    if (!(found[i] == expected[i] || (std::isnan(found[i]) && std::isnan(expected[i])))) {
      UNSCOPED_INFO("element " << i << ": found " << found[i] << ", expected " << expected[i]);
      return false;
    }
  return true;
}

template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("ops: equal extremes share the gradient", "[ops]") {
  const Variable x = leaf({1, 3, 3, 2, 3, 0, 0, 5}, {2, 4});
  CHECK(same(gradient(max(x, {1}), x), {0, .5, .5, 0, 0, 0, 0, 1}));
  CHECK(same(gradient(max(x), x), {0, 0, 0, 0, 0, 0, 0, 1}));
  CHECK(same(gradient(min(x, {1}), x), {1, 0, 0, 0, 0, .5, .5, 0}));
  CHECK(same(gradient(max(x, {0}, true), x, Variable(Tensor::from(Numbers{6, 6, 6, 6}, {1, 4}))),
             {0, 6, 6, 0, 6, 0, 0, 6}));
  const Variable three = leaf({7, 7, 7});
  CHECK(gradient(max(three), three) == Numbers(3, 1.0 / 3));

  const Variable a = leaf({1, 2, 3}), b = leaf({2, 2, 2});
  CHECK(same(gradient(maximum(a, b), a), {0, .5, 1}));
  CHECK(same(gradient(maximum(a, b), b), {1, .5, 0}));
  CHECK(same(gradient(minimum(a, b), a), {1, .5, 0}));
  CHECK(same(gradient(minimum(a, b), b), {0, .5, 1}));
}

TEST_CASE("ops: derivatives at kinks and bounds", "[ops]") {
  const Variable x = leaf({-2, -1, 0, 0.5, 2, 3, kNan});
  CHECK(same(gradient(clamp(x, -1, 2), x), {0, 0, 1, 1, 0, 0, 0}));
  CHECK(same(numbers(clamp(x, -1, 2)), {-1, -1, 0, .5, 2, 2, kNan}));
  CHECK(same(numbers(clamp(x, 2, -1)), {-1, -1, -1, -1, -1, -1, kNan}));  // crossed: the upper one
  CHECK(same(gradient(relu(x), x), {0, 0, 0, 1, 1, 1, 1}));
  CHECK(same(gradient(abs(x), x), {-1, -1, 0, 1, 1, 1, kNan}));
  // What isn't chosen has no gradient, however large.
  const Variable huge = Tensor::full({7}, kInfinity, DType::f64);
  CHECK(same(gradient(relu(x), x, huge), {0, 0, 0, kInfinity, kInfinity, kInfinity, kInfinity}));
  CHECK(same(gradient(clamp(x, -1, 2), x, huge), {0, 0, kInfinity, kInfinity, 0, 0, 0}));
  const Variable bad = leaf({kInfinity, 1, kNan}), good = leaf({1, 2, 3});
  const Variable chosen = where(fixed({0, 1, 0}), log(bad), good);
  CHECK(same(numbers(chosen), {1, 0, 3}));
  CHECK(same(gradient(chosen, good), {1, 0, 1}));
}

TEST_CASE("ops: powers at zero", "[ops]") {
  const Variable x = leaf({0, 0, 0, 0, -2, -2, 3});
  const Variable y = leaf({0, 1, 2, 3, 3, 0, 0});
  const Variable power = pow(x, y);
  CHECK(same(numbers(power), {1, 0, 0, 0, -8, 1, 1}));
  CHECK(same(gradient(power, x), {0, 1, 0, 0, 12, 0, 0}));
  CHECK(same(gradient(power, y), {0, 0, 0, 0, kNan, kNan, std::log(3.0)}));
  for (const double exponent : {0.0, 1.0, 2.0, 3.0}) {
    const Variable z = leaf({0, 2});
    const Variable first = grad({sum(pow(z, exponent))}, {z}, {}, {.create_graph = true})[0];
    INFO(exponent);
    CHECK(same(numbers(first), {exponent == 1 ? 1.0 : 0, exponent * std::pow(2, exponent - 1)}));
    if (exponent >= 2)
      CHECK(same(gradient(first, z),
                 {exponent == 2 ? 2.0 : 0, exponent * (exponent - 1) * std::pow(2, exponent - 2)}));
  }
  CHECK(same(numbers(pow(leaf({kNan, -1, -8, 0}), 0)), {1, 1, 1, 1}));
  CHECK(same(numbers(pow(leaf({-8, 4, kInfinity}), 0.5)), {kNan, 2, kInfinity}));
}

TEST_CASE("ops: large and infinite arguments", "[ops]") {
  const Variable x = leaf({-1e30, -200, 200, 1e30});
  CHECK(same(numbers(sigmoid(x)), {0, std::exp(-200.0) / (1 + std::exp(-200.0)), 1, 1}));
  CHECK(same(numbers(softplus(x)), {0, std::exp(-200.0), 200, 1e30}));
  CHECK(same(gradient(softplus(x), x), numbers(sigmoid(x))));
  for (const auto f : {silu, gelu, gelu_tanh})
    for (const DType dtype : {DType::f32, DType::f64}) {
      const Variable z = Variable::parameter(x.value().to(dtype));
      const Numbers found = gradient(f(z), z);
      CHECK(found[0] == 0);
      CHECK(std::fabs(found[1]) < 1e-80);
      CHECK(found[2] == 1);
      CHECK(found[3] == 1);
    }
  CHECK(same(numbers(softplus(leaf({-kInfinity, kInfinity, kNan}))), {0, kInfinity, kNan}));
  CHECK(same(numbers(maximum(leaf({kNan, 1}), leaf({1, kNan}))), {kNan, kNan}));
  CHECK(same(numbers(less(leaf({kNan, 1, 2}), leaf({1, kNan, 3}))), {0, 0, 1}));
  CHECK(same(numbers(not_equal(leaf({kNan, 1}), leaf({kNan, 1}))), {1, 0}));
}

TEST_CASE("ops: reductions over nothing, over one, and of infinities", "[ops]") {
  const Variable none = Tensor::zeros({2, 0}, DType::f64);
  CHECK(same(numbers(sum(none, {1})), {0, 0}));
  CHECK(same(numbers(mean(none, {1})), {kNan, kNan}));
  CHECK(same(numbers(max(none, {1})), {-kInfinity, -kInfinity}));
  CHECK(same(numbers(min(none, {1})), {kInfinity, kInfinity}));
  CHECK(same(numbers(logsumexp(none, {1})), {-kInfinity, -kInfinity}));
  CHECK(same(numbers(var(none, {1})), {kNan, kNan}));
  CHECK(same(numbers(mean(none, {0})), {}));
  CHECK(same(numbers(var(none, {0})), {}));
  CHECK(cumsum(none, 1).shape() == Shape{2, 0});
  CHECK(same(numbers(max(leaf({1, kNan, 3}))), {kNan}));
  CHECK(same(numbers(min(leaf({1, kNan, 3}))), {kNan}));
  CHECK(same(numbers(var(leaf({4}))), {kNan}));
  CHECK(same(numbers(var(leaf({4}), {}, false)), {0}));
  CHECK(same(numbers(cumsum(leaf({1, kNan, 3}), 0)), {1, kNan, kNan}));

  const Variable x = leaf({-kInfinity, -kInfinity, -kInfinity, 2, 1e4, 1e4}, {3, 2});
  const Variable y = logsumexp(x, {1});
  CHECK(same(numbers(y), {-kInfinity, 2, 1e4 + std::log(2.0)}));
  const Numbers found = gradient(y, x);
  CHECK(same({found.begin(), found.begin() + 4}, {0, 0, 0, 1}));
  CHECK(found[4] == Approx(0.5));
  CHECK(found[5] == found[4]);
  CHECK(same(numbers(logsumexp(leaf({kInfinity, 1}))), {kInfinity}));
  CHECK(same(numbers(logsumexp(leaf({kNan, 1}))), {kNan}));
  CHECK(logsumexp(Tensor::full({3}, 3e38)).item() == Approx(3e38));
}

TEST_CASE("ops: the place of an extreme", "[ops]") {
  const auto places = [](const Tensor& index) { return index.to_vector<std::int64_t>(); };
  using Places = std::vector<std::int64_t>;
  const Variable x = Tensor::from(Numbers{1, 3, 3, 5, kNan, kNan, -1, -1, -2}, {3, 3});
  CHECK(places(argmax(x, 1)) == Places{1, 1, 0});
  CHECK(places(argmin(x, 1)) == Places{0, 1, 2});
  CHECK(places(argmax(x, 0)) == Places{1, 1, 1});
  CHECK(argmax(x, -1, true).shape() == Shape{3, 1});
  CHECK(argmax(x, -1).dtype() == DType::i64);
  CHECK(contains(error_of([] {
                   argmax(Tensor::zeros({2, 0}), 1);
                 }),
                 "argmax: dimension 1 of [2, 0] has no element"));
  CHECK(argmax(Tensor::zeros({2, 0}), 0).shape() == Shape{0});
}

TEST_CASE("ops: what doesn't fit is an error that says so", "[ops]") {
  const Variable x = Tensor::zeros({2, 3}), y = Tensor::zeros({2, 3}, DType::f64);
  CHECK(contains(error_of([&] { where(x, y, y); }),
                 "where: expected a condition of dtype bool or f64"));
  CHECK(contains(error_of([&] { where(x, x, y); }), "where: dtypes differ: f32 and f64"));
  CHECK(contains(error_of([&] { where(Variable(), x, x); }), "found nothing"));
  CHECK(contains(error_of([&] {
                   masked_fill(x, Tensor::zeros({4, 2, 3}), 1);
                 }),
                 "masked_fill: a mask of shape [4, 2, 3] doesn't fit [2, 3]"));
  CHECK(contains(error_of([&] { maximum(x, Tensor::zeros({4})); }), "[2, 3] and [4]"));
  CHECK(contains(error_of([&] { sum(x, {2}); }), "no dimension 2"));
  CHECK(contains(error_of([&] { cumsum(x, 2); }), "no dimension 2"));
  CHECK(contains(error_of([&] { cumsum(Tensor::zeros({2}, DType::i32), 0); }),
                 "cumsum: expected f32, f64, bf16 or f16, found i32"));
}

}  // namespace retort
