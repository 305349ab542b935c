// Recomputing instead of saving, Hessian-vector products, Jacobians.
#include "autograd/functional.h"

#include "autograd/gradcheck.h"
#include "autograd/ops.h"
#include "tensor/memory.h"
#include "tensor/ops.h"
#include "tests/engine/engine_testing.h"

namespace retort::testing {
namespace {

// A small residual block with random bits; its parameters are w and b.
Variable block(const Variable& x, const Variable& w, const Variable& b, std::uint32_t site) {
  const DropoutRule rule = ops::dropout_rule(0.3, {.seed = 4, .step = 2, .site = site}, 7);
  return dropout(gelu(linear(x, w, b)), rule, x);
}

struct Chain {
  std::vector<Variable> weights, biases;
  explicit Chain(int layers) {
    for (int i = 0; i < layers; ++i) {
      const auto seed = static_cast<std::uint64_t>(i);
      weights.push_back(Variable::parameter(random_tensor({16, 16}, 10 + seed, 0.2)));
      biases.push_back(Variable::parameter(random_tensor({16}, 20 + seed, 0.2)));
    }
  }
  Variable plain(Variable x) const {
    for (std::size_t i = 0; i < weights.size(); ++i)
      x = block(x, weights[i], biases[i], static_cast<std::uint32_t>(i));
    return x;
  }
  Variable checkpointed(Variable x) const {
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const Variable w = weights[i], b = biases[i];
      const auto site = static_cast<std::uint32_t>(i);
      x = checkpoint([=](const Variables& in) -> Variables { return {block(in[0], w, b, site)}; },
                     {x}, {w, b})[0];
    }
    return x;
  }
  // Gradients of all parameters and of x, cleared.
  std::vector<Tensor> gradients(const Variable& x) {
    std::vector<Tensor> result = {x.gradient().value()};
    for (auto* list : {&weights, &biases})
      for (Variable& p : *list) {
        result.push_back(p.gradient().value());
        p.clear_gradient();
      }
    return result;
  }
};

}  // namespace

TEST_CASE("functional: checkpoint gives the same bits with less memory", "[functional]") {
  Chain chain(8);
  const auto active = [] { return cpu_allocator().statistics().active_bytes; };
  std::vector<Tensor> gradients[2];
  Tensor values[2];
  std::size_t kept[2];
  for (const bool saving : {false, true}) {
    Variable x = Variable::parameter(random_tensor({64, 16}, 3));
    const std::size_t before = active();
    const Variable y = saving ? chain.checkpointed(x) : chain.plain(x);
    kept[saving] = active() - before;
    values[saving] = y.value();
    backward(sum(square(y)));
    gradients[saving] = chain.gradients(x);
  }
  CHECK(same_bits(values[0], values[1]));
  REQUIRE(gradients[0].size() == 17);
  for (std::size_t i = 0; i < gradients[0].size(); ++i)
    CHECK(same_bits(gradients[0][i], gradients[1][i]));
  CHECK(kept[1] * 3 / 2 < kept[0]);  // the blocks' inputs stay, what is between them doesn't
}

TEST_CASE("functional: checkpoint nests, and gives several outputs", "[functional]") {
  const Variable w = Variable::parameter(random_tensor({4, 4}, 1, 0.5, DType::f64));
  const auto inner = [w](const Variables& in) -> Variables { return {tanh(linear(in[0], w))}; };
  const auto outer = [&](const Variables& in) -> Variables {
    const Variable h = checkpoint(inner, {in[0]}, {w})[0];
    return {h * in[1], square(h), in[1].detach()};
  };
  const Tensor a = random_tensor({3, 4}, 2, 1, DType::f64),
               b = random_tensor({3, 4}, 3, 1, DType::f64);
  const auto gradients_of = [&](bool nested) {
    const Variable x = Variable::parameter(a), y = Variable::parameter(b);
    const Variables out = nested ? checkpoint(outer, {x, y}, {w}) : outer({x, y});
    CHECK(out.size() == 3);
    return grad({sum(out[0]) + sum(out[1] * out[2])}, {x, y, w});
  };
  const Variables plain = gradients_of(false), nested = gradients_of(true);
  for (std::size_t i = 0; i < 3; ++i) CHECK(same_bits(plain[i].value(), nested[i].value()));
}

TEST_CASE("functional: checkpoint differentiates twice", "[functional]") {
  // w is a parameter of the checkpointed function and an ancestor of its input: nothing counts
  // twice.
  const auto f = [](const Variables& in, bool saving) {
    const Variable x = in[0], w = in[1];
    const Variable before = tanh(matmul(x, w));
    const auto body = [w](const Variables& inside) -> Variables {
      return {exp(scale(matmul(inside[0], w), 0.3)) * inside[1]};
    };
    const Variables inputs = {before, square(x)};
    return saving ? checkpoint(body, inputs, {w})[0] : body(inputs)[0];
  };
  const std::vector<Tensor> inputs = {random_tensor({2, 2}, 5, 0.7, DType::f64),
                                      random_tensor({2, 2}, 6, 0.7, DType::f64)};
  Variables first[2], second[2];
  for (const bool saving : {false, true}) {
    const Variables leaves = {Variable::parameter(inputs[0]), Variable::parameter(inputs[1])};
    first[saving] = grad({sum(f(leaves, saving))}, leaves, {}, {.create_graph = true});
    second[saving] = grad({sum(square(first[saving][0])) + sum(first[saving][1])}, leaves);
  }
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(same_bits(first[0][i].value(), first[1][i].value()));
    const auto expected = numbers(second[0][i]), found = numbers(second[1][i]);
    for (std::size_t k = 0; k < expected.size(); ++k)
      CHECK(found[k] == Approx(expected[k]).epsilon(1e-12));
  }
  CHECK(gradcheck([&](const Variables& in) { return f(in, true); }, inputs,
                  {.second_order = true}) == "");
}

