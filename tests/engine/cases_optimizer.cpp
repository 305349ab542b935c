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
constexpr AdamwStep kLaterStep = {.learning_rate = 0.07,
                                  .beta1 = 0.9,
                                  .beta2 = 0.99,
                                  .epsilon = 1e-6,
                                  .weight_decay = 0.05,
                                  .correction1 = 0.271,
                                  .correction2 = 0.029701,
                                  .gradient_scale = 0.25};

// Every third row of x, and the rows' ids; x without the other rows is their whole matrix.
RowSparse every_third_row(const Tensor& x) {
  std::vector<std::int32_t> ids;
  for (std::int32_t row = 1; row < x.size(0); row += 3) ids.push_back(row);
  const Tensor list = Tensor::from(ids);
  return {list, ops::embedding(x, list), x.size(0)};
}

bool in_every_third_row(const Shape& shape, std::int64_t index) {
  return index / shape[1] % 3 == 1;
}

}  // namespace

std::vector<Case> optimizer_cases() {
  return {
      {.name = "sum_of_squares of rows",
       .kernels = {"sum_of_squares_rows"},
       .f = [](const Variables& in) -> Variable {
         return Tensor::scalar(ops::sum_of_squares(every_third_row(in[0].value())), in[0].dtype());
       },
       .shapes = {{{3, 4}}, {{0, 2}}, {{2, 1}}, {{33, 40}}, {{150, 517}}},
       .reference =
           [](const Variables& in) {
             // (That the bits are equal is for test_model_sparse_rows.cpp.)
             return Variable(Tensor::scalar(
                 ops::sum_of_squares(ops::dense(every_third_row(in[0].value()))), in[0].dtype()));
           },
       .differentiable = false,
       .extreme = true,
       .halves = false,
       .nan_reaches = [](std::size_t, const Shape& shape,
                         std::int64_t index) { return in_every_third_row(shape, index); }},
      {.name = "adamw of rows",
       .kernels = {"adamw_rows"},
       // Two steps in which only every third row has a gradient; then the others catch up.
       .f = [](const Variables& in) -> Variable {
         Tensor parameter = in[0].value().clone(), m = in[2].value().clone(),
                v = in[3].value().clone();
         std::vector<std::int32_t> done(static_cast<std::size_t>(parameter.size(0)), 0);
         const AdamwStep steps[] = {kStep, kLaterStep};
         const RowSparse gradient = every_third_row(in[1].value());
         ops::adamw_rows(parameter, gradient, m, v, done, std::span(steps, 1));
         ops::adamw_rows(parameter, gradient, m, v, done, steps);
         ops::adamw_catch_up(parameter, m, v, {}, done, steps);
         return concat({reshape(parameter, {-1}), reshape(m, {-1}), reshape(v, {-1})}, 0);
       },
       .values = {Values::normal, Values::normal, Values::normal, Values::positive},
       .shapes = {{{3, 4}, {3, 4}, {3, 4}, {3, 4}},
                  {{7, 33}, {7, 33}, {7, 33}, {7, 33}},
                  {{150, 217}, {150, 217}, {150, 217}, {150, 217}}},
       .reference =
           [](const Variables& in) {
             Tensor parameter = in[0].value().clone(), m = in[2].value().clone(),
                    v = in[3].value().clone();
             const Tensor gradient = ops::dense(every_third_row(in[1].value()));
             ops::adamw(parameter, gradient, m, v, kStep);
             ops::adamw(parameter, gradient, m, v, kLaterStep);
             return concat({reshape(parameter, {-1}), reshape(m, {-1}), reshape(v, {-1})}, 0);
           },
       .differentiable = false,
       .halves = false,
       .nan_reaches =
           [](std::size_t input, const Shape& shape, std::int64_t index) {
             return input != 1 || in_every_third_row(shape, index);
           }},
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
