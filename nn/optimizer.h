// AdamW over named parameters, with clipping by the global norm.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nn/deferred_rows.h"
#include "nn/parameter.h"

namespace retort {

struct AdamwOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.01;
  bool decay_all = false;  ///< also biases and norms, as plain torch.optim.AdamW does
};

class Adamw {
 public:
  Adamw(ParameterList& parameters, AdamwOptions options);

  /// √Σ‖gradient‖² over all parameters. Gradients add up in a fixed order.
  double gradient_norm() const;
  /// One step with the gradients collected, multiplied by `gradient_scale`; clears them. A
  /// parameter without a gradient keeps its value and state. Rows of an embedding without a
  /// gradient take the step when they are read next (see DeferredRows), with the bits that they
  /// would have had.
  void step(double learning_rate, double gradient_scale = 1);
  std::int64_t steps() const { return steps_; }

  /// State for checkpoints: moments as "<parameter>.m" and "<parameter>.v".
  std::vector<std::pair<std::string, Tensor>> state() const;
  /// Errors when a tensor is missing or has another shape; `find` gives an undefined tensor for
  /// unknown names. Goes with the parameters' values of the same moment.
  template <class Find>
  void restore(std::int64_t steps, Find&& find) {
    steps_ = steps;
    for (Slot& slot : slots_) {
      slot.m.copy_from(find(slot.parameter->name + ".m"));
      slot.v.copy_from(find(slot.parameter->name + ".v"));
    }
  }

 private:
  struct Slot {
    Parameter* parameter;
    Tensor m, v;
    std::unique_ptr<DeferredRows> deferred;  // once it had a gradient of a few rows
  };
  AdamwOptions options_;
  std::vector<Slot> slots_;
  std::int64_t steps_ = 0;
};

/// What gradients are multiplied with so that their norm is at most `limit` (0: no limit), as
/// torch.nn.utils.clip_grad_norm_ does.
double clip_factor(double norm, double limit);

/// The learning rate at a step: warm-up from 0, then constant or linear decay to 0.
struct Schedule {
  enum class Kind { linear, constant };
  Kind kind = Kind::linear;
  double peak = 2e-5;
  double warmup = 0.1;  ///< part of all steps
  std::int64_t total = 0;

  /// `step` counts from 0.
  double rate(std::int64_t step) const;
};

}  // namespace retort
