// Cases of attention over ragged sequences: one, several, empty ones, longer than a block of
// queries, with dropout, and across (queries and keys of other numbers).
#include <cmath>

#include "tensor/ops.h"
#include "tests/engine/cases.h"

namespace retort::testing {
namespace {

Ragged across(const std::vector<std::int32_t>& queries, const std::vector<std::int32_t>& keys) {
  Ragged ragged = Ragged::packed(queries);
  const Ragged other = Ragged::packed(keys);
  ragged.key_begin = other.key_begin;
  ragged.key_length = other.key_length;
  ragged.key_rows = other.rows;
  ragged.max_keys = other.max_keys;
  return ragged;
}

Case attention_case(const std::string& name, const Ragged& ragged, std::int64_t heads,
                    std::int64_t head_dim, const DropoutRule& dropout = {}) {
  const double factor = 1 / std::sqrt(static_cast<double>(head_dim));
  const Shape q = {ragged.rows, heads * head_dim}, k = {ragged.key_rows, heads * head_dim};
  return {
      .name = "attention: " + name,
      .functions = {"attention", "reference::attention"},
      .kernels = {"attention", "attention_backward"},
      .f =
          [=](const Variables& in) {
            return attention(in[0], in[1], in[2], ragged, heads, factor, dropout);
          },
      .shapes = {{q, k, k}},
      .reference =
          [=](const Variables& in) {
            return reference::attention(in[0], in[1], in[2], ragged, heads, factor, dropout);
          },
      .extreme = dropout.drop_below == 0,
      .f32_tolerance = 5e-5,
      .half_tolerance = 16,  // the derivative sees rounded outputs
      // Where dropout removes all probabilities of a row, nothing of its query or value is left.
      .nan_reaches =
          [=](std::size_t input, const Shape& shape, std::int64_t index) {
            return dropout.drop_below == 0 || input == 1 || (input == 0 && index < shape[1]);
          }};
}

}  // namespace

std::vector<Case> attention_cases() {
  const DropoutRule rule = ops::dropout_rule(0.3, {.seed = 11, .step = 2, .site = 3}, 40);
  const auto packed = [](const std::vector<std::int32_t>& lengths) {
    return Ragged::packed(lengths);
  };
  return {
      attention_case("one sequence", packed({3}), 1, 2),
      attention_case("two heads, ragged", packed({2, 0, 1, 3}), 2, 2),
      attention_case("no sequence", packed({}), 2, 2),
      attention_case("across", across({2, 1}, {1, 3}), 1, 3),
      attention_case("dropout", packed({4, 2}), 2, 2, rule),
      attention_case("many sequences", packed({65, 1, 129, 16, 64, 3}), 4, 33),
      attention_case("many sequences, dropout", packed({70, 5, 128}), 2, 32, rule),
  };
}

}  // namespace retort::testing
