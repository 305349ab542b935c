// Rows divided by their lengths: fused forward and derivative, and the composition.
#include "autograd/ops.h"
#include "tensor/ops.h"

namespace retort {

Variable normalize(const Variable& x, double epsilon) {
  const ops::Normalized result = ops::normalize(x.value(), epsilon);
  return record_joint("normalize", {result.y}, {x},
      [x = save(x), y = SavedOutput(result.y), scale = result.scale, epsilon](
          const Variables& dys, const std::vector<bool>& needs) -> Variables {
        if (recording())
          return reference_vjp(
              [epsilon](const Variables& in) -> Variables {
                return {reference::normalize(in[0], epsilon)};
              },
              {x()}, dys, needs);
        return {ops::normalize_backward(dys[0].value(), {y.value(), scale})};
      })[0];
}

namespace reference {

Variable normalize(const Variable& x, double epsilon) {
  const Variable wide = cast(x, compute_dtype(x.dtype()));
  return cast(wide / sqrt(add_scalar(sum(square(wide), {-1}, true), epsilon)), x.dtype());
}

}  // namespace reference
}  // namespace retort
