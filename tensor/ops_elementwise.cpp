// Elementwise operations, and copies between dtypes.
#include <cstring>
#include <limits>
#include <type_traits>

#include "tensor/ops_internal.h"

namespace retort::ops {
namespace {

// Calls f(flat index in x, flat index in y) for every element, in order of y's shape.
template <class F>
void for_each_pair(const Plan<2>& plan, F f) {
  std::int64_t count = 1;
  for (int dim = 0; dim < plan.rank; ++dim) count *= plan.size[dim];
  std::int64_t index[kMaxRank] = {};
  std::int64_t x = 0, y = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    f(x, y);
    for (int dim = plan.rank - 1; dim >= 0; --dim) {
      x += plan.stride[0][dim];
      y += plan.stride[1][dim];
      if (++index[dim] < plan.size[dim]) break;
      x -= plan.stride[0][dim] * plan.size[dim];
      y -= plan.stride[1][dim] * plan.size[dim];
      index[dim] = 0;
    }
  }
}

// Towards zero. Numbers outside become the nearest integer there is, NaN 0: a cast would be undefined.
template <class To>
To to_integer(double value) {
  constexpr auto kLeast = std::numeric_limits<To>::min(), kMost = std::numeric_limits<To>::max();
  if (value >= static_cast<double>(kMost)) return kMost;
  if (value <= static_cast<double>(kLeast)) return kLeast;
  return value != value ? To{0} : static_cast<To>(value);
}

template <class To, class From>
To convert(From value) {
  constexpr bool from_half = std::is_same_v<From, f16> || std::is_same_v<From, bf16>;
  constexpr bool to_half = std::is_same_v<To, f16> || std::is_same_v<To, bf16>;
  if constexpr (from_half && to_half) return To(static_cast<float>(value));
  else if constexpr (from_half) return convert<To>(static_cast<float>(value));
  else if constexpr (to_half && std::is_same_v<From, float>) return To(value);
  else if constexpr (to_half) return To(static_cast<double>(value));  // rounds once
  else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To> && !std::is_same_v<To, bool>)
    return to_integer<To>(static_cast<double>(value));
  else return static_cast<To>(value);
}

template <class From, class To>
void copy_elements(const void* x, void* y, const Plan<2>& plan) {
  const auto* from = static_cast<const From*>(x);
  auto* to = static_cast<To*>(y);
  for_each_pair(plan, [&](std::int64_t i, std::int64_t j) { to[j] = convert<To>(from[i]); });
}

template <class F>
void with_type(DType dtype, F f) {
  switch (dtype) {
    case DType::f32: return f(float{});
    case DType::f64: return f(double{});
    case DType::f16: return f(f16{});
    case DType::bf16: return f(bf16{});
    case DType::i32: return f(std::int32_t{});
    case DType::i64: return f(std::int64_t{});
    case DType::u8: return f(std::uint8_t{});
    case DType::boolean: return f(bool{});
  }
}

}  // namespace

void fill(Tensor& y, double value) {
  if (y.count() == 0) return;
  if (is_floating(y.dtype()) && y.is_contiguous()) {
    launch(kernels().fill[slot(y.dtype(), "fill")],
           FillArgs{y.mutable_raw(), y.count(), nearest(value, y.dtype())});
    return;
  }
  const Plan<2> plan = make_plan<2>(y.shape(), {Shape::filled(y.rank(), 0), y.strides()});
  with_type(y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    copy_elements<double, T>(&value, y.mutable_raw(), plan);
  });
}

