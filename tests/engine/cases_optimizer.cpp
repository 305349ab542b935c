// Cases of what an optimiser does to a tensor: no derivative, but the same promises as other
// kernels.
#include <cmath>

#include "tensor/ops.h"
#include "tests/engine/cases.h"

namespace retort::testing {
namespace {

constexpr AdamwStep kStep = {.learning_rate = 0.1,
                             .beta1 = 0.9,
                             .beta2 = 0.99,
                             .epsilon = 1e-6,
                             .weight_decay = 0.05,
                             .correction1 = 0.19,
                             .correction2 = 0.0199,
                             .gradient_scale = 0.5};

}  // namespace

std::vector<Case> optimizer_cases() {
  return {
      {.name = "sum_of_squares",
       .kernels = {"sum_of_squares"},
       .f = [](const Variables& in) -> Variable {
         return Tensor::scalar(ops::sum_of_squares(in[0].value()), in[0].dtype());
       },
       .shapes = {{{3, 4}}, {{0}}, {{1}}, {{33}}, {{150, 517}}},
       .reference =
           [](const Variables& in) {
             double total = 0;
             for (const double x : in[0].value().to_vector<double>()) total += x * x;
             return constant({total}, {}, in[0].dtype());
           },
       .differentiable = false,
       .extreme = true,
       .halves = false},
      {.name = "adamw",
       .kernels = {"adamw"},
       // Parameter, gradient, m and v after a step, one after the other.
       .f = [](const Variables& in) -> Variable {
         Tensor parameter = in[0].value().clone(), m = in[2].value().clone(),
                v = in[3].value().clone();
         ops::adamw(parameter, in[1].value(), m, v, kStep);
         return concat({reshape(parameter, {-1}), reshape(m, {-1}), reshape(v, {-1})}, 0);
       },
       .values = {Values::normal, Values::normal, Values::normal, Values::positive},
       .shapes = {{{3, 4}, {3, 4}, {3, 4}, {3, 4}},
                  {{33}, {33}, {33}, {33}},
                  {{150, 217}, {150, 217}, {150, 217}, {150, 217}}},
       .reference =
           [](const Variables& in) {
             auto p = in[0].value().to_vector<double>(), g = in[1].value().to_vector<double>(),
                  m = in[2].value().to_vector<double>(), v = in[3].value().to_vector<double>();
             for (std::size_t i = 0; i < p.size(); ++i) {
               g[i] *= kStep.gradient_scale;
               m[i] = kStep.beta1 * m[i] + (1 - kStep.beta1) * g[i];
               v[i] = kStep.beta2 * v[i] + (1 - kStep.beta2) * g[i] * g[i];
               p[i] *= 1 - kStep.learning_rate * kStep.weight_decay;
               p[i] -= kStep.learning_rate / kStep.correction1 * m[i] /
                       (std::sqrt(v[i] / kStep.correction2) + kStep.epsilon);
             }
             std::vector<double> all = p;
             all.insert(all.end(), m.begin(), m.end());
             all.insert(all.end(), v.begin(), v.end());
             return constant(all, {static_cast<std::int64_t>(all.size())}, in[0].dtype());
           },
       .differentiable = false,
       .halves = false},
  };
}

}  // namespace retort::testing
