// Matrix products of any strides and leading dimensions.
#include "tensor/ops_internal.h"

namespace retort::ops {
namespace {

// Leading dimensions as one batch with a constant stride (0 when broadcast); false if there is none.
bool single_batch_stride(const Tensor& x, std::int64_t& stride) {
  std::int64_t expected = 0;
  bool first = true;
  for (int dim = x.rank() - 3; dim >= 0; --dim) {
    if (x.size(dim) == 1) continue;
    if (first) {
      stride = x.strides()[dim];
      expected = stride * x.size(dim);
      first = false;
    } else {
      if (x.strides()[dim] != expected) return false;
      expected *= x.size(dim);
    }
  }
  if (first) stride = 0;
  return true;
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b, const Tensor& bias) {
  check_same_dtype(a, b, "matmul");
  if (is_half(a.dtype())) {
    const Tensor wide_bias = bias.defined() ? bias.to(DType::f32) : Tensor();
    return matmul(a.to(DType::f32), b.to(DType::f32), wide_bias).to(a.dtype());
  }
  const int number = slot_f32_f64(a.dtype(), "matmul");
  check(a.rank() >= 2 && b.rank() >= 2, "matmul: expected two matrices, found ", a.shape(), " x ", b.shape());
  check(a.size(-1) == b.size(-2), "matmul: inner dimensions differ: ", a.shape(), " x ", b.shape());
  const auto leading = [](const Tensor& x) {
    return Shape(std::span<const std::int64_t>(x.shape().begin(), static_cast<std::size_t>(x.rank() - 2)));
  };
  const Shape batch = broadcast(leading(a), leading(b), "matmul");
  const auto with_batch = [&](const Tensor& x) {
    Shape shape = batch;
    shape.append(x.size(-2));
    shape.append(x.size(-1));
    return x.expand(shape);
  };
  Tensor left = with_batch(a), right = with_batch(b);
  std::int64_t left_batch = 0, right_batch = 0;
  if (!single_batch_stride(left, left_batch)) {
    left = left.clone();
    single_batch_stride(left, left_batch);
  }
  if (!single_batch_stride(right, right_batch)) {
    right = right.clone();
    single_batch_stride(right, right_batch);
  }
  Shape shape = batch;
  shape.append(a.size(-2));
  shape.append(b.size(-1));
  Tensor c = Tensor::empty(shape, a.dtype());
  if (c.count() == 0) return c;
  Tensor dense_bias;
  if (bias.defined()) {
    check_same_dtype(a, bias, "matmul");
    check(bias.rank() == 1 && bias.size(0) == b.size(-1), "matmul: bias: expected [", b.size(-1),
          "], found ", bias.shape());
    dense_bias = bias.contiguous();
  }
  const std::int64_t m = a.size(-2), n = b.size(-1);
  launch(kernels().matmul[number], kernels().matmul_workspace[number],
         MatmulArgs{.a = left.raw(),
                    .b = right.raw(),
                    .c = c.mutable_raw(),
                    .bias = dense_bias.defined() ? dense_bias.raw() : nullptr,
                    .batch = batch.count(),
                    .m = m,
                    .n = n,
                    .k = a.size(-1),
                    .a_batch = left_batch,
                    .a_row = left.strides()[-2],
                    .a_col = left.strides()[-1],
                    .b_batch = right_batch,
                    .b_row = right.strides()[-2],
                    .b_col = right.strides()[-1],
                    .c_batch = m * n,
                    .c_row = n,
                    .accumulate = false});
  return c;
}

void matmul_into(Tensor& c, const Tensor& a, const Tensor& b, bool accumulate) {
  check_same_dtype(a, b, "matmul");
  check_same_dtype(a, c, "matmul");
  check(a.rank() == 2 && b.rank() == 2 && a.size(1) == b.size(0), "matmul: expected two matrices that fit, found ",
        a.shape(), " x ", b.shape());
  check(c.shape() == Shape{a.size(0), b.size(1)} && c.is_contiguous(), "matmul: expected a contiguous result of shape ",
        Shape{a.size(0), b.size(1)}, ", found ", c.shape());
  if (c.count() == 0) return;
  const int number = slot_f32_f64(a.dtype(), "matmul");
  launch(kernels().matmul[number], kernels().matmul_workspace[number],
         MatmulArgs{.a = a.raw(),
                    .b = b.raw(),
                    .c = c.mutable_raw(),
                    .bias = nullptr,
                    .batch = 1,
                    .m = a.size(0),
                    .n = b.size(1),
                    .k = a.size(1),
                    .a_batch = 0,
                    .a_row = a.strides()[0],
                    .a_col = a.strides()[1],
                    .b_batch = 0,
                    .b_row = b.strides()[0],
                    .b_col = b.strides()[1],
                    .c_batch = 0,
                    .c_row = b.size(1),
                    .accumulate = accumulate});
}

}  // namespace retort::ops
