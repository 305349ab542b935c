// The tape: what backward() and grad() promise whatever the operations are.
#include <cmath>

#include "autograd/node.h"
#include "autograd/ops.h"
#include "tensor/memory.h"
#include "tensor/ops.h"
#include "tests/engine/engine_testing.h"

namespace retort::testing {

TEST_CASE("engine: a chain of a million operations", "[engine]") {
  constexpr int kLength = kQuick ? 200'000 : 1'000'000;  // more than a stack holds
  const Variable x = parameter({1.5});
  {
    Variable y = x;
    for (int i = 0; i < kLength; ++i) y = i % 2 ? add_scalar(y, 1e-6) : negate(y);
    backward(y);
    CHECK(numbers(x.gradient()) == std::vector<double>{1});
  }
  // Never differentiated: what the nodes saved is freed with them, also without recursion.
  Variable y = x;
  for (int i = 0; i < kLength / 4; ++i) y = y * x;
  y = {};
  CHECK(x.node().use_count() == 1);
}

TEST_CASE("engine: a graph is used once unless it is retained", "[engine]") {
  const Variable x = parameter({2, 3});
  const Variable loss = sum(square(x) * x);
  backward(loss, {}, true);
  CHECK(numbers(x.gradient()) == std::vector<double>{12, 27});
  backward(loss);
  CHECK(numbers(x.gradient()) == std::vector<double>{24, 54});
  const std::string message = error_of([&] { backward(loss); });
  INFO(message);
  CHECK(contains(message, "sum"));
  CHECK(contains(message, "retain_graph"));
  CHECK(numbers(x.gradient()) == std::vector<double>{24, 54});
}

TEST_CASE("engine: what can't be differentiated is an error", "[engine]") {
  const Variable x = parameter({1, 2});
  CHECK(contains(error_of([&] { backward(square(x)); }), "seed"));
  CHECK(contains(error_of([&] { backward(square(x), Tensor::full({3}, 1, DType::f64)); }), "[3]"));
  CHECK(contains(error_of([&] { backward(sum(x.detach())); }), "parameter"));
  CHECK(contains(error_of([&] { grad({sum(x)}, {x.detach()}); }), "constant"));
  CHECK(
      contains(error_of([] { Variable::parameter(Tensor::zeros({2}, DType::i32)); }), "floating"));
  Variable y = square(x);
  CHECK(contains(error_of([&] { y.leaf_value(); }), "square"));
}

TEST_CASE("engine: a saved value that was written in place is an error", "[engine]") {
  Variable x = parameter({1, 2});
  const Variable y = tanh(scale(x, 2));
  SECTION("an input") {
    const Variable scaled = scale(x, 2);
    const Variable loss = sum(square(scaled));
    Tensor shared = scaled.value();
    ops::fill(shared, 1);
    const std::string message = error_of([&] { backward(loss); });
    INFO(message);
    CHECK(contains(message, "in place"));
    CHECK(contains(message, "square"));  // who needs it
    CHECK(contains(message, "scale"));   // who made it
  }
  SECTION("an output") {
    Tensor shared = y.value();
    ops::fill(shared, 1);
    const std::string message = error_of([&] { backward(sum(y)); });
    INFO(message);
    CHECK(contains(message, "in place"));
    CHECK(contains(message, "tanh"));
  }
  SECTION("a leaf between forward and backward") {
    const Variable loss = sum(x * x);
    ops::fill(x.leaf_value(), 3);
    CHECK(contains(error_of([&] { backward(loss); }), "in place"));
  }
  SECTION("a view of it") {
    const Variable loss = sum(square(x));
    Tensor view = x.leaf_value().slice(0, 1, 2);
    view.mutable_data<double>()[0] = 7;
    CHECK(contains(error_of([&] { backward(loss); }), "in place"));
  }
  SECTION("what no derivative needs may be written") {
    const Variable loss = sum(scale(x, 3));
    ops::fill(x.leaf_value(), 3);
    backward(loss);
    CHECK(numbers(x.gradient()) == std::vector<double>{3, 3});
  }
}

TEST_CASE("engine: leaves add up their gradients", "[engine]") {
  Variable x = parameter({1, 2});
  backward(sum(square(x)));
  backward(sum(scale(x, 10)));
  CHECK(numbers(x.gradient()) == std::vector<double>{12, 14});
  const Variable kept = x.gradient();
  backward(sum(x));
  CHECK(numbers(x.gradient()) == std::vector<double>{13, 15});
  CHECK(numbers(kept) == std::vector<double>{12, 14});  // somebody else's copy stays
  x.clear_gradient();
  CHECK_FALSE(x.gradient().defined());
  backward(sum(x));
  CHECK(numbers(x.gradient()) == std::vector<double>{1, 1});
}

TEST_CASE("engine: a gradient that several places share is never written", "[engine]") {
  SECTION("one variable twice in an operation") {
    const Variable x = parameter({1, 2});
    const Variable seed = Tensor::from(std::vector<double>{3, 5});
    backward(add(x, x), seed);
    CHECK(numbers(x.gradient()) == std::vector<double>{6, 10});
    CHECK(numbers(seed) == std::vector<double>{3, 5});
    backward(x + x + x, seed);
    CHECK(numbers(x.gradient()) == std::vector<double>{15, 25});
    CHECK(numbers(seed) == std::vector<double>{3, 5});
  }
  SECTION("two leaves receive the same dy, then one of them more") {
    const Variable a = parameter({1, 2}), b = parameter({3, 4});
    const Variable seed = Tensor::from(std::vector<double>{1, 10});
    backward(add(a, b), seed);
    backward(scale(a, 2), seed);
    CHECK(numbers(a.gradient()) == std::vector<double>{3, 30});
    CHECK(numbers(b.gradient()) == std::vector<double>{1, 10});
    CHECK(numbers(seed) == std::vector<double>{1, 10});
  }
  SECTION("dy goes on as a view, and to a leaf as it is") {
    const Variable a = parameter({1, 2}),
                   b = Variable::parameter(Tensor::from(std::vector<double>{1, 2}, {2, 1}));
    const Variable seed = Tensor::from(std::vector<double>{1, 10});
    const Variable y = add(a, reshape(b, {2}));
    backward(y, seed, true);
    backward(y, seed);
    backward(sum(square(b)));
    CHECK(numbers(a.gradient()) == std::vector<double>{2, 20});
    CHECK(numbers(b.gradient()) == std::vector<double>{4, 24});
    CHECK(numbers(seed) == std::vector<double>{1, 10});
  }
  SECTION("an expanded dy (stride 0) adds up") {
    const Variable x = parameter({1, 2});
    const Variable loss = sum(x) + sum(x) + sum(square(x));
    backward(loss);
    CHECK(numbers(x.gradient()) == std::vector<double>{4, 6});
  }
}

TEST_CASE("engine: grad leaves gradients alone and prunes", "[engine]") {
  const Variable x = parameter({1, 2}), w = parameter({3, 4}), unrelated = parameter({5});
  int calls = 0;
  const Variable counted = record("counted", square(w).value(), wrt(w, [&](const Variable& dy) {
                                    ++calls;
                                    return dy;
                                  }));
  const Variable y = sum(x * counted);
  const Variables gradients = grad({y}, {x, unrelated});
  CHECK(numbers(gradients[0]) == std::vector<double>{9, 16});
  CHECK(numbers(gradients[1]) == std::vector<double>{0});
  CHECK(calls == 0);
  for (const Variable& leaf : {x, w, unrelated}) CHECK_FALSE(leaf.gradient().defined());
}

TEST_CASE("engine: gradients of values on the way", "[engine]") {
  const Variable x = parameter({2});
  const Variable middle = square(x);  // 4
  const Variable y = middle * x;      // 8
  // An input that is an ancestor of another: each gets its whole derivative.
  const Variables gradients = grad({y}, {x, middle, y}, {}, {.retain_graph = true});
  CHECK(numbers(gradients[0]) == std::vector<double>{12});
  CHECK(numbers(gradients[1]) == std::vector<double>{2});
  CHECK(numbers(gradients[2]) == std::vector<double>{1});
  // The same input twice, several outputs with seeds.
  const Variables more =
      grad({y, middle}, {x, x},
           {Tensor::from(std::vector<double>{10}), Tensor::from(std::vector<double>{1})});
  CHECK(numbers(more[0]) == std::vector<double>{124});
  CHECK(numbers(more[1]) == std::vector<double>{124});
}

TEST_CASE("engine: recording is off and on", "[engine]") {
  const Variable x = parameter({2});
  REQUIRE(recording());
  {
    const NoGrad off;
    CHECK_FALSE(recording());
    CHECK_FALSE(square(x).requires_grad());
    {
      const Recording on;
      CHECK(square(x).requires_grad());
    }
    CHECK_FALSE(recording());
    const NoGrad nested;
    CHECK_FALSE(recording());
  }
  CHECK(recording());
  CHECK_FALSE(square(x.detach()).requires_grad());
  CHECK(square(x).requires_grad());
  CHECK(x.is_leaf());
  CHECK_FALSE(square(x).is_leaf());
}

TEST_CASE("engine: an operation with several outputs", "[engine]") {
  const Variable x = parameter({2, 3});
  const Tensor doubled = ops::scale(x.value(), 2), squared = ops::unary(UnaryOp::square, x.value());
  std::vector<std::vector<bool>> defined;
  const auto both = [&] {
    return record_joint("both", {doubled, squared}, {x},
                        [&, x](const Variables& dys, const std::vector<bool>&) -> Variables {
                          defined.push_back({dys[0].defined(), dys[1].defined()});
                          Variable dx = Tensor::zeros({2}, DType::f64);
                          if (dys[0].defined()) dx = dx + scale(dys[0], 2);
                          if (dys[1].defined()) dx = dx + scale(dys[1] * x, 2);
                          return {dx};
                        });
  };
  backward(sum(both()[1]));
  CHECK(numbers(x.gradient()) == std::vector<double>{4, 6});
  const Variables outputs = both();
  backward(sum(outputs[0] * outputs[1]));  // 2x³, called once with both
  CHECK(numbers(x.gradient()) == std::vector<double>{4 + 24, 6 + 54});
  CHECK(defined == std::vector<std::vector<bool>>{{false, true}, {true, true}});

  const Variables wrong =
      record_joint("wrong", {doubled}, {x},
                   [](const Variables&, const std::vector<bool>&) -> Variables { return {}; });
  CHECK(contains(error_of([&] { backward(sum(wrong[0])); }), "wrong"));
}

TEST_CASE("engine: a derivative may give nothing, and broadcasting is undone", "[engine]") {
  const Variable x = parameter({2, 3}),
                 row = Variable::parameter(Tensor::full({1, 2}, 1, DType::f64)),
                 one = Variable::parameter(Tensor::scalar(3, DType::f64));
  const Variable nothing =
      record("nothing", x.value(), wrt(x, [](const Variable&) { return Variable(); }));
  backward(sum(nothing * row * one));
  CHECK_FALSE(x.gradient().defined());
  CHECK(row.gradient().shape() == Shape{1, 2});
  CHECK(numbers(row.gradient()) == std::vector<double>{6, 9});
  CHECK(one.gradient().shape() == Shape{});
  CHECK(numbers(one.gradient()) == std::vector<double>{5});
}

TEST_CASE("engine: a Hessian-vector product", "[engine]") {
  // f = Σ x³ + x₀·x₁: the Hessian is [[6x₀, 1], [1, 6x₁]].
  const Variable x = parameter({2, 5});
  const Variable f = sum(square(x) * x) + sum(slice(x, 0, 0, 1) * slice(x, 0, 1, 2));
  const Variable gradient = grad({f}, {x}, {}, {.create_graph = true})[0];
  CHECK(numbers(gradient) == std::vector<double>{17, 77});
  const Variable v = Tensor::from(std::vector<double>{3, -1});
  const Variable product = grad({sum(gradient * v)}, {x}, {}, {.create_graph = true})[0];
  CHECK(numbers(product) == std::vector<double>{35, -27});
  // Third derivative, contracted with v twice: 6·v².
  CHECK(numbers(grad({sum(product * v)}, {x})[0]) == std::vector<double>{54, 6});
}

TEST_CASE("engine: frozen weights save no activations", "[engine]") {
  const auto active = [] { return cpu_allocator().statistics().active_bytes; };
  constexpr std::int64_t kSize = 256;
  constexpr std::size_t kBytes = kSize * kSize * sizeof(double);
  const Tensor weight = Tensor::full({kSize, kSize}, 0.01, DType::f64);
  const Tensor start = Tensor::full({kSize, kSize}, 0.5, DType::f64);
  // Four layers, each of which drops its input; how much stays behind the result?
  const auto kept = [&](const Variable& w, const Variable& x) {
    const std::size_t before = active();
    Variable y = x;
    for (int i = 0; i < 4; ++i) y = linear(y, w);
    return active() - before;
  };
  CHECK(kept(weight, start) < kBytes * 3 / 2);
  CHECK(kept(weight, Variable::parameter(start)) < kBytes * 3 / 2);  // the input's gradient needs w
  CHECK(kept(Variable::parameter(weight), start) >
        kBytes * 7 / 2);  // the weight's needs every input
  const NoGrad off;
  CHECK(kept(Variable::parameter(weight), start) < kBytes * 3 / 2);
}

TEST_CASE("engine: training steps neither leak nor ask for more memory", "[engine]") {
  const auto random = [](const Shape& shape, std::uint64_t seed) {
    RandomStream stream(seed);
    std::vector<float> values;
    for (std::int64_t i = 0; i < shape.count(); ++i)
      values.push_back(static_cast<float>(0.3 * stream.normal()));
    return Tensor::from(values, shape);
  };
  std::vector<Variable> parameters;
  for (const Shape& shape : {Shape{16, 8}, Shape{16}, Shape{16}, Shape{16}, Shape{3, 16}, Shape{3}})
    parameters.push_back(Variable::parameter(random(shape, parameters.size())));
  const Tensor x = random({20, 8}, 50);
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 20; ++i) ids.push_back(i % 3);
  const Tensor labels = Tensor::from(ids);
  const Ragged ragged = Ragged::packed(std::vector<std::int32_t>{7, 13});
  const auto step = [&] {
    Variable h = gelu(linear(x, parameters[0], parameters[1]));
    h = layer_norm(h, parameters[2], parameters[3], 1e-5);
    h = h + attention(h, h, h, ragged, {.heads = 2, .dropout = ops::dropout_rule(0.1, {.seed = 1}, 0)});
    const Variable loss = cross_entropy(linear(h, parameters[4], parameters[5]), labels, 0.05);
    backward(loss);
    for (Variable& p : parameters) {
      Tensor update = ops::scale(p.gradient().value(), -0.1);
      ops::add_to(p.leaf_value(), update);
      p.clear_gradient();
    }
    return loss.item();
  };
  const double first = step();
  const auto after_first = cpu_allocator().statistics();
  step();
  const auto after_second = cpu_allocator().statistics();
  double last = first;
  for (int i = 2; i < 20; ++i) {
    last = step();
    const auto now = cpu_allocator().statistics();
    CHECK(now.active_bytes == after_first.active_bytes);
    CHECK(now.active_blocks == after_first.active_blocks);
    CHECK(now.system_allocations == after_second.system_allocations);
  }
  CHECK(last < 0.8 * first);
}

TEST_CASE("engine: an exception in a derivative leaves the engine usable", "[engine]") {
  const Variable x = parameter({1, 2});
  const Variable bad = record("bad", x.value(), wrt(x, [](const Variable& dy) -> Variable {
                                return matmul(dy, dy);  // not two matrices
                              }));
  const std::size_t before = cpu_allocator().statistics().active_bytes;
  CHECK_FALSE(error_of([&] { backward(sum(bad)); }).empty());
  CHECK(recording());
  CHECK(cpu_allocator().statistics().active_bytes == before);
  backward(sum(square(x)));
  CHECK(numbers(x.gradient()) == std::vector<double>{2, 4});
}

}  // namespace retort::testing
