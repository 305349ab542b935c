// The objective: a weighted list of terms.
#pragma once

#include <vector>

#include "distill/objective/term.h"

namespace retort {

class Objective {
 public:
  Objective() = default;
  /// Checks and completes the terms; those of weight 0 are dropped. Errors: no term left, a weight
  /// below 0, a bad term.
  explicit Objective(std::vector<Term> terms);

  /// α·T²·KL + (1 − α)·cross entropy. α, in [0, 1], weights the teacher's term.
  static Objective distillation(double alpha, double temperature);
  /// Cross entropy alone.
  static Objective labels_only();
  static Objective parse(const Json& list, const std::string& name);

  /// Gives every term the loss that the problem needs.
  void fit(Problem problem);

  const std::vector<Term>& terms() const { return terms_; }
  bool needs_teacher() const;
  Json to_json() const;
  bool operator==(const Objective&) const = default;

  /// Σ weight · term. Each term's own value (unweighted) is added to `values`, in order of terms().
  Variable evaluate(const TermInputs& inputs, std::vector<double>& values) const;

 private:
  std::vector<Term> terms_;
};

}  // namespace retort
