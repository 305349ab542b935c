// What attention can be asked for, with the defaults of a plain encoder.
#pragma once

#include <cstdint>
#include <optional>

#include "tensor/dropout_rule.h"

namespace retort {

/// What a pass returns beside its result: per sequence one [heads, queries, keys] block.
enum class AttentionMap : int {
  none,
  probabilities,  ///< before dropout; 0 where a query doesn't see a key
  scores,         ///< scaled, capped, with bias; −∞ where a query doesn't see a key
};

/// Options of attention over ragged sequences. A query's own position is aligned to the bottom right
/// of its key range: query i of n stands at key i + keys − n.
struct AttentionOptions {
  std::int64_t heads = 1;       ///< of q
  std::int64_t key_heads = 0;   ///< of k and v (grouped heads); divides heads; 0: heads
  std::optional<double> scale = std::nullopt;  ///< of q·k; 1/√head_dim if not given
  bool causal = false;          ///< sees its own position and what lies before
  /// > 0: sees its own position and the sliding_window − 1 before (Mistral, Gemma).
  std::int64_t sliding_window = 0;
  /// > 0: sees positions at most local_window / 2 away, on both sides (ModernBERT).
  std::int64_t local_window = 0;
  double soft_cap = 0;  ///< > 0: scores become soft_cap · tanh(score / soft_cap) (Gemma 2)
  /// Of the bias table, if there is one (T5): whether keys behind a query have buckets of their own,
  /// and the distance from which on all keys share the last bucket.
  bool bidirectional_buckets = true;
  std::int64_t max_distance = 128;
  DropoutRule dropout = {};
  AttentionMap map = AttentionMap::none;
};

}  // namespace retort
