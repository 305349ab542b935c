// One term of the objective. A new one is one file and one line in registry.cpp.
//
// The contract: a term is a mean over the N valid examples of the whole optimiser step, all
// micro-batches together; `factor` is that 1/N, known before the first backward pass. So splitting
// a step into micro-batches changes nothing but rounding. Losses are computed from logits in log
// space and have finite gradients for any finite logits; an empty selection gives 0.
#pragma once

#include <string>

#include "nn/model.h"
#include "tensor/base/json.h"

namespace retort {

// Names of losses.
inline constexpr const char* kCrossEntropy = "cross_entropy";
inline constexpr const char* kBinaryCrossEntropy = "binary_cross_entropy";
inline constexpr const char* kMse = "mse";
inline constexpr const char* kKl = "kl";

struct Term {
  std::string match;  ///< what is matched: "labels" or "logits"
  /// labels: cross_entropy, or of label sets binary_cross_entropy, of numbers mse. logits: kl,
  /// binary_cross_entropy (each label on its own), mse (temperatures don't matter). Empty:
  /// that of single labels.
  std::string loss;
  double weight = 1;
  double temperature = 1;  ///< logits only
  bool t_squared = true;   ///< logits only: multiply by T² (Hinton et al. 2015), once

  bool operator==(const Term&) const = default;
};

/// What a term sees of one micro-batch.
struct TermInputs {
  const Output& student;
  Tensor teacher_logits = {};  ///< [sequences, labels]; undefined without a teacher
  Tensor labels = {};          ///< single labels: i32 [sequences]
  Tensor targets = {};         ///< label sets (0 or 1) and regression: f32 [sequences, labels]
  double factor = 1;           ///< 1/N of the whole step
};

struct TermKind {
  const char* match;
  bool needs_teacher;
  const char* single_label_loss;  ///< the others are the same for all terms
  /// Errors in a term of this kind ("temperature must be above 0"); fills in defaults.
  void (*complete)(Term& term);
  /// The term's value (with T², without weight): a scalar.
  Variable (*value)(const Term& term, const TermInputs& inputs);
};

/// The kind named `match`; an error lists those that exist.
const TermKind& term_kind(const std::string& match);

extern const TermKind kLabelsTerm;  // labels.cpp
extern const TermKind kLogitsTerm;  // logits.cpp

}  // namespace retort
