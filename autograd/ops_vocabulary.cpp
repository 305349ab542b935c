// A head over a vocabulary and its loss, chunk by chunk, and the compositions that store all logits.
#include "autograd/ops.h"
#include "tensor/ops.h"

namespace retort {
namespace {

// The vjp of a loss of (hidden, weight, bias): `fused` gives the gradients, `composed` the loss again.
template <class Fused, class Composed>
Vjp vocabulary_vjp(const Variable& hidden, const Variable& weight, const Variable& bias, Fused fused,
                   Composed composed) {
  return [hidden = save(hidden), weight = save(weight), bias = save(bias), fused, composed](
             const Variables& dys, const std::vector<bool>& needs) -> Variables {
    if (recording())
      return reference_vjp(
          [&](const Variables& in) -> Variables { return {composed(in[0], in[1], in[2])}; },
          {hidden(), weight(), bias()}, dys, needs);
    const ops::VocabularyGradients gradients =
        fused(dys[0].value(), {hidden.value(), weight.value(), bias.value()}, needs[0],
              needs[1] || needs[2]);
    return {gradients.dhidden, gradients.dweight, gradients.dbias};
  };
}

}  // namespace

Variable linear_cross_entropy(const Variable& hidden, const Variable& weight, const Variable& bias,
                              const Tensor& labels, double factor) {
  return record_joint("linear_cross_entropy",
      {ops::linear_cross_entropy({hidden.value(), weight.value(), bias.value()}, labels, factor)},
      {hidden, weight, bias},
      vocabulary_vjp(hidden, weight, bias,
          [labels, factor](const Tensor& dloss, const VocabularyHead& head, bool want_hidden, bool want_parameters) {
            return ops::linear_cross_entropy_backward(dloss, head, labels, factor, want_hidden, want_parameters);
          },
          [labels, factor](const Variable& h, const Variable& w, const Variable& b) {
            return reference::linear_cross_entropy(h, w, b, labels, factor);
          }))[0];
}

Variable linear_kl_divergence(const Variable& hidden, const Variable& weight, const Variable& bias,
                              const VocabularyHead& teacher, double temperature, double factor,
                              const Tensor& labels, double beta) {
  return record_joint("linear_kl_divergence",
      {ops::linear_kl_divergence({hidden.value(), weight.value(), bias.value()}, teacher, labels,
                                 temperature, factor, beta)},
      {hidden, weight, bias},
      vocabulary_vjp(hidden, weight, bias,
          [=](const Tensor& dloss, const VocabularyHead& head, bool want_hidden, bool want_parameters) {
            return ops::linear_kl_divergence_backward(dloss, head, teacher, labels, temperature, factor,
                                                      beta, want_hidden, want_parameters);
          },
          [=](const Variable& h, const Variable& w, const Variable& b) {
            return reference::linear_kl_divergence(h, w, b, teacher, temperature, factor, labels, beta);
          }))[0];
}

namespace reference {

Variable linear_cross_entropy(const Variable& hidden, const Variable& weight, const Variable& bias,
                              const Tensor& labels, double factor) {
  return reference::cross_entropy(linear(cast(hidden, weight.dtype()), weight, bias), labels, factor);
}

Variable linear_kl_divergence(const Variable& hidden, const Variable& weight, const Variable& bias,
                              const VocabularyHead& teacher, double temperature, double factor,
                              const Tensor& labels, double beta) {
  const Tensor target = linear(teacher.hidden.to(weight.dtype()), teacher.weight, teacher.bias).value();
  return reference::kl_divergence(linear(cast(hidden, weight.dtype()), weight, bias), target,
                                  temperature, factor, labels, beta);
}

}  // namespace reference
}  // namespace retort
