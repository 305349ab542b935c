// Tensor operations: shape rules, checks and allocation; the loops are kernels. No gradients here.
//
// Floating-point arguments of one op have one dtype, and its result has it too: f32, f64, or a half
// (bf16, f16), which is only stored and computed with in f32. Marked "compute dtype" is what is f32
// beside halves: losses, statistics, the parameters of norms and their gradients.
#pragma once

#include <optional>
#include <span>
#include <vector>

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
Tensor unary(UnaryOp op, const Tensor& x);
Tensor binary(BinaryOp op, const Tensor& a, const Tensor& b);  ///< broadcasts
/// The number is not rounded to a half.
Tensor binary(BinaryOp op, const Tensor& a, double number);
/// y += x in place (same shape).
void add_to(Tensor& y, const Tensor& x);
/// x · factor
Tensor scale(const Tensor& x, double factor);

// reduce ---------------------------------------------------------------------------------------
/// Over `axes` (all when empty).
Tensor reduce(ReduceOp op, const Tensor& x, std::span<const int> axes, bool keep_dims);
/// Sums x down to `shape`, which broadcasts to x's shape.
Tensor sum_to(const Tensor& x, const Shape& shape);

// shape ----------------------------------------------------------------------------------------
Tensor concat(std::span<const Tensor> parts, int dim);

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
  Tensor out;  ///< [query rows, hidden]
  Tensor lse;  ///< [heads, query rows], compute dtype
};
/// q: [query rows, hidden]; k, v: [key rows, hidden]; hidden = heads · head_dim. See AttentionArgs.
Attention attention(const Tensor& q, const Tensor& k, const Tensor& v, const Ragged& ragged,
                    std::int64_t heads, double scale, const DropoutRule& dropout);
struct AttentionGradients {
  Tensor dq, dk, dv;
};
AttentionGradients attention_backward(const Tensor& dout, const Tensor& q, const Tensor& k,
                                      const Tensor& v, const Attention& result,
                                      const Ragged& ragged, std::int64_t heads, double scale,
                                      const DropoutRule& dropout);

// dropout, embedding ---------------------------------------------------------------------------
/// dropout(x) + residual (residual may be undefined); rows are all dimensions but the last.
Tensor dropout(const Tensor& x, const Tensor& residual, const DropoutRule& rule);
/// The rule that drops with probability p in [0, 1).
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