void copy(const Tensor& x, Tensor& y) {
  if (y.count() == 0) return;
  if (x.dtype() == y.dtype() && x.is_contiguous() && y.is_contiguous()) {
    std::memcpy(y.mutable_raw(), x.raw(), static_cast<std::size_t>(x.count()) * size_of(x.dtype()));
    return;
  }
  const Plan<2> plan = make_plan<2>(y.shape(), {x.strides(), y.strides()});
  if (x.dtype() == y.dtype() && is_floating(x.dtype())) {
    launch(kernels().unary[slot(x.dtype(), "copy")],
           UnaryArgs{UnaryOp::copy, x.raw(), y.mutable_raw(), plan});
    return;
  }
  if (is_floating(x.dtype()) && is_floating(y.dtype())) {
    const Tensor from = x.contiguous();
    Tensor to = y.is_contiguous() ? y : Tensor::empty(y.shape(), y.dtype());
    launch(kernels().convert[slot(x.dtype(), "copy")],
           ConvertArgs{from.raw(), to.mutable_raw(), to.count(), to.dtype()});
    if (!y.is_contiguous()) copy(to, y);
    return;
  }
  with_type(x.dtype(), [&](auto from) {
    with_type(y.dtype(), [&](auto to) {
      copy_elements<decltype(from), decltype(to)>(x.raw(), y.mutable_raw(), plan);
    });
  });
}

Tensor unary(UnaryOp op, const Tensor& x, double first, double second) {
  const int number = slot(x.dtype(), "elementwise");
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  if (y.count() == 0) return y;
  launch(kernels().unary[number],
         UnaryArgs{op, x.raw(), y.mutable_raw(), make_plan<2>(x.shape(), {x.strides(), y.strides()}),
                   first, second});
  return y;
}

Tensor binary(BinaryOp op, const Tensor& a, const Tensor& b) {
  check_same_dtype(a, b, "elementwise");
  const int number = slot(a.dtype(), "elementwise");
  const Shape shape = broadcast(a.shape(), b.shape(), "elementwise");
  Tensor y = Tensor::empty(shape, a.dtype());
  if (y.count() == 0) return y;
  launch(kernels().binary[number],
         BinaryArgs{op, a.raw(), b.raw(), y.mutable_raw(),
                    make_plan<3>(shape, {a.expand(shape).strides(), b.expand(shape).strides(),
                                         y.strides()})});
  return y;
}

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  check_same_dtype(a, b, "where");
  check(condition.defined() && (condition.dtype() == a.dtype() || condition.dtype() == DType::boolean),
        "where: expected a condition of dtype bool or ", name(a.dtype()), ", found ",
        condition.defined() ? name(condition.dtype()) : "nothing");
  const int number = slot(a.dtype(), "where");
  const Tensor c = condition.to(a.dtype());
  const Shape shape = broadcast(c.shape(), broadcast(a.shape(), b.shape(), "where"), "where");
  Tensor y = Tensor::empty(shape, a.dtype());
  if (y.count() == 0) return y;
  launch(kernels().where[number],
         WhereArgs{c.raw(), a.raw(), b.raw(), y.mutable_raw(),
                   make_plan<4>(shape, {c.expand(shape).strides(), a.expand(shape).strides(),
                                        b.expand(shape).strides(), y.strides()})});
  return y;
}

void add_to(Tensor& y, const Tensor& x) {
  check_same_dtype(x, y, "add");
  check(x.shape() == y.shape(), "add: expected ", y.shape(), ", found ", x.shape());
  if (y.count() == 0) return;
  const void* before = y.raw();
  launch(kernels().binary[slot(y.dtype(), "add")],
         BinaryArgs{BinaryOp::add, before, x.raw(), y.mutable_raw(),
                    make_plan<3>(y.shape(), {y.strides(), x.strides(), y.strides()})});
}

Tensor binary(BinaryOp op, const Tensor& a, double number) {
  const int slot_number = slot(a.dtype(), "elementwise");
  Tensor y = Tensor::empty(a.shape(), a.dtype());
  if (y.count() == 0) return y;
  launch(kernels().binary[slot_number],
         BinaryArgs{op, a.raw(), nullptr, y.mutable_raw(),
                    make_plan<3>(a.shape(), {a.strides(), Shape::filled(a.rank(), 0), y.strides()}),
                    number});
  return y;
}

Tensor scale(const Tensor& x, double factor) { return binary(BinaryOp::multiply, x, factor); }

}  // namespace retort::ops
