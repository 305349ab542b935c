// Rules about the next token that hold for every search: they change the scores (logits or log
// probabilities) of one sequence's next token, in the order and with the meaning that
// transformers' generate gives them. What may not come gets −∞.
#pragma once

#include <cstdint>
#include <span>

namespace retort {

/// Divides the positive scores of all ids in `history` by `penalty` and multiplies the negative
/// ones, each once (Keskar et al. 2019).
void penalize_repetition(std::span<float> scores, std::span<const std::int32_t> history,
                         double penalty);

/// Forbids what would complete a sequence of `size` ids that stands in `history` already.
void forbid_repeated_ngrams(std::span<float> scores, std::span<const std::int32_t> history,
                            std::int64_t size);

void forbid(std::span<float> scores, std::span<const std::int32_t> ids);

}  // namespace retort
