// Tensor operations: shape rules, checks and allocation; the loops are kernels. No gradients here.
//
// Floating-point arguments of one op have one dtype, and its result has it too: f32, f64, or a half
// (bf16, f16), which is only stored and computed with in f32. Marked "compute dtype" is what is f32
// beside halves: losses, statistics, the parameters of norms and their gradients.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "tensor/attention_options.h"
#include "tensor/kernels.h"
#include "tensor/ragged.h"
#include "tensor/row_sparse.h"
#include "tensor/tensor.h"
#include "tensor/vocabulary_head.h"

namespace retort {
class Prepared;
}

namespace retort::ops {

// elementwise ----------------------------------------------------------------------------------
void fill(Tensor& y, double value);
/// y = x, element by element; strides and dtypes may differ.
void copy(const Tensor& x, Tensor& y);
/// `first` and `second` are what clamp and inside take.
Tensor unary(UnaryOp op, const Tensor& x, double first = 0, double second = 0);
Tensor binary(BinaryOp op, const Tensor& a, const Tensor& b);  ///< broadcasts
/// The number is not rounded to a half.
Tensor binary(BinaryOp op, const Tensor& a, double number);
/// a where the condition isn't 0, else b; broadcasts. The condition is bool or has a's dtype.
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);
/// y += x in place (same shape).
void add_to(Tensor& y, const Tensor& x);
/// x · factor
Tensor scale(const Tensor& x, double factor);

// reduce ---------------------------------------------------------------------------------------
/// `shape` with the sizes of `axes` (all when empty) as 1.
Shape kept_shape(const Shape& shape, std::span<const int> axes);
/// Over `axes` (all when empty).
Tensor reduce(ReduceOp op, const Tensor& x, std::span<const int> axes, bool keep_dims);
/// Sums x down to `shape`, which broadcasts to x's shape.
Tensor sum_to(const Tensor& x, const Shape& shape);
/// Mean over `axes` (all when empty), NaN over no elements.
Tensor mean(const Tensor& x, std::span<const int> axes, bool keep_dims);
/// Σ (x − mean)² / (n − 1), or / n if not `unbiased`; NaN when that divides 0 by 0.
Tensor var(const Tensor& x, std::span<const int> axes, bool unbiased, bool keep_dims);
/// log Σ e^x without overflow; −∞ over no elements.
Tensor logsumexp(const Tensor& x, std::span<const int> axes, bool keep_dims);
/// i64: where along `axis` the largest element stands; the first of equals, the first NaN before any
/// number. An error over no elements.
Tensor argmax(const Tensor& x, int axis, bool keep_dims = false);
Tensor argmin(const Tensor& x, int axis, bool keep_dims = false);
/// Running sums along `axis`, from its end if `reverse`.
Tensor cumsum(const Tensor& x, int axis, bool reverse = false);

// shape ----------------------------------------------------------------------------------------
Tensor concat(std::span<const Tensor> parts, int dim);
/// The elements along `dims` in reverse order.
Tensor flip(const Tensor& x, std::span<const int> dims);
/// x with `before` and `after` further elements of `value` in each dimension.
struct Padding {
  std::int64_t before = 0, after = 0;
};
Tensor pad(const Tensor& x, std::span<const Padding> padding, double value);

// indexing -------------------------------------------------------------------------------------
// Indices are i32 or i64, each in [0, size of the dimension); anything else is an error.
/// y[…, j, …] = x[…, index[…, j, …], …] along dim; the index has x's sizes in the other dimensions.
Tensor gather(const Tensor& x, int dim, const Tensor& index);
/// y[…, j, …] = x[…, index[j], …] along dim.
Tensor index_select(const Tensor& x, int dim, const Tensor& index);
/// A copy of x with source[…, j, …] added at […, index[…, j, …], …], in order of j.
Tensor scatter_add(const Tensor& x, int dim, const Tensor& index, const Tensor& source);
/// A copy of x with source[…, j, …] added at […, index[j], …], in order of j.
Tensor index_add(const Tensor& x, int dim, const Tensor& index, const Tensor& source);

