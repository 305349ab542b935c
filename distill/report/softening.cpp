#include "distill/report/softening.h"

#include <cmath>
#include <limits>

#include "tensor/base/error.h"

namespace retort {
namespace {

double largest_logit(std::span<const double> logits, double temperature) {
  check(!logits.empty(), "softened outputs: expected at least one logit, found none");
  check(std::isfinite(temperature) && temperature > 0,
        "softened outputs: expected a temperature above 0, found ", temperature);
  double largest = -std::numeric_limits<double>::infinity();
  for (const double logit : logits) {
    check(!std::isnan(logit) && !(std::isinf(logit) && logit > 0),
          "softened outputs: expected finite logits (or -inf), found ", logit);
    if (logit > largest) largest = logit;
  }
  check(std::isfinite(largest), "softened outputs: expected a finite logit, found only -inf");
  return largest;
}

}  // namespace

std::vector<double> softened_probabilities(std::span<const double> logits, double temperature) {
  const double largest = largest_logit(logits, temperature);
  std::vector<double> probabilities;
  double sum = 0;
  for (const double logit : logits) {
    probabilities.push_back(std::exp((logit - largest) / temperature));
    sum += probabilities.back();
  }
  for (double& probability : probabilities) probability /= sum;
  return probabilities;
}

double softened_entropy(std::span<const double> logits, double temperature) {
  // With z = (logit - largest) / T and Z = sum exp z:  H = ln Z - sum z exp(z) / Z, where no
  // logarithm of a vanishing probability is taken.
  const double largest = largest_logit(logits, temperature);
  double sum = 0, weighted = 0;
  for (const double logit : logits) {
    const double z = (logit - largest) / temperature, e = std::exp(z);
    sum += e;
    if (e > 0) weighted += z * e;
  }
  return std::log(sum) - weighted / sum;
}

}  // namespace retort
