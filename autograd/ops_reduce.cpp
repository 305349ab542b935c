// Sums and means and their derivatives.
#include "autograd/ops.h"
#include "tensor/ops.h"

namespace retort {

Variable sum(const Variable& x, std::vector<int> axes, bool keep_dims) {
  Shape kept = x.shape();  // the result's shape with reduced dimensions as 1
  if (axes.empty()) kept = Shape::filled(x.rank(), 1);
  for (const int axis : axes) kept[axis] = 1;
  return record("sum", ops::reduce(ReduceOp::sum, x.value(), axes, keep_dims),
      wrt(x, [kept, shape = x.shape()](const Variable& dy) {
        return expand(reshape(dy, kept), shape);
      }));
}

Variable mean(const Variable& x, std::vector<int> axes, bool keep_dims) {
  const Variable total = sum(x, std::move(axes), keep_dims);
  const std::int64_t kept = total.value().count();
  return scale(total, kept == 0 ? 1.0 : static_cast<double>(kept) / static_cast<double>(x.value().count()));
}

Variable sum_to(const Variable& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  return record("sum_to", ops::sum_to(x.value(), shape),
      wrt(x, [from = x.shape()](const Variable& dy) { return expand(dy, from); }));
}

}  // namespace retort
