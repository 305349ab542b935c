// The hard term: cross entropy against the labels; binary cross entropy where an example has any
// number of them, squared error where they are numbers, both averaged over labels as in
// transformers.
#include "autograd/ops.h"
#include "distill/objective/term.h"
#include "tensor/base/error.h"

namespace retort {
namespace {

void complete(Term& term) {
  if (term.loss.empty()) term.loss = kCrossEntropy;
  check(term.loss == kCrossEntropy || term.loss == kBinaryCrossEntropy || term.loss == kMse,
        "objective: labels: expected the loss cross_entropy, binary_cross_entropy or mse, found '",
        term.loss, "'");
}

Variable value(const Term& term, const TermInputs& inputs) {
  const Variable& logits = inputs.student.logits;
  if (term.loss == kCrossEntropy) return cross_entropy(logits, inputs.labels, inputs.factor);
  const double factor = inputs.factor / static_cast<double>(logits.size(1));
  if (term.loss == kMse) return mse(logits, inputs.targets, factor);
  return binary_cross_entropy(logits, inputs.targets, factor);
}

}  // namespace

const TermKind kLabelsTerm = {"labels", false, kCrossEntropy, complete, value};

}  // namespace retort
