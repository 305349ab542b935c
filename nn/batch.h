// A ragged batch of token sequences, as every model takes it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "nn/task.h"
#include "tensor/ragged.h"

namespace retort {

class KeyValueCache;

/// One tokenised example.
struct TokenSequence {
  std::vector<std::int32_t> ids;
  std::vector<std::int32_t> type_ids = {};  ///< empty: all 0
  /// What an encoder-decoder's decoder reads, as it is: the start token and then what it has
  /// written. Row i of the logits is about the token behind target_ids[i]; of labels to learn,
  /// shifted_right makes these.
  std::vector<std::int32_t> target_ids = {};
};

/// What a decoder reads so that its rows are about `labels`: `start`, then all of them but the
/// last.
std::vector<std::int32_t> shifted_right(std::span<const std::int32_t> labels, std::int32_t start);

/// What ids may be; checked on the host when a batch is built, so kernels needn't.
struct BatchLimits {
  std::int64_t vocab = 0;
  std::int64_t positions = 0;
  std::int64_t types = 0;  ///< 0: the model has no token types, and any are fine
  /// Where positions begin. Beyond 0 they count the tokens that aren't `pad`; a pad stands at
  /// first_position − 1 (RoBERTa).
  std::int64_t first_position = 0;
  std::int64_t pad = -1;
  Targets targets = Targets::none;
  std::int64_t decoder_start = 0;  ///< what shifted targets begin with
};

/// Token ids of all sequences end to end, without padding.
struct Batch {
  Tensor ids;         ///< i32 [tokens]
  Tensor type_ids;    ///< i32 [tokens]
  Tensor positions;   ///< i32 [tokens], counted in each sequence
  Tensor first_rows;  ///< i32 [sequences]: the row of each sequence's first token ([CLS])
  Ragged ragged;
  /// Of a decoder that goes on with its sequences: what it knows of the tokens before. Or null.
  KeyValueCache* cache = nullptr;
  std::shared_ptr<const Batch> target = nullptr;  ///< what an encoder-decoder's decoder reads
  Ragged cross =
      {};  ///< the target's tokens as queries, this batch's as keys; if there is a target

  std::int64_t tokens() const { return ragged.rows; }
  std::int64_t sequences() const { return ragged.sequences; }
};

/// Errors: an empty sequence, an id, type or length beyond the limits; targets that are missing, or
/// that the limits have no use for.
Batch make_batch(std::span<const TokenSequence* const> sequences, const BatchLimits& limits);
/// Further tokens of the cache's sequences, behind those that it holds, whose keys they see too; it
/// counts them from now on and lives as long as the batch. Of an encoder-decoder they are targets,
/// and only the first batch has ids, the encoder's. Errors: those above, KeyValueCache::extend's.
Batch make_batch(std::span<const TokenSequence* const> sequences, const BatchLimits& limits,
                 KeyValueCache& cache);

}  // namespace retort
