// Matrix products of any strides and leading dimensions, and linear layers on them.
#include "tensor/ops_internal.h"
#include "tensor/prepared.h"

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

// Whether the table in use multiplies this type; f32 stands in for halves that it can't.
bool has_kernel(DType dtype) {
  return kernels().matmul[static_cast<std::size_t>(slot(dtype, "matmul"))] != nullptr;
}

// What happens to a product on its way out.
struct Finish {
  Tensor bias = {};  // [n], in the type that is computed in
  bool gelu = false;
  DType result = DType::f32;  // the operands' type, or f32
  Tensor packed = {};         // b as Prepared has it, or undefined
};

// a has a dtype for which there is a kernel, and so has b unless it comes packed.
Tensor multiply(const Tensor& a, const Tensor& b, const Finish& finish) {
  const auto number = static_cast<std::size_t>(slot(a.dtype(), "matmul"));
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
  Tensor c = Tensor::empty(shape, finish.result);
  if (c.count() == 0) return c;
  Tensor dense_bias;
  if (finish.bias.defined()) {
    check_compute_dtype(a, finish.bias, "matmul", "bias");
    check(finish.bias.rank() == 1 && finish.bias.size(0) == b.size(-1), "matmul: bias: expected [", b.size(-1),
          "], found ", finish.bias.shape());
    dense_bias = finish.bias.contiguous();
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
                    .accumulate = false,
                    .gelu = finish.gelu,
                    .f32_result = is_half(a.dtype()) && finish.result == DType::f32,
                    .packed_b = finish.packed.defined() ? finish.packed.raw() : nullptr});
  return c;
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b, const Tensor& bias) {
  check_same_dtype(a, b, "matmul");
  const DType dtype = a.dtype();
  if (has_kernel(dtype)) return multiply(a, b, {.bias = bias, .result = dtype});
  return multiply(a.to(DType::f32), b.to(DType::f32), {.bias = bias, .result = DType::f32}).to(dtype);
}

void matmul_into(Tensor& c, const Tensor& a, const Tensor& b, bool accumulate) {
  check_same_dtype(a, b, "matmul");
  check(c.defined() && (c.dtype() == a.dtype() || c.dtype() == compute_dtype(a.dtype())), "matmul: expected a result in ",
        name(compute_dtype(a.dtype())), ", found ", c.defined() ? name(c.dtype()) : "nothing");
  check(a.rank() == 2 && b.rank() == 2 && a.size(1) == b.size(0), "matmul: expected two matrices that fit, found ",
        a.shape(), " x ", b.shape());
  check(c.shape() == Shape{a.size(0), b.size(1)} && c.is_contiguous(), "matmul: expected a contiguous result of shape ",
        Shape{a.size(0), b.size(1)}, ", found ", c.shape());
  if (c.count() == 0) return;
  if (!has_kernel(a.dtype())) return matmul_into(c, a.to(DType::f32), b.to(DType::f32), accumulate);
  const auto number = static_cast<std::size_t>(slot(a.dtype(), "matmul"));
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
                    .accumulate = accumulate,
                    .f32_result = c.dtype() != a.dtype()});
}

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias, const LinearOptions& options) {
  check(x.defined() && weight.defined(), "linear: an argument is undefined");
  check(x.rank() == 2 && weight.rank() == 2 && x.size(1) == weight.size(1), "linear: expected x [rows, in] and weight [out, in], found ",
        x.shape(), " and ", weight.shape());
  const DType compute = options.compute.value_or(x.dtype()), result = options.result.value_or(x.dtype());
  check(is_floating(compute) && is_floating(result), "linear: expected floating-point types, found ", name(compute), " and ",
        name(result));
  Finish finish;
  finish.bias = bias.defined() ? bias.to(compute_dtype(compute)) : bias;
  finish.gelu = options.gelu;
  if (!has_kernel(compute)) {  // the same numbers, multiplied in f32
    const auto rounded = [&](const Tensor& t) { return t.to(compute).to(DType::f32); };
    return multiply(rounded(x), rounded(weight).transpose(), finish).to(result);
  }
  finish.result = result == compute ? compute : compute_dtype(compute);
  const Tensor b = weight.transpose();
  if (options.prepared) finish.packed = options.prepared->packed(b, compute);
  const Tensor right = finish.packed.defined() ? b : weight.to(compute).transpose();
  return multiply(x.to(compute), right, finish).to(result);
}

}  // namespace retort::ops
