// Argument structs of the kernels over ragged rows; the rules of tensor/kernels.h hold.
#pragma once

#include <cstdint>

namespace retort {

/// y[s] = Σ or maximum over the rows [offsets[s], offsets[s+1]) of x; x: [rows, columns], y: [segments,
/// columns]. Of no rows: 0, −∞. Offsets begin at 0 and never fall.
struct SegmentReduceArgs {
  const void* x;
  void* y;
  const std::int32_t* offsets;  // [segments + 1]
  std::int64_t segments, columns;
  bool maximum;
};

/// y[r] = x[s] for every row r of segment s: the adjoint of the sum.
struct SegmentExpandArgs {
  const void* x;
  void* y;
  const std::int32_t* offsets;  // [segments + 1]
  std::int64_t segments, columns;
};

/// A block [heads, queries, keys] per sequence, flat, sequence s's at block_offsets[s]; its queries and
/// keys are rows as in AttentionArgs.
struct RaggedBlocksArgs {
  const std::int64_t* block_offsets;  // [sequences + 1]
  const std::int32_t* query_offsets;  // [sequences + 1]
  const std::int32_t* key_begin;      // [sequences]
  const std::int32_t* key_length;     // [sequences]
  std::int64_t sequences, heads;
};

/// Head h occupies the columns [h·head_dim, (h+1)·head_dim) of matrices of rows.
enum class RaggedProduct : int {
  products,         ///< block[h, i, j] = q[i, h]·k[j, h];  a: q rows, b: k rows, y: blocks
  apply,            ///< y[i, h] = Σ_j block[h, i, j] · x[j, h];  a: blocks, b: key rows, y: query rows
  apply_transposed  ///< y[j, h] += Σ_i block[h, i, j] · x[i, h];  a: blocks, b: query rows, y: key rows
};

/// One product per sequence and head. apply_transposed adds up the sequences of a group (see
/// AttentionBackwardArgs) in order, onto what y holds.
struct RaggedMatmulArgs {
  RaggedProduct product;
  RaggedBlocksArgs blocks;
  const void* a;
  const void* b;
  void* y;
  std::int64_t head_dim;
  std::int64_t a_row, b_row, y_row;     // strides of matrices of rows
  const std::int32_t* group_offsets;    // [groups + 1]
  const std::int32_t* group_sequences;  // [sequences]
  std::int64_t groups;
};

/// y = softmax of every row of keys of every block; a row of −∞ alone gives zeros.
struct RaggedSoftmaxArgs {
  RaggedBlocksArgs blocks;
  const void* x;
  void* y;
};

/// dx = y · (dy − Σ dy·y), row by row.
struct RaggedSoftmaxBackwardArgs {
  RaggedBlocksArgs blocks;
  const void* dy;
  const void* y;
  void* dx;
};

}  // namespace retort
