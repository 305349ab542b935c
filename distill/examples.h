// Tokenised examples: rows of a table as token sequences with label ids.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "distill/data/labels.h"
#include "distill/data/table.h"
#include "distill/model_directory.h"
#include "nn/batch.h"

namespace retort {

struct Examples {
  std::vector<TokenSequence> sequences;
  std::vector<std::int32_t> labels;  ///< of single labels; empty when the table has none
  std::vector<float> targets;        ///< of label sets and regression: `columns` of each example
  std::int64_t columns = 0;
  std::int64_t truncated = 0;
  std::int64_t tokens = 0;

  std::int64_t count() const { return static_cast<std::int64_t>(sequences.size()); }
  /// The examples at `indices` as a batch.
  Batch batch(std::span<const std::int64_t> indices, const BatchLimits& limits) const;
  /// Their labels as i32 [count].
  Tensor batch_labels(std::span<const std::int64_t> indices) const;
  /// Their targets as f32 [count, columns].
  Tensor batch_targets(std::span<const std::int64_t> indices) const;
  /// A hash of all ids, types and labels: tells one data set from another.
  std::uint64_t digest() const;
};

/// Tokenises on all threads. `labels` may be null (no labels are wanted); `problem` says what a
/// row's label is.
Examples encode_examples(const Table& table, const Tokenizer& tokenizer, const LabelMap* labels,
                         int max_length, PairStyle style,
                         std::vector<std::string>* warnings = nullptr,
                         Problem problem = Problem::single_label);

/// One text or pair.
TokenSequence encode_text(const Tokenizer& tokenizer, std::string_view text,
                          std::optional<std::string_view> pair, int max_length, PairStyle style,
                          bool* truncated = nullptr);

/// The rows of each step of an epoch: a permutation that depends on seed and epoch alone.
std::vector<std::int64_t> shuffled_rows(std::int64_t count, std::uint64_t seed, std::int64_t epoch);

}  // namespace retort
