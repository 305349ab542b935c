// Reductions and scans and their derivatives.
#include <limits>

#include "autograd/ops.h"
#include "tensor/ops.h"

namespace retort {
namespace {

// dy of a reduction that dropped its axes, with them as 1 again.
Variable keep(const Variable& dy, const Shape& kept) { return reshape(dy, kept); }

Variable zero_like(const Variable& x) { return Tensor::scalar(0, x.dtype()); }

Variable extreme(const char* name, ReduceOp op, const Variable& x, const std::vector<int>& axes,
                 bool keep_dims) {
  Tensor y = ops::reduce(op, x.value(), axes, keep_dims);
  const Shape kept = ops::kept_shape(x.shape(), axes);
  return record(name, y,
      wrt(x, [x = save(x), y = SavedOutput(y), axes, kept](const Variable& dy) {
        const Tensor chosen = ops::binary(BinaryOp::equal, x.value(), y.value().reshape(kept));
        const Variable ties = ops::reduce(ReduceOp::sum, chosen, axes, true);
        return where(chosen, keep(dy, kept) / ties, zero_like(dy));
      }));
}

}  // namespace

Variable sum(const Variable& x, std::vector<int> axes, bool keep_dims) {
  return record("sum", ops::reduce(ReduceOp::sum, x.value(), axes, keep_dims),
      wrt(x, [kept = ops::kept_shape(x.shape(), axes), shape = x.shape()](const Variable& dy) {
        return expand(keep(dy, kept), shape);
      }));
}

Variable mean(const Variable& x, std::vector<int> axes, bool keep_dims) {
  Tensor y = ops::mean(x.value(), axes, keep_dims);
  const double terms = static_cast<double>(x.value().count()) / static_cast<double>(y.count());
  return record("mean", std::move(y),
      wrt(x, [kept = ops::kept_shape(x.shape(), axes), shape = x.shape(), terms](const Variable& dy) {
        return expand(scale(keep(dy, kept), 1 / terms), shape);
      }));
}

Variable max(const Variable& x, std::vector<int> axes, bool keep_dims) {
  return extreme("max", ReduceOp::maximum, x, axes, keep_dims);
}

Variable min(const Variable& x, std::vector<int> axes, bool keep_dims) {
  return extreme("min", ReduceOp::minimum, x, axes, keep_dims);
}

Variable var(const Variable& x, std::vector<int> axes, bool unbiased, bool keep_dims) {
  Tensor y = ops::var(x.value(), axes, unbiased, keep_dims);
  const double terms = static_cast<double>(x.value().count()) / static_cast<double>(y.count());
  return record("var", std::move(y),
      wrt(x, [x = save(x), axes, kept = ops::kept_shape(x.shape(), axes),
              factor = 2 / (unbiased ? terms - 1 : terms)](const Variable& dy) {
        return scale(keep(dy, kept), factor) * (x() - mean(x(), axes, true));
      }));
}

Variable logsumexp(const Variable& x, std::vector<int> axes, bool keep_dims) {
  Tensor y = ops::logsumexp(x.value(), axes, keep_dims);
  return record("logsumexp", y,
      wrt(x, [x = save(x), y = SavedOutput(y), kept = ops::kept_shape(x.shape(), axes)](
                 const Variable& dy) {
        // Where every term is e^−∞ the derivative is 0, not −∞ − (−∞).
        const Variable none = Tensor::scalar(-std::numeric_limits<double>::infinity(), dy.dtype());
        const Variable total = keep(y(), kept);
        return keep(dy, kept) * exp(x() - where(equal(total, none), zero_like(dy), total));
      }));
}

Variable cumsum(const Variable& x, int axis, bool reverse) {
  return record("cumsum", ops::cumsum(x.value(), axis, reverse),
      wrt(x, [axis, reverse](const Variable& dy) { return cumsum(dy, axis, !reverse); }));
}

Tensor argmax(const Variable& x, int axis, bool keep_dims) {
  return ops::argmax(x.value(), axis, keep_dims);
}

Tensor argmin(const Variable& x, int axis, bool keep_dims) {
  return ops::argmin(x.value(), axis, keep_dims);
}

Variable sum_to(const Variable& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  return record("sum_to", ops::sum_to(x.value(), shape),
      wrt(x, [from = x.shape()](const Variable& dy) { return expand(dy, from); }));
}

}  // namespace retort
