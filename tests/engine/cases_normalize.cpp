// Cases of rows that are divided by their lengths.
#include "tests/engine/cases.h"

namespace retort::testing {

std::vector<Case> normalize_cases() {
  return {
      {.name = "normalize",
       .functions = {"normalize", "reference::normalize"},
       .kernels = {"normalize", "normalize_backward"},
       .f = [](const Variables& in) { return normalize(in[0], 1e-6); },
       .values = {Values::off_zero},
       .shapes = {{{3, 4}}, {{5}}, {{2, 2}}, {{0, 3}}, {{2, 3, 17}}, {{700, 65}}, {{20, 5000}}},
       .reference = [](const Variables& in) { return reference::normalize(in[0], 1e-6); },
       .extreme = true},
  };
}

}  // namespace retort::testing
