// AdamW, clipping and the schedule against PyTorch's numbers and against the formula written out.
#include "autograd/ops.h"
#include "nn/optimizer.h"
#include "tests/app/model_testing.h"

using namespace retort;
using namespace retort::testing;

namespace {

Parameter& add(ParameterList& list, const std::string& name, const std::vector<float>& values,
               bool decay) {
  Parameter& parameter =
      list.add(name, {static_cast<std::int64_t>(values.size())}, Init::zeros, decay);
  parameter.variable = Variable::parameter(Tensor::from(values));
  return parameter;
}

// Leaves `gradient` in the parameter, by way of a loss.
void give_gradient(Parameter& parameter, const std::vector<float>& gradient) {
  backward(sum(parameter.variable * Variable(Tensor::from(gradient))));
}

void check_close(const Parameter& parameter, const std::vector<double>& expected) {
  INFO(parameter.name);
  CHECK(largest(differences(numbers(parameter.variable), expected)) <= 1e-6);
}

}  // namespace

TEST_CASE("AdamW with clipping gives PyTorch's weights", "[model][optimizer]") {
  // torch 2.15.0 in f64: AdamW(lr 0.05, betas (0.8, 0.95), eps 1e-6), weight_decay 0.1 on w and 0
  // on b, clip_grad_norm_ to 2.5; at step s of 4: w.grad = (s + 1) * [1, -2, 0, 0.5] - s²/4, b.grad
  // = [3, -0.125], negated at every other step.
  const double norms[] = {3.776986232434532, 5.546676933083448, 7.953969134966516,
                          11.057378758096332};
  ParameterList list;
  Parameter& w = add(list, "w", {0.5f, -1.25f, 2.0f, -0.03125f}, true);
  Parameter& b = add(list, "b", {0.75f, -0.5f}, false);
  Adamw optimizer(list, {.beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-6, .weight_decay = 0.1});
  for (int s = 0; s < 4; ++s) {
    const auto at = static_cast<float>(s + 1), shift = 0.25f * static_cast<float>(s * s);
    const float sign = s % 2 == 0 ? 1.0f : -1.0f;
    give_gradient(w, {at - shift, -2 * at - shift, -shift, at / 2 - shift});
    give_gradient(b, {3 * sign, -0.125f * sign});
    const double norm = optimizer.gradient_norm();
    CHECK(norm == Approx(norms[s]).epsilon(1e-6));
    optimizer.step(0.05, clip_factor(norm, 2.5));
    CHECK_FALSE(w.variable.gradient().defined());  // taken
  }
  CHECK(optimizer.steps() == 4);
  check_close(w,
              {0.29493037489557317, -1.0256185480970381, 2.0855309452334865, -0.20651312320062698});
  check_close(b, {0.6774147337136813, -0.4274156636261993});
}

TEST_CASE("AdamW is Loshchilov & Hutter's formula", "[model][optimizer]") {
  constexpr int kCount = 37;  // whole vectors and a remainder for every kernel
  const AdamwOptions options{.beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-7, .weight_decay = 0.2};
  for (const bool decay_all : {false, true}) {
    ParameterList list;
    RandomStream random(5);
    const auto draw = [&] {
      std::vector<float> values(kCount);
      for (float& value : values) value = static_cast<float>(random.normal());
      return values;
    };
    const std::vector<float> start = draw();
    Parameter& weight = add(list, "weight", start, true);
    Parameter& bias = add(list, "bias", start, false);
    AdamwOptions chosen = options;
    chosen.decay_all = decay_all;
    Adamw optimizer(list, chosen);
    std::vector<double> with(start.begin(), start.end()), without = with, m(kCount), v(kCount);
    for (int step = 1; step <= 6; ++step) {
      const std::vector<float> gradient = draw();
      const double rate = 0.01 * step, factor = step % 2 ? 1.0 : 0.25;
      give_gradient(weight, gradient);
      give_gradient(bias, gradient);
      optimizer.step(rate, factor);
      for (int i = 0; i < kCount; ++i) {
        const auto k = static_cast<std::size_t>(i);
        const double g = factor * static_cast<double>(gradient[k]);
        m[k] = options.beta1 * m[k] + (1 - options.beta1) * g;
        v[k] = options.beta2 * v[k] + (1 - options.beta2) * g * g;
        const double move =
            rate * (m[k] / (1 - std::pow(options.beta1, step))) /
            (std::sqrt(v[k] / (1 - std::pow(options.beta2, step))) + options.epsilon);
        with[k] = with[k] * (1 - rate * options.weight_decay) - move;
        without[k] = without[k] - move;
      }
    }
    check_close(weight, with);
    check_close(bias, decay_all ? with : without);
  }
}

