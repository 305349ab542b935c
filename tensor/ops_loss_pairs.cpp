// Losses of pairs of numbers, and the cosine of pairs of rows.
#include "tensor/ops_internal.h"

namespace retort::ops {
namespace {

void check_pair(const Tensor& a, const Tensor& b, const char* op) {
  check_same_dtype(a, b, op);
  check(a.rank() == 2 && a.shape() == b.shape(), op,
        ": expected two tensors [rows, columns] of one shape, found ", a.shape(), " and ",
        b.shape());
}

// The tensors that a BinaryCrossEntropyArgs points into.
struct BinaryOperands {
  Tensor logits, targets, positive_weight;
  const std::int32_t* labels;

  BinaryOperands(const Tensor& x, const Tensor& y, const Tensor& w, const Tensor& rows,
                 const char* op) {
    check_compute_dtype(x, y, op, "targets");
    check(x.rank() == 2 && x.shape() == y.shape(), op,
          ": expected logits and targets [rows, labels], found ", x.shape(), " and ", y.shape());
    logits = x.contiguous();
    targets = y.contiguous();
    if (w.defined()) {
      check_compute_dtype(x, w, op, "positive weights");
      check(w.shape() == Shape{x.size(1)}, op, ": expected ", x.size(1),
            " positive weights, found ", w.shape());
      positive_weight = w.contiguous();
    }
    labels = label_data(rows, x.size(0), op);
  }
  BinaryCrossEntropyArgs args(void* loss, const double* factor) const {
    return {
        logits.raw(),   targets.raw(), positive_weight.defined() ? positive_weight.raw() : nullptr,
        labels,         loss,          logits.size(0),
        logits.size(1), factor};
  }
};

}  // namespace

Tensor binary_cross_entropy(const Tensor& logits, const Tensor& targets,
                            const Tensor& positive_weight, const Tensor& labels, double factor) {
  const BinaryOperands operands(logits, targets, positive_weight, labels, "binary_cross_entropy");
  Tensor loss = Tensor::empty({}, targets.dtype());
  launch(kernels().binary_cross_entropy[slot(logits.dtype(), "binary_cross_entropy")],
         operands.args(loss.mutable_raw(), &factor));
  return loss;
}

Tensor binary_cross_entropy_backward(const Tensor& dloss, const Tensor& logits,
                                     const Tensor& targets, const Tensor& positive_weight,
                                     const Tensor& labels, double factor) {
  check_compute_dtype(logits, dloss, "binary_cross_entropy_backward", "dloss");
  const BinaryOperands operands(logits, targets, positive_weight, labels,
                                "binary_cross_entropy_backward");
  Tensor dlogits = Tensor::empty(logits.shape(), logits.dtype());
  if (dlogits.count() == 0) return dlogits;
  launch(kernels()
             .binary_cross_entropy_backward[slot(logits.dtype(), "binary_cross_entropy_backward")],
         BinaryCrossEntropyBackwardArgs{operands.args(nullptr, &factor), dloss.raw(),
                                        dlogits.mutable_raw()});
  return dlogits;
}

Tensor error_loss(ErrorCost cost, double beta, const Tensor& a, const Tensor& b,
                  const Tensor& labels, double factor) {
  check_pair(a, b, "error_loss");
  check(beta >= 0, "smooth_l1: expected a beta of 0 or more, found ", beta);
  const Tensor x = a.contiguous(), y = b.contiguous();
  Tensor loss = Tensor::empty({}, compute_dtype(a.dtype()));
  launch(kernels().error_loss[slot(a.dtype(), "error_loss")],
         ErrorLossArgs{cost, beta, x.raw(), y.raw(), label_data(labels, a.size(0), "error_loss"),
                       loss.mutable_raw(), a.size(0), a.size(1), &factor});
  return loss;
}

Tensor error_loss_backward(const Tensor& dloss, ErrorCost cost, double beta, const Tensor& a,
                           const Tensor& b, const Tensor& labels, double factor) {
  check_pair(a, b, "error_loss_backward");
  check_compute_dtype(a, dloss, "error_loss_backward", "dloss");
  const Tensor x = a.contiguous(), y = b.contiguous();
  Tensor da = Tensor::empty(a.shape(), a.dtype());
  if (da.count() == 0) return da;
  launch(kernels().error_loss_backward[slot(a.dtype(), "error_loss_backward")],
         ErrorLossBackwardArgs{
             {cost, beta, x.raw(), y.raw(), label_data(labels, a.size(0), "error_loss_backward"),
              nullptr, a.size(0), a.size(1), &factor},
             dloss.raw(),
             da.mutable_raw()});
  return da;
}

CosineSimilarity cosine_similarity(const Tensor& a, const Tensor& b, double epsilon) {
  check_pair(a, b, "cosine_similarity");
  const Tensor x = a.contiguous(), y = b.contiguous();
  const DType dtype = compute_dtype(a.dtype());
  const std::int64_t rows = a.size(0);
  CosineSimilarity result{Tensor::empty({rows}, dtype), Tensor::empty({rows}, dtype),
                          Tensor::empty({rows}, dtype)};
  if (rows == 0) return result;
  launch(kernels().cosine_similarity[slot(a.dtype(), "cosine_similarity")],
         CosineSimilarityArgs{x.raw(), y.raw(), result.similarity.mutable_raw(),
                              result.a_norm.mutable_raw(), result.b_norm.mutable_raw(), rows,
                              a.size(1), epsilon});
  return result;
}

Tensor cosine_similarity_backward(const Tensor& dy, const Tensor& a, const Tensor& b,
                                  const CosineSimilarity& result, double epsilon) {
  check_pair(a, b, "cosine_similarity_backward");
  check_compute_dtype(a, dy, "cosine_similarity_backward", "dy");
  const Tensor x = a.contiguous(), y = b.contiguous(), gradient = dy.contiguous();
  Tensor da = Tensor::empty(a.shape(), a.dtype());
  if (da.count() == 0) return da;
  launch(kernels().cosine_similarity_backward[slot(a.dtype(), "cosine_similarity_backward")],
         CosineSimilarityBackwardArgs{gradient.raw(), x.raw(), y.raw(), result.similarity.raw(),
                                      result.a_norm.raw(), result.b_norm.raw(), da.mutable_raw(),
                                      a.size(0), a.size(1), epsilon});
  return da;
}

}  // namespace retort::ops
