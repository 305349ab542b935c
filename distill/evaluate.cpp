#include "distill/evaluate.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "tensor/base/error.h"

namespace retort {
namespace {

std::vector<std::int64_t> row_range(std::int64_t begin, std::int64_t end) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(end - begin));
  std::iota(rows.begin(), rows.end(), begin);
  return rows;
}

}  // namespace

std::vector<float> predict_logits(const Model& model, const Examples& examples, std::int64_t batch_size,
                                  const std::function<void(std::int64_t)>& progress) {
  const NoGrad off;
  std::vector<float> logits;
  for (std::int64_t begin = 0; begin < examples.count(); begin += batch_size) {
    const std::int64_t end = std::min(begin + batch_size, examples.count());
    const Output output = model.forward(examples.batch(row_range(begin, end), model.limits()), {}, {});
    const auto part = output.logits.value().to_vector<float>();
    for (std::size_t i = 0; i < part.size(); ++i)
      check(std::isfinite(part[i]), "the logits of example ",
            begin + static_cast<std::int64_t>(i) / output.logits.size(1) + 1,
            " aren't finite; the model's weights are damaged");
    logits.insert(logits.end(), part.begin(), part.end());
    if (progress) progress(end);
  }
  return logits;
}

std::vector<double> softmax_row(const float* logits, std::int64_t count) {
  const double highest = *std::max_element(logits, logits + count);
  std::vector<double> result;
  double sum = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    result.push_back(std::exp(logits[i] - highest));
    sum += result.back();
  }
  for (double& value : result) value /= sum;
  return result;
}

std::int64_t predicted_label(const float* logits, std::int64_t count) {
  return std::max_element(logits, logits + count) - logits;
}

ClassificationMetrics score(const std::vector<float>& logits, const Examples& examples,
                            std::int64_t num_labels) {
  ClassificationMetrics metrics(num_labels);
  for (std::int64_t row = 0; row < examples.count(); ++row) {
    const float* values = logits.data() + row * num_labels;
    const std::int64_t label = examples.labels[static_cast<std::size_t>(row)];
    for (std::int64_t i = 0; i < num_labels; ++i)
      check(std::isfinite(values[i]), "eval: the logits of example ", row + 1,
            " aren't finite; the model's weights are damaged");
    const double highest = *std::max_element(values, values + num_labels);
    double sum = 0;
    for (std::int64_t i = 0; i < num_labels; ++i) sum += std::exp(values[i] - highest);
    metrics.add(label, predicted_label(values, num_labels), std::log(sum) + highest - values[label]);
  }
  return metrics;
}

std::vector<double> time_batches(const std::vector<const Model*>& models,
                                 const std::vector<const Examples*>& examples,
                                 std::int64_t batch_size, std::int64_t most_batches) {
  const NoGrad off;
  std::vector<std::vector<double>> times(models.size());
  const std::int64_t count = examples.empty() ? 0 : examples[0]->count();
  for (std::int64_t batch = -1; batch < most_batches; ++batch) {
    // A small file is gone through again and again.
    const std::int64_t batches = std::max<std::int64_t>(1, count / batch_size);
    const std::int64_t begin = std::max<std::int64_t>(batch, 0) % batches * batch_size;
    const std::vector<std::int64_t> rows = row_range(begin, std::min(begin + batch_size, count));
    if (rows.empty()) break;
    for (std::size_t i = 0; i < models.size(); ++i) {
      const Batch input = examples[i]->batch(rows, models[i]->limits());
      const auto start = std::chrono::steady_clock::now();
      models[i]->forward(input, {}, {});
      const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
      if (batch >= 0) times[i].push_back(taken.count());
    }
  }
  std::vector<double> medians;
  for (auto& series : times) {
    if (series.empty()) {
      medians.push_back(std::nan(""));
      continue;
    }
    const auto middle = series.begin() + static_cast<std::ptrdiff_t>(series.size() / 2);
    std::nth_element(series.begin(), middle, series.end());
    medians.push_back(*middle);
  }
  return medians;
}

}  // namespace retort
