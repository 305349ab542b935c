// Finding the operation that made the first NaN.
//
// NaN propagates, so by the time that a loss is NaN its origin lies far back. While a
// DetectAnomalies lives, every operation of its thread looks at what it gives, forward and
// backward, and the first one that isn't finite is an error that names it. Slow: for looking, not
// for training.
#pragma once

#include <vector>

#include "tensor/tensor.h"

namespace retort {

/// What counts: nothing, NaN alone (for models that mask with −∞ on purpose), or infinities too.
enum class Anomaly { none, nan, nan_or_infinity };

/// Turns detection on for this thread while it lives; nests. `none` turns it off.
class DetectAnomalies {
 public:
  explicit DetectAnomalies(Anomaly kind = Anomaly::nan_or_infinity);
  ~DetectAnomalies();
  DetectAnomalies(const DetectAnomalies&) = delete;
  DetectAnomalies& operator=(const DetectAnomalies&) = delete;

 private:
  Anomaly before_;
};

/// Whether this thread is looking.
bool detecting_anomalies();

/// An error if `value`, which `operation` made of `inputs`, holds an anomaly.
void check_made_by(const char* operation, const Tensor& value,
                   const std::vector<const Tensor*>& inputs);
/// The same for the gradient that the derivative of `operation` gave for its input number `input`.
void check_gradient_made_by(const char* operation, const Tensor& gradient, std::size_t input);

}  // namespace retort
