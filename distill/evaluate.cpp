#include "distill/evaluate.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "distill/data/label_set_metrics.h"
#include "distill/data/regression_metrics.h"
#include "tensor/base/error.h"

namespace retort {
namespace {

std::vector<std::int64_t> row_range(std::int64_t begin, std::int64_t end) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(end - begin));
  std::iota(rows.begin(), rows.end(), begin);
  return rows;
}

void check_finite(const float* logits, std::int64_t count, std::int64_t example) {
  for (std::int64_t i = 0; i < count; ++i)
    check(std::isfinite(logits[i]), "eval: the logits of example ", example + 1,
          " aren't finite; the model's weights are damaged");
}

Evaluation evaluate_sets(const std::vector<float>& logits, const Examples& examples,
                         std::int64_t labels) {
  LabelSetMetrics metrics(labels);
  double loss = 0;
  for (std::int64_t row = 0; row < examples.count(); ++row) {
    const float* x = logits.data() + row * labels;
    const float* y = examples.targets.data() + row * labels;
    check_finite(x, labels, row);
    std::vector<bool> expected;
    for (std::int64_t i = 0; i < labels; ++i) {
      expected.push_back(y[i] > 0.5f);
      // −y·log σ(x) − (1 − y)·log(1 − σ(x))
      const double z = x[i];
      loss += std::max(z, 0.0) - z * y[i] + std::log1p(std::exp(-std::abs(z)));
    }
    metrics.add(expected, predicted_set(x, labels));
  }
  const MetricNames names = metric_names(Problem::multi_label);
  return {metrics.examples(),
          {{names.first, metrics.exact_match()},
           {names.second, metrics.micro_f1()},
           {"macro_f1", metrics.macro_f1()}},
          loss / static_cast<double>(examples.count() * labels)};
}

Evaluation evaluate_numbers(const std::vector<float>& logits, const Examples& examples,
                            std::int64_t columns) {
  double pearson = 0, spearman = 0, squares = 0;
  for (std::int64_t row = 0; row < examples.count(); ++row)
    check_finite(logits.data() + row * columns, columns, row);
  for (std::int64_t column = 0; column < columns; ++column) {
    std::vector<double> expected, predicted;
    for (std::int64_t row = 0; row < examples.count(); ++row) {
      const auto at = static_cast<std::size_t>(row * columns + column);
      expected.push_back(examples.targets[at]);
      predicted.push_back(logits[at]);
    }
    const auto share = 1 / static_cast<double>(columns);
    pearson += share * pearson_correlation(expected, predicted);
    spearman += share * spearman_correlation(expected, predicted);
    squares += share * mean_squared_error(expected, predicted);
  }
  const MetricNames names = metric_names(Problem::regression);
  return {examples.count(),
          {{names.first, pearson}, {names.second, spearman}, {"mse", squares}},
          squares};
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
    check_finite(values, num_labels, row);
    const double highest = *std::max_element(values, values + num_labels);
    double sum = 0;
    for (std::int64_t i = 0; i < num_labels; ++i) sum += std::exp(values[i] - highest);
    metrics.add(label, predicted_label(values, num_labels), std::log(sum) + highest - values[label]);
  }
  return metrics;
}

MetricNames metric_names(Problem problem) {
  switch (problem) {
    case Problem::multi_label:
      return {"exact_match", "micro_f1"};
    case Problem::regression:
      return {"pearson", "spearman"};
    default:
      return {"accuracy", "f1"};
  }
}

double sigmoid_of(float logit) { return 1 / (1 + std::exp(-static_cast<double>(logit))); }

std::vector<bool> predicted_set(const float* logits, std::int64_t count) {
  std::vector<bool> set;
  for (std::int64_t i = 0; i < count; ++i) set.push_back(logits[i] >= 0);
  return set;
}

Evaluation evaluate(Problem problem, const std::vector<float>& logits, const Examples& examples,
                    std::int64_t num_labels) {
  switch (problem) {
    case Problem::multi_label:
      return evaluate_sets(logits, examples, num_labels);
    case Problem::regression:
      return evaluate_numbers(logits, examples, num_labels);
    default: {
      const ClassificationMetrics metrics = score(logits, examples, num_labels);
      const MetricNames names = metric_names(problem);
      return {metrics.examples(),
              {{names.first, metrics.accuracy()}, {names.second, metrics.f1()}},
              metrics.loss()};
    }
  }
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
