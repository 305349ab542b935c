// How the next token is chosen: one search goes on with one prompt.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "nn/generate.h"

namespace retort {

/// What a search was asked.
struct SearchTask {
  std::size_t prompt = 0;             ///< its number within the call
  std::vector<std::int32_t> history;  ///< its ids
  std::int64_t most = 0, least = 0;   ///< new tokens
  const GenerateOptions* options = nullptr;
  const StopRule* stop = nullptr;

  /// The rules that every search follows, on the scores of what follows `ids` (with the prompt).
  void apply_rules(std::span<float> scores, std::span<const std::int32_t> ids) const;
  /// Whether `ids` (with the prompt), at least one of them new, are a whole text.
  std::optional<Ending> ending(std::span<const std::int32_t> ids) const;
};

/// A token that a row of the last logits goes on with.
struct Continuation {
  std::int64_t row;
  std::int32_t token;
};

class Search {
 public:
  virtual ~Search() = default;
  /// logits: [rows, vocabulary], a row for each continuation that it gave last, at first one for
  /// the prompt. None is left when the search is over.
  virtual std::vector<Continuation> advance(std::span<const float> logits) = 0;
  /// What was found in the end.
  virtual Generated result() const = 0;
};

/// Greedy, drawing or beam search, as the options say.
std::unique_ptr<Search> make_search(SearchTask task, std::int64_t vocab);
std::unique_ptr<Search> make_beam_search(SearchTask task, std::int64_t vocab);

}  // namespace retort
