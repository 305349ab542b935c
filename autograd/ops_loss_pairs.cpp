// Losses of pairs of numbers and of rows, and their compositions.
#include "autograd/ops.h"
#include "autograd/valid_rows.h"
#include "tensor/base/error.h"
#include "tensor/ops.h"

namespace retort {
namespace {

Variable error_loss(const char* name, ErrorCost cost, double beta, const Variable& a, const Variable& b,
                    double factor, const Tensor& labels) {
  return record_joint(name, {ops::error_loss(cost, beta, a.value(), b.value(), labels, factor)}, {a, b},
      [a = save(a), b = save(b), cost, beta, factor, labels](
          const Variables& dys, const std::vector<bool>& needs) -> Variables {
        if (recording())
          return reference_vjp(
              [&](const Variables& in) -> Variables {
                return {cost == ErrorCost::squared
                            ? reference::mse(in[0], in[1], factor, labels)
                            : reference::smooth_l1(in[0], in[1], beta, factor, labels)};
              },
              {a(), b()}, dys, needs);
        const Tensor da =
            ops::error_loss_backward(dys[0].value(), cost, beta, a.value(), b.value(), labels, factor);
        return {da, needs[1] ? ops::unary(UnaryOp::negate, da) : Tensor()};
      })[0];
}

}  // namespace

Variable binary_cross_entropy(const Variable& logits, const Tensor& targets, double factor,
                              const Tensor& positive_weight, const Tensor& labels) {
  return record_joint("binary_cross_entropy",
      {ops::binary_cross_entropy(logits.value(), targets, positive_weight, labels, factor)}, {logits},
      [logits = save(logits), targets, positive_weight, labels, factor](
          const Variables& dys, const std::vector<bool>& needs) -> Variables {
        if (recording())
          return reference_vjp(
              [&](const Variables& in) -> Variables {
                return {reference::binary_cross_entropy(in[0], targets, factor, positive_weight, labels)};
              },
              {logits()}, dys, needs);
        return {ops::binary_cross_entropy_backward(dys[0].value(), logits.value(), targets,
                                                   positive_weight, labels, factor)};
      })[0];
}

Variable mse(const Variable& a, const Variable& b, double factor, const Tensor& labels) {
  return error_loss("mse", ErrorCost::squared, 0, a, b, factor, labels);
}

Variable smooth_l1(const Variable& a, const Variable& b, double beta, double factor, const Tensor& labels) {
  return error_loss("smooth_l1", ErrorCost::smooth_l1, beta, a, b, factor, labels);
}

Variable cosine_similarity(const Variable& a, const Variable& b, double epsilon) {
  ops::CosineSimilarity result = ops::cosine_similarity(a.value(), b.value(), epsilon);
  return record_joint("cosine_similarity", {result.similarity}, {a, b},
      [a = save(a), b = save(b), y = SavedOutput(result.similarity), a_norm = result.a_norm,
       b_norm = result.b_norm, epsilon](const Variables& dys, const std::vector<bool>& needs) -> Variables {
        if (recording())
          return reference_vjp(
              [epsilon](const Variables& in) -> Variables {
                return {reference::cosine_similarity(in[0], in[1], epsilon)};
              },
              {a(), b()}, dys, needs);
        Variables gradients(2);
        if (needs[0])
          gradients[0] = ops::cosine_similarity_backward(dys[0].value(), a.value(), b.value(),
                                                         {y.value(), a_norm, b_norm}, epsilon);
        if (needs[1])
          gradients[1] = ops::cosine_similarity_backward(dys[0].value(), b.value(), a.value(),
                                                         {y.value(), b_norm, a_norm}, epsilon);
        return gradients;
      })[0];
}

Variable cosine_embedding_loss(const Variable& a, const Variable& b, const Tensor& labels, double margin,
                               double factor) {
  check(labels.shape() == Shape{a.size(0)}, "cosine_embedding_loss: expected ", a.size(0),
        " labels, found ", labels.shape());
  std::vector<std::int32_t> rows;
  std::vector<double> alike, different;
  const auto all = labels.to_vector<std::int32_t>();
  for (std::size_t row = 0; row < all.size(); ++row) {
    check(all[row] == 1 || all[row] == -1 || all[row] == -100,
          "cosine_embedding_loss: expected labels 1, -1 or -100, found ", all[row]);
    if (all[row] == -100) continue;
    rows.push_back(static_cast<std::int32_t>(row));
    alike.push_back(all[row] == 1 ? 1 : 0);
    different.push_back(all[row] == 1 ? 0 : 1);
  }
  const auto counted = [&](const Variable& x) {
    return rows.size() == all.size() ? x : embedding(x, Tensor::from(rows));
  };
  const Variable y = cosine_similarity(counted(a), counted(b));
  const auto mask = [&](const std::vector<double>& on) { return Variable(Tensor::from(on).to(y.dtype())); };
  const Variable cost = mask(alike) * add_scalar(negate(y), 1) + mask(different) * relu(add_scalar(y, -margin));
  return scale(sum(cost), factor);
}

namespace reference {

Variable binary_cross_entropy(const Variable& logits, const Tensor& targets, double factor,
                              const Tensor& positive_weight, const Tensor& labels) {
  const Variable x = cast(logits, compute_dtype(logits.dtype()));
  const Variable y = targets, valid = valid_rows(labels, x.size(0), x.dtype());
  const Variable absent = add_scalar(negate(y), 1);
  const Variable weighted = positive_weight.defined() ? y * Variable(positive_weight) : y;
  // log(1 + e^x) = log(1 + e^−|x|) + max(x, 0)
  const Variable near = log(add_scalar(exp(negate(abs(x))), 1));
  const Variable cost = weighted * (near + relu(negate(x))) + absent * (near + relu(x));
  return scale(sum(cost * valid), factor);
}

Variable mse(const Variable& a, const Variable& b, double factor, const Tensor& labels) {
  const DType dtype = compute_dtype(a.dtype());
  return scale(sum(square(cast(a, dtype) - cast(b, dtype)) * Variable(valid_rows(labels, a.size(0), dtype))),
               factor);
}

Variable smooth_l1(const Variable& a, const Variable& b, double beta, double factor, const Tensor& labels) {
  const DType dtype = compute_dtype(a.dtype());
  const Variable error = cast(a, dtype) - cast(b, dtype), size = abs(error);
  Variable cost = add_scalar(size, -0.5 * beta);
  if (beta > 0) {
    const Variable small = ops::binary(BinaryOp::less, size.value(), Tensor::scalar(beta, dtype));
    cost = small * scale(square(error), 0.5 / beta) + add_scalar(negate(small), 1) * cost;
  }
  return scale(sum(cost * Variable(valid_rows(labels, a.size(0), dtype))), factor);
}

Variable cosine_similarity(const Variable& a, const Variable& b, double epsilon) {
  const DType dtype = compute_dtype(a.dtype());
  const Variable x = cast(a, dtype), y = cast(b, dtype);
  // max(‖x‖, ε), with a derivative at x = 0
  const auto norm = [&](const Variable& v) {
    const Variable squares = sum(square(v), {-1});
    const Variable small =
        ops::binary(BinaryOp::less, squares.value(), Tensor::scalar(epsilon * epsilon, dtype));
    return sqrt(add_scalar(negate(small), 1) * squares + scale(small, epsilon * epsilon));
  };
  return sum(x * y, {-1}) / (norm(x) * norm(y));
}

}  // namespace reference
}  // namespace retort
