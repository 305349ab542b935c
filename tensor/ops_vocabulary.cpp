// A head over a vocabulary and its loss in one: logits = hidden·weightᵀ + bias exist for a chunk of
// rows at a time only, forwards and (computed again) backwards, so that [tokens, vocabulary] is
// never stored. A row's loss and gradient don't depend on the chunk it is in.
#include <algorithm>

#include "tensor/ops_internal.h"

namespace retort::ops {
namespace {

// Bytes that the logits of a chunk may take, and rows that a product should have at least.
constexpr std::int64_t kChunkBytes = 32 << 20;
constexpr std::int64_t kFewestRows = 32;

std::int64_t rows_per_chunk(std::int64_t vocabulary, DType dtype) {
  const std::int64_t bytes = vocabulary * static_cast<std::int64_t>(size_of(dtype));
  return std::max(kFewestRows, kChunkBytes / std::max<std::int64_t>(1, bytes));
}

void check_head(const VocabularyHead& head, const char* op) {
  const Tensor &hidden = head.hidden, &weight = head.weight;
  check(hidden.defined() && weight.defined(), op, ": an argument is undefined");
  check(hidden.rank() == 2 && weight.rank() == 2 && hidden.size(1) == weight.size(1), op,
        ": expected hidden [rows, width] and weight [vocabulary, width], found ", hidden.shape(),
        " and ", weight.shape());
  check_compute_dtype(hidden, weight, op, "weight");
  if (!head.bias.defined()) return;
  check_compute_dtype(hidden, head.bias, op, "bias");
  check(head.bias.shape() == Shape{weight.size(0)}, op, ": bias: expected [", weight.size(0),
        "], found ", head.bias.shape());
}

// The rows that count, or an undefined tensor if all do.
Tensor counted_rows(const Tensor& labels, std::int64_t rows, const char* op) {
  const std::int32_t* label = label_data(labels, rows, op);
  std::vector<std::int32_t> counted;
  for (std::int64_t row = 0; label && row < rows; ++row)
    if (label[row] != -100) counted.push_back(static_cast<std::int32_t>(row));
  if (!label || static_cast<std::int64_t>(counted.size()) == rows) return {};
  return Tensor::from(counted);
}

// Rows [begin, end) of those that count.
Tensor pick_rows(const Tensor& x, const Tensor& counted, std::int64_t begin, std::int64_t end) {
  return counted.defined() ? embedding(x, counted.slice(0, begin, end)) : x.slice(0, begin, end);
}
Tensor pick_labels(const Tensor& labels, const Tensor& counted, std::int64_t begin,
                   std::int64_t end) {
  if (!labels.defined()) return {};
  if (!counted.defined()) return labels.slice(0, begin, end);
  const std::int32_t *label = labels.data<std::int32_t>(), *row = counted.data<std::int32_t>();
  std::vector<std::int32_t> picked;
  for (std::int64_t i = begin; i < end; ++i) picked.push_back(label[row[i]]);
  return Tensor::from(picked);
}

Tensor logits_of(const VocabularyHead& head, const Tensor& hidden) {
  return matmul(hidden.to(head.weight.dtype()), head.weight.transpose(), head.bias);
}

// Calls f(begin, end) for chunks of the rows that count.
template <class F>
void for_chunks(const VocabularyHead& head, const Tensor& counted, F f) {
  const std::int64_t rows = counted.defined() ? counted.size(0) : head.hidden.size(0);
  const std::int64_t size = rows_per_chunk(head.weight.size(0), head.weight.dtype());
  for (std::int64_t begin = 0; begin < rows; begin += size) f(begin, std::min(rows, begin + size));
}

// The sum of loss(logits, labels, begin, end) over chunks.
template <class F>
Tensor add_losses(const VocabularyHead& head, const Tensor& labels, const Tensor& counted, F loss) {
  double total = 0;
  for_chunks(head, counted, [&](std::int64_t begin, std::int64_t end) {
    const Tensor logits = logits_of(head, pick_rows(head.hidden, counted, begin, end));
    total += loss(logits, pick_labels(labels, counted, begin, end), begin, end).item();
  });
  return Tensor::scalar(total, head.weight.dtype());
}

// Gradients from dlogits(logits, labels, begin, end), chunk by chunk.
template <class F>
VocabularyGradients add_gradients(const VocabularyHead& head, const Tensor& labels,
                                  const Tensor& counted, bool want_hidden, bool want_parameters,
                                  F dlogits) {
  VocabularyGradients result;
  if (want_hidden) result.dhidden = Tensor::zeros(head.hidden.shape(), head.hidden.dtype());
  if (want_parameters) result.dweight = Tensor::zeros(head.weight.shape(), head.weight.dtype());
  if (want_parameters && head.bias.defined())
    result.dbias = Tensor::zeros(head.bias.shape(), head.bias.dtype());
  for_chunks(head, counted, [&](std::int64_t begin, std::int64_t end) {
    const Tensor hidden = pick_rows(head.hidden, counted, begin, end).to(head.weight.dtype());
    const Tensor d =
        dlogits(logits_of(head, hidden), pick_labels(labels, counted, begin, end), begin, end);
    if (want_parameters) matmul_into(result.dweight, d.transpose(), hidden, true);
    if (result.dbias.defined()) add_to(result.dbias, sum_to(d, head.bias.shape()));
    if (!want_hidden) return;
    const Tensor dhidden = matmul(d, head.weight).to(head.hidden.dtype());
    for (std::int64_t row = begin; counted.defined() && row < end; ++row) {
      const std::int64_t to = counted.data<std::int32_t>()[row];
      result.dhidden.slice(0, to, to + 1).copy_from(dhidden.slice(0, row - begin, row - begin + 1));
    }
    if (!counted.defined()) result.dhidden.slice(0, begin, end).copy_from(dhidden);
  });
  return result;
}

}  // namespace

Tensor linear_cross_entropy(const VocabularyHead& head, const Tensor& labels, double factor) {
  check_head(head, "linear_cross_entropy");
  check(labels.defined(), "linear_cross_entropy: labels are missing");
  const Tensor counted = counted_rows(labels, head.hidden.size(0), "linear_cross_entropy");
  return add_losses(head, labels, counted,
                    [&](const Tensor& logits, const Tensor& chunk_labels, std::int64_t,
                        std::int64_t) { return cross_entropy(logits, chunk_labels, factor).loss; });
}

VocabularyGradients linear_cross_entropy_backward(const Tensor& dloss, const VocabularyHead& head,
                                                  const Tensor& labels, double factor,
                                                  bool want_hidden, bool want_parameters) {
  const Tensor counted = counted_rows(labels, head.hidden.size(0), "linear_cross_entropy_backward");
  return add_gradients(
      head, labels, counted, want_hidden, want_parameters,
      [&](const Tensor& logits, const Tensor& chunk_labels, std::int64_t, std::int64_t) {
        const Tensor lse = cross_entropy(logits, chunk_labels, factor).lse;
        return cross_entropy_backward(dloss, logits, chunk_labels, lse, factor);
      });
}

Tensor linear_kl_divergence(const VocabularyHead& student, const VocabularyHead& teacher,
                            const Tensor& labels, double temperature, double factor, double beta) {
  check_head(student, "linear_kl_divergence");
  check_head(teacher, "linear_kl_divergence: teacher");
  check(student.hidden.size(0) == teacher.hidden.size(0) &&
            student.weight.size(0) == teacher.weight.size(0),
        "linear_kl_divergence: the student has ", student.hidden.size(0), " rows and ",
        student.weight.size(0), " classes, the teacher ", teacher.hidden.size(0), " and ",
        teacher.weight.size(0));
  const Tensor counted = counted_rows(labels, student.hidden.size(0), "linear_kl_divergence");
  return add_losses(student, {}, counted,
                    [&](const Tensor& logits, const Tensor&, std::int64_t begin, std::int64_t end) {
                      const Tensor target =
                          logits_of(teacher, pick_rows(teacher.hidden, counted, begin, end));
                      return kl_divergence(logits, target, {}, temperature, factor, beta).loss;
                    });
}

VocabularyGradients linear_kl_divergence_backward(const Tensor& dloss,
                                                  const VocabularyHead& student,
                                                  const VocabularyHead& teacher,
                                                  const Tensor& labels, double temperature,
                                                  double factor, double beta, bool want_hidden,
                                                  bool want_parameters) {
  const Tensor counted =
      counted_rows(labels, student.hidden.size(0), "linear_kl_divergence_backward");
  return add_gradients(
      student, {}, counted, want_hidden, want_parameters,
      [&](const Tensor& logits, const Tensor&, std::int64_t begin, std::int64_t end) {
        const Tensor target = logits_of(teacher, pick_rows(teacher.hidden, counted, begin, end));
        const Tensor statistics =
            kl_divergence(logits, target, {}, temperature, factor, beta).statistics;
        return kl_divergence_backward(dloss, logits, target, statistics, {}, temperature, factor,
                                      beta);
      });
}

}  // namespace retort::ops
