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

// Normal numbers that halves hold, too.
Tensor numbers_for(const Shape& shape, DType dtype, double scale, std::uint64_t seed = 31) {
  RandomStream random(seed);
  std::vector<double> values;
  for (std::int64_t i = 0; i < shape.count(); ++i)
    values.push_back(std::round(16 * scale * random.normal()) / 16);
  return Tensor::from(values, shape).to(dtype);
}
Tensor teacher_for(const Variable& student) {
  return numbers_for(student.shape(), student.dtype(), 2);
}

// In [0, 1], with zeros and ones among them.
Tensor targets_for(const Variable& logits) {
  RandomStream random(32);
  std::vector<double> values;
  for (std::int64_t i = 0; i < logits.value().count(); ++i)
    values.push_back(static_cast<double>(random.below(5)) / 4);
  return Tensor::from(values, logits.shape()).to(compute_dtype(logits.dtype()));
}
Tensor positive_weight_for(const Variable& logits) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < logits.size(1); ++i)
    values.push_back(0.5 + static_cast<double>(i % 7));
  return Tensor::from(values, {logits.size(1)}).to(compute_dtype(logits.dtype()));
}

// 1, −1 and −100 in turn.
Tensor signs_for(std::int64_t rows) {
  std::vector<std::int32_t> signs;
  for (std::int64_t row = 0; row < rows; ++row)
    signs.push_back(row % 3 == 0 ? 1 : row % 3 == 1 ? -1 : -100);
  return Tensor::from(signs);
}

VocabularyHead teacher_head_for(const Variables& in) {
  return {numbers_for({in[0].size(0), 3}, in[0].dtype(), 1, 33),
          numbers_for({in[1].size(0), 3}, in[1].dtype(), 1, 34),
          numbers_for({in[1].size(0)}, in[1].dtype(), 1, 35)};
}

bool row_counts(std::size_t, const Shape& shape, std::int64_t index) {
  return index / shape[1] % 3 != 1;
}
bool signed_row_counts(std::size_t, const Shape& shape, std::int64_t index) {
  return index / shape[1] % 3 != 2;
}
bool hidden_row_counts(std::size_t input, const Shape& shape, std::int64_t index) {
  return input > 0 || row_counts(input, shape, index);
}

const std::vector<std::vector<Shape>> kShapes = {{{4, 3}}, {{2, 1}},   {{1, 5}},
                                                 {{0, 3}}, {{33, 17}}, {{900, 130}}};
const std::vector<std::vector<Shape>> kPairs = {{{4, 3}, {4, 3}},     {{2, 1}, {2, 1}},
                                                {{1, 5}, {1, 5}},     {{0, 3}, {0, 3}},
                                                {{33, 17}, {33, 17}}, {{900, 130}, {900, 130}}};
const std::vector<std::vector<Shape>> kHeads = {
    {{4, 2}, {3, 2}, {3}}, {{2, 1}, {1, 1}, {1}}, {{33, 17}, {50, 17}, {50}}};

Case divergence_case(const std::string& name, double temperature, double beta, bool labelled) {
  const auto labels = [labelled](const Variable& x) {
    return labelled ? labels_for(x.shape()) : Tensor();
  };
  Case c = {.name = "kl_divergence: " + name,
            .functions = {"kl_divergence", "reference::kl_divergence"},
            .kernels = {"kl_divergence", "kl_divergence_backward"},
            .f =
                [=](const Variables& in) {
                  return kl_divergence(in[0], teacher_for(in[0]), temperature, 0.5, labels(in[0]),
                                       beta);
                },
            .shapes = kShapes,
            .reference =
                [=](const Variables& in) {
                  return reference::kl_divergence(in[0], teacher_for(in[0]), temperature, 0.5,
                                                  labels(in[0]), beta);
                },
            .extreme = true};
  if (labelled) c.nan_reaches = row_counts;
  return c;
}

Case error_case(const std::string& name, double beta, bool labelled) {
  const bool squared = beta < 0;
  const auto labels = [labelled](const Variable& x) {
    return labelled ? labels_for(x.shape()) : Tensor();
  };
  Case c = {.name = name,
            .functions = squared ? std::vector<std::string>{"mse", "reference::mse"}
                                 : std::vector<std::string>{"smooth_l1", "reference::smooth_l1"},
            .kernels = {"error_loss", "error_loss_backward"},
            .f =
                [=](const Variables& in) {
                  return squared ? mse(in[0], in[1], 0.25, labels(in[0]))
                                 : smooth_l1(in[0], in[1], beta, 0.25, labels(in[0]));
                },
            .shapes = kPairs,
            .reference =
                [=](const Variables& in) {
                  return squared ? reference::mse(in[0], in[1], 0.25, labels(in[0]))
                                 : reference::smooth_l1(in[0], in[1], beta, 0.25, labels(in[0]));
                },
            .extreme = true};
  if (labelled) c.nan_reaches = row_counts;
  return c;
}

Case binary_case(const std::string& name, bool weighted, bool labelled) {
  const auto weight = [weighted](const Variable& x) {
    return weighted ? positive_weight_for(x) : Tensor();
  };
  const auto labels = [labelled](const Variable& x) {
    return labelled ? labels_for(x.shape()) : Tensor();
  };
  Case c = {.name = name,
            .functions = {"binary_cross_entropy", "reference::binary_cross_entropy"},
            .kernels = {"binary_cross_entropy", "binary_cross_entropy_backward"},
            .f =
                [=](const Variables& in) {
                  return binary_cross_entropy(in[0], targets_for(in[0]), 0.25, weight(in[0]),
                                              labels(in[0]));
                },
            .shapes = kShapes,
            .reference =
                [=](const Variables& in) {
                  return reference::binary_cross_entropy(in[0], targets_for(in[0]), 0.25,
                                                         weight(in[0]), labels(in[0]));
                },
            .extreme = true};
  if (labelled) c.nan_reaches = row_counts;
  return c;
}

}  // namespace

