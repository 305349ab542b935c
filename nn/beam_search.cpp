// Beam search as transformers does it (GenerationMixin._beam_search), for one prompt: the best
// texts so far go on, finished ones wait in a list of their own, scored by their mean log
// probability. Scores are in f32 and steps in the reference's order, so that texts are equal token
// for token.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "nn/search.h"
#include "tensor/base/error.h"

namespace retort {
namespace {

constexpr float kOut = -1e9f;  // added to the score of what must not be chosen

struct Beam {
  std::vector<std::int32_t> ids;      // with the prompt
  float score = kOut;                 // of finished ones with the length penalty
  std::optional<Ending> ending = {};  // none: it goes on
  std::int64_t row = 0;               // of the logits that it comes from
};

// Scores become log probabilities.
void log_softmax(std::span<float> scores) {
  const float most = *std::max_element(scores.begin(), scores.end());
  double total = 0;
  for (const float score : scores) total += std::exp(static_cast<double>(score - most));
  const auto log_total = static_cast<float>(std::log(total));
  for (float& score : scores) score = score - most - log_total;
}

// The indices of the `count` largest of n numbers, largest first; equal ones in their order.
std::vector<std::size_t> largest(std::size_t n, std::size_t count, const float* numbers) {
  std::vector<std::size_t> order(n), best(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::partial_sort_copy(order.begin(), order.end(), best.begin(), best.end(),
                         [&](std::size_t a, std::size_t b) {
                           return numbers[a] > numbers[b] || (numbers[a] == numbers[b] && a < b);
                         });
  return best;
}

// The beams with the largest of `scores`, which become theirs.
std::vector<Beam> best_of(const std::vector<Beam>& beams, const std::vector<float>& scores,
                          std::size_t count) {
  std::vector<Beam> best;
  for (const std::size_t i : largest(beams.size(), count, scores.data())) {
    best.push_back(beams[i]);
    best.back().score = scores[i];
  }
  return best;
}

class BeamSearch : public Search {
 public:
  BeamSearch(SearchTask task, std::int64_t vocab)
      : task_(std::move(task)),
        vocab_(static_cast<std::size_t>(vocab)),
        width_(static_cast<std::size_t>(task_.options->beams)),
        running_(width_),
        finished_(width_) {
    const std::size_t eos = task_.options->eos.size();
    candidates_ = width_ * std::max<std::size_t>(2, 1 + eos);
    check(candidates_ <= width_ * vocab_, "--beams: ", vocab_,
          " token ids are too few for beam search with ", eos, " end-of-sequence ids");
    // At first all beams are the prompt; only one of them counts.
    for (Beam& beam : running_) beam.ids = task_.history;
    running_[0].score = 0;
  }

  std::vector<Continuation> advance(std::span<const float> logits) override {
    const std::vector<Beam> candidates = best_candidates(logits);
    keep_running(candidates);
    keep_finished(candidates);
    ++length_;
    if (is_over(candidates)) return {};
    std::vector<Continuation> next;
    for (Beam& beam : running_) {
      next.push_back({beam.row, beam.ids.back()});
      beam.row = static_cast<std::int64_t>(next.size()) - 1;
    }
    return next;
  }

  Generated result() const override {
    const Beam& best = finished_.front();
    Generated found;
    found.ids.assign(best.ids.begin() + static_cast<std::ptrdiff_t>(task_.history.size()),
                     best.ids.end());
    found.ending = best.ending.value_or(Ending::length);
    found.score = best.score;
    return found;
  }

 private:
  // The most likely continuations of all beams, best first; more than beams, so that enough go on
  // when some of them end.
  std::vector<Beam> best_candidates(std::span<const float> logits) const {
    std::vector<float> scores(width_ * vocab_);
    for (std::size_t b = 0; b < width_; ++b) {
      const auto row = logits.subspan(static_cast<std::size_t>(running_[b].row) * vocab_, vocab_);
      const std::span<float> own(scores.data() + b * vocab_, vocab_);
      std::copy(row.begin(), row.end(), own.begin());
      log_softmax(own);
      task_.apply_rules(own, running_[b].ids);
      for (float& score : own) score += running_[b].score;
    }
    std::vector<Beam> candidates;
    for (const std::size_t i : largest(scores.size(), candidates_, scores.data())) {
      Beam candidate = running_[i / vocab_];
      candidate.ids.push_back(static_cast<std::int32_t>(i % vocab_));
      candidate.score = scores[i];
      candidate.ending = task_.ending(candidate.ids);
      candidates.push_back(std::move(candidate));
    }
    return candidates;
  }

  void keep_running(const std::vector<Beam>& candidates) {
    std::vector<float> scores;
    for (const Beam& beam : candidates) scores.push_back(beam.score + (beam.ending ? kOut : 0));
    running_ = best_of(candidates, scores, width_);
  }

  // A text that has ended joins the finished ones if it is among the best as many candidates as
  // there are beams.
  void keep_finished(const std::vector<Beam>& candidates) {
    const bool full = task_.options->early_stopping == EarlyStopping::yes && all_finished();
    std::vector<Beam> merged = finished_;
    std::vector<float> scores;
    for (const Beam& beam : finished_) scores.push_back(beam.score);
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      Beam beam = candidates[i];
      if (i >= width_) beam.ending.reset();
      float score = beam.score / penalty(length_ + 1);
      if (full) score += kOut;
      if (!improvable_) score += kOut;
      if (!beam.ending) score += kOut;
      scores.push_back(score);
      merged.push_back(std::move(beam));
    }
    finished_ = best_of(merged, scores, width_);
  }

  bool is_over(const std::vector<Beam>& candidates) {
    const EarlyStopping early = task_.options->early_stopping;
    // How long the best running text may be when it ends: a guess, except for `never`.
    const bool to_the_end = early == EarlyStopping::never && task_.options->length_penalty > 0;
    const float hoped = running_.front().score / penalty(to_the_end ? task_.most : length_);
    improvable_ &= std::any_of(finished_.begin(), finished_.end(), [&](const Beam& beam) {
      return hoped > (beam.ending ? finished_.back().score : kOut);
    });
    const bool none_goes_on = std::all_of(candidates.begin(), candidates.end(),
                                          [](const Beam& beam) { return beam.ending.has_value(); });
    return !improvable_ || (early == EarlyStopping::yes && all_finished()) || none_goes_on;
  }

  bool all_finished() const {
    return std::all_of(finished_.begin(), finished_.end(),
                       [](const Beam& beam) { return beam.ending.has_value(); });
  }
  float penalty(std::int64_t length) const {
    return static_cast<float>(std::pow(static_cast<double>(length), task_.options->length_penalty));
  }

  SearchTask task_;
  std::size_t vocab_, width_, candidates_;
  std::vector<Beam> running_, finished_;  // as many as beams, best first
  std::int64_t length_ = 0;               // new tokens of the running ones
  bool improvable_ = true;                // whether a running one may become one of the best
};

}  // namespace

std::unique_ptr<Search> make_beam_search(SearchTask task, std::int64_t vocab) {
  return std::make_unique<BeamSearch>(std::move(task), vocab);
}

}  // namespace retort