struct Sorted {
  Tensor values;
  Tensor indices;  ///< i64: where along the dimension each value stood
};
/// Stable; NaN counts as the largest number, −0 equals 0.
Sorted sort(const Tensor& x, int dim, bool descending = false);
/// The k largest (smallest) in sorted order; of equals, those that stand first.
Sorted topk(const Tensor& x, std::int64_t k, int dim, bool largest = true);

// matmul ---------------------------------------------------------------------------------------
/// [..., m, k] × [..., k, n] → [..., m, n]; leading dimensions broadcast; any strides.
/// bias ([n]) is added when defined.
Tensor matmul(const Tensor& a, const Tensor& b, const Tensor& bias = {});
struct LinearOptions {
  std::optional<DType> compute = {};  ///< what x and weight are rounded to; x's type when absent
  std::optional<DType> result = {};   ///< of the output; x's type when absent
  bool gelu = false;                  ///< applied to the output
  Prepared* prepared = nullptr;       ///< keeps the weight packed
};
/// x·weightᵀ + bias: x [rows, in], weight [out, in], any strides → [rows, out]. Sums and bias are in f32
/// (f64 for f64 operands), whatever the types of the arguments.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
              const LinearOptions& options = {});
/// c = a·b, or c += a·b, in place: two matrices of any strides, c contiguous.
void matmul_into(Tensor& c, const Tensor& a, const Tensor& b, bool accumulate);

// softmax, norm --------------------------------------------------------------------------------
Tensor softmax(const Tensor& x, bool log = false);  ///< along the last dimension
Tensor softmax_backward(const Tensor& dy, const Tensor& y, bool log = false);

struct LayerNorm {
  Tensor y, mean, rstd;
};
/// Over the last dimension; weight, bias, mean and rstd have the compute dtype.
LayerNorm layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double epsilon);
struct LayerNormGradients {
  Tensor dx, dweight, dbias;  ///< undefined where not wanted
};
LayerNormGradients layer_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& weight,
                                       const Tensor& mean, const Tensor& rstd, bool want_dx,
                                       bool want_parameters);

struct RmsNorm {
  Tensor y, rstd;
};
/// Over the last dimension, times weight_offset + weight (0, Gemma: 1); weight and rstd have the
/// compute dtype.
RmsNorm rms_norm(const Tensor& x, const Tensor& weight, double epsilon, double weight_offset);
struct RmsNormGradients {
  Tensor dx, dweight;  ///< undefined where not wanted
};
RmsNormGradients rms_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& weight,
                                   const Tensor& rstd, double weight_offset, bool want_dx,
                                   bool want_dweight);

// normalize ------------------------------------------------------------------------------------
struct Normalized {
  Tensor y;
  Tensor scale;  ///< [rows]: what each row was multiplied with
};
/// x/√(Σ x² + epsilon) along the last dimension.
Normalized normalize(const Tensor& x, double epsilon);
Tensor normalize_backward(const Tensor& dy, const Normalized& result);

// attention ------------------------------------------------------------------------------------
struct Attention {
  Tensor out;  ///< [query rows, heads · head_dim]
  Tensor lse;  ///< [heads, query rows], compute dtype
  Tensor map = {};  ///< flat, blocks at ragged.block_offsets(heads); undefined unless asked for
};
/// q: [query rows, heads · head_dim]; k, v: [key rows, key heads · head_dim]; bias (may be undefined):
/// [heads, bias_positions(ragged)], by relative position. See AttentionArgs.
Attention attention(const Tensor& q, const Tensor& k, const Tensor& v, const Ragged& ragged,
                    const AttentionOptions& options, const Tensor& bias = {});
struct AttentionGradients {
  Tensor dq, dk, dv;
  Tensor dbias = {};  ///< undefined where not wanted
};
/// dout, dmap: gradients of the results; undefined: zero.
AttentionGradients attention_backward(const Tensor& dout, const Tensor& dmap, const Tensor& q,
                                      const Tensor& k, const Tensor& v, const Attention& result,
                                      const Ragged& ragged, const AttentionOptions& options,
                                      const Tensor& bias, bool want_bias);
