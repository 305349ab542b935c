// Cases of table look-ups and dropout. A look-up is a product with a matrix of ones and zeros;
// dropout is a product with factors that are drawn by the scalar definition.
#include <algorithm>

#include "tensor/ops.h"
#include "tests/engine/cases.h"

namespace retort::testing {
namespace {

constexpr std::int64_t kTableRows = 7;

// [ids, n] with a one per row.
Variable chooser(const Tensor& ids, std::int64_t n, DType dtype) {
  const auto list = ids.to_vector<std::int32_t>();
  std::vector<double> hot(list.size() * static_cast<std::size_t>(n), 0.0);
  for (std::size_t row = 0; row < list.size(); ++row)
    hot[row * static_cast<std::size_t>(n) + static_cast<std::size_t>(list[row])] = 1;
  return constant(hot, {static_cast<std::int64_t>(list.size()), n}, dtype);
}

Tensor lookup_ids(std::int64_t rows) {
  return rows == 0 ? Tensor::zeros({3}, DType::i32).slice(0, 0, 0) : some_ids(2 * rows + 1, rows);
}

bool kept(const DropoutRule& rule, const Shape& shape, std::int64_t index) {
  const std::int64_t columns = shape[-1], row = index / columns, column = index % columns;
  return rule.keeps(static_cast<std::uint32_t>(row), static_cast<std::uint32_t>(column));
}

Variable dropout_factors(const DropoutRule& rule, const Variable& x) {
  std::vector<double> factors;
  for (std::int64_t i = 0; i < x.value().count(); ++i)
    factors.push_back(kept(rule, x.shape(), i) ? rule.scale : 0.0);
  return constant(factors, x.shape(), x.dtype());
}

}  // namespace

std::vector<Case> embedding_cases() {
  const DropoutRule rule = ops::dropout_rule(0.4, {.seed = 9, .step = 1, .site = 4}, 17);
  return {
      {.name = "embedding",
       .functions = {"embedding"},
       .kernels = {"embedding", "embedding_backward"},
       .f = [](const Variables& in) { return embedding(in[0], lookup_ids(in[0].size(0))); },
       .shapes = {{{3, 4}}, {{1, 1}}, {{0, 2}}, {{40, 33}}, {{300, 65}}},
       .reference =
           [](const Variables& in) {
             const Tensor ids = lookup_ids(in[0].size(0));
             return matmul(chooser(ids, in[0].size(0), in[0].dtype()), in[0]);
           },
       .extreme = true,
       .nan_reaches =
           [](std::size_t, const Shape& shape, std::int64_t index) {
             const auto ids = lookup_ids(shape[0]).to_vector<std::int32_t>();
             return std::count(ids.begin(), ids.end(),
                               static_cast<std::int32_t>(index / shape[1])) > 0;
           }},
      {.name = "scatter_rows",
       .functions = {"scatter_rows"},
       .kernels = {"embedding", "embedding_backward"},
       .f =
           [](const Variables& in) {
             return scatter_rows(in[0], some_ids(in[0].size(0), kTableRows), kTableRows);
           },
       .shapes = {{{5, 3}}, {{1, 1}}, {{40, 33}}, {{3000, 65}}},
       .reference =
           [](const Variables& in) {
             const Tensor ids = some_ids(in[0].size(0), kTableRows);
             return matmul(transpose(chooser(ids, kTableRows, in[0].dtype())), in[0]);
           },
       .extreme = true},
      {.name = "dropout",
       .functions = {"dropout"},
       .kernels = {"dropout"},
       .f = [rule](const Variables& in) { return dropout(in[0], rule); },
       .shapes = {{{3, 7}}, {{5}}, {{0, 3}}, {{2, 3, 33}}, {{600, 130}}},
       .reference = [rule](const Variables& in) { return in[0] * dropout_factors(rule, in[0]); },
       .extreme = true,
       .nan_reaches = [rule](std::size_t, const Shape& shape,
                             std::int64_t index) { return kept(rule, shape, index); }},
      {.name = "dropout with a residual",
       .functions = {"dropout"},
       .kernels = {"dropout"},
       .f = [rule](const Variables& in) { return dropout(in[0], rule, in[1]); },
       .shapes = {{{3, 7}, {3, 7}}, {{600, 130}, {600, 130}}},
       .reference =
           [rule](const Variables& in) { return in[0] * dropout_factors(rule, in[0]) + in[1]; },
       .extreme = true,
       .nan_reaches = [rule](
                          std::size_t input, const Shape& shape,
                          std::int64_t index) { return input == 1 || kept(rule, shape, index); }},
      {.name = "dropout with probability 0",
       .functions = {"dropout"},
       .kernels = {"binary"},
       .f = [](const Variables& in) { return dropout(in[0], {}, in[1]); },
       .shapes = {{{3, 7}, {3, 7}}},
       .reference = [](const Variables& in) { return in[0] + in[1]; },
       .composed = true},
  };
}

}  // namespace retort::testing
