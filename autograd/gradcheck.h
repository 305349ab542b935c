// Derivatives against finite differences.
#pragma once

#include <functional>
#include <string>

#include "autograd/variable.h"

namespace retort {

struct GradcheckOptions {
  double step = 1e-6;       ///< of the central difference
  double relative = 1e-6;   ///< tolerance relative to the larger of the two
  double absolute = 1e-7;
  bool second_order = false;  ///< also checks the gradient's own gradient
};

/// Compares f's gradients with central differences at `inputs` (f64). f gives one Variable of any
/// shape; a fixed weighted sum of it is differentiated. Returns an empty string, or one sentence that
/// names the first element that differs.
std::string gradcheck(const std::function<Variable(const Variables&)>& f,
                      const std::vector<Tensor>& inputs, const GradcheckOptions& options = {});

}  // namespace retort
