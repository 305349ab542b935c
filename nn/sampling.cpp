#include "nn/sampling.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "tensor/base/error.h"

namespace retort {
namespace {

constexpr float kDropped = -std::numeric_limits<float>::infinity();

float largest(std::span<const float> scores) {
  return *std::max_element(scores.begin(), scores.end());
}

// A token's part of the distribution, where the likeliest one has 1.
double weight(float score, float most) {
  return std::exp(static_cast<double>(score) - static_cast<double>(most));
}

double total_weight(std::span<const float> scores, float most) {
  double total = 0;
  for (const float score : scores) total += weight(score, most);
  return total;
}

}  // namespace

void apply_temperature(std::span<float> scores, double temperature) {
  const auto divisor = static_cast<float>(temperature);
  for (float& score : scores) score /= divisor;
}

void keep_top_k(std::span<float> scores, std::int64_t k) {
  if (k >= static_cast<std::int64_t>(scores.size())) return;
  std::vector<float> sorted(scores.begin(), scores.end());
  const auto last = sorted.begin() + static_cast<std::ptrdiff_t>(k - 1);
  std::nth_element(sorted.begin(), last, sorted.end(), std::greater<>());
  for (float& score : scores)
    if (score < *last) score = kDropped;
}

void keep_top_p(std::span<float> scores, double p) {
  const float most = largest(scores);
  const double least = (1 - p) * total_weight(scores, most);
  // All tokens whose share is below the mean share of what is dropped are dropped for certain: only
  // the others have to be sorted.
  const double certain = least / static_cast<double>(scores.size());
  std::vector<std::size_t> order;
  double sum = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const double share = weight(scores[i], most);
    if (share > certain || scores[i] == most) {
      order.push_back(i);
    } else {
      sum += share;
      scores[i] = kDropped;
    }
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return scores[a] < scores[b]; });
  for (std::size_t i = 0; i + 1 < order.size(); ++i) {
    sum += weight(scores[order[i]], most);
    if (sum > least) return;
    scores[order[i]] = kDropped;
  }
}

void keep_min_p(std::span<float> scores, double p) {
  const float most = largest(scores);
  for (float& score : scores)
    if (weight(score, most) < p) score = kDropped;
}

void keep_choices(std::span<float> scores, const GenerateOptions& options) {
  if (options.temperature != 1) apply_temperature(scores, options.temperature);
  if (options.top_k > 0) keep_top_k(scores, options.top_k);
  if (options.top_p < 1) keep_top_p(scores, options.top_p);
  if (options.min_p > 0) keep_min_p(scores, options.min_p);
}

std::int32_t draw(std::span<const float> scores, double uniform) {
  const float most = largest(scores);
  check(most > kDropped, "generate: the rules about repetition leave no token to choose from");
  const double target = uniform * total_weight(scores, most);
  double sum = 0;
  std::size_t last = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const double share = weight(scores[i], most);
    if (share == 0) continue;
    last = i;
    sum += share;
    if (sum > target) break;
  }
  return static_cast<std::int32_t>(last);
}

}  // namespace retort
