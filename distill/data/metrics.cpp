// The confusion matrix, kept sparse, and what is read off it.
#include "distill/data/metrics.h"

#include <cmath>

#include "tensor/base/error.h"

namespace retort {

ClassificationMetrics::ClassificationMetrics(std::int64_t num_labels) : num_labels_(num_labels) {
  check(num_labels >= 1, "metrics: expected at least one label, found ", num_labels);
  expected_.resize(static_cast<std::size_t>(num_labels));
  predicted_.resize(static_cast<std::size_t>(num_labels));
}

void ClassificationMetrics::check_ids(std::int64_t expected, std::int64_t predicted) const {
  check(expected >= 0 && expected < num_labels_ && predicted >= 0 && predicted < num_labels_,
        "metrics: expected label ids from 0 to ", num_labels_ - 1, ", found ", expected,
        " (expected) and ", predicted, " (predicted)");
}

void ClassificationMetrics::add(std::int64_t expected, std::int64_t predicted, double loss) {
  check_ids(expected, predicted);
  ++counts_[{expected, predicted}];
  ++expected_[static_cast<std::size_t>(expected)];
  ++predicted_[static_cast<std::size_t>(predicted)];
  ++examples_;
  const double sum = loss_sum_ + loss;
  if (std::isfinite(sum))
    loss_lost_ +=
        std::abs(loss_sum_) >= std::abs(loss) ? (loss_sum_ - sum) + loss : (loss - sum) + loss_sum_;
  loss_sum_ = sum;
}

std::int64_t ClassificationMetrics::count(std::int64_t expected, std::int64_t predicted) const {
  check_ids(expected, predicted);
  const auto found = counts_.find({expected, predicted});
  return found == counts_.end() ? 0 : found->second;
}

double ClassificationMetrics::accuracy() const {
  check(examples_ > 0, "metrics: there is no accuracy without examples");
  std::int64_t right = 0;
  for (std::int64_t label = 0; label < num_labels_; ++label) right += count(label, label);
  return static_cast<double>(right) / static_cast<double>(examples_);
}

std::int64_t ClassificationMetrics::occurrences(std::int64_t label) const {
  const auto at = static_cast<std::size_t>(label);
  return expected_[at] + predicted_[at];
}

double ClassificationMetrics::f1(std::int64_t label) const {
  const auto both = static_cast<double>(count(label, label));
  // 2 tp + fp + fn: what was expected and what was predicted, true positives being in both.
  const auto either = static_cast<double>(occurrences(label));
  return either > 0 ? 2 * both / either : 0.0;
}

double ClassificationMetrics::f1() const {
  check(examples_ > 0, "metrics: there is no F1 without examples");
  if (num_labels_ == 2) return f1(1);
  double sum = 0;
  std::int64_t occurring = 0;
  for (std::int64_t label = 0; label < num_labels_; ++label) {
    if (occurrences(label) == 0) continue;
    sum += f1(label);
    ++occurring;
  }
  return sum / static_cast<double>(occurring);
}

double ClassificationMetrics::loss() const {
  check(examples_ > 0, "metrics: there is no mean loss without examples");
  return (loss_sum_ + loss_lost_) / static_cast<double>(examples_);
}

}  // namespace retort
