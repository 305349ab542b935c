#include "autograd/gradcheck.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "autograd/ops.h"
#include "tensor/base/error.h"
#include "tensor/base/philox.h"

namespace retort {
namespace {

// Distinct weights for the elements of f's result, so that a permuted gradient can't pass.
Tensor weights_like(const Tensor& y) {
  RandomStream random(7);
  std::vector<double> values;
  for (std::int64_t i = 0; i < y.count(); ++i) values.push_back(0.5 + random.uniform());
  return Tensor::from(values, y.shape());
}

Variable weighted_sum(const Variable& y) { return sum(y * Variable(weights_like(y.value()))); }

std::string first_order(const std::function<Variable(const Variables&)>& f,
                        const std::vector<Tensor>& inputs, const GradcheckOptions& options,
                        const char* what) {
  Variables leaves;
  for (const Tensor& input : inputs) {
    check(input.dtype() == DType::f64, "gradcheck: expected f64 inputs, found ", name(input.dtype()));
    leaves.push_back(Variable::parameter(input.clone()));
  }
  const Variables gradients = grad({weighted_sum(f(leaves))}, leaves);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto analytic = gradients[i].value().to_vector<double>();
    for (std::size_t j = 0; j < analytic.size(); ++j) {
      const auto value_at = [&](double delta) {
        const NoGrad off;
        Variables moved;
        for (std::size_t other = 0; other < inputs.size(); ++other) {
          Tensor copy = inputs[other].clone();
          if (other == i) copy.mutable_data<double>()[j] += delta;
          moved.emplace_back(copy);
        }
        return weighted_sum(f(moved)).item();
      };
      const double numeric = (value_at(options.step) - value_at(-options.step)) / (2 * options.step);
      const double difference = std::abs(numeric - analytic[j]);
      const double scale = std::max(std::abs(numeric), std::abs(analytic[j]));
      if (!(difference <= options.absolute + options.relative * scale)) {
        std::ostringstream text;
        text.precision(10);
        text << what << ": input " << i << " element " << j << ": derivative " << analytic[j]
             << ", finite difference " << numeric;
        return text.str();
      }
    }
  }
  return {};
}

}  // namespace

std::string gradcheck(const std::function<Variable(const Variables&)>& f,
                      const std::vector<Tensor>& inputs, const GradcheckOptions& options) {
  const std::string problem = first_order(f, inputs, options, "gradcheck");
  if (!problem.empty() || !options.second_order) return problem;
  // The gradient as a function of the same inputs, all parts in one vector.
  const auto gradient = [&](const Variables& at) {
    Variables leaves;
    for (const Variable& x : at)
      leaves.push_back(x.requires_grad() ? x : Variable::parameter(x.value().clone()));
    // f's gradient must be recorded even when only its value is asked for.
    Variables parts;
    for (const Variable& part : grad({weighted_sum(f(leaves))}, leaves, {}, {.create_graph = true}))
      parts.push_back(reshape(part, {-1}));
    return concat(parts, 0);
  };
  // Finite differences of the gradient run under NoGrad, where grad() can't work: lift it.
  const auto lifted = [&](const Variables& at) {
    if (recording()) return gradient(at);
    const Recording on;
    return gradient(at).detach();
  };
  return first_order(lifted, inputs, options, "second-order gradcheck");
}

}  // namespace retort
