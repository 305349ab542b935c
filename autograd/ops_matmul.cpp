// Matrix products and their derivatives.
#include "autograd/ops.h"
#include "tensor/ops.h"

namespace retort {

Variable matmul(const Variable& a, const Variable& b) {
  return record("matmul", ops::matmul(a.value(), b.value()),
      wrt(a, [b = save(b)](const Variable& dy) { return matmul(dy, transpose(b())); }),
      wrt(b, [a = save(a)](const Variable& dy) { return matmul(transpose(a()), dy); }));
}

Variable linear(const Variable& x, const Variable& weight, const Variable& bias) {
  Tensor y = ops::matmul(x.value(), weight.value().transpose(), bias.value());
  if (!bias.defined())
    return record("linear", std::move(y),
        wrt(x, [weight = save(weight)](const Variable& dy) { return matmul(dy, weight()); }),
        wrt(weight, [x = save(x)](const Variable& dy) { return matmul(transpose(dy), x()); }));
  return record("linear", std::move(y),
      wrt(x, [weight = save(weight)](const Variable& dy) { return matmul(dy, weight()); }),
      wrt(weight, [x = save(x)](const Variable& dy) { return matmul(transpose(dy), x()); }),
      wrt(bias, [](const Variable& dy) { return sum(dy, {0}); }));
}

}  // namespace retort
