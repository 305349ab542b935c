// Which rows count in a loss, for the compositions.
#pragma once

#include <vector>

#include "tensor/tensor.h"

namespace retort {

/// [rows, 1] with 0 for rows whose label is −100, else 1; all 1 without labels.
inline Tensor valid_rows(const Tensor& labels, std::int64_t rows, DType dtype) {
  if (!labels.defined()) return Tensor::full({rows, 1}, 1, dtype);
  std::vector<double> valid;
  for (const std::int32_t label : labels.to_vector<std::int32_t>())
    valid.push_back(label == -100 ? 0 : 1);
  return Tensor::from(valid, {rows, 1}).to(dtype);
}

}  // namespace retort
