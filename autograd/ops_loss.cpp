// Losses from logits: fused kernels, fused derivatives, and the compositions.
#include <limits>

#include "autograd/ops.h"
#include "autograd/valid_rows.h"
#include "tensor/base/error.h"
#include "tensor/ops.h"

namespace retort {
namespace {

// [rows, classes] with 1 where column = label (ignored rows: none).
Tensor one_hot(const Tensor& labels, std::int64_t classes, DType dtype) {
  const auto ids = labels.to_vector<std::int32_t>();
  std::vector<double> hot(ids.size() * static_cast<std::size_t>(classes), 0.0);
  for (std::size_t row = 0; row < ids.size(); ++row)
    if (ids[row] >= 0) hot[row * static_cast<std::size_t>(classes) + static_cast<std::size_t>(ids[row])] = 1;
  return Tensor::from(hot, {static_cast<std::int64_t>(ids.size()), classes}).to(dtype);
}

}  // namespace

Variable cross_entropy(const Variable& logits, const Tensor& labels, double factor) {
  ops::CrossEntropy result = ops::cross_entropy(logits.value(), labels, factor);
  return record_joint("cross_entropy", {result.loss}, {logits},
      [logits = save(logits), labels, lse = result.lse, factor](
          const Variables& dys, const std::vector<bool>& needs) -> Variables {
        if (recording())
          return reference_vjp(
              [&](const Variables& in) -> Variables {
                return {reference::cross_entropy(in[0], labels, factor)};
              },
              {logits()}, dys, needs);
        return {ops::cross_entropy_backward(dys[0].value(), logits.value(), labels, lse, factor)};
      })[0];
}

Variable kl_divergence(const Variable& student, const Tensor& teacher, double temperature,
                       double factor, const Tensor& labels, double beta) {
  ops::KlDivergence result =
      ops::kl_divergence(student.value(), teacher, labels, temperature, factor, beta);
  return record_joint("kl_divergence", {result.loss}, {student},
      [student = save(student), teacher, statistics = result.statistics, labels, temperature, factor, beta](
          const Variables& dys, const std::vector<bool>& needs) -> Variables {
        if (recording())
          return reference_vjp(
              [&](const Variables& in) -> Variables {
                return {reference::kl_divergence(in[0], teacher, temperature, factor, labels, beta)};
              },
              {student()}, dys, needs);
        return {ops::kl_divergence_backward(dys[0].value(), student.value(), teacher, statistics,
                                            labels, temperature, factor, beta)};
      })[0];
}

namespace reference {

Variable cross_entropy(const Variable& logits, const Tensor& labels, double factor) {
  const Variable wide = cast(logits, compute_dtype(logits.dtype()));
  const Variable hot = one_hot(labels, wide.size(1), wide.dtype());
  return scale(sum(reference::log_softmax(wide) * hot), -factor);
}

Variable kl_divergence(const Variable& student, const Tensor& teacher, double temperature,
                       double factor, const Tensor& labels, double beta) {
  const DType dtype = compute_dtype(student.dtype());
  const double inverse = 1 / temperature;
  Variable z = scale(cast(student, dtype), inverse);
  const Tensor t = ops::scale(teacher.to(dtype), inverse);
  // Logarithms of 0 as a number that 0 may be multiplied with.
  const double lowest = -1e30;
  if (beta == 1) {
    const Tensor excluded = ops::binary(BinaryOp::equal, t, -std::numeric_limits<double>::infinity());
    z = z + Variable(ops::scale(excluded, lowest));
  }
  const Variable log_q = reference::log_softmax(z);
  const Variable log_p = ops::binary(BinaryOp::maximum, reference::log_softmax(t).value(), lowest);
  const Variable p = exp(log_p), q = exp(log_q);
  Variable terms;
  if (beta == 0) {
    terms = p * (log_p - log_q);
  } else if (beta == 1) {
    terms = q * (log_q - log_p);
  } else {
    const Variable m = scale(p, beta) + scale(q, 1 - beta);
    const Variable log_m = log(add_scalar(m, std::numeric_limits<float>::min()));
    terms = scale(p, beta) * (log_p - log_m) + scale(q, 1 - beta) * (log_q - log_m);
  }
  return scale(sum(terms * Variable(valid_rows(labels, student.size(0), dtype))), factor);
}

}  // namespace reference
}  // namespace retort
