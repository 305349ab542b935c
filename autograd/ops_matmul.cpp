// Matrix products and their derivatives.
#include "autograd/node.h"
#include "autograd/ops.h"
#include "tensor/ops.h"
#include "tensor/prepared.h"

namespace retort {
namespace {

// dyᵀ·x of operands rounded to `compute`, which adds itself to the weight's gradient inside the product
// where that is all there is to do.
Variable weight_gradient(const Variable& dy, const Variable& x, DType compute, DType result, const Destination& into) {
  LeafGradient* gradient = into.gradient();
  if (!gradient || gradient->dtype() != compute_dtype(compute) || dy.rank() != 2)
    return linear(transpose(dy), transpose(x), {}, {.compute = compute, .result = result});
  gradient->write([&](Tensor& dw, bool accumulate) {
    ops::matmul_into(dw, dy.value().to(compute).transpose(), x.value().to(compute), accumulate);
  });
  return {};
}

}  // namespace

Variable matmul(const Variable& a, const Variable& b) {
  return record("matmul", ops::matmul(a.value(), b.value()),
      wrt(a, [b = save(b)](const Variable& dy) { return matmul(dy, transpose(b())); }),
      wrt(b, [a = save(a)](const Variable& dy) { return matmul(transpose(a()), dy); }));
}

Variable linear(const Variable& x, const Variable& weight, const Variable& bias, const LinearOptions& options) {
  // A fused gelu would leave nothing to take its derivative at.
  const bool needs_gradient =
      recording() && (x.requires_grad() || weight.requires_grad() || bias.requires_grad());
  if (options.gelu && needs_gradient) {
    LinearOptions plain = options;
    plain.gelu = false;
    return gelu(linear(x, weight, bias, plain));
  }
  const DType compute = options.compute.value_or(x.dtype());
  Tensor y = ops::linear(x.value(), weight.value(), bias.value(),
                         {.compute = compute,
                          .result = options.result,
                          .gelu = options.gelu,
                          .prepared = options.prepared.get()});
  // dy·weight, as a linear layer of its own.
  const auto dx = [weight = save(weight), compute, result = x.dtype(),
                   prepared = options.prepared](const Variable& dy) {
    return linear(dy, transpose(weight()), {}, {.compute = compute, .result = result, .prepared = prepared});
  };
  const auto dweight = [x = save(x), compute, result = weight.dtype(),
                        into = Destination(weight)](const Variable& dy) {
    return weight_gradient(dy, x(), compute, result, into);
  };
  if (!bias.defined()) return record("linear", std::move(y), wrt(x, dx), wrt(weight, dweight));
  const auto dbias = [dtype = bias.dtype()](const Variable& dy) { return sum(cast(dy, dtype), {0}); };
  return record("linear", std::move(y), wrt(x, dx), wrt(weight, dweight), wrt(bias, dbias));
}

}  // namespace retort
