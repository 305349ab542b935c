// What a temperature does to a teacher's outputs: the figures behind the report's entropy chart.
#pragma once

#include <span>
#include <vector>

namespace retort {

/// softmax(logits / temperature), computed from differences to the largest logit (no overflow).
/// Errors: no logits, a NaN or +inf among them, no finite one, a temperature that isn't positive.
std::vector<double> softened_probabilities(std::span<const double> logits, double temperature);

/// The entropy of that distribution in nats, -sum p ln p; at most ln(logits.size()).
/// [2, 1, 0.5] at T = 1, 3, 5, 10 gives 0.906, 1.076, 1.091, 1.097.
double softened_entropy(std::span<const double> logits, double temperature);

}  // namespace retort