TEST_CASE("A parameter without a gradient keeps its value and state", "[model][optimizer]") {
  ParameterList list;
  Parameter& used = add(list, "used", {1, 2}, true);
  Parameter& idle = add(list, "idle", {3, 4}, true);
  Adamw optimizer(list, {});
  give_gradient(used, {1, 1});
  CHECK(optimizer.gradient_norm() == Approx(std::sqrt(2.0)));
  optimizer.step(0.1);
  CHECK(numbers(idle.variable) == std::vector<double>{3, 4});
  CHECK(numbers(used.variable) != std::vector<double>{1, 2});
  for (const auto& [name, value] : optimizer.state())
    CHECK((largest(numbers(value)) == 0) == name.starts_with("idle."));
}

TEST_CASE("The optimiser's state carries over", "[model][optimizer]") {
  ParameterList first_list, second_list;
  Parameter& first = add(first_list, "w", {1, -2, 3}, true);
  Adamw one(first_list, {});
  give_gradient(first, {0.5f, 1, -1});
  one.step(0.1);
  Parameter& second = second_list.add("w", {3}, Init::zeros, true);
  second.variable = Variable::parameter(first.variable.value().clone());
  Adamw two(second_list, {});
  const auto state = one.state();
  two.restore(one.steps(), [&](const std::string& name) {
    for (const auto& [key, value] : state)
      if (key == name) return value.clone();
    return Tensor();
  });
  give_gradient(first, {-1, 2, 0});
  give_gradient(second, {-1, 2, 0});
  one.step(0.05);
  two.step(0.05);
  CHECK(same_bits(first.variable.value(), second.variable.value()));
}

TEST_CASE("A frozen parameter can't be optimised", "[model][optimizer]") {
  ParameterList list;
  list.add("w", {2}, Init::zeros, true).variable = Variable(Tensor::zeros({2}));
  CHECK(contains(error_of([&] { Adamw(list, {}); }), "w is frozen"));
}

TEST_CASE("Clipping is torch's", "[model][optimizer]") {
  CHECK(clip_factor(0.5, 1) == 1);
  CHECK(clip_factor(0, 1) == 1);
  CHECK(clip_factor(4, 1) == Approx(1 / (4 + 1e-6)).epsilon(1e-15));
  CHECK(clip_factor(4, 0) == 1);  // no limit
  CHECK(clip_factor(1e30, 2) == Approx(2e-30).epsilon(1e-12));
}

TEST_CASE("The schedule warms up from 0 and falls to 0", "[model][optimizer]") {
  const Schedule linear{.peak = 2, .warmup = 0.25, .total = 8};
  const double expected[] = {0, 1, 2, 2 * 5 / 6.0, 2 * 4 / 6.0, 1, 2 * 2 / 6.0, 2 * 1 / 6.0, 0};
  for (std::int64_t step = 0; step <= 8; ++step)
    CHECK(linear.rate(step) == Approx(expected[step]).margin(1e-15));
  const Schedule constant{.kind = Schedule::Kind::constant, .peak = 2, .warmup = 0.25, .total = 8};
  CHECK(constant.rate(1) == 1);
  for (std::int64_t step = 2; step < 8; ++step) CHECK(constant.rate(step) == 2);
  const Schedule flat{.kind = Schedule::Kind::constant, .peak = 3, .warmup = 0, .total = 5};
  CHECK(flat.rate(0) == 3);
  const Schedule falling{.peak = 3, .warmup = 0, .total = 3};
  CHECK(falling.rate(0) == 3);
  CHECK(falling.rate(2) == Approx(1));
  const Schedule rising{.peak = 4, .warmup = 1, .total = 4};
  CHECK(rising.rate(0) == 0);
  CHECK(rising.rate(3) == 3);
}