std::vector<Case> loss_cases() {
  return {
      {.name = "cross_entropy",
       .functions = {"cross_entropy", "reference::cross_entropy"},
       .kernels = {"cross_entropy", "cross_entropy_backward"},
       .f =
           [](const Variables& in) {
             return cross_entropy(in[0], labels_for(in[0].shape()), 0.25);
           },
       .shapes = kShapes,
       .reference =
           [](const Variables& in) {
             return reference::cross_entropy(in[0], labels_for(in[0].shape()), 0.25);
           },
       .extreme = true,
       .nan_reaches = row_counts},
      divergence_case("forward", 2.5, 0, false),
      divergence_case("forward, with labels", 0.7, 0, true),
      divergence_case("reverse", 2.5, 1, false),
      divergence_case("between", 2.5, 0.3, false),
      divergence_case("between, with labels", 0.7, 0.5, true),
      {.name = "kl_divergence of a teacher",
       .kernels = {"kl_divergence"},
       .f = [](const Variables& in) { return kl_divergence(in[0], in[1].value(), 2, 1); },
       .shapes = {{{4, 3}, {4, 3}}, {{33, 17}, {33, 17}}},
       .reference =
           [](const Variables& in) {
             return reference::kl_divergence(in[0], in[1].value(), 2, 1, {}, 0);
           },
       .differentiable = false,
       .extreme = true},
      binary_case("binary_cross_entropy", false, false),
      binary_case("binary_cross_entropy: positive weights", true, true),
      error_case("mse", -1, false),
      error_case("mse with labels", -1, true),
      error_case("smooth_l1", 0.7, false),
      error_case("smooth_l1: no bend, with labels", 0, true),
      {.name = "cosine_similarity",
       .functions = {"cosine_similarity", "reference::cosine_similarity"},
       .kernels = {"cosine_similarity", "cosine_similarity_backward"},
       .f = [](const Variables& in) { return cosine_similarity(in[0], in[1]); },
       .shapes = kPairs,
       .reference =
           [](const Variables& in) { return reference::cosine_similarity(in[0], in[1], 1e-8); },
       .extreme = true},
      {.name = "cosine_embedding_loss",
       .functions = {"cosine_embedding_loss"},
       .kernels = {"cosine_similarity", "cosine_similarity_backward"},
       .f =
           [](const Variables& in) {
             return cosine_embedding_loss(in[0], in[1], signs_for(in[0].size(0)), -0.2, 0.25);
           },
       .shapes = kPairs,
       .reference =
           [](const Variables& in) {
             const auto y =
                 reference::cosine_similarity(in[0], in[1], 1e-8).value().to_vector<double>();
             double total = 0;
             for (std::size_t row = 0; row < y.size(); ++row)
               total += row % 3 == 0   ? 1 - y[row]
                        : row % 3 == 1 ? std::fmax(0.0, y[row] + 0.2)
                                       : 0.0;
             return constant({0.25 * total}, {}, compute_dtype(in[0].dtype()));
           },
       .extreme = true,
       .composed = true,
       .nan_reaches = signed_row_counts},
      {.name = "linear_cross_entropy",
       .functions = {"linear_cross_entropy", "reference::linear_cross_entropy"},
       .kernels = {"matmul", "cross_entropy", "cross_entropy_backward"},
       .f =
           [](const Variables& in) {
             return linear_cross_entropy(in[0], in[1], in[2],
                                         labels_for({in[0].size(0), in[1].size(0)}), 0.25);
           },
       .shapes = kHeads,
       .reference =
           [](const Variables& in) {
             return reference::linear_cross_entropy(
                 in[0], in[1], in[2], labels_for({in[0].size(0), in[1].size(0)}), 0.25);
           },
       .extreme = true,
       .parameters = {1, 2},
       .nan_reaches = hidden_row_counts},
      {.name = "linear_cross_entropy: no bias",
       .functions = {"linear_cross_entropy"},
       .kernels = {"matmul", "cross_entropy", "cross_entropy_backward"},
       .f =
           [](const Variables& in) {
             return linear_cross_entropy(in[0], in[1], {}, some_ids(in[0].size(0), 3), 0.25);
           },
       .shapes = {{{4, 2}, {3, 2}}},
       .reference =
           [](const Variables& in) {
             return reference::linear_cross_entropy(in[0], in[1], {}, some_ids(in[0].size(0), 3),
                                                    0.25);
           },
       .parameters = {1}},
      {.name = "linear_kl_divergence",
       .functions = {"linear_kl_divergence", "reference::linear_kl_divergence"},
       .kernels = {"matmul", "kl_divergence", "kl_divergence_backward"},
       .f =
           [](const Variables& in) {
             return linear_kl_divergence(in[0], in[1], in[2], teacher_head_for(in), 2, 0.25,
                                         labels_for({in[0].size(0), in[1].size(0)}), 0.4);
           },
       .shapes = kHeads,
       .reference =
           [](const Variables& in) {
             return reference::linear_kl_divergence(
                 in[0], in[1], in[2], teacher_head_for(in), 2, 0.25,
                 labels_for({in[0].size(0), in[1].size(0)}), 0.4);
           },
       .extreme = true,
       .parameters = {1, 2},
       .nan_reaches = hidden_row_counts},
  };
}

}  // namespace retort::testing
