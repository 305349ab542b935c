// Cases of the losses, with ignored rows.
#include <cmath>

#include "tests/engine/cases.h"

namespace retort::testing {
namespace {

// Every third row is ignored (rows 1, 4, …).
Tensor labels_for(const Shape& shape) {
  if (shape[0] == 0) return Tensor::zeros({0}, DType::i32);
  Tensor labels = some_ids(shape[0], shape[1]);
  std::int32_t* at = labels.mutable_data<std::int32_t>();
  for (std::int64_t row = 1; row < shape[0]; row += 3) at[row] = -100;
  return labels;
}

Tensor teacher_for(const Variable& student) {
  RandomStream random(31);
  std::vector<double> values;
  for (std::int64_t i = 0; i < student.value().count(); ++i)
    values.push_back(std::round(32 * random.normal()) / 16);  // halves hold it, too
  return Tensor::from(values, student.shape()).to(student.dtype());
}

bool row_counts(std::size_t, const Shape& shape, std::int64_t index) {
  return index / shape[1] % 3 != 1;
}

}  // namespace

std::vector<Case> loss_cases() {
  const std::vector<std::vector<Shape>> shapes = {{{4, 3}}, {{2, 1}},   {{1, 5}},
                                                  {{0, 3}}, {{33, 17}}, {{900, 130}}};
  return {
      {.name = "cross_entropy",
       .functions = {"cross_entropy", "reference::cross_entropy"},
       .kernels = {"cross_entropy", "cross_entropy_backward"},
       .f =
           [](const Variables& in) {
             return cross_entropy(in[0], labels_for(in[0].shape()), 0.25);
           },
       .shapes = shapes,
       .reference =
           [](const Variables& in) {
             return reference::cross_entropy(in[0], labels_for(in[0].shape()), 0.25);
           },
       .extreme = true,
       .nan_reaches = row_counts},
      {.name = "kl_divergence",
       .functions = {"kl_divergence", "reference::kl_divergence"},
       .kernels = {"kl_divergence", "kl_divergence_backward"},
       .f = [](const Variables& in) { return kl_divergence(in[0], teacher_for(in[0]), 2.5, 0.5); },
       .shapes = shapes,
       .reference =
           [](const Variables& in) {
             return reference::kl_divergence(in[0], teacher_for(in[0]), 2.5, 0.5, {});
           },
       .extreme = true},
      {.name = "kl_divergence with labels",
       .functions = {"kl_divergence", "reference::kl_divergence"},
       .kernels = {"kl_divergence", "kl_divergence_backward"},
       .f =
           [](const Variables& in) {
             return kl_divergence(in[0], teacher_for(in[0]), 0.7, 0.5, labels_for(in[0].shape()));
           },
       .shapes = shapes,
       .reference =
           [](const Variables& in) {
             return reference::kl_divergence(in[0], teacher_for(in[0]), 0.7, 0.5,
                                             labels_for(in[0].shape()));
           },
       .nan_reaches = row_counts},
      {.name = "kl_divergence of a teacher",
       .kernels = {"kl_divergence"},
       .f = [](const Variables& in) { return kl_divergence(in[0], in[1].value(), 2, 1); },
       .shapes = {{{4, 3}, {4, 3}}, {{33, 17}, {33, 17}}},
       .reference =
           [](const Variables& in) {
             return reference::kl_divergence(in[0], in[1].value(), 2, 1, {});
           },
       .differentiable = false,
       .extreme = true},
  };
}

}  // namespace retort::testing
