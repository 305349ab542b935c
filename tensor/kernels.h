// The kernels' argument structs and the table of function pointers that a backend fills.
//
// Plain data only: the same header is read by every CPU instruction set and by nvcc. A kernel never
// allocates, validates or throws; tensor/ops_*.cpp has checked everything before. Row-major unless
// strides are given; strides count elements.
//
// Arrays hold the kernel's storage type S (f32, f64, bf16 or f16), those marked T the type that it
// computes in: f32 for bf16 and f16, else S itself. What T marks is what rounding to a half would
// spoil: statistics, losses, parameters and their gradients. Halves are widened when they are read and
// rounded to nearest even when they are written; in between everything happens as in f32.
//
// Every reduction runs in an order that depends on the shapes alone, never on the number of threads;
// a row's result depends only on that row (for attention: on its own sequence). NaN propagates.
#pragma once

#include <cstdint>

#include "tensor/dropout_rule.h"
#include "tensor/dtype.h"
#include "tensor/kernels_attention.h"
#include "tensor/kernels_elementwise.h"
#include "tensor/kernels_indexing.h"
#include "tensor/kernels_loss.h"
#include "tensor/kernels_norm.h"
#include "tensor/kernels_ragged.h"
#include "tensor/kernels_reduce.h"
#include "tensor/plan.h"

namespace retort {

/// c[b, i, j] (+)= Σ_p a[b, i, p] · b[b, p, j] + bias[j], then gelu when asked for.
/// a(i, p) at a_row·i + a_col·p; b(p, j) at b_row·p + b_col·j; c(i, j) at c_row·i + j.
/// f32, f64: c is one chain of fused multiply-adds in ascending order of p, whatever the blocking.
/// bf16: sums in f32 in the order of the instruction that multiplies (tensor/cpu/bf16/tile.h), denormal
/// numbers counting as zeros. Either way an element's bits depend on its row of a and its column of b
/// alone. Tables without bf16 instructions leave that entry empty.
struct MatmulArgs {
  const void* a;
  const void* b;
  void* c;
  const void* bias;  // [n] or null, T; added last
  std::int64_t batch, m, n, k;
  std::int64_t a_batch, a_row, a_col;
  std::int64_t b_batch, b_row, b_col;
  std::int64_t c_batch, c_row;
  bool accumulate;  // add to c instead of overwriting it
  bool gelu = false;
  bool f32_result = false;         // bf16 only: c is f32
  const void* packed_b = nullptr;  // what matmul_pack made of b, which isn't read then; batch is 1
};

/// Packs b [k, n] of later products into Launch::workspace, which the caller keeps; the workspace query
/// says how large that is. A packed b belongs to the kernel table that packed it.
struct MatmulPackArgs {
  const void* b;
  std::int64_t n, k, b_row, b_col;
};

/// x, residual (may be null), y: [rows, columns]. y = dropout(x) + residual.
struct DropoutArgs {
  const void* x;
  const void* residual;
  void* y;
  std::int64_t rows, columns;
  DropoutRule rule;
};

/// y[r] = table[ids[r]]; table: [*, columns], y: [rows, columns]. Ids are in range (checked before).
struct EmbeddingArgs {
  const void* table;
  const std::int32_t* ids;
  void* y;
  std::int64_t rows, columns;
};

/// dtable[ids[r]] += dy[r], rows in ascending order for each id; dtable: T.
struct EmbeddingBackwardArgs {
  const void* dy;
  const std::int32_t* ids;
  void* dtable;
  std::int64_t rows, columns;
};

/// sum[0] += Σ x², accumulated in f64 by fixed chunks.
struct SumOfSquaresArgs {
  const void* x;
  std::int64_t count;
  double* sum;
};

/// sum[0] += Σ x² of a [table_rows, columns] matrix x that is zero but for the given rows, with the
/// bits that sum_of_squares gives for the whole matrix.
struct SumOfSquaresRowsArgs {
  const void* rows;         // [count, columns]
  const std::int32_t* ids;  // [count], ascending: which rows of the matrix they are
  std::int64_t count, columns, table_rows;
  double* sum;
};

/// What changes with every step; read through a pointer.
struct AdamwStep {
  double learning_rate;
  double beta1, beta2, epsilon;
  double weight_decay;
  double correction1, correction2;  // 1 − βᵗ
  double gradient_scale;            // clipping factor
};

/// AdamW (Loshchilov & Hutter 2019), in torch's order but for 1/√correction2, which is a factor:
/// p *= 1 − lr·decay; g = scale·grad; m = β₁m + (1−β₁)g; v = β₂v + (1−β₂)g²;
/// p −= (lr/correction1) · m / (√v/√correction2 + ε).
struct AdamwArgs {
  void* parameter;
  const void* gradient;
  void* m;
  void* v;
  std::int64_t count;
  const AdamwStep* step;
};

/// AdamW on some rows of [*, columns] matrices, which first catch up: row r takes the steps
/// [done[r], steps) with a gradient of zero, but the last one with its row of `gradient`, if there is
/// one; then done[r] = steps. The bits are those of adamw, step by step on the whole matrix.
struct AdamwRowsArgs {
  void* parameter;
  void* m;
  void* v;
  const void* gradient;     // [rows, columns] or null
  const std::int32_t* ids;  // [rows], each once; null: 0, 1, 2, …
  std::int32_t* done;       // [*]; less than `steps` where there is a gradient
  std::int64_t rows, columns;
  const AdamwStep* step;  // [steps], the oldest first
  std::int64_t steps;
};

template <class Args>
using Kernel = void (*)(const Launch&, const Args&);
template <class Args>
using WorkspaceQuery = std::int64_t (*)(const Args&, int threads);

/// Storage types in a kernel table: f32, f64, bf16, f16.
inline constexpr int kKernelTypes = 4;

/// One backend: function pointers, null where a kernel doesn't come in a type.
struct KernelTable {
  const char* isa;
#define RETORT_KERNEL(name, Args) Kernel<Args> name[kKernelTypes];
#define RETORT_KERNEL_WITH_WORKSPACE(name, Args) \
  Kernel<Args> name[kKernelTypes];               \
  WorkspaceQuery<Args> name##_workspace[kKernelTypes];
#include "tensor/kernels.def"
};

}  // namespace retort
