// Byte pair encoding's training: the heart of the WordPiece and the BPE trainers.
#pragma once

#include <cstdint>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "tokenizer/training/progress.h"

namespace retort {

/// A word as pieces, and how often it occurs.
struct CountedWord {
  std::vector<std::int32_t> pieces;
  std::int64_t count;
};

/// Joins the most frequent pair again and again; of equals the one with the lower ids. For every
/// pair the words that (may) hold it are
// known, so a step looks at those words only; counts are kept up to date and the queue's entries
// are checked when popped.
class PairJoiner {
 public:
  /// `vocab` grows; `prefix` starts pieces that continue a word and isn't repeated inside a joined
  /// one.
  PairJoiner(std::vector<std::string>& vocab, std::vector<CountedWord> words,
             std::string_view prefix)
      : vocab_(vocab), words_(std::move(words)), prefix_(prefix) {
    for (std::size_t i = 0; i < vocab_.size(); ++i)
      ids_.emplace(vocab_[i], static_cast<std::int32_t>(i));
    for (std::size_t w = 0; w < words_.size(); ++w) {
      const auto& pieces = words_[w].pieces;
      for (std::size_t i = 0; i + 1 < pieces.size(); ++i)
        add(key(pieces[i], pieces[i + 1]), w, words_[w].count);
    }
    push_changed();
  }

  /// Until there are `vocab_size` pieces or no pair occurs `min_frequency` times.
  void run(std::size_t vocab_size, std::int64_t min_frequency, const TrainingProgress& progress) {
    while (vocab_.size() < vocab_size && !queue_.empty()) {
      const Candidate best = queue_.top();
      queue_.pop();
      const auto found = pairs_.find(best.pair);
      if (found == pairs_.end() || found->second.count != best.count)
        continue;  // changed since: pushed again
      if (best.count < min_frequency) break;
      join(best.pair);
      push_changed();
      if (progress && vocab_.size() % 64 == 0)
        progress(static_cast<std::int64_t>(vocab_.size()), static_cast<std::int64_t>(vocab_size));
    }
  }

  /// The pairs that were joined, in order.
  const std::vector<std::pair<std::int32_t, std::int32_t>>& joined() const { return joined_; }

 private:
  using Pair = std::uint64_t;  // left id, right id

  struct Candidate {
    std::int64_t count;
    Pair pair;
    bool operator<(const Candidate& other) const {
      return count != other.count ? count < other.count : pair > other.pair;
    }
  };

  struct Occurrences {
    std::int64_t count = 0;
    std::vector<std::size_t> words;  // may hold words twice, and words that lost the pair
  };

  static Pair key(std::int32_t left, std::int32_t right) {
    return static_cast<Pair>(static_cast<std::uint32_t>(left)) << 32 |
           static_cast<std::uint32_t>(right);
  }

  void add(Pair pair, std::size_t word, std::int64_t count) {
    Occurrences& occurrences = pairs_[pair];
    occurrences.count += count;
    if (count > 0 && (occurrences.words.empty() || occurrences.words.back() != word))
      occurrences.words.push_back(word);
    changed_.insert(pair);
  }

  void push_changed() {
    for (const Pair pair : changed_)
      if (const auto found = pairs_.find(pair); found != pairs_.end() && found->second.count > 0)
        queue_.push({found->second.count, pair});
    changed_.clear();
  }

  void join(Pair pair) {
    const auto left = static_cast<std::int32_t>(pair >> 32),
               right = static_cast<std::int32_t>(pair);
    // "ab" + "##c" is "abc"; the same text may arise from several pairs and stays one piece.
    const std::string piece = vocab_[static_cast<std::size_t>(left)] +
                              vocab_[static_cast<std::size_t>(right)].substr(prefix_.size());
    const auto [entry, is_new] = ids_.emplace(piece, static_cast<std::int32_t>(vocab_.size()));
    const std::int32_t joined = entry->second;
    if (is_new) vocab_.push_back(piece);

    joined_.emplace_back(left, right);
    const std::vector<std::size_t> words = std::move(pairs_[pair].words);
    for (const std::size_t w : words) {
      auto& pieces = words_[w].pieces;
      const std::int64_t count = words_[w].count;
      std::size_t out = 0;
      for (std::size_t i = 0; i < pieces.size(); ++i, ++out) {
        if (i + 1 == pieces.size() || pieces[i] != left || pieces[i + 1] != right) {
          pieces[out] = pieces[i];
          continue;
        }
        if (out > 0) {
          add(key(pieces[out - 1], left), w, -count);
          add(key(pieces[out - 1], joined), w, count);
        }
        if (i + 2 < pieces.size()) {
          add(key(right, pieces[i + 2]), w, -count);
          add(key(joined, pieces[i + 2]), w, count);
        }
        pieces[out] = joined;
        ++i;
      }
      pieces.resize(out);
    }
    pairs_.erase(pair);
  }

  std::vector<std::string>& vocab_;
  std::vector<CountedWord> words_;
  std::string prefix_;
  std::vector<std::pair<std::int32_t, std::int32_t>> joined_;
  std::unordered_map<std::string, std::int32_t> ids_;
  std::unordered_map<Pair, Occurrences> pairs_;
  std::unordered_set<Pair> changed_;
  std::priority_queue<Candidate> queue_;
};

}  // namespace retort
