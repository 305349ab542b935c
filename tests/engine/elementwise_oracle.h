// The elementwise operations in double precision by libm, for the tests of their kernels.
#pragma once

#include <cmath>

#include "tests/engine/kernel_testing.h"

namespace retort::testing {

// What clamp and inside take in these tests.
inline constexpr double kFirst = -0.75, kSecond = 1.25;

inline double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

inline double reference(UnaryOp op, double x) {
  switch (op) {
    case UnaryOp::copy:
      return x;
    case UnaryOp::negate:
      return -x;
    case UnaryOp::exp:
      return std::exp(x);
    case UnaryOp::log:
      return std::log(x);
    case UnaryOp::sqrt:
      return std::sqrt(x);
    case UnaryOp::rsqrt:
      return 1 / std::sqrt(x);
    case UnaryOp::reciprocal:
      return 1 / x;
    case UnaryOp::tanh:
      return std::tanh(x);
    case UnaryOp::erf:
      return std::erf(x);
    case UnaryOp::sin:
      return std::sin(x);
    case UnaryOp::cos:
      return std::cos(x);
    case UnaryOp::gelu_tanh:
      return x * sigmoid(2 * std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x));
    case UnaryOp::silu:
      return x * sigmoid(x);
    case UnaryOp::softplus:
      return std::isnan(x) ? x : std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x)));
    case UnaryOp::gelu:
      return x == -kInfinity ? 0 : 0.5 * x * std::erfc(-x / std::sqrt(2.0));
    case UnaryOp::relu:
      return std::isnan(x) ? x : x > 0 ? x : 0;
    case UnaryOp::abs:
      return std::fabs(x);
    case UnaryOp::square:
      return x * x;
    case UnaryOp::sigmoid:
      return sigmoid(x);
    case UnaryOp::sign:
      return std::isnan(x) ? x : x > 0 ? 1 : x < 0 ? -1 : 0;
    case UnaryOp::clamp:
      return std::isnan(x) ? x : std::fmin(std::fmax(x, kFirst), kSecond);
    case UnaryOp::inside:
      return x > kFirst && x < kSecond;
  }
  return kNan;
}

inline double reference(BinaryOp op, double a, double b) {
  const bool nan = std::isnan(a) || std::isnan(b);
  switch (op) {
    case BinaryOp::add:
      return a + b;
    case BinaryOp::subtract:
      return a - b;
    case BinaryOp::multiply:
      return a * b;
    case BinaryOp::divide:
      return a / b;
    case BinaryOp::maximum:
      return nan ? kNan : std::fmax(a, b);
    case BinaryOp::minimum:
      return nan ? kNan : std::fmin(a, b);
    case BinaryOp::power:
      return std::pow(a, b);
    case BinaryOp::equal:
      return a == b;
    case BinaryOp::not_equal:
      return a != b;
    case BinaryOp::less:
      return a < b;
    case BinaryOp::less_equal:
      return a <= b;
    case BinaryOp::relu_backward:
      return b <= 0 ? 0 : a;
    case BinaryOp::tanh_backward:
      return a * (1 - b * b);
    case BinaryOp::sigmoid_backward:
      return a * (b * (1 - b));
    case BinaryOp::gelu_backward: {
      const double density = std::exp(-0.5 * b * b) / std::sqrt(2 * std::acos(-1.0));
      return a * (0.5 * std::erfc(-b / std::sqrt(2.0)) + (density > 0 ? b * density : 0));
    }
    case BinaryOp::gelu_tanh_backward: {
      const double c = 2 * std::sqrt(2 / std::acos(-1.0));
      const double s = sigmoid(c * (b + 0.044715 * b * b * b));
      // Where s is 0 or 1 the slope is, whatever b².
      const double bend =
          s * (1 - s) > 0 ? b * s * (1 - s) * c * (1 + 3 * 0.044715 * b * b) : 0 * s;
      return a * (s + bend);
    }
    case BinaryOp::silu_backward: {
      const double s = sigmoid(b);
      return a * (s * (1 + b * (1 - s)));
    }
  }
  return kNan;
}

// Overflow to ±∞ and underflow happen where T's range ends.
template <class T>
double rounded(double x) {
  return static_cast<double>(static_cast<T>(x));
}

}  // namespace retort::testing
