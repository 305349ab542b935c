#include "distill/examples.h"

#include <atomic>
#include <bit>
#include <numeric>
#include <utility>

#include "distill/data/targets.h"
#include "nn/parameter.h"
#include "tensor/base/parallel.h"
#include "tensor/base/philox.h"

namespace retort {
namespace {

constexpr std::int64_t kRowsPerChunk = 64;

}  // namespace

Batch Examples::batch(std::span<const std::int64_t> indices, const BatchLimits& limits) const {
  std::vector<const TokenSequence*> chosen;
  for (const std::int64_t index : indices) chosen.push_back(&sequences[static_cast<std::size_t>(index)]);
  return make_batch(chosen, limits);
}

Tensor Examples::batch_labels(std::span<const std::int64_t> indices) const {
  std::vector<std::int32_t> chosen;
  for (const std::int64_t index : indices) chosen.push_back(labels[static_cast<std::size_t>(index)]);
  return Tensor::from(chosen);
}

Tensor Examples::batch_targets(std::span<const std::int64_t> indices) const {
  std::vector<float> chosen;
  for (const std::int64_t index : indices) {
    const auto row = targets.begin() + index * columns;
    chosen.insert(chosen.end(), row, row + columns);
  }
  return Tensor::from(chosen, {static_cast<std::int64_t>(indices.size()), columns});
}

std::uint64_t Examples::digest() const {
  std::uint64_t hash = 14695981039346656037u;  // FNV-1a over 32-bit words
  const auto mix = [&](std::int64_t word) {
    hash = (hash ^ static_cast<std::uint32_t>(word)) * 1099511628211u;
  };
  for (std::size_t row = 0; row < sequences.size(); ++row) {
    mix(static_cast<std::int64_t>(sequences[row].ids.size()));
    for (const std::int32_t id : sequences[row].ids) mix(id);
    for (const std::int32_t type : sequences[row].type_ids) mix(type);
    mix(labels.empty() ? -1 : labels[row]);
  }
  for (const float target : targets) mix(std::bit_cast<std::int32_t>(target));
  return hash;
}

TokenSequence encode_text(const Tokenizer& tokenizer, std::string_view text,
                          std::optional<std::string_view> pair, int max_length, PairStyle style,
                          bool* truncated) {
  Encoding encoding;
  if (pair && style == PairStyle::joined) {
    const std::string joined = std::string(text) + kPairJoiner + std::string(*pair);
    encoding = tokenizer.encode(joined, {}, max_length);
  } else {
    encoding = tokenizer.encode(text, pair, max_length);
  }
  if (truncated) *truncated = encoding.truncated;
  return {std::move(encoding.ids), std::move(encoding.type_ids)};
}

Examples encode_examples(const Table& table, const Tokenizer& tokenizer, const LabelMap* labels,
                         int max_length, PairStyle style, std::vector<std::string>* warnings,
                         Problem problem) {
  Examples examples;
  const auto count = static_cast<std::int64_t>(table.rows.size());
  if (labels && problem != Problem::single_label) {
    examples.columns = labels->size();
    examples.targets = problem == Problem::multi_label ? set_targets(table, *labels)
                                                       : number_targets(table, labels->size());
  }
  if (labels && problem == Problem::single_label)
    for (const std::int64_t id : labels->ids(table, warnings))
      examples.labels.push_back(static_cast<std::int32_t>(id));
  examples.sequences.resize(table.rows.size());
  std::atomic<std::int64_t> truncated{0}, tokens{0};
  parallel_ranges(count, kRowsPerChunk, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin; i < end; ++i) {
      const Row& row = table.rows[static_cast<std::size_t>(i)];
      bool cut = false;
      TokenSequence& sequence = examples.sequences[static_cast<std::size_t>(i)];
      sequence = encode_text(tokenizer, row.text, row.pair, max_length, style, &cut);
      truncated += cut;
      tokens += static_cast<std::int64_t>(sequence.ids.size());
    }
  });
  examples.truncated = truncated;
  examples.tokens = tokens;
  return examples;
}

std::vector<std::int64_t> shuffled_rows(std::int64_t count, std::uint64_t seed, std::int64_t epoch) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(count));
  std::iota(rows.begin(), rows.end(), std::int64_t{0});
  RandomStream random(seed, random_site("shuffle." + std::to_string(epoch)));
  for (std::size_t i = rows.size(); i > 1; --i) std::swap(rows[i - 1], rows[random.below(i)]);
  return rows;
}

}  // namespace retort
