// The soft term: T² · KL(softmax(teacher/T) ‖ softmax(student/T)), summed over classes and averaged
// over examples (Hinton, Vinyals & Dean 2015). With T² its gradient keeps its size whatever T is.
#include "autograd/ops.h"
#include "distill/objective/term.h"
#include "tensor/base/error.h"

namespace retort {
namespace {

void complete(Term& term) {
  if (term.loss.empty()) term.loss = "kl";
  check(term.loss == "kl", "objective: logits: expected the loss kl, found '", term.loss, "'");
  check(term.temperature > 0 && term.temperature <= 1e6,
        "objective: logits: expected a temperature above 0, found ", term.temperature);
}

Variable value(const Term& term, const TermInputs& inputs) {
  const Variable divergence = kl_divergence(inputs.student.logits, inputs.teacher_logits,
                                            term.temperature, inputs.factor);
  return term.t_squared ? scale(divergence, term.temperature * term.temperature) : divergence;
}

}  // namespace

const TermKind kLogitsTerm = {"logits", true, complete, value};

}  // namespace retort
