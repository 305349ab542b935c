// Losses from logits: fused kernels, fused derivatives, and the compositions.
#include "autograd/ops.h"
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

// [rows, 1] with 0 for ignored rows, else 1.
Tensor valid_rows(const Tensor& labels, std::int64_t rows, DType dtype) {
  if (!labels.defined()) return Tensor::full({rows, 1}, 1, dtype);
  std::vector<double> valid;
  for (const std::int32_t label : labels.to_vector<std::int32_t>()) valid.push_back(label == -100 ? 0 : 1);
  return Tensor::from(valid, {rows, 1}).to(dtype);
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
                       double factor, const Tensor& labels) {
  Tensor loss = ops::kl_divergence(student.value(), teacher, labels, temperature, factor);
  return record_joint("kl_divergence", {loss}, {student},
      [student = save(student), teacher, labels, temperature, factor](
          const Variables& dys, const std::vector<bool>& needs) -> Variables {
        if (recording())
          return reference_vjp(
              [&](const Variables& in) -> Variables {
                return {reference::kl_divergence(in[0], teacher, temperature, factor, labels)};
              },
              {student()}, dys, needs);
        return {ops::kl_divergence_backward(dys[0].value(), student.value(), teacher, labels,
                                            temperature, factor)};
      })[0];
}

namespace reference {

Variable cross_entropy(const Variable& logits, const Tensor& labels, double factor) {
  const Variable wide = cast(logits, compute_dtype(logits.dtype()));
  const Variable hot = one_hot(labels, wide.size(1), wide.dtype());
  return scale(sum(reference::log_softmax(wide) * hot), -factor);
}

Variable kl_divergence(const Variable& student, const Tensor& teacher, double temperature,
                       double factor, const Tensor& labels) {
  const DType dtype = compute_dtype(student.dtype());
  const Variable log_q = reference::log_softmax(scale(cast(student, dtype), 1 / temperature));
  const Variable log_p = reference::log_softmax(Variable(ops::scale(teacher.to(dtype), 1 / temperature)));
  const Variable valid = valid_rows(labels, student.size(0), dtype);
  return scale(sum(exp(log_p) * (log_p - log_q) * valid), factor);
}

}  // namespace reference
}  // namespace retort
