// Looking into a backward pass: hooks, single steps, anomalies, and the graph as a picture.
#include <cmath>
#include <thread>

#include "autograd/graph.h"
#include "autograd/ops.h"
#include "tests/engine/engine_testing.h"

namespace retort::testing {

TEST_CASE("watching: a hook sees the complete gradient and may replace it", "[watching]") {
  Variable x = parameter({1, 2});
  Variable middle = scale(x, 3);
  std::vector<std::vector<double>> seen;
  const auto number = middle.add_hook([&](const Variable& gradient) -> Variable {
    seen.push_back(numbers(gradient));
    return {};
  });
  // Two consumers: the hook is called once, with the sum.
  backward(sum(middle) + sum(square(middle)), {}, true);
  CHECK(seen == std::vector<std::vector<double>>{{7, 13}});
  CHECK(numbers(x.gradient()) == std::vector<double>{21, 39});

  x.clear_gradient();
  const auto doubling =
      middle.add_hook([](const Variable& gradient) { return scale(gradient, 2); });
  const auto adding =
      middle.add_hook([](const Variable& gradient) { return add_scalar(gradient, 1); });
  backward(sum(middle), {}, true);
  CHECK(numbers(x.gradient()) == std::vector<double>{9, 9});  // 3·(2·1 + 1)
  CHECK(seen.size() == 2);

  middle.remove_hook(number);
  middle.remove_hook(doubling);
  x.clear_gradient();
  backward(sum(middle), {}, true);
  CHECK(numbers(x.gradient()) == std::vector<double>{6, 6});
  CHECK(seen.size() == 2);
  CHECK(contains(error_of([&] { middle.remove_hook(number); }), "no hook"));
  middle.remove_hook(adding);
}

TEST_CASE("watching: a leaf's hook changes what a pass adds", "[watching]") {
  Variable w = Variable::parameter(Tensor::full({2, 2}, 1, DType::f64));
  const Variable x = Tensor::full({3, 2}, 1, DType::f64);
  const auto number = w.add_hook([](const Variable& gradient) { return scale(gradient, 0.5); });
  // Twice in one pass: the hook sees the sum once, even where dW could go straight into the leaf.
  backward(sum(linear(x, w)) + sum(linear(x, w)));
  CHECK(numbers(w.gradient()) == std::vector<double>(4, 3));
  backward(sum(linear(x, w)));
  CHECK(numbers(w.gradient()) == std::vector<double>(4, 4.5));
  w.remove_hook(number);
  backward(sum(linear(x, w)));
  CHECK(numbers(w.gradient()) == std::vector<double>(4, 7.5));
  // grad() gives what the hook gives.
  w.add_hook([](const Variable& gradient) { return scale(gradient, 10); });
  CHECK(numbers(grad({sum(linear(x, w))}, {w})[0]) == std::vector<double>(4, 30));
}

TEST_CASE("watching: a hook's result is differentiated like everything else", "[watching]") {
  const Variable x = parameter({2});
  Variable y = square(x);
  const auto number = y.add_hook([](const Variable& gradient) { return gradient * gradient; });
  // dz/dy = 2·y·(…) = 2·x²; squared by the hook: 4·x⁴; times dy/dx: 8·x⁵; its derivative: 40·x⁴.
  const Variable dx = grad({sum(square(y))}, {x}, {}, {.create_graph = true})[0];
  CHECK(numbers(dx) == std::vector<double>{256});
  y.remove_hook(number);  // the second pass goes through y again
  CHECK(numbers(grad({sum(dx)}, {x})[0]) == std::vector<double>{640});
}

TEST_CASE("watching: hooks check and may remove themselves", "[watching]") {
  Variable x = parameter({1, 2});
  CHECK(contains(error_of([&] { x.detach().add_hook([](const Variable& g) { return g; }); }),
                 "constant"));
  const auto wrong = x.add_hook([](const Variable&) { return Variable(Tensor::zeros({3})); });
  CHECK(contains(error_of([&] { backward(sum(x)); }), "[3]"));
  x.remove_hook(wrong);
  int calls = 0;
  std::uint64_t number = 0;
  number = x.add_hook([&](const Variable& gradient) {
    ++calls;
    x.remove_hook(number);
    return gradient;
  });
  backward(sum(x));
  backward(sum(x));
  CHECK(calls == 1);
}

TEST_CASE("watching: backward in steps", "[watching]") {
  const Variable x = parameter({1, 2});
  const Variable w = Variable::parameter(Tensor::full({1, 2}, 3, DType::f64));
  const Variable loss = sum(square(linear(reshape(x, {1, 2}), w)));  // (3 + 6)²
  std::vector<std::string> names;
  std::vector<double> first_of_outgoing;
  BackwardSteps steps(loss);
  while (steps.next()) {
    names.push_back(steps.name());
    CHECK(steps.incoming()[0].defined());
    if (!steps.outgoing().empty() && steps.outgoing()[0].defined())
      first_of_outgoing.push_back(numbers(steps.outgoing()[0])[0]);
  }
  CHECK_FALSE(steps.next());
  CHECK(names == std::vector<std::string>{"sum", "square", "linear", "reshape", "leaf", "leaf"});
  CHECK(first_of_outgoing == std::vector<double>{1, 18, 54, 54});
  // The leaves have what backward() gives them.
  CHECK(numbers(x.gradient()) == std::vector<double>{54, 54});
  CHECK(numbers(w.gradient()) == std::vector<double>{18, 36});
  CHECK(contains(error_of([&] { backward(loss); }), "retain_graph"));
  CHECK(contains(error_of([&] { BackwardSteps nothing(x.detach()); }), "parameter"));

  // Left in the middle, nothing breaks and the rest is still there.
  const Variable again = sum(square(x));
  {
    BackwardSteps half(again, {}, true);
    CHECK(half.next());
  }
  const Variable before = x.gradient();
  backward(again);
  CHECK(numbers(x.gradient()) == std::vector<double>{56, 58});
  CHECK(numbers(before) == std::vector<double>{54, 54});
}

TEST_CASE("watching: anomaly detection names the operation", "[watching]") {
  const Variable x = parameter({1, 0, 4});
  {
    const DetectAnomalies looking;
    const std::string made = error_of([&] { sum(exp(log(x))); });
    INFO(made);
    CHECK(contains(made, "log made an infinity at [1]"));
    // NaN alone: log 0 is −∞ and passes; −∞·0 is the first NaN.
    const DetectAnomalies only_nan(Anomaly::nan);
    const std::string product = error_of([&] { sum(log(x) * Variable(x.value())); });
    INFO(product);
    CHECK(contains(product, "multiply made a NaN at [1]"));
    // Forward all is finite; the derivative of √ at 0 is ∞, and 0·∞ the first NaN.
    const Variable root = sum(scale(sqrt(x * x), 0));
    const std::string backwards = error_of([&] { backward(root); });
    INFO(backwards);
    CHECK(contains(backwards, "the derivative of sqrt made a NaN at [1]"));
    // Nothing is recorded, and still looked at.
    const NoGrad off;
    CHECK(contains(error_of([&] { log(scale(x, -1)); }), "log made a NaN"));
    // Who was given a NaN didn't make it.
    const Variable bad = Tensor::from(std::vector<double>{std::nan("")});
    CHECK(contains(error_of([&] { exp(bad); }), "exp was given one: its input 0"));
  }
  CHECK_FALSE(detecting_anomalies());
  CHECK(error_of([&] { sum(log(scale(x, -1))); }).empty());
  CHECK_FALSE(x.gradient().defined());
}

TEST_CASE("watching: an anomaly in what would go straight into a leaf is found", "[watching]") {
  const Variable w = Variable::parameter(Tensor::full({2, 2}, 1e300, DType::f64));
  const Variable x = Tensor::full({1, 2}, 1e10, DType::f64);
  const Variable y = linear(x, w);
  const DetectAnomalies looking;
  const Variable seed = Tensor::full({1, 2}, 1e300, DType::f64);
  CHECK(
      contains(error_of([&] { backward(y, seed); }), "the derivative of linear made an infinity"));
}

TEST_CASE("watching: detection and NoGrad belong to a thread", "[watching]") {
  const NoGrad off;
  const DetectAnomalies looking;
  bool recorded = false, looked = true;
  std::vector<double> gradient;
  std::thread other([&] {
    recorded = recording();
    looked = detecting_anomalies();
    Variable x = parameter({1, 2});
    backward(sum(square(x)));
    gradient = numbers(x.gradient());
  });
  other.join();
  CHECK(recorded);
  CHECK_FALSE(looked);
  CHECK(gradient == std::vector<double>{2, 4});
}

TEST_CASE("watching: threads build and differentiate graphs of their own", "[watching]") {
  const Variable shared = Tensor::full({8, 8}, 0.5, DType::f64);  // a frozen weight
  std::vector<double> results(4);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < results.size(); ++t)
    threads.emplace_back([&, t] {
      for (int round = 0; round < 50; ++round) {
        Variable x =
            Variable::parameter(Tensor::full({3, 8}, 1.0 + static_cast<double>(t), DType::f64));
        Variable y = x;
        for (int layer = 0; layer < 4; ++layer) y = scale(linear(y, shared), 0.25);
        backward(sum(y * y));
        results[t] = numbers(x.gradient())[0];
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (std::size_t t = 0; t < results.size(); ++t)
    CHECK(results[t] == 2 * (1.0 + static_cast<double>(t)));
}

TEST_CASE("watching: the graph as DOT", "[watching]") {
  const Variable x = parameter({1, 2});
  const Variable w = Variable::parameter(Tensor::full({3, 2}, 1, DType::f64));
  const Variable h = linear(reshape(x, {1, 2}), w);
  const Variable loss = sum(h * h);
  CHECK(graph_dot({loss}, {{x, "x"}, {w, "the \"w\""}, {loss, "loss"}}) == R"(digraph {
  rankdir=BT;
  node [shape=box];
  n0 [label="x", shape=ellipse];
  n1 [label="the \"w\"", shape=ellipse];
  n2 [label="reshape"];
  n0 -> n2 [label="[2]"];
  n3 [label="linear"];
  n2 -> n3 [label="[1, 2]"];
  n1 -> n3 [label="[3, 2]"];
  n4 [label="multiply"];
  n3 -> n4 [label="[1, 3]"];
  n3 -> n4 [label="[1, 3]"];
  n5 [label="loss = sum"];
  n4 -> n5 [label="[1, 3]"];
  out0 [label="output []", shape=plaintext];
  n5 -> out0;
}
)");
  CHECK(graph_dot({x.detach()}) == "digraph {\n  rankdir=BT;\n  node [shape=box];\n}\n");
}

}  // namespace retort::testing
