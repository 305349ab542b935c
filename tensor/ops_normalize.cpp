// Rows divided by their lengths.
#include "tensor/ops_internal.h"

namespace retort::ops {

Normalized normalize(const Tensor& x, double epsilon) {
  check(x.rank() >= 1, "normalize: expected at least one dimension");
  const Tensor in = x.contiguous();
  const std::int64_t rows = row_count(x.shape());
  Normalized result{Tensor::empty(x.shape(), x.dtype()),
                    Tensor::empty({rows}, compute_dtype(x.dtype()))};
  if (x.count() == 0) return result;
  launch(kernels().normalize[slot(x.dtype(), "normalize")],
         NormalizeArgs{in.raw(), result.y.mutable_raw(), result.scale.mutable_raw(), rows,
                       x.size(-1), epsilon});
  return result;
}

Tensor normalize_backward(const Tensor& dy, const Normalized& result) {
  check_same_dtype(dy, result.y, "normalize_backward");
  check(dy.shape() == result.y.shape(), "normalize_backward: expected ", result.y.shape(),
        ", found ", dy.shape());
  const Tensor gradient = dy.contiguous();
  Tensor dx = Tensor::empty(dy.shape(), dy.dtype());
  if (dx.count() == 0) return dx;
  launch(kernels().normalize_backward[slot(dy.dtype(), "normalize_backward")],
         NormalizeBackwardArgs{gradient.raw(), result.y.raw(), result.scale.raw(), dx.mutable_raw(),
                               row_count(dy.shape()), dy.size(-1)});
  return dx;
}

}  // namespace retort::ops