/// Relative positions (key − query) that can occur, from 1 − max_keys to max_queries − 1 (at least one).
std::int64_t bias_positions(const Ragged& ragged);
/// T5's bucket (Raffel et al. 2020) of each of them: i32 [bias_positions(ragged)] in [0, buckets).
Tensor bias_buckets(const Ragged& ragged, const AttentionOptions& options, std::int64_t buckets);

/// Per row `factor` times the cosines, then the sines, of position · frequencies[i], computed in f64.
/// positions: i32 [rows]; frequencies (of any floating type): [rotary_dim / 2] → [rows, rotary_dim].
Tensor rotary_table(const Tensor& positions, const Tensor& frequencies, double factor = 1,
                    DType dtype = DType::f32);
/// x: [rows, heads · head_dim], table: [rows, rotary_dim ≤ head_dim]. See RotaryArgs.
Tensor rotary(const Tensor& x, const Tensor& table, std::int64_t heads, bool interleaved,
              bool inverse = false);

// ragged rows ----------------------------------------------------------------------------------
/// x: [rows, columns]; offsets: i32 [segments + 1] from 0 to rows → [segments, columns].
Tensor segment_sum(const Tensor& x, const Tensor& offsets);
Tensor segment_max(const Tensor& x, const Tensor& offsets);  ///< of no rows: −∞
/// x: [segments, columns] → [rows, columns], each row its segment's.
Tensor segment_expand(const Tensor& x, const Tensor& offsets, std::int64_t rows);
/// q·kᵀ per sequence and head: q [query rows, heads · head_dim], k [key rows, the same] → flat blocks of
/// [heads, queries, keys] at ragged.block_offsets(heads).
Tensor ragged_products(const Tensor& q, const Tensor& k, const Ragged& ragged, std::int64_t heads);
/// block·x per sequence and head: x [key rows, columns] → [query rows, columns]; transposed: blockᵀ·x,
/// [query rows, columns] → [key rows, columns], summed where sequences share keys.
Tensor ragged_apply(const Tensor& blocks, const Tensor& x, const Ragged& ragged, std::int64_t heads,
                    bool transposed = false);
/// Along the keys of every block; a row of −∞ alone gives zeros.
Tensor ragged_softmax(const Tensor& blocks, const Ragged& ragged, std::int64_t heads);
Tensor ragged_softmax_backward(const Tensor& dy, const Tensor& y, const Ragged& ragged,
                               std::int64_t heads);

// dropout, embedding ---------------------------------------------------------------------------
/// dropout(x) + residual (residual may be undefined); rows are all dimensions but the last.
Tensor dropout(const Tensor& x, const Tensor& residual, const DropoutRule& rule);
/// The rule that drops with probability p in [0, 1), rounded to a multiple of 2^-16.
DropoutRule dropout_rule(double p, const RandomSite& site, std::uint32_t row_offset);

/// table: [n, columns], ids: i32 [rows], every id in [0, n) → [rows, columns].
Tensor embedding(const Tensor& table, const Tensor& ids);
/// Adds dy's rows ([rows, columns]) into the rows `ids` of a new [table_rows, columns] tensor of zeros.
/// The sums of halves are rounded once.
Tensor embedding_backward(const Tensor& dy, const Tensor& ids, std::int64_t table_rows);

// loss -----------------------------------------------------------------------------------------
// Losses and lse have the compute dtype.
struct CrossEntropy {
  Tensor loss, lse;
};
/// logits: [rows, classes]; labels: i32 [rows], −100 ignored; factor: 1/N of the whole step.
CrossEntropy cross_entropy(const Tensor& logits, const Tensor& labels, double factor);
Tensor cross_entropy_backward(const Tensor& dloss, const Tensor& logits, const Tensor& labels,
                              const Tensor& lse, double factor);
/// With p = softmax(teacher/T) and q = softmax(student/T): KL(p‖q) for beta 0, KL(q‖p) for beta 1,
/// between them the Jensen-Shannon divergence (see KlDivergenceArgs), summed over classes, times
/// factor. labels may be undefined; rows with −100 are ignored. No T² factor here.
struct KlDivergence {
  Tensor loss, statistics;
};
KlDivergence kl_divergence(const Tensor& student, const Tensor& teacher, const Tensor& labels,
                           double temperature, double factor, double beta = 0);
