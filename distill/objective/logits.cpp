// The soft term: T² · KL(softmax(teacher/T) ‖ softmax(student/T)), summed over classes and averaged
// over examples (Hinton, Vinyals & Dean 2015). With T² its gradient keeps its size whatever T is.
// Where an example has any number of labels, each is a choice of its own: T² times the binary cross
// entropy of σ(student/T) against σ(teacher/T), averaged over labels. Numbers: their squared error.
#include "autograd/ops.h"
#include "distill/objective/term.h"
#include "tensor/base/error.h"

namespace retort {
namespace {

void complete(Term& term) {
  if (term.loss.empty()) term.loss = kKl;
  check(term.loss == kKl || term.loss == kBinaryCrossEntropy || term.loss == kMse,
        "objective: logits: expected the loss kl, binary_cross_entropy or mse, found '", term.loss,
        "'");
  check(term.temperature > 0 && term.temperature <= 1e6,
        "objective: logits: expected a temperature above 0, found ", term.temperature);
}

Variable value(const Term& term, const TermInputs& inputs) {
  const Variable& logits = inputs.student.logits;
  const double factor = inputs.factor / static_cast<double>(logits.size(1));
  if (term.loss == kMse) return mse(logits, inputs.teacher_logits, factor);
  Variable difference;
  if (term.loss == kKl) {
    difference = kl_divergence(logits, inputs.teacher_logits, term.temperature, inputs.factor);
  } else {
    const double inverse = 1 / term.temperature;
    const Tensor soft = sigmoid(scale(Variable(inputs.teacher_logits), inverse)).value();
    difference = binary_cross_entropy(scale(logits, inverse), soft, factor);
  }
  return term.t_squared ? scale(difference, term.temperature * term.temperature) : difference;
}

}  // namespace

const TermKind kLogitsTerm = {"logits", true, kKl, complete, value};

}  // namespace retort
