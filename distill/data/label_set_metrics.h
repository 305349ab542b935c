// How well sets of labels are predicted, as scikit-learn defines it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace retort {

class LabelSetMetrics {
 public:
  explicit LabelSetMetrics(std::int64_t num_labels)
      : both_(static_cast<std::size_t>(num_labels)), either_(both_.size()) {}

  /// One example: which labels it has and which were predicted, one bool for each label.
  void add(const std::vector<bool>& expected, const std::vector<bool>& predicted);

  std::int64_t examples() const { return examples_; }
  // Each is an error before the first example.
  /// The share of examples all of whose labels are right (accuracy_score).
  double exact_match() const;
  /// 2 tp / (2 tp + fp + fn) over all labels together; 0 where that is 0/0 (f1_score with
  /// average="micro" and zero_division=0).
  double micro_f1() const;
  /// The unweighted mean of every label's F1, labels that never occur counting 0 (average="macro").
  double macro_f1() const;

 private:
  std::int64_t examples_ = 0, exact_ = 0;
  std::vector<std::int64_t> both_;    // by label: expected and predicted
  std::vector<std::int64_t> either_;  // expected + predicted
};

}  // namespace retort
