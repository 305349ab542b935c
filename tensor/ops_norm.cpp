// Softmax and norms along the last dimension.
#include "tensor/ops_internal.h"

namespace retort::ops {

Tensor softmax(const Tensor& x, bool log) {
  check(x.rank() >= 1, "softmax: expected at least one dimension");
  const Tensor in = x.contiguous();
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  if (y.count() == 0) return y;
  launch(kernels().softmax[slot(x.dtype(), "softmax")],
         SoftmaxArgs{in.raw(), y.mutable_raw(), row_count(x.shape()), x.size(-1), log});
  return y;
}

Tensor softmax_backward(const Tensor& dy, const Tensor& y, bool log) {
  check_same_dtype(dy, y, "softmax_backward");
  check(dy.shape() == y.shape(), "softmax_backward: expected ", y.shape(), ", found ", dy.shape());
  const Tensor in = dy.contiguous(), out = y.contiguous();
  Tensor dx = Tensor::empty(y.shape(), y.dtype());
  if (dx.count() == 0) return dx;
  launch(kernels().softmax_backward[slot(y.dtype(), "softmax_backward")],
         SoftmaxBackwardArgs{in.raw(), out.raw(), dx.mutable_raw(), row_count(y.shape()), y.size(-1), log});
  return dx;
}

LayerNorm layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double epsilon) {
  check_compute_dtype(x, weight, "layer_norm", "weight");
  check_compute_dtype(x, bias, "layer_norm", "bias");
  check(x.rank() >= 1 && weight.shape() == Shape{x.size(-1)} && bias.shape() == weight.shape(),
        "layer_norm: weight ", weight.shape(), " and bias ", bias.shape(), " don't fit ", x.shape());
  const Tensor in = x.contiguous(), w = weight.contiguous(), b = bias.contiguous();
  const std::int64_t rows = row_count(x.shape());
  LayerNorm result{Tensor::empty(x.shape(), x.dtype()), Tensor::empty({rows}, weight.dtype()),
                   Tensor::empty({rows}, weight.dtype())};
  if (result.y.count() == 0) return result;
  launch(kernels().layer_norm[slot(x.dtype(), "layer_norm")],
         LayerNormArgs{in.raw(), w.raw(), b.raw(), result.y.mutable_raw(), result.mean.mutable_raw(),
                       result.rstd.mutable_raw(), rows, x.size(-1), epsilon});
  return result;
}

LayerNormGradients layer_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& weight,
                                       const Tensor& mean, const Tensor& rstd, bool want_dx,
                                       bool want_parameters) {
  check_same_dtype(dy, x, "layer_norm_backward");
  check(dy.shape() == x.shape(), "layer_norm_backward: expected ", x.shape(), ", found ", dy.shape());
  const int number = slot(x.dtype(), "layer_norm_backward");
  LayerNormGradients result;
  if (want_dx) result.dx = Tensor::empty(x.shape(), x.dtype());
  if (want_parameters) {
    result.dweight = Tensor::zeros({x.size(-1)}, weight.dtype());
    result.dbias = Tensor::zeros({x.size(-1)}, weight.dtype());
  }
  if (x.count() == 0) return result;
  const Tensor gradient = dy.contiguous(), in = x.contiguous(), w = weight.contiguous();
  const auto raw = [](Tensor& tensor) { return tensor.defined() ? tensor.mutable_raw() : nullptr; };
  launch(kernels().layer_norm_backward[number], kernels().layer_norm_backward_workspace[number],
         LayerNormBackwardArgs{gradient.raw(), in.raw(), w.raw(), mean.raw(), rstd.raw(),
                               raw(result.dx), raw(result.dweight), raw(result.dbias),
                               row_count(x.shape()), x.size(-1)});
  return result;
}

RmsNorm rms_norm(const Tensor& x, const Tensor& weight, double epsilon, double weight_offset) {
  check_compute_dtype(x, weight, "rms_norm", "weight");
  check(x.rank() >= 1 && weight.shape() == Shape{x.size(-1)}, "rms_norm: weight ", weight.shape(),
        " doesn't fit ", x.shape());
  const Tensor in = x.contiguous(), w = weight.contiguous();
  const std::int64_t rows = row_count(x.shape());
  RmsNorm result{Tensor::empty(x.shape(), x.dtype()), Tensor::empty({rows}, weight.dtype())};
  if (result.y.count() == 0) return result;
  launch(kernels().rms_norm[slot(x.dtype(), "rms_norm")],
         RmsNormArgs{in.raw(), w.raw(), result.y.mutable_raw(), result.rstd.mutable_raw(), rows,
                     x.size(-1), epsilon, weight_offset});
  return result;
}

RmsNormGradients rms_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& weight,
                                   const Tensor& rstd, double weight_offset, bool want_dx,
                                   bool want_dweight) {
  check_same_dtype(dy, x, "rms_norm_backward");
  check(dy.shape() == x.shape(), "rms_norm_backward: expected ", x.shape(), ", found ", dy.shape());
  const int number = slot(x.dtype(), "rms_norm_backward");
  RmsNormGradients result;
  if (want_dx) result.dx = Tensor::empty(x.shape(), x.dtype());
  if (want_dweight) result.dweight = Tensor::zeros({x.size(-1)}, weight.dtype());
  if (x.count() == 0) return result;
  const Tensor gradient = dy.contiguous(), in = x.contiguous(), w = weight.contiguous();
  launch(kernels().rms_norm_backward[number], kernels().rms_norm_backward_workspace[number],
         RmsNormBackwardArgs{gradient.raw(), in.raw(), w.raw(), rstd.raw(),
                             want_dx ? result.dx.mutable_raw() : nullptr,
                             want_dweight ? result.dweight.mutable_raw() : nullptr,
                             row_count(x.shape()), x.size(-1), weight_offset});
  return result;
}

}  // namespace retort::ops
