// Which tokens a draw chooses from, and the draw. The filters are transformers' warpers: each takes
// the scores as the one before left them and sets what it drops to −∞; at least one token stays.
#pragma once

#include <cstdint>
#include <span>

#include "nn/generate.h"

namespace retort {

/// Divides scores by `temperature` > 0.
void apply_temperature(std::span<float> scores, double temperature);
/// Keeps the k best scores and those equal to the last of them.
void keep_top_k(std::span<float> scores, std::int64_t k);
/// Drops the least likely tokens that together have a probability of at most 1 − p (Holtzman et al.
/// 2020).
void keep_top_p(std::span<float> scores, double p);
/// Drops tokens whose probability is below `p` times the largest one (Nguyen et al. 2024).
void keep_min_p(std::span<float> scores, double p);

/// What the options ask for, in this order.
void keep_choices(std::span<float> scores, const GenerateOptions& options);

/// The token at `uniform` in [0, 1) of the distribution that softmax makes of the scores, laid out
/// in the order of ids. Error: no token is left.
std::int32_t draw(std::span<const float> scores, double uniform);

}  // namespace retort
