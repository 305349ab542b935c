// Differentiable operations. Each one's derivative stands beside its forward, in operations that are
// differentiable themselves; so gradients of gradients come free.
//
// Shapes and dtypes as in tensor/ops.h; a gradient has its value's dtype. Elementwise operations broadcast. Fused operations (softmax, norms,
// attention, losses) also have a `reference`: the same in plain operations, which is what their second
// derivative uses and what tests compare with.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "autograd/variable.h"
#include "tensor/attention_options.h"
#include "tensor/kernels.h"
#include "tensor/ops.h"
#include "tensor/ragged.h"
#include "tensor/vocabulary_head.h"

namespace retort {

class Prepared;

// elementwise ----------------------------------------------------------------------------------
Variable add(const Variable& a, const Variable& b);
Variable subtract(const Variable& a, const Variable& b);
Variable multiply(const Variable& a, const Variable& b);
Variable divide(const Variable& a, const Variable& b);
Variable negate(const Variable& x);
Variable scale(const Variable& x, double factor);
Variable add_scalar(const Variable& x, double number);
Variable exp(const Variable& x);
Variable log(const Variable& x);
Variable sqrt(const Variable& x);
Variable rsqrt(const Variable& x);       ///< 1/√x
Variable reciprocal(const Variable& x);  ///< 1/x
Variable tanh(const Variable& x);
Variable erf(const Variable& x);
Variable sin(const Variable& x);
Variable cos(const Variable& x);
Variable abs(const Variable& x);
Variable square(const Variable& x);
Variable sigmoid(const Variable& x);
/// x^exponent as C's pow: x⁰ is 1, also for NaN; a negative x has integral powers only. Derivatives that
/// are 0 · ∞ at x = 0 are 0.
Variable pow(const Variable& x, double exponent);
Variable pow(const Variable& x, const Variable& exponent);
Variable relu(const Variable& x);
/// x·Φ(x) with the normal distribution's Φ (Hendrycks & Gimpel 2016), exactly, by erf.
Variable gelu(const Variable& x);
/// Its approximation ½x·(1 + tanh(√(2/π)·(x + 0.044715·x³))).
Variable gelu_tanh(const Variable& x);
Variable silu(const Variable& x);      ///< x·σ(x)
Variable softplus(const Variable& x);  ///< log(1 + e^x), without a threshold
/// min(max(x, low), high). The derivative is 0 at the bounds themselves.
Variable clamp(const Variable& x, double low, double high);
/// The larger (smaller) of two; NaN if either is. Where they are equal, each gets half the gradient.
Variable maximum(const Variable& a, const Variable& b);
Variable minimum(const Variable& a, const Variable& b);
/// The same value as a new node.
Variable alias(const Variable& x);
/// The same numbers in another floating-point type, rounded to nearest even (x itself if it has it).
Variable cast(const Variable& x, DType dtype);

// Comparisons give 1 or 0 in the arguments' dtype, as constants, and are false with a NaN (not_equal is
// true).
Variable equal(const Variable& a, const Variable& b);
Variable not_equal(const Variable& a, const Variable& b);
Variable less(const Variable& a, const Variable& b);
Variable less_equal(const Variable& a, const Variable& b);
Variable greater(const Variable& a, const Variable& b);
Variable greater_equal(const Variable& a, const Variable& b);
/// a where the condition (bool, or numbers of a's dtype) isn't 0, else b. What isn't chosen has the
/// gradient 0, whatever its value.
Variable where(const Variable& condition, const Variable& a, const Variable& b);
/// `value` where the mask (as where's condition) isn't 0, else x.
Variable masked_fill(const Variable& x, const Variable& mask, double value);

inline Variable operator+(const Variable& a, const Variable& b) { return add(a, b); }
inline Variable operator-(const Variable& a, const Variable& b) { return subtract(a, b); }
inline Variable operator*(const Variable& a, const Variable& b) { return multiply(a, b); }
inline Variable operator/(const Variable& a, const Variable& b) { return divide(a, b); }
inline Variable operator-(const Variable& x) { return negate(x); }
inline Variable operator*(const Variable& x, double factor) { return scale(x, factor); }
inline Variable operator*(double factor, const Variable& x) { return scale(x, factor); }
inline Variable operator+(const Variable& x, double number) { return add_scalar(x, number); }

// reduce ---------------------------------------------------------------------------------------
// Over `axes` (all when empty).
Variable sum(const Variable& x, std::vector<int> axes = {}, bool keep_dims = false);
Variable mean(const Variable& x, std::vector<int> axes = {}, bool keep_dims = false);
/// The largest (smallest) element, NaN if one is, ∓∞ over none. Equal ones share the gradient equally.
Variable max(const Variable& x, std::vector<int> axes = {}, bool keep_dims = false);
Variable min(const Variable& x, std::vector<int> axes = {}, bool keep_dims = false);
/// Σ (x − mean)² / (n − 1), or / n if not `unbiased`.
Variable var(const Variable& x, std::vector<int> axes = {}, bool unbiased = true,
             bool keep_dims = false);
Variable logsumexp(const Variable& x, std::vector<int> axes = {}, bool keep_dims = false);
/// Running sums along `axis`, from its end if `reverse`.
Variable cumsum(const Variable& x, int axis, bool reverse = false);
/// i64: where along `axis` the largest (smallest) element stands; the first of equals, the first NaN
/// before any number. No derivative.
Tensor argmax(const Variable& x, int axis, bool keep_dims = false);
Tensor argmin(const Variable& x, int axis, bool keep_dims = false);
/// Sums down to a shape that broadcasts to x's.
Variable sum_to(const Variable& x, const Shape& shape);

// shape ----------------------------------------------------------------------------------------
Variable reshape(const Variable& x, const Shape& shape);  ///< one size may be −1
Variable permute(const Variable& x, const Shape& dims);
Variable transpose(const Variable& x, int a = -2, int b = -1);
Variable expand(const Variable& x, const Shape& shape);
/// Every step-th element of [begin, end) along dim.
Variable slice(const Variable& x, int dim, std::int64_t begin, std::int64_t end,
               std::int64_t step = 1);
/// Zeros of size `size` along dim with x at begin, begin + step, …: the adjoint of slice.
Variable embed_slice(const Variable& x, int dim, std::int64_t begin, std::int64_t size,
                     std::int64_t step = 1);
Variable concat(const Variables& parts, int dim);
/// Tensors of one shape along a new dimension `dim` of the result.
Variable stack(const Variables& parts, int dim);
/// Pieces of these sizes along dim, which add up to its size.
Variables split(const Variable& x, const std::vector<std::int64_t>& sizes, int dim);
Variable squeeze(const Variable& x, int dim);    ///< without dim, whose size is 1
Variable unsqueeze(const Variable& x, int dim);  ///< with a size of 1 as dimension `dim` of the result
/// x with `before` and `after` further elements of `value` in each dimension.
Variable pad(const Variable& x, const std::vector<ops::Padding>& padding, double value = 0);
/// `times` copies of x along each dimension (NumPy's tile); missing leading dimensions of x are 1.
Variable repeat(const Variable& x, const Shape& times);
/// The elements along these dimensions in reverse order.
Variable flip(const Variable& x, const std::vector<int>& dims);

// indexing -------------------------------------------------------------------------------------
// Indices are i32 or i64, each in [0, size of the dimension), and have no derivative.
/// y[…, j, …] = x[…, index[…, j, …], …] along dim; the index has x's sizes in the other dimensions.
Variable gather(const Variable& x, int dim, const Tensor& index);
/// y[…, j, …] = x[…, index[j], …] along dim.
Variable index_select(const Variable& x, int dim, const Tensor& index);
/// x with source[…, j, …] added at […, index[…, j, …], …] along dim.
Variable scatter_add(const Variable& x, int dim, const Tensor& index, const Variable& source);
/// x with source[…, j, …] added at […, index[j], …] along dim.
Variable index_add(const Variable& x, int dim, const Tensor& index, const Variable& source);

struct Sorted {
  Variable values;
  Tensor indices;  ///< i64: where along the dimension each value stood
};
/// Stable; NaN counts as the largest number, −0 equals 0.
Sorted sort(const Variable& x, int dim, bool descending = false);
/// The k largest (smallest) in sorted order; of equals, those that stand first.
Sorted topk(const Variable& x, std::int64_t k, int dim, bool largest = true);

// matmul ---------------------------------------------------------------------------------------
Variable matmul(const Variable& a, const Variable& b);
/// Einstein's sum over one or two operands: "bij,bjk->bik" multiplies matrices, "ij->ji" transposes,
/// "ij->i" sums. Indices are letters, one per dimension and each once per operand; without "->" the
/// result has those that occur once, in alphabetical order. What is summed over two operands is a
/// matmul.
Variable einsum(std::string_view equation, const Variables& operands);
struct LinearOptions {
  std::optional<DType> compute = {};  ///< what operands are rounded to, backward too; x's type when absent
  std::optional<DType> result = {};   ///< of the output; x's type when absent
  bool gelu = false;                  ///< gelu(…) of it all; fused where no gradient will be needed
  std::shared_ptr<Prepared> prepared = {};  ///< keeps the weight packed
};
/// x·weightᵀ + bias: x [rows, in], weight [out, in], bias [out] or undefined → [rows, out]. Each gradient
/// has its argument's type: a weight's is f32 even when operands are rounded to bf16.
Variable linear(const Variable& x, const Variable& weight, const Variable& bias = {},
                const LinearOptions& options = {});

// softmax, norm --------------------------------------------------------------------------------
Variable softmax(const Variable& x);      ///< along the last dimension
Variable log_softmax(const Variable& x);  ///< along the last dimension
/// (x − mean)/√(variance + ε)·weight + bias along the last dimension (Ba et al. 2016). weight and bias
/// stay f32 beside a half x.
Variable layer_norm(const Variable& x, const Variable& weight, const Variable& bias, double epsilon);
/// x/√(mean of x² + ε)·weight along the last dimension (Zhang & Sennrich 2019), ·(1 + weight) for Gemma.
/// weight stays f32 beside a half x.
Variable rms_norm(const Variable& x, const Variable& weight, double epsilon, bool one_plus_weight = false);

// normalize ------------------------------------------------------------------------------------
/// x/√(Σ x² + epsilon) along the last dimension: vectors of length 1, whose products are cosines.
Variable normalize(const Variable& x, double epsilon = 1e-12);

// attention ------------------------------------------------------------------------------------
/// softmax(scale·q·kᵀ)·v per sequence and head (Vaswani et al. 2017), without padding; dropout acts on
/// the probabilities. q: [query rows, heads·head_dim]; k, v: [key rows, key heads·head_dim]; the
/// simple call is attention(q, k, v, ragged, {.heads = 12}). bias_table (may be undefined): T5's
/// [buckets, heads], added to the scores by relative position.
Variable attention(const Variable& q, const Variable& k, const Variable& v, const Ragged& ragged,
                   const AttentionOptions& options, const Variable& bias_table = {});
/// {result, map}: with the probabilities or scores of options.map, flat, sequence s's block of [heads,
/// queries, keys] at ragged.block_offsets(heads)[s]. Both can be differentiated.
Variables attention_with_map(const Variable& q, const Variable& k, const Variable& v,
                             const Ragged& ragged, const AttentionOptions& options,
                             const Variable& bias_table = {});

/// x: [rows, heads·head_dim], rotated by position (Su et al. 2021); table: ops::rotary_table(positions,
/// frequencies, factor, dtype), the same for all layers. Columns of a head behind the table's width
/// stay. interleaved: pairs are neighbours (GPT-J) instead of halves (Llama).
Variable rotary(const Variable& x, const Tensor& table, std::int64_t heads, bool interleaved = false);

// ragged rows ----------------------------------------------------------------------------------
/// Over the rows of each segment: x [rows, columns], offsets i32 [segments + 1] from 0 to rows (as
/// Ragged::offsets) → [segments, columns]. Of no rows: 0, 0, −∞.
Variable segment_sum(const Variable& x, const Tensor& offsets);
Variable segment_mean(const Variable& x, const Tensor& offsets);
Variable segment_max(const Variable& x, const Tensor& offsets);
/// [segments, columns] → [rows, columns], each row its segment's: the adjoint of segment_sum.
Variable segment_expand(const Variable& x, const Tensor& offsets, std::int64_t rows);
/// q·kᵀ per sequence and head, flat blocks of [heads, queries, keys] at ragged.block_offsets(heads).
Variable ragged_products(const Variable& q, const Variable& k, const Ragged& ragged,
                         std::int64_t heads);
/// block·x per sequence and head: [key rows, columns] → [query rows, columns].
Variable ragged_apply(const Variable& blocks, const Variable& x, const Ragged& ragged,
                      std::int64_t heads);
/// blockᵀ·x: [query rows, columns] → [key rows, columns], summed where sequences share keys.
Variable ragged_apply_transposed(const Variable& blocks, const Variable& x, const Ragged& ragged,
                                 std::int64_t heads);
/// Along the keys of every block; a row of −∞ alone gives zeros.
Variable ragged_softmax(const Variable& blocks, const Ragged& ragged, std::int64_t heads);

// embedding, dropout ---------------------------------------------------------------------------
/// Rows of table [n, columns]; ids: i32 [rows], all in [0, n).
Variable embedding(const Variable& table, const Tensor& ids);
/// [table_rows, columns] of zeros with x's rows added at `ids`: the adjoint of embedding.
Variable scatter_rows(const Variable& x, const Tensor& ids, std::int64_t table_rows);
/// dropout(x) + residual in one pass; residual may be undefined. Masks aren't stored: the bits are a
/// function of the rule, drawn again in the derivative.
Variable dropout(const Variable& x, const DropoutRule& rule, const Variable& residual = {});

// loss -----------------------------------------------------------------------------------------
// Losses of halves are f32.

/// factor · Σ over rows of −log softmax(logits)[label]; labels: i32 [rows], −100 is ignored. Pass
/// 1/N with the N of the whole optimiser step, so that micro-batches add up to the mean.
Variable cross_entropy(const Variable& logits, const Tensor& labels, double factor);
/// factor · Σ over rows of a divergence between p = softmax(teacher/T) and q = softmax(student/T), without
/// the T² factor: for beta 0 KL(p‖q) (Hinton et al. 2015), for beta 1 KL(q‖p), between them the
/// Jensen-Shannon divergence beta·KL(p‖m) + (1 − beta)·KL(q‖m) with m = beta·p + (1 − beta)·q (Agarwal et
/// al. 2024), whose limits at the ends are 0. Log-probabilities are logits, too (T = 1). labels may be
/// undefined; rows with −100 are ignored. The teacher is a constant; a class with the logit −∞ there has
/// p = 0 and is left out of KL(q‖p).
Variable kl_divergence(const Variable& student, const Tensor& teacher, double temperature,
                       double factor, const Tensor& labels = {}, double beta = 0);
/// factor · Σ over rows and columns of −w·y·log σ(x) − (1 − y)·log(1 − σ(x)): several labels per row, each
/// yes or no. targets y in [0, 1] and positive_weight w ([columns], undefined: 1) are f32 beside halves.
/// Pass one over the rows times the columns of the whole step for the mean. labels as above.
Variable binary_cross_entropy(const Variable& logits, const Tensor& targets, double factor,
                              const Tensor& positive_weight = {}, const Tensor& labels = {});
/// factor · Σ over rows and columns of (a − b)². labels as above.
Variable mse(const Variable& a, const Variable& b, double factor, const Tensor& labels = {});
/// factor · Σ of ½e²/beta where |e| < beta, else |e| − ½beta, with e = a − b (Girshick 2015; beta 0: |e|).
Variable smooth_l1(const Variable& a, const Variable& b, double beta, double factor,
                   const Tensor& labels = {});
/// a·b / (‖a‖·‖b‖) of each row: [rows, columns] twice → [rows]. Norms below epsilon count as epsilon.
Variable cosine_similarity(const Variable& a, const Variable& b, double epsilon = 1e-8);
/// factor · Σ over rows of 1 − cos where the label is 1, max(0, cos − margin) where it is −1; rows with
/// −100 are ignored.
Variable cosine_embedding_loss(const Variable& a, const Variable& b, const Tensor& labels, double margin,
                               double factor);
/// cross_entropy(linear(hidden, weight, bias), labels, factor) without ever storing all logits: chunks of
/// rows are computed forwards and again backwards. hidden may be a half beside an f32 weight; bias may
/// be undefined. Rows with the label −100 cost nothing.
Variable linear_cross_entropy(const Variable& hidden, const Variable& weight, const Variable& bias,
                              const Tensor& labels, double factor);
/// The same for kl_divergence, with the teacher's logits from its own head.
Variable linear_kl_divergence(const Variable& hidden, const Variable& weight, const Variable& bias,
                              const VocabularyHead& teacher, double temperature, double factor,
                              const Tensor& labels = {}, double beta = 0);

/// Compositions of plain operations that mean the same as the fused ones. They compute halves in f32
/// and round the result, as kernels do.
namespace reference {
Variable softmax(const Variable& x);
Variable log_softmax(const Variable& x);
Variable layer_norm(const Variable& x, const Variable& weight, const Variable& bias, double epsilon);
Variable normalize(const Variable& x, double epsilon);
Variable rms_norm(const Variable& x, const Variable& weight, double epsilon, bool one_plus_weight);
Variable attention(const Variable& q, const Variable& k, const Variable& v, const Ragged& ragged,
                   const AttentionOptions& options, const Variable& bias_table = {});
Variables attention_with_map(const Variable& q, const Variable& k, const Variable& v,
                             const Ragged& ragged, const AttentionOptions& options,
                             const Variable& bias_table = {});
Variable rotary(const Variable& x, const Tensor& table, std::int64_t heads, bool interleaved);
Variable ragged_products(const Variable& q, const Variable& k, const Ragged& ragged,
                         std::int64_t heads);
Variable ragged_apply(const Variable& blocks, const Variable& x, const Ragged& ragged,
                      std::int64_t heads);
Variable ragged_apply_transposed(const Variable& blocks, const Variable& x, const Ragged& ragged,
                                 std::int64_t heads);
Variable ragged_softmax(const Variable& blocks, const Ragged& ragged, std::int64_t heads);
Variable cross_entropy(const Variable& logits, const Tensor& labels, double factor);
Variable kl_divergence(const Variable& student, const Tensor& teacher, double temperature,
                       double factor, const Tensor& labels, double beta);
Variable binary_cross_entropy(const Variable& logits, const Tensor& targets, double factor,
                              const Tensor& positive_weight, const Tensor& labels);
Variable mse(const Variable& a, const Variable& b, double factor, const Tensor& labels);
Variable smooth_l1(const Variable& a, const Variable& b, double beta, double factor,
                   const Tensor& labels);
Variable cosine_similarity(const Variable& a, const Variable& b, double epsilon);
Variable linear_cross_entropy(const Variable& hidden, const Variable& weight, const Variable& bias,
                              const Tensor& labels, double factor);
Variable linear_kl_divergence(const Variable& hidden, const Variable& weight, const Variable& bias,
                              const VocabularyHead& teacher, double temperature, double factor,
                              const Tensor& labels, double beta);
}  // namespace reference

}  // namespace retort
