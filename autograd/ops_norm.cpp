// Softmax and norms: fused kernels, fused derivatives, and the compositions that mean the same.
#include "autograd/ops.h"
#include "tensor/ops.h"

namespace retort {
namespace {

Variable softmax_backward(const Variable& dy, const Variable& y) {
  return record("softmax_backward", ops::softmax_backward(dy.value(), y.value()),
      wrt(dy, [y = save(y)](const Variable& d) { return softmax_backward(d, y()); }),
      // d/dy of y·(dy − Σ dy·y), contracted with d.
      wrt(y, [dy = save(dy), y = save(y)](const Variable& d) {
        return d * (dy() - sum(dy() * y(), {-1}, true)) - dy() * sum(d * y(), {-1}, true);
      }));
}

Variable log_softmax_backward(const Variable& dy, const Variable& y) {
  if (recording()) return dy - exp(y) * sum(dy, {-1}, true);
  return ops::softmax_backward(dy.value(), y.value(), true);
}

}  // namespace

Variable softmax(const Variable& x) {
  Tensor y = ops::softmax(x.value());
  return record("softmax", y,
      wrt(x, [y = SavedOutput(y)](const Variable& dy) { return softmax_backward(dy, y()); }));
}

Variable log_softmax(const Variable& x) {
  Tensor y = ops::softmax(x.value(), true);
  return record("log_softmax", y,
      wrt(x, [y = SavedOutput(y)](const Variable& dy) { return log_softmax_backward(dy, y()); }));
}

Variable layer_norm(const Variable& x, const Variable& weight, const Variable& bias, double epsilon) {
  ops::LayerNorm result = ops::layer_norm(x.value(), weight.value(), bias.value(), epsilon);
  return record_joint("layer_norm", {result.y}, {x, weight, bias},
      [x = save(x), weight = save(weight), bias = save(bias), mean = result.mean, rstd = result.rstd,
       epsilon](const Variables& dys, const std::vector<bool>& needs) -> Variables {
        if (recording())
          return reference_vjp(
              [epsilon](const Variables& in) -> Variables {
                return {reference::layer_norm(in[0], in[1], in[2], epsilon)};
              },
              {x(), weight(), bias()}, dys, needs);
        ops::LayerNormGradients gradients = ops::layer_norm_backward(
            dys[0].value(), x.value(), weight.value(), mean, rstd, needs[0], needs[1] || needs[2]);
        return {gradients.dx, gradients.dweight, gradients.dbias};
      })[0];
}

Variable rms_norm(const Variable& x, const Variable& weight, double epsilon, bool one_plus_weight) {
  const double offset = one_plus_weight ? 1 : 0;
  ops::RmsNorm result = ops::rms_norm(x.value(), weight.value(), epsilon, offset);
  return record_joint("rms_norm", {result.y}, {x, weight},
      [x = save(x), weight = save(weight), rstd = result.rstd, epsilon, offset](
          const Variables& dys, const std::vector<bool>& needs) -> Variables {
        if (recording())
          return reference_vjp(
              [&](const Variables& in) -> Variables {
                return {reference::rms_norm(in[0], in[1], epsilon, offset != 0)};
              },
              {x(), weight()}, dys, needs);
        ops::RmsNormGradients gradients = ops::rms_norm_backward(
            dys[0].value(), x.value(), weight.value(), rstd, offset, needs[0], needs[1]);
        return {gradients.dx, gradients.dweight};
      })[0];
}

namespace reference {

// The maximum is a constant: softmax doesn't depend on what is subtracted.
static Variable shifted(const Variable& x) {
  const Variable wide = cast(x, compute_dtype(x.dtype()));
  const int last[] = {-1};
  return wide - Variable(ops::reduce(ReduceOp::maximum, wide.value(), last, true));
}

Variable softmax(const Variable& x) {
  const Variable e = exp(shifted(x));
  return cast(e / sum(e, {-1}, true), x.dtype());
}

Variable log_softmax(const Variable& x) {
  const Variable s = shifted(x);
  return cast(s - log(sum(exp(s), {-1}, true)), x.dtype());
}

Variable layer_norm(const Variable& x, const Variable& weight, const Variable& bias, double epsilon) {
  const Variable wide = cast(x, compute_dtype(x.dtype()));
  const Variable centred = wide - mean(wide, {-1}, true);
  const Variable variance = mean(square(centred), {-1}, true);
  return cast(centred / sqrt(add_scalar(variance, epsilon)) * weight + bias, x.dtype());
}

Variable rms_norm(const Variable& x, const Variable& weight, double epsilon, bool one_plus_weight) {
  const Variable wide = cast(x, compute_dtype(x.dtype()));
  const Variable normal = wide / sqrt(add_scalar(mean(square(wide), {-1}, true), epsilon));
  return cast(normal * (one_plus_weight ? add_scalar(weight, 1) : weight), x.dtype());
}

}  // namespace reference
}  // namespace retort
