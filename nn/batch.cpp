#include "nn/batch.h"

#include "nn/cache.h"
#include "tensor/base/error.h"

namespace retort {
namespace {

// Sequences laid end to end, behind those of the cache, if there is one. `kind` is what messages
// call their tokens.
class Collector {
 public:
  Collector(const BatchLimits& limits, const char* kind, KeyValueCache* cache = nullptr)
      : limits_(limits), kind_(kind), cache_(cache) {}

  void add(std::span<const std::int32_t> ids, std::span<const std::int32_t> type_ids) {
    const auto length = static_cast<std::int64_t>(ids.size());
    check(length <= limits_.positions, "batch: a sequence has ", length, " ", kind_,
          "s, the model has ", limits_.positions, " positions; truncate it with --max-length");
    check(type_ids.empty() || type_ids.size() == ids.size(), "batch: ", type_ids.size(),
          " token types for ", length, " tokens");
    first_rows_.push_back(static_cast<std::int32_t>(ids_.size()));
    lengths_.push_back(static_cast<std::int32_t>(length));
    const auto start = static_cast<std::int32_t>(limits_.first_position);
    std::int32_t position = start;
    if (cache_ && cache_->sequences() > 0)
      position +=
          static_cast<std::int32_t>(cache_->length(static_cast<std::int64_t>(lengths_.size()) - 1));
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const std::int32_t id = ids[i];
      const std::int32_t type = type_ids.empty() ? 0 : type_ids[i];
      check(id >= 0 && id < limits_.vocab, "batch: ", kind_, " id ", id,
            " is outside of the model's ", limits_.vocab,
            " ids; the tokenizer belongs to another model");
      check(type >= 0 && (type < limits_.types || limits_.types == 0), "batch: token type ", type,
            " is outside of the model's ", limits_.types);
      ids_.push_back(id);
      types_.push_back(type);
      positions_.push_back(start > 0 && id == limits_.pad ? start - 1 : position++);
    }
  }

  const std::vector<std::int32_t>& lengths() const { return lengths_; }
  Batch batch() const {
    return {Tensor::from(ids_),
            Tensor::from(types_),
            Tensor::from(positions_),
            Tensor::from(first_rows_),
            cache_ ? cache_->extend(lengths_) : Ragged::packed(lengths_),
            cache_};
  }

 private:
  const BatchLimits& limits_;
  const char* kind_;
  KeyValueCache* cache_;
  std::vector<std::int32_t> ids_, types_, positions_, lengths_, first_rows_;
};

void add_tokens(Collector& tokens, const TokenSequence& sequence) {
  check(!sequence.ids.empty(), "batch: a sequence has no tokens");
  tokens.add(sequence.ids, sequence.type_ids);
}

void add_targets(Collector& targets, const TokenSequence& sequence, const BatchLimits& limits) {
  check(!sequence.target_ids.empty(),
        "batch: a sequence has no target ids for the decoder to read; they begin with its start "
        "token, which is ",
        limits.decoder_start);
  targets.add(sequence.target_ids, {});
}

// Further targets of the cache's sequences. An encoder has read the prompts of those that it holds.
Batch batch_of_targets(std::span<const TokenSequence* const> sequences, const BatchLimits& limits,
                       KeyValueCache& cache) {
  Collector tokens(limits, "token"), targets(limits, "target", &cache);
  const bool first = cache.sequences() == 0;
  for (const TokenSequence* sequence : sequences) {
    add_targets(targets, *sequence, limits);
    check(first || sequence->ids.empty(), "batch: a sequence has ", sequence->ids.size(),
          " tokens for the encoder, which has read them before");
    if (first) add_tokens(tokens, *sequence);
  }
  Batch batch = tokens.batch();
  batch.target = std::make_shared<const Batch>(targets.batch());
  if (first) cache.prompts().begin(tokens.lengths());
  batch.cross = cache.prompts().seen_by(targets.lengths());
  return batch;
}

}  // namespace

std::vector<std::int32_t> shifted_right(std::span<const std::int32_t> labels, std::int32_t start) {
  std::vector<std::int32_t> inputs;
  for (std::size_t i = 0; i < labels.size(); ++i) inputs.push_back(i == 0 ? start : labels[i - 1]);
  return inputs;
}

Batch make_batch(std::span<const TokenSequence* const> sequences, const BatchLimits& limits,
                 KeyValueCache& cache) {
  check(limits.targets != Targets::shifted,
        "batch: a cache of keys and values serves models that write; this one's decoder reads the "
        "encoder's tokens");
  if (limits.targets == Targets::given) return batch_of_targets(sequences, limits, cache);
  Collector tokens(limits, "token", &cache);
  for (const TokenSequence* sequence : sequences) add_tokens(tokens, *sequence);
  return tokens.batch();
}

Batch make_batch(std::span<const TokenSequence* const> sequences, const BatchLimits& limits) {
  Collector tokens(limits, "token"), targets(limits, "target");
  for (const TokenSequence* sequence : sequences) {
    add_tokens(tokens, *sequence);
    if (limits.targets == Targets::given) {
      add_targets(targets, *sequence, limits);
      continue;
    }
    check(sequence->target_ids.empty(), "batch: a sequence has ", sequence->target_ids.size(),
          " target ids; this model and head take none");
    if (limits.targets == Targets::shifted)
      targets.add(shifted_right(sequence->ids, static_cast<std::int32_t>(limits.decoder_start)),
                  {});
  }
  Batch batch = tokens.batch();
  if (limits.targets != Targets::none) {
    batch.target = std::make_shared<const Batch>(targets.batch());
    batch.cross = Ragged::across(targets.lengths(), tokens.lengths());
  }
  return batch;
}

}  // namespace retort
