// Matrix products and their derivatives.
#include "autograd/node.h"
#include "autograd/ops.h"
#include "tensor/ops.h"

namespace retort {
namespace {

// dyᵀ·x, which adds itself to the weight's gradient inside the product where that is all there is to do.
Variable weight_gradient(const Variable& dy, const Variable& x, const Destination& into) {
  LeafGradient* gradient = into.gradient();
  if (!gradient || gradient->dtype() != dy.dtype() || dy.rank() != 2)
    return matmul(transpose(dy), x);
  gradient->write([&](Tensor& dw, bool accumulate) {
    ops::matmul_into(dw, dy.value().transpose(), x.value(), accumulate);
  });
  return {};
}

}  // namespace

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
        wrt(weight, [x = save(x), into = Destination(weight)](const Variable& dy) {
          return weight_gradient(dy, x(), into);
        }));
  return record("linear", std::move(y),
      wrt(x, [weight = save(weight)](const Variable& dy) { return matmul(dy, weight()); }),
      wrt(weight, [x = save(x), into = Destination(weight)](const Variable& dy) {
          return weight_gradient(dy, x(), into);
        }),
      wrt(bias, [](const Variable& dy) { return sum(dy, {0}); }));
}

}  // namespace retort
