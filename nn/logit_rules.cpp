#include "nn/logit_rules.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace retort {
namespace {

constexpr float kForbidden = -std::numeric_limits<float>::infinity();

float& score_of(std::span<float> scores, std::int32_t id) {
  return scores[static_cast<std::size_t>(id)];
}

}  // namespace

void penalize_repetition(std::span<float> scores, std::span<const std::int32_t> history,
                         double penalty) {
  std::vector<std::int32_t> ids(history.begin(), history.end());
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  const auto factor = static_cast<float>(penalty);
  for (const std::int32_t id : ids) {
    float& score = score_of(scores, id);
    score = score < 0 ? score * factor : score / factor;
  }
}

void forbid_repeated_ngrams(std::span<float> scores, std::span<const std::int32_t> history,
                            std::int64_t size) {
  const auto before = static_cast<std::size_t>(size - 1);  // ids that lead to the last one
  if (history.size() < before + 1) return;
  const auto last = history.last(before);
  for (std::size_t i = 0; i + before < history.size(); ++i)
    if (std::equal(last.begin(), last.end(), history.begin() + static_cast<std::ptrdiff_t>(i)))
      score_of(scores, history[i + before]) = kForbidden;
}

void forbid(std::span<float> scores, std::span<const std::int32_t> ids) {
  for (const std::int32_t id : ids) score_of(scores, id) = kForbidden;
}

}  // namespace retort
