// What the tests of the tape share: small parameters, their numbers, and messages of errors.
#pragma once

#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "autograd/variable.h"
#include "tensor/base/philox.h"
#include "tests/catch.h"

namespace retort::testing {

inline Variable parameter(const std::vector<double>& values) {
  return Variable::parameter(Tensor::from(values));
}

inline std::vector<double> numbers(const Variable& x) { return x.value().to_vector<double>(); }

/// Normal numbers times `factor`.
inline Tensor random_tensor(const Shape& shape, std::uint64_t seed, double factor = 1,
                            DType dtype = DType::f32) {
  RandomStream random(seed);
  std::vector<double> values;
  for (std::int64_t i = 0; i < shape.count(); ++i) values.push_back(factor * random.normal());
  return Tensor::from(values, shape).to(dtype);
}

inline bool same_bits(const Tensor& a, const Tensor& b) {
  const Tensor x = a.contiguous(), y = b.contiguous();
  return x.shape() == y.shape() && x.dtype() == y.dtype() &&
         std::memcmp(x.raw(), y.raw(), static_cast<std::size_t>(x.count()) * size_of(x.dtype())) ==
             0;
}

/// The message of the error that f() throws; empty if it throws none.
template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace retort::testing