TEST_CASE("functional: a hook sees a parameter's whole gradient once", "[functional]") {
  Variable w = parameter({3, 4});
  const Variable x = parameter({1, 2});
  const auto product = [w](const Variables& in) -> Variables { return {in[0] * w}; };
  std::vector<std::vector<double>> seen;
  w.add_hook([&](const Variable& gradient) {
    seen.push_back(numbers(gradient));
    return scale(gradient, 10);
  });
  backward(sum(checkpoint(product, {x}, {w})[0]) + sum(checkpoint(product, {x}, {w})[0]));
  CHECK(seen == std::vector<std::vector<double>>{{2, 4}});
  CHECK(numbers(w.gradient()) == std::vector<double>{20, 40});
}

TEST_CASE("functional: checkpoint is told of everything, or says so", "[functional]") {
  const Variable x = parameter({1, 2}), secret = parameter({3, 4});
  const Variable made = square(secret);
  const auto reads = [](const Variable& other) {
    return [other](const Variables& in) -> Variables { return {in[0] * other}; };
  };
  CHECK(contains(error_of([&] { backward(sum(checkpoint(reads(secret), {x})[0])); }),
                 "reads a parameter that it wasn't given"));
  CHECK(contains(error_of([&] { backward(sum(checkpoint(reads(made), {x})[0])); }),
                 "reads a result of square that it wasn't given"));
  CHECK(contains(error_of([&] { checkpoint(reads(made), {x}, {made}); }), "expected leaves"));
  backward(sum(checkpoint(reads(secret), {x}, {secret})[0]));
  CHECK(numbers(secret.gradient()) == std::vector<double>{1, 2});
  // What it recomputes from must still be what it was.
  Variable weight = parameter({5, 6});
  const Variable loss = sum(checkpoint(reads(weight), {x}, {weight})[0]);
  ops::fill(weight.leaf_value(), 1);
  const std::string message = error_of([&] { backward(loss); });
  INFO(message);
  CHECK(contains(message, "checkpoint"));
  CHECK(contains(message, "in place"));
  // Nothing to differentiate: nothing recorded.
  CHECK_FALSE(checkpoint(reads(x.detach()), {x.detach()})[0].requires_grad());
}

TEST_CASE("functional: Hessian-vector products", "[functional]") {
  // f = Σ x³ + x₀·y₁: the Hessian in (x, y) is known.
  const auto f = [](const Variables& in) {
    return sum(square(in[0]) * in[0]) + sum(slice(in[0], 0, 0, 1) * slice(in[1], 0, 1, 2));
  };
  const std::vector<Tensor> x = {Tensor::from(std::vector<double>{2, 5}),
                                 Tensor::from(std::vector<double>{1, 7})};
  const std::vector<Tensor> v = {Tensor::from(std::vector<double>{3, -1}),
                                 Tensor::from(std::vector<double>{10, 20})};
  const auto product = hessian_vector_product(f, x, v);
  CHECK(product[0].to_vector<double>() == std::vector<double>{12 * 3 + 20, -30});
  CHECK(product[1].to_vector<double>() == std::vector<double>{0, 3});
  // A linear function has none; works under NoGrad.
  const NoGrad off;
  const auto linear_f = [](const Variables& in) { return sum(scale(in[0], 3)); };
  CHECK(hessian_vector_product(linear_f, {x[0]}, {v[0]})[0].to_vector<double>() ==
        std::vector<double>{0, 0});
  CHECK(contains(error_of([&] { hessian_vector_product(f, x, {v[0]}); }), "vector per input"));
  CHECK(contains(error_of([&] {
                   hessian_vector_product(f, x, {v[0], Tensor::zeros({3}, DType::f64)});
                 }),
                 "[3]"));
}

TEST_CASE("functional: Jacobians", "[functional]") {
  const Tensor x = Tensor::from(std::vector<double>{1, 2, 3}, {3, 1});
  const Tensor j = jacobian(
      [](const Variable& in) {
        return concat({square(in), scale(sum(in, {0}, true), 5)}, 0);
      },
      x);
  CHECK(j.shape() == Shape{4, 3});
  CHECK(j.to_vector<double>() == std::vector<double>{2, 0, 0, 0, 4, 0, 0, 0, 6, 5, 5, 5});
  CHECK(jacobian([](const Variable& in) { return in.detach(); }, x).to_vector<double>() ==
        std::vector<double>(9, 0));
}

}  // namespace retort::testing
