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
  /// Sequences whose key ranges overlap, directly or through others, form a group: group g is
  /// group_sequences[group_offsets[g] … group_offsets[g+1]), ascending. An empty range is a group.
  Tensor group_offsets;    ///< i32 [groups + 1]
  Tensor group_sequences;  ///< i32 [sequences]
  std::int64_t sequences = 0;
  std::int64_t groups = 0;
  std::int64_t rows = 0;      ///< query rows in all
  std::int64_t key_rows = 0;  ///< key rows in all
  std::int64_t max_queries = 0;
  std::int64_t max_keys = 0;
  bool each_key_once = false;  ///< every key row is in exactly one range

  /// Self-attention over sequences of these lengths (≥ 0), packed end to end.
  static Ragged packed(std::span<const std::int32_t> lengths);
  /// Cross-attention: sequence s has query_lengths[s] queries and key_lengths[s] keys, both packed.
  static Ragged across(std::span<const std::int32_t> query_lengths,
                       std::span<const std::int32_t> key_lengths);
  /// Any key ranges within key_rows rows: a key-value cache with room to grow, a prompt that beams
  /// share. Ranges may overlap.
  static Ragged over_ranges(std::span<const std::int32_t> query_lengths,
                            std::span<const std::int32_t> key_begin,
                            std::span<const std::int32_t> key_length, std::int64_t key_rows);

  /// Where each sequence's [heads, queries, keys] block begins in a flat vector of such blocks: i64
  /// [sequences + 1]; the last one is the vector's length.
  Tensor block_offsets(std::int64_t heads) const;
};

}  // namespace retort
