// Ragged batches: sequences of different lengths laid end to end, without padding.
#pragma once

#include <cstdint>
#include <span>

#include "tensor/tensor.h"

namespace retort {

/// Row layout of a batch. Sequence s has the query rows [offsets[s], offsets[s+1]) and sees the key
/// rows [key_begin[s], key_begin[s] + key_length[s]); for self-attention these are the same rows.
struct Ragged {
  Tensor offsets;     ///< i32 [sequences + 1]
  Tensor key_begin;   ///< i32 [sequences]
  Tensor key_length;  ///< i32 [sequences]
  std::int64_t sequences = 0;
  std::int64_t rows = 0;      ///< query rows in all
  std::int64_t key_rows = 0;  ///< key rows in all
  std::int64_t max_queries = 0;
  std::int64_t max_keys = 0;

  /// Self-attention over sequences of these lengths (≥ 0), packed end to end.
  static Ragged packed(std::span<const std::int32_t> lengths);
};

}  // namespace retort
