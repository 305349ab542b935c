// The hard term: cross entropy against the labels.
#include "autograd/ops.h"
#include "distill/objective/term.h"
#include "tensor/base/error.h"

namespace retort {
namespace {

void complete(Term& term) {
  if (term.loss.empty()) term.loss = "cross_entropy";
  check(term.loss == "cross_entropy", "objective: labels: expected the loss cross_entropy, found '",
        term.loss, "'");
}

Variable value(const Term&, const TermInputs& inputs) {
  return cross_entropy(inputs.student.logits, inputs.labels, inputs.factor);
}

}  // namespace

const TermKind kLabelsTerm = {"labels", false, complete, value};

}  // namespace retort