Tensor kl_divergence_backward(const Tensor& dloss, const Tensor& student, const Tensor& teacher,
                              const Tensor& statistics, const Tensor& labels, double temperature,
                              double factor, double beta = 0);

// Sums over [rows, columns] times factor; labels as in kl_divergence.
/// −w·y·log σ(x) − (1 − y)·log(1 − σ(x)); targets y in [0, 1] and the positive weights w ([columns] or
/// undefined) have the compute dtype.
Tensor binary_cross_entropy(const Tensor& logits, const Tensor& targets, const Tensor& positive_weight,
                            const Tensor& labels, double factor);
Tensor binary_cross_entropy_backward(const Tensor& dloss, const Tensor& logits, const Tensor& targets,
                                     const Tensor& positive_weight, const Tensor& labels, double factor);
/// cost(a − b); beta is smooth_l1's.
Tensor error_loss(ErrorCost cost, double beta, const Tensor& a, const Tensor& b, const Tensor& labels,
                  double factor);
/// The gradient of a; that of b is its negative.
Tensor error_loss_backward(const Tensor& dloss, ErrorCost cost, double beta, const Tensor& a,
                           const Tensor& b, const Tensor& labels, double factor);

struct CosineSimilarity {
  Tensor similarity, a_norm, b_norm;  ///< [rows], compute dtype
};
/// Of each row of a and b; norms below epsilon count as epsilon.
CosineSimilarity cosine_similarity(const Tensor& a, const Tensor& b, double epsilon);
/// The gradient of a; for that of b swap a and b, and the norms in the result.
Tensor cosine_similarity_backward(const Tensor& dy, const Tensor& a, const Tensor& b,
                                  const CosineSimilarity& result, double epsilon);

// A head over a vocabulary and its loss in one: hidden·weightᵀ + bias is computed for a chunk of rows
// at a time (32 MiB of logits), forwards and backwards, and never stored whole. dloss: compute dtype.
struct VocabularyGradients {
  Tensor dhidden, dweight, dbias;  ///< undefined where not wanted
};
Tensor linear_cross_entropy(const VocabularyHead& head, const Tensor& labels, double factor);
VocabularyGradients linear_cross_entropy_backward(const Tensor& dloss, const VocabularyHead& head,
                                                  const Tensor& labels, double factor,
                                                  bool want_hidden, bool want_parameters);
/// kl_divergence of the two heads' logits.
Tensor linear_kl_divergence(const VocabularyHead& student, const VocabularyHead& teacher,
                            const Tensor& labels, double temperature, double factor, double beta);
VocabularyGradients linear_kl_divergence_backward(const Tensor& dloss, const VocabularyHead& student,
                                                  const VocabularyHead& teacher, const Tensor& labels,
                                                  double temperature, double factor, double beta,
                                                  bool want_hidden, bool want_parameters);

// optimizer ------------------------------------------------------------------------------------
double sum_of_squares(const Tensor& x);
/// The same bits as for the whole matrix.
double sum_of_squares(const RowSparse& x);
/// One AdamW step on contiguous tensors of one shape (see AdamwArgs).
void adamw(Tensor& parameter, const Tensor& gradient, Tensor& m, Tensor& v, const AdamwStep& step);
/// Rows `ids` of contiguous matrices catch up with `steps` with a gradient of zero (see AdamwRowsArgs);
/// all rows when ids is empty. done: how many of the steps each row of the matrix has taken. What is
/// put off for the tensors stays so (see DeferredWrites).
void adamw_catch_up(const Tensor& parameter, const Tensor& m, const Tensor& v,
                    std::span<const std::int32_t> ids, std::span<std::int32_t> done,
                    std::span<const AdamwStep> steps);
/// The same for the rows of `gradient`, which is that of the last step.
void adamw_rows(const Tensor& parameter, const RowSparse& gradient, const Tensor& m, const Tensor& v,
                std::span<std::int32_t> done, std::span<const AdamwStep> steps);

}  // namespace retort::ops
