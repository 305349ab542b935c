// Cases of attention over ragged sequences: one, several, empty ones, longer than a block of
// queries, with dropout, across (queries and keys of other numbers), masked, with grouped heads and
// shared keys, with T5's bias, and with what it computed in between.
#include <cmath>

#include "tensor/ops.h"
#include "tests/engine/cases.h"

namespace retort::testing {
namespace {

using Numbers = std::vector<std::int32_t>;

// Result and map as one vector. Scores of −∞ become 0 there, by exp.
Variable joined(const Variables& results, const AttentionOptions& options) {
  if (options.map == AttentionMap::none) return results[0];
  const Variable map = options.map == AttentionMap::scores ? exp(results[1]) : results[1];
  return concat({reshape(results[0], {-1}), map}, 0);
}

// buckets > 0: with a bias table of so many.
Case attention_case(const std::string& name, const Ragged& ragged, std::int64_t head_dim,
                    const AttentionOptions& options, std::int64_t buckets = 0) {
  const std::int64_t key_heads = options.key_heads > 0 ? options.key_heads : options.heads;
  const Shape q = {ragged.rows, options.heads * head_dim},
              k = {ragged.key_rows, key_heads * head_dim};
  std::vector<Shape> shapes = {q, k, k};
  if (buckets > 0) shapes.push_back({buckets, options.heads});
  const bool map = options.map != AttentionMap::none;
  // A query or key that is masked away, or whose probabilities are dropped, reaches nothing.
  const bool every_element_matters = options.dropout.drop_below == 0 && !options.causal &&
                                     options.sliding_window == 0 && options.local_window == 0;
  return {.name = "attention: " + name,
          .functions = {"attention", "reference::attention", "attention_with_map",
                        "reference::attention_with_map"},
          .kernels = {"attention", "attention_backward"},
          .f =
              [=](const Variables& in) {
                const Variable table = buckets > 0 ? in[3] : Variable();
                if (!map) return attention(in[0], in[1], in[2], ragged, options, table);
                return joined(attention_with_map(in[0], in[1], in[2], ragged, options, table),
                              options);
              },
          .shapes = {shapes},
          .reference =
              [=](const Variables& in) {
                const Variable table = buckets > 0 ? in[3] : Variable();
                if (!map) return reference::attention(in[0], in[1], in[2], ragged, options, table);
                return joined(
                    reference::attention_with_map(in[0], in[1], in[2], ragged, options, table),
                    options);
              },
          .extreme = options.dropout.drop_below == 0 && options.map != AttentionMap::scores,
          .f32_tolerance = 5e-5,
          .half_tolerance = 16,  // the derivative sees rounded outputs
          .nan_reaches =
              [=](std::size_t input, const Shape& shape, std::int64_t index) {
                if (every_element_matters) return input < 3;
                return options.dropout.drop_below != 0
                           ? input == 1 || (input == 0 && index < shape[1])
                           : input == 0 && index >= shape.count() - shape[1];  // the last query
              }};
}

}  // namespace

std::vector<Case> attention_cases() {
  const DropoutRule rule = ops::dropout_rule(0.3, {.seed = 11, .step = 2, .site = 3}, 40);
  const auto packed = [](const Numbers& lengths) { return Ragged::packed(lengths); };
  const auto across = [](const Numbers& queries, const Numbers& keys) {
    return Ragged::across(queries, keys);
  };
  // Two beams that share a prompt, a sequence apart, and rows of nobody.
  const Ragged beams = Ragged::over_ranges(Numbers{1, 2, 1}, Numbers{1, 1, 6}, Numbers{3, 4, 1}, 8);
  const Ragged many_beams = Ragged::over_ranges(Numbers{30, 70, 5, 9}, Numbers{0, 10, 100, 101},
                                                Numbers{40, 60, 20, 9}, 130);
  return {
      attention_case("one sequence", packed({3}), 2, {}),
      attention_case("two heads, ragged", packed({2, 0, 1, 3}), 2, {.heads = 2}),
      attention_case("no sequence", packed({}), 2, {.heads = 2}),
      attention_case("across", across({2, 1}, {1, 3}), 3, {}),
      attention_case("dropout", packed({4, 2}), 2, {.heads = 2, .dropout = rule}),
      attention_case("many sequences", packed({65, 1, 129, 16, 64, 3}), 33, {.heads = 4}),
      attention_case("many sequences, dropout", packed({70, 5, 128}), 32,
                     {.heads = 2, .dropout = rule}),
      attention_case("scale", packed({3, 2}), 2, {.scale = 1.7}),
      attention_case("causal", packed({3, 1}), 2, {.causal = true}),
      attention_case("causal, other numbers of keys", across({1, 2, 2, 1}, {0, 3, 1, 2}), 2,
                     {.causal = true}),
      attention_case("sliding window", packed({4}), 2, {.causal = true, .sliding_window = 2}),
      attention_case("sliding window on one side", packed({4}), 2, {.sliding_window = 2}),
      attention_case("local window", packed({5}), 2, {.local_window = 3}),
      attention_case("many sequences, sliding window", packed({150, 5, 70}), 16,
                     {.heads = 2, .causal = true, .sliding_window = 20}),
      attention_case("soft cap", packed({3, 1}), 2, {.soft_cap = 0.8}),
      attention_case("grouped heads", packed({2, 1}), 2, {.heads = 4, .key_heads = 2}),
      attention_case("one key head", packed({2, 1}), 2, {.heads = 3, .key_heads = 1}),
      attention_case("many grouped heads", packed({67, 3, 20}), 8,
                     {.heads = 6, .key_heads = 2, .causal = true}),
      attention_case("shared keys", beams, 2, {.causal = true}),
      attention_case("many shared keys", many_beams, 8,
                     {.heads = 4, .key_heads = 2, .dropout = rule}),
      attention_case("bias", packed({3, 1}), 2, {.heads = 2, .scale = 1.0, .max_distance = 3}, 4),
      attention_case("bias of what lies before", across({3, 1}, {3, 2}), 2,
                     {.causal = true, .bidirectional_buckets = false, .max_distance = 3}, 2),
      attention_case("many sequences, bias", packed({80, 4, 33}), 8,
                     {.heads = 2, .max_distance = 40}, 16),
      attention_case("probabilities", packed({2, 1}), 2, {.map = AttentionMap::probabilities}),
      attention_case("scores", packed({2, 1}), 2, {.map = AttentionMap::scores}),
      attention_case("scores of everything", across({1, 2}, {0, 3}), 2,
                     {.heads = 2,
                      .key_heads = 1,
                      .causal = true,
                      .sliding_window = 2,
                      .soft_cap = 1.5,
                      .max_distance = 3,
                      .map = AttentionMap::scores},
                     4),
      attention_case(
          "many probabilities", packed({66, 0, 20}), 8,
          {.heads = 2, .local_window = 30, .dropout = rule, .map = AttentionMap::probabilities}),
  };
}

}  // namespace retort::testing
