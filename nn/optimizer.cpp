#include "nn/optimizer.h"

#include <algorithm>
#include <cmath>

#include "tensor/base/error.h"
#include "tensor/ops.h"

namespace retort {

Adamw::Adamw(ParameterList& parameters, AdamwOptions options) : options_(options) {
  for (Parameter& parameter : parameters) {
    check(parameter.variable.is_leaf(), "adamw: ", parameter.name, " is frozen");
    slots_.push_back(
        {&parameter, Tensor::zeros(parameter.shape), Tensor::zeros(parameter.shape), nullptr});
  }
}

double Adamw::gradient_norm() const {
  double sum = 0;
  for (const Slot& slot : slots_) {
    const Variable& variable = slot.parameter->variable;
    if (const RowSparse* rows = variable.gradient_rows()) sum += ops::sum_of_squares(*rows);
    else if (const Variable gradient = variable.gradient(); gradient.defined())
      sum += ops::sum_of_squares(gradient.value());
  }
  return std::sqrt(sum);
}

void Adamw::step(double learning_rate, double gradient_scale) {
  ++steps_;
  AdamwStep step{.learning_rate = learning_rate,
                 .beta1 = options_.beta1,
                 .beta2 = options_.beta2,
                 .epsilon = options_.epsilon,
                 .weight_decay = 0,
                 .correction1 = 1 - std::pow(options_.beta1, static_cast<double>(steps_)),
                 .correction2 = 1 - std::pow(options_.beta2, static_cast<double>(steps_)),
                 .gradient_scale = gradient_scale};
  for (Slot& slot : slots_) {
    Variable& variable = slot.parameter->variable;
    step.weight_decay = slot.parameter->decay || options_.decay_all ? options_.weight_decay : 0;
    // Somebody may have given the parameter another tensor.
    if (slot.deferred && !slot.deferred->is_for(variable.value())) slot.deferred.reset();
    if (const RowSparse* rows = variable.gradient_rows()) {
      if (!slot.deferred)
        slot.deferred = std::make_unique<DeferredRows>(variable.leaf_value(), slot.m, slot.v);
      slot.deferred->step(*rows, step);
    } else if (const Variable gradient = variable.gradient(); gradient.defined()) {
      ops::adamw(variable.leaf_value(), gradient.value(), slot.m, slot.v, step);
    }
    variable.clear_gradient();
  }
}

std::vector<std::pair<std::string, Tensor>> Adamw::state() const {
  std::vector<std::pair<std::string, Tensor>> result;
  for (const Slot& slot : slots_) {
    result.emplace_back(slot.parameter->name + ".m", slot.m);
    result.emplace_back(slot.parameter->name + ".v", slot.v);
  }
  return result;
}

double clip_factor(double norm, double limit) {
  if (limit <= 0) return 1;
  return std::min(1.0, limit / (norm + 1e-6));
}

double Schedule::rate(std::int64_t step) const {
  const double warm = warmup * static_cast<double>(total);
  const auto at = static_cast<double>(step);
  if (at < warm) return peak * at / warm;
  if (kind == Kind::constant) return peak;
  return peak * (static_cast<double>(total) - at) / (static_cast<double>(total) - warm);
}

}  // namespace retort
