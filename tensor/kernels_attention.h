// Argument structs of the attention kernels; the rules of tensor/kernels.h hold.
#pragma once

#include <cstdint>

#include "tensor/dropout_rule.h"

namespace retort {

/// As many keys as there are: a window without an edge.
inline constexpr std::int64_t kAllKeys = std::int64_t{1} << 40;

/// Scaled dot-product attention over ragged sequences. Sequence s has the query rows
/// [query_offsets[s], query_offsets[s+1]) and the key rows
/// [key_begin[s], key_begin[s] + key_length[s]); the query rows' offsets begin at 0.
///
/// Query i of n stands at key p = i + key_length − n (bottom right) and sees the keys j of its range
/// with p − keys_before ≤ j ≤ p + keys_after. Query head h occupies the columns
/// [h·head_dim, (h+1)·head_dim) of q and out, and uses the key head h / (heads / key_heads).
///
/// score = cap(scale · q·k) + bias[h, bias_zero + j − p], cap(x) = soft_cap · tanh(x / soft_cap);
/// out = dropout(softmax(score)) v. lse: T [heads, query rows], log Σ exp(score).
/// Attention dropout: row (row_offset + query row) · heads + h, column: index of the key in its range.
/// A query that sees no key gives zeros (lse −∞).
///
/// map (may be null): flat; sequence s has the block [heads, queries, keys] at map_offsets[s] with its
/// probabilities before dropout, or with its scores (−∞ where a query doesn't see a key).
struct AttentionArgs {
  const void* q;
  const void* k;
  const void* v;
  void* out;
  void* lse;
  const void* bias;  // T [heads, bias_row] or null
  void* map;
  const std::int64_t* map_offsets;    // [sequences + 1]
  const std::int32_t* query_offsets;  // [sequences + 1]
  const std::int32_t* key_begin;      // [sequences]
  const std::int32_t* key_length;     // [sequences]
  std::int64_t sequences, query_rows, max_queries, max_keys;
  std::int64_t heads, key_heads, head_dim;
  std::int64_t q_row, k_row, v_row, out_row;  // row strides
  std::int64_t bias_row, bias_zero;
  std::int64_t keys_before = kAllKeys, keys_after = kAllKeys;
  double scale;
  double soft_cap;  // 0: none
  bool map_of_scores;
  DropoutRule dropout;
};

/// dq, dk, dv have the strides of q, k, v. Probabilities are recomputed from lse. In halves every group
/// is one sequence: a sum over several must not be rounded in between.
/// Group g holds the sequences group_sequences[group_offsets[g] … group_offsets[g+1]), which share key
/// rows with each other and with no other group; their gradients of keys and values are added up in
/// that order. dk and dv hold zeros before where a row is in no range or in several; else they are
/// overwritten, as dq is.
struct AttentionBackwardArgs {
  AttentionArgs forward;  // out and lse as computed; map unused
  const void* dout;       // null: zero
  const void* dmap;       // null: zero; −∞ entries of scores have no gradient
  std::int64_t dout_row;
  const std::int32_t* group_offsets;    // [groups + 1]
  const std::int32_t* group_sequences;  // [sequences]
  std::int64_t groups;
  void* dq;
  void* dk;
  void* dv;
  void* dbias;  // T [heads, bias_row] or null
};

/// x, y: [rows, heads · head_dim], contiguous rows of y, x_row apart in x. Rotates pair i of the first
/// rotary_dim columns of every head by the row's angle i (Su et al. 2021): (a, b) becomes
/// (a·cos − b·sin, b·cos + a·sin); the other columns are copied. Pair i is the columns
/// (i, i + rotary_dim/2) (Llama, GPT-NeoX), or (2i, 2i + 1) if interleaved (GPT-J).
/// table: [rows, rotary_dim], per row all cosines, then all sines. inverse: by the negated angles.
struct RotaryArgs {
  const void* x;
  const void* table;
  void* y;
  std::int64_t rows, heads, head_dim, rotary_dim, x_row;
  bool interleaved, inverse;
};

/// table[r] = factor · (cos, sin) of position[r] · frequencies[i], computed in f64; T is the table's.
struct RotaryTableArgs {
  const std::int32_t* positions;  // [rows]
  const double* frequencies;      // [rotary_dim / 2]
  void* table;
  std::int64_t rows, rotary_dim;
  double factor;
};

}  // namespace retort
