// Which elements dropout drops: a rule that every kernel with dropout takes. Read by nvcc too.
#pragma once

#include <cstdint>

#include "tensor/base/philox.h"

namespace retort {

/// Dropout keeps an element when its 16 random bits ≥ drop_below; kept ones are multiplied by
/// `scale`. Row r of the tensor draws the bits of row `row_offset + r` of the optimiser step.
struct DropoutRule {
  std::uint32_t drop_below = 0;  // probability · 2^16; 0: no dropout
  double scale = 1;              // 1 / (1 − probability)
  RandomSite site;
  std::uint32_t row_offset = 0;

  RETORT_HOST_DEVICE bool keeps(std::uint32_t row, std::uint32_t column) const {
    return random_half(site, row_offset + row, column) >= drop_below;
  }
};

}  // namespace retort
