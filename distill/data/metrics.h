// Accuracy, F1 and mean loss of a classifier, from a confusion matrix; as scikit-learn defines
// them.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace retort {

class ClassificationMetrics {
 public:
  /// Errors: fewer than one label.
  explicit ClassificationMetrics(std::int64_t num_labels);

  /// Counts one example; `loss` is that example's own. Errors: an id outside [0, num_labels).
  void add(std::int64_t expected, std::int64_t predicted, double loss);

  std::int64_t num_labels() const { return num_labels_; }
  std::int64_t examples() const { return examples_; }
  /// How many examples of label `expected` were taken for `predicted`.
  std::int64_t count(std::int64_t expected, std::int64_t predicted) const;

  // Each is an error before the first example.
  double accuracy() const;
  /// Two labels: the F1 of id 1. Otherwise the unweighted mean of the F1 of every label that
  /// occurs, expected or predicted (macro). A label's F1 is 2 tp / (2 tp + fp + fn), and 0 where
  /// that is 0/0: sklearn.metrics.f1_score with average="binary" or "macro" and zero_division=0.
  double f1() const;
  /// The F1 of one label.
  double f1(std::int64_t label) const;
  /// Mean of the examples' losses, summed in double with compensation (Neumaier), so that the order
  /// of the examples doesn't show.
  double loss() const;

 private:
  void check_ids(std::int64_t expected, std::int64_t predicted) const;
  std::int64_t occurrences(std::int64_t label) const;

  std::int64_t num_labels_;
  std::int64_t examples_ = 0;
  std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> counts_;  // (expected, predicted)
  std::vector<std::int64_t> expected_, predicted_;                        // per label
  double loss_sum_ = 0;
  double loss_lost_ = 0;  // what rounding took from loss_sum_
};

}  // namespace retort
