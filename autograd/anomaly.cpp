#include "autograd/anomaly.h"

#include <cmath>

#include "tensor/base/error.h"

namespace retort {
namespace {

thread_local Anomaly t_detection = Anomaly::none;

// The flat index of the first anomaly in x, or −1.
std::int64_t first_anomaly(const Tensor& x) {
  if (!x.defined() || !is_floating(x.dtype())) return -1;
  const bool infinities = t_detection == Anomaly::nan_or_infinity;
  const auto values = x.to_vector<double>();
  for (std::size_t i = 0; i < values.size(); ++i)
    if (infinities ? !std::isfinite(values[i]) : std::isnan(values[i]))
      return static_cast<std::int64_t>(i);
  return -1;
}

Shape position(std::int64_t index, const Shape& shape) {
  Shape at = shape;
  for (int dim = shape.rank() - 1; dim >= 0; --dim) {
    at[dim] = index % shape[dim];
    index /= shape[dim];
  }
  return at;
}

const char* kind_of(const Tensor& x, std::int64_t index) {
  return std::isnan(x.to_vector<double>()[static_cast<std::size_t>(index)]) ? "a NaN"
                                                                            : "an infinity";
}

}  // namespace

DetectAnomalies::DetectAnomalies(Anomaly kind) : before_(t_detection) { t_detection = kind; }
DetectAnomalies::~DetectAnomalies() { t_detection = before_; }

bool detecting_anomalies() { return t_detection != Anomaly::none; }

void check_made_by(const char* operation, const Tensor& value,
                   const std::vector<const Tensor*>& inputs) {
  const std::int64_t index = first_anomaly(value);
  if (index < 0) return;
  std::size_t number = 0;
  for (const Tensor* input : inputs) {
    check(first_anomaly(*input) < 0, "anomaly: ", operation, " was given one: its input ", number,
          " of shape ", input->shape(), " isn't finite; look at where that comes from");
    ++number;
  }
  fail("anomaly: ", operation, " made ", kind_of(value, index), " at ",
       position(index, value.shape()), " of its result of shape ", value.shape(),
       ", from finite inputs");
}

void check_gradient_made_by(const char* operation, const Tensor& gradient, std::size_t input) {
  const std::int64_t index = first_anomaly(gradient);
  if (index < 0) return;
  fail("anomaly: the derivative of ", operation, " made ", kind_of(gradient, index), " at ",
       position(index, gradient.shape()), " of the gradient of its input ", input, " of shape ",
       gradient.shape());
}

}  // namespace retort
