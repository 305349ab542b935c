// Running a model over examples: logits, metrics, speed.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "distill/data/metrics.h"
#include "distill/examples.h"
#include "nn/model.h"

namespace retort {

/// Logits of all examples, row-major [examples, labels]. `progress`, if given, is called with the
/// number of examples done. A row's logits don't depend on the batch size. Error: logits that aren't
/// finite.
std::vector<float> predict_logits(const Model& model, const Examples& examples, std::int64_t batch_size = 32,
                                  const std::function<void(std::int64_t)>& progress = {});

/// Accuracy, F1 and mean cross entropy of logits against the examples' single labels. Error: logits
/// that aren't finite.
ClassificationMetrics score(const std::vector<float>& logits, const Examples& examples,
                            std::int64_t num_labels);

/// What an Evaluation's first two metrics are called: "accuracy" and "f1".
struct MetricNames {
  const char *first, *second;
};
MetricNames metric_names(Problem problem);

/// How good logits are, whatever their labels are.
struct Evaluation {
  struct Metric {
    const char* name;  ///< "micro_f1"
    double value;
  };
  std::int64_t examples = 0;
  /// Single labels: accuracy, f1. Label sets (a label is predicted from a probability of ½ on):
  /// exact_match, micro_f1, macro_f1. Regression: pearson, spearman, mse; with several numbers the
  /// correlations' mean over them.
  std::vector<Metric> metrics;
  /// What training minimises: cross entropy, binary cross entropy, squared error, as means.
  double loss = 0;
};

/// Error: logits that aren't finite.
Evaluation evaluate(Problem problem, const std::vector<float>& logits, const Examples& examples,
                    std::int64_t num_labels);

/// Whether the labels of a set are predicted, from a row of logits.
std::vector<bool> predicted_set(const float* logits, std::int64_t count);
/// A label's probability on its own, in f64.
double sigmoid_of(float logit);

/// Probabilities of one row of logits, in f64.
std::vector<double> softmax_row(const float* logits, std::int64_t count);

/// The index of the largest logit.
std::int64_t predicted_label(const float* logits, std::int64_t count);

/// Median milliseconds of a forward pass over batches of `batch_size` examples, for each model; the
/// models take turns batch by batch, so that a machine whose speed drifts favours none. examples[i]
/// are what models[i] reads (tokenizers may differ). The first pass of each isn't counted.
std::vector<double> time_batches(const std::vector<const Model*>& models,
                                 const std::vector<const Examples*>& examples,
                                 std::int64_t batch_size, std::int64_t most_batches = 30);

}  // namespace retort
