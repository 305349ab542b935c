#include "distill/data/regression_metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "tensor/base/error.h"

namespace retort {
namespace {

void check_sizes(std::span<const double> expected, std::span<const double> predicted) {
  check(!expected.empty() && expected.size() == predicted.size(),
        "metrics: expected as many predictions as numbers and at least one, found ",
        predicted.size(), " for ", expected.size());
}

double mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Counted from 1; equal numbers get the mean of the ranks that they take together.
std::vector<double> ranks(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> result(values.size());
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin + 1;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    for (std::size_t i = begin; i < end; ++i)
      result[order[i]] = static_cast<double>(begin + 1 + end) / 2;
    begin = end;
  }
  return result;
}

}  // namespace

double mean_squared_error(std::span<const double> expected, std::span<const double> predicted) {
  check_sizes(expected, predicted);
  double sum = 0;
  for (std::size_t i = 0; i < expected.size(); ++i)
    sum += (expected[i] - predicted[i]) * (expected[i] - predicted[i]);
  return sum / static_cast<double>(expected.size());
}

double pearson_correlation(std::span<const double> expected, std::span<const double> predicted) {
  check_sizes(expected, predicted);
  const double a_mean = mean(expected), b_mean = mean(predicted);
  double products = 0, a_squares = 0, b_squares = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double a = expected[i] - a_mean, b = predicted[i] - b_mean;
    products += a * b;
    a_squares += a * a;
    b_squares += b * b;
  }
  if (a_squares == 0 || b_squares == 0) return std::numeric_limits<double>::quiet_NaN();
  return products / std::sqrt(a_squares) / std::sqrt(b_squares);
}

double spearman_correlation(std::span<const double> expected, std::span<const double> predicted) {
  check_sizes(expected, predicted);
  return pearson_correlation(ranks(expected), ranks(predicted));
}

}  // namespace retort
