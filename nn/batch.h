// A ragged batch of token sequences, as every model takes it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/ragged.h"

namespace retort {

/// One tokenised example.
struct TokenSequence {
  std::vector<std::int32_t> ids;
  std::vector<std::int32_t> type_ids;  ///< empty: all 0
};

/// What ids may be; checked on the host when a batch is built, so kernels needn't.
struct BatchLimits {
  std::int64_t vocab = 0;
  std::int64_t positions = 0;
  std::int64_t types = 0;  ///< 0: the model has no token types, and any are fine
  /// Where positions begin. Beyond 0 they count the tokens that aren't `pad`; a pad stands at
  /// first_position − 1 (RoBERTa).
  std::int64_t first_position = 0;
  std::int64_t pad = -1;
};

/// Token ids of all sequences end to end, without padding.
struct Batch {
  Tensor ids;        ///< i32 [tokens]
  Tensor type_ids;   ///< i32 [tokens]
  Tensor positions;  ///< i32 [tokens], counted in each sequence
  Tensor first_rows; ///< i32 [sequences]: the row of each sequence's first token ([CLS])
  Ragged ragged;

  std::int64_t tokens() const { return ragged.rows; }
  std::int64_t sequences() const { return ragged.sequences; }
};

/// Errors: an empty sequence, an id, type or length beyond the limits.
Batch make_batch(std::span<const TokenSequence* const> sequences, const BatchLimits& limits);

}  // namespace retort
