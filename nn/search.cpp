// What searches share, and the one that follows a single text: greedy or drawing.
#include "nn/search.h"

#include <algorithm>

#include "nn/logit_rules.h"
#include "nn/parameter.h"
#include "nn/sampling.h"
#include "tensor/base/philox.h"

namespace retort {
namespace {

// Uniform in [0, 1) with 53 bits, for the token at `position` of the text behind a prompt.
double uniform(std::uint64_t seed, std::uint32_t prompt, std::size_t position) {
  static const std::uint32_t site = random_site("generate");
  const PhiloxBlock block =
      random_block({seed, static_cast<std::uint32_t>(position), site}, prompt, 0);
  const std::uint64_t bits = std::uint64_t{block.word[0]} << 32 | block.word[1];
  return static_cast<double>(bits >> 11) * 0x1.0p-53;
}

class SingleSearch : public Search {
 public:
  explicit SingleSearch(SearchTask task) : task_(std::move(task)), ids_(task_.history) {}

  std::vector<Continuation> advance(std::span<const float> logits) override {
    std::vector<float> scores(logits.begin(), logits.end());
    task_.apply_rules(scores, ids_);
    ids_.push_back(choose(scores));
    const std::optional<Ending> ending = task_.ending(ids_);
    if (!ending) return {{0, ids_.back()}};
    ending_ = *ending;
    return {};
  }

  Generated result() const override {
    return {{ids_.begin() + static_cast<std::ptrdiff_t>(task_.history.size()), ids_.end()},
            ending_};
  }

 private:
  std::int32_t choose(std::span<float> scores) const {
    const GenerateOptions& options = *task_.options;
    if (!options.sample)
      return static_cast<std::int32_t>(std::max_element(scores.begin(), scores.end()) -
                                       scores.begin());
    keep_choices(scores, options);
    const auto prompt = options.first_prompt + static_cast<std::uint32_t>(task_.prompt);
    return draw(scores, uniform(options.seed, prompt, ids_.size() - task_.history.size()));
  }

  SearchTask task_;
  std::vector<std::int32_t> ids_;
  Ending ending_ = Ending::length;
};

}  // namespace

void SearchTask::apply_rules(std::span<float> scores, std::span<const std::int32_t> ids) const {
  if (options->repetition_penalty != 1)
    penalize_repetition(scores, ids, options->repetition_penalty);
  if (options->no_repeat_ngram_size > 0)
    forbid_repeated_ngrams(scores, ids, options->no_repeat_ngram_size);
  if (static_cast<std::int64_t>(ids.size() - history.size()) < least) forbid(scores, options->eos);
}

std::optional<Ending> SearchTask::ending(std::span<const std::int32_t> ids) const {
  const auto fresh = ids.subspan(history.size());
  const bool stopped = *stop && (*stop)(prompt, fresh);  // first, since it may want to see them all
  if (std::find(options->eos.begin(), options->eos.end(), ids.back()) != options->eos.end())
    return Ending::eos;
  if (stopped) return Ending::stopped;
  if (static_cast<std::int64_t>(fresh.size()) >= most) return Ending::length;
  return {};
}

std::unique_ptr<Search> make_search(SearchTask task, std::int64_t vocab) {
  if (task.options->beams > 1) return make_beam_search(std::move(task), vocab);
  return std::make_unique<SingleSearch>(std::move(task));
}

}  // namespace retort
