// Losses from logits, and what an optimiser does to a tensor.
#include "tensor/ops_internal.h"

namespace retort::ops {
namespace {

void check_logits(const Tensor& logits, const char* op) {
  check(logits.rank() == 2 && logits.size(1) > 0, op, ": expected logits [rows, classes], found ",
        logits.shape());
}

}  // namespace

CrossEntropy cross_entropy(const Tensor& logits, const Tensor& labels, double factor) {
  check_logits(logits, "cross_entropy");
  const Tensor in = logits.contiguous();
  const std::int64_t rows = in.size(0), classes = in.size(1);
  const std::int32_t* ids = label_data(labels, rows, "cross_entropy");
  check(ids != nullptr, "cross_entropy: labels are missing");
  for (std::int64_t row = 0; row < rows; ++row)
    check((ids[row] >= 0 && ids[row] < classes) || ids[row] == -100, "cross_entropy: label ", ids[row],
          " of row ", row, " is outside of the ", classes, " classes");
  const DType dtype = compute_dtype(in.dtype());
  CrossEntropy result{Tensor::empty({}, dtype), Tensor::empty({rows}, dtype)};
  launch(kernels().cross_entropy[slot(in.dtype(), "cross_entropy")],
         CrossEntropyArgs{in.raw(), ids, result.loss.mutable_raw(), result.lse.mutable_raw(), rows,
                          classes, &factor});
  return result;
}

Tensor cross_entropy_backward(const Tensor& dloss, const Tensor& logits, const Tensor& labels,
                              const Tensor& lse, double factor) {
  check_compute_dtype(logits, dloss, "cross_entropy_backward", "dloss");
  const Tensor in = logits.contiguous();
  const std::int64_t rows = in.size(0);
  Tensor dlogits = Tensor::empty(in.shape(), in.dtype());
  launch(kernels().cross_entropy_backward[slot(in.dtype(), "cross_entropy_backward")],
         CrossEntropyBackwardArgs{dloss.raw(), in.raw(),
                                  label_data(labels, rows, "cross_entropy_backward"), lse.raw(),
                                  dlogits.mutable_raw(), rows, in.size(1), &factor});
  return dlogits;
}

KlDivergence kl_divergence(const Tensor& student, const Tensor& teacher, const Tensor& labels,
                     double temperature, double factor, double beta) {
  check_logits(student, "kl_divergence");
  check_same_dtype(student, teacher, "kl_divergence");
  check(student.shape() == teacher.shape(), "kl_divergence: student ", student.shape(),
        " and teacher ", teacher.shape(), " differ");
  check(temperature > 0, "kl_divergence: expected a temperature above 0, found ", temperature);
  check(beta >= 0 && beta <= 1, "kl_divergence: expected a beta in [0, 1], found ", beta);
  const Tensor q = student.contiguous(), p = teacher.contiguous();
  const DType dtype = compute_dtype(q.dtype());
  KlDivergence result{Tensor::empty({}, dtype), Tensor::empty({q.size(0), 4}, dtype)};
  launch(kernels().kl_divergence[slot(q.dtype(), "kl_divergence")],
         KlDivergenceArgs{q.raw(), p.raw(), label_data(labels, q.size(0), "kl_divergence"),
                          result.loss.mutable_raw(), result.statistics.mutable_raw(), q.size(0),
                          q.size(1), temperature, beta, &factor});
  return result;
}

Tensor kl_divergence_backward(const Tensor& dloss, const Tensor& student, const Tensor& teacher,
                              const Tensor& statistics, const Tensor& labels, double temperature,
                              double factor, double beta) {
  check_compute_dtype(student, dloss, "kl_divergence_backward", "dloss");
  check(statistics.shape() == Shape{student.size(0), 4}, "kl_divergence_backward: expected statistics [",
        student.size(0), ", 4], found ", statistics.shape());
  const Tensor q = student.contiguous(), p = teacher.contiguous();
  Tensor dstudent = Tensor::empty(q.shape(), q.dtype());
  launch(kernels().kl_divergence_backward[slot(q.dtype(), "kl_divergence_backward")],
         KlDivergenceBackwardArgs{{q.raw(), p.raw(), label_data(labels, q.size(0), "kl_divergence_backward"),
                                   nullptr, nullptr, q.size(0), q.size(1), temperature, beta, &factor},
                                  dloss.raw(), statistics.raw(), dstudent.mutable_raw()});
  return dstudent;
}

double sum_of_squares(const Tensor& x) {
  const Tensor in = x.contiguous();
  double sum = 0;
  launch(kernels().sum_of_squares[slot_f32_f64(x.dtype(), "sum_of_squares")],
         SumOfSquaresArgs{in.raw(), in.count(), &sum});
  return sum;
}

void adamw(Tensor& parameter, const Tensor& gradient, Tensor& m, Tensor& v, const AdamwStep& step) {
  for (const Tensor* other : {&gradient, static_cast<const Tensor*>(&m), static_cast<const Tensor*>(&v)}) {
    check_same_dtype(parameter, *other, "adamw");
    check(other->shape() == parameter.shape(), "adamw: expected ", parameter.shape(), ", found ", other->shape());
  }
  check(parameter.is_contiguous() && m.is_contiguous() && v.is_contiguous(),
        "adamw: parameter and moments must be contiguous");
  const Tensor g = gradient.contiguous();
  launch(kernels().adamw[slot_f32_f64(parameter.dtype(), "adamw")],
         AdamwArgs{parameter.mutable_raw(), g.raw(), m.mutable_raw(), v.mutable_raw(), g.count(), &step});
}

}  // namespace retort::ops
