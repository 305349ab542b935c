#include "distill/data/label_set_metrics.h"

#include <numeric>

#include "tensor/base/error.h"

namespace retort {
namespace {

double f1(std::int64_t both, std::int64_t either) {
  return either > 0 ? 2 * static_cast<double>(both) / static_cast<double>(either) : 0;
}

}  // namespace

void LabelSetMetrics::add(const std::vector<bool>& expected, const std::vector<bool>& predicted) {
  check(expected.size() == both_.size() && predicted.size() == both_.size(),
        "metrics: expected sets of ", both_.size(), " labels, found ", expected.size(), " and ",
        predicted.size());
  ++examples_;
  exact_ += expected == predicted;
  for (std::size_t i = 0; i < both_.size(); ++i) {
    both_[i] += expected[i] && predicted[i];
    either_[i] += expected[i] + predicted[i];
  }
}

double LabelSetMetrics::exact_match() const {
  check(examples_ > 0, "metrics: there is no exact match without examples");
  return static_cast<double>(exact_) / static_cast<double>(examples_);
}

double LabelSetMetrics::micro_f1() const {
  check(examples_ > 0, "metrics: there is no F1 without examples");
  return f1(std::accumulate(both_.begin(), both_.end(), std::int64_t{0}),
            std::accumulate(either_.begin(), either_.end(), std::int64_t{0}));
}

double LabelSetMetrics::macro_f1() const {
  check(examples_ > 0, "metrics: there is no F1 without examples");
  double sum = 0;
  for (std::size_t i = 0; i < both_.size(); ++i) sum += f1(both_[i], either_[i]);
  return sum / static_cast<double>(both_.size());
}

}  // namespace retort
