// Elementwise operations and their derivatives. Broadcasting is undone by the engine.
#include <cmath>
#include <numbers>

#include "autograd/ops.h"
#include "tensor/base/error.h"
#include "tensor/ops.h"

namespace retort {
namespace {

Tensor apply(UnaryOp op, const Variable& x) { return ops::unary(op, x.value()); }
Tensor apply(BinaryOp op, const Variable& a, const Variable& b) {
  return ops::binary(op, a.value(), b.value());
}

// dy · gelu'(x), fused; second order: gelu''(x) = φ(x)·(2 − x²).
Variable gelu_backward(const Variable& dy, const Variable& x) {
  return record("gelu_backward", apply(BinaryOp::gelu_backward, dy, x),
      wrt(dy, [x = save(x)](const Variable& d) { return gelu_backward(d, x()); }),
      wrt(x, [dy = save(dy), x = save(x)](const Variable& d) {
        const Variable density = scale(exp(scale(square(x()), -0.5)), 1 / std::sqrt(2 * std::numbers::pi));
        return d * dy() * density * add_scalar(negate(square(x())), 2);
      }));
}

// dy · (1 − y²), fused.
Variable tanh_backward(const Variable& dy, const Variable& y) {
  return record("tanh_backward", apply(BinaryOp::tanh_backward, dy, y),
      wrt(dy, [y = save(y)](const Variable& d) { return tanh_backward(d, y()); }),
      wrt(y, [dy = save(dy), y = save(y)](const Variable& d) { return scale(d * dy() * y(), -2); }));
}

}  // namespace

Variable add(const Variable& a, const Variable& b) {
  return record("add", apply(BinaryOp::add, a, b),
      wrt(a, [](const Variable& dy) { return dy; }),
      wrt(b, [](const Variable& dy) { return dy; }));
}

Variable subtract(const Variable& a, const Variable& b) {
  return record("subtract", apply(BinaryOp::subtract, a, b),
      wrt(a, [](const Variable& dy) { return dy; }),
      wrt(b, [](const Variable& dy) { return negate(dy); }));
}

Variable multiply(const Variable& a, const Variable& b) {
  return record("multiply", apply(BinaryOp::multiply, a, b),
      wrt(a, [b = save(b)](const Variable& dy) { return dy * b(); }),
      wrt(b, [a = save(a)](const Variable& dy) { return dy * a(); }));
}

Variable divide(const Variable& a, const Variable& b) {
  return record("divide", apply(BinaryOp::divide, a, b),
      wrt(a, [b = save(b)](const Variable& dy) { return dy / b(); }),
      wrt(b, [a = save(a), b = save(b)](const Variable& dy) { return negate(dy * a() / square(b())); }));
}

Variable negate(const Variable& x) {
  return record("negate", apply(UnaryOp::negate, x),
      wrt(x, [](const Variable& dy) { return negate(dy); }));
}

Variable scale(const Variable& x, double factor) {
  return record("scale", ops::scale(x.value(), factor),
      wrt(x, [factor](const Variable& dy) { return scale(dy, factor); }));
}

Variable add_scalar(const Variable& x, double number) {
  return record("add_scalar",
      ops::binary(BinaryOp::add, x.value(), number),
      wrt(x, [](const Variable& dy) { return dy; }));
}

Variable exp(const Variable& x) {
  Tensor y = apply(UnaryOp::exp, x);
  return record("exp", y,
      wrt(x, [y = SavedOutput(y)](const Variable& dy) { return dy * y(); }));
}

Variable log(const Variable& x) {
  return record("log", apply(UnaryOp::log, x),
      wrt(x, [x = save(x)](const Variable& dy) { return dy / x(); }));
}

Variable sqrt(const Variable& x) {
  Tensor y = apply(UnaryOp::sqrt, x);
  return record("sqrt", y,
      wrt(x, [y = SavedOutput(y)](const Variable& dy) { return scale(dy / y(), 0.5); }));
}

Variable tanh(const Variable& x) {
  Tensor y = apply(UnaryOp::tanh, x);
  return record("tanh", y,
      wrt(x, [y = SavedOutput(y)](const Variable& dy) { return tanh_backward(dy, y()); }));
}

Variable erf(const Variable& x) {
  return record("erf", apply(UnaryOp::erf, x),
      wrt(x, [x = save(x)](const Variable& dy) {
        return scale(dy * exp(negate(square(x()))), 2 / std::sqrt(std::numbers::pi));
      }));
}

Variable relu(const Variable& x) {
  return record("relu", apply(UnaryOp::relu, x),
      wrt(x, [x = save(x)](const Variable& dy) { return dy * Variable(apply(UnaryOp::step, x())); }));
}

Variable abs(const Variable& x) {
  return record("abs", apply(UnaryOp::abs, x),
      wrt(x, [x = save(x)](const Variable& dy) { return dy * Variable(apply(UnaryOp::sign, x())); }));
}

Variable square(const Variable& x) {
  return record("square", apply(UnaryOp::square, x),
      wrt(x, [x = save(x)](const Variable& dy) { return scale(dy * x(), 2); }));
}

Variable sigmoid(const Variable& x) {
  Tensor y = apply(UnaryOp::sigmoid, x);
  return record("sigmoid", y,
      wrt(x, [y = SavedOutput(y)](const Variable& dy) { return dy * y() * add_scalar(negate(y()), 1); }));
}

Variable gelu(const Variable& x) {
  return record("gelu", apply(UnaryOp::gelu, x),
      wrt(x, [x = save(x)](const Variable& dy) { return gelu_backward(dy, x()); }));
}

Variable alias(const Variable& x) {
  return record("alias", x.value(), wrt(x, [](const Variable& dy) { return dy; }));
}

Variable cast(const Variable& x, DType dtype) {
  check(is_floating(dtype), "cast: expected a floating-point type, found ", name(dtype));
  if (x.dtype() == dtype) return x;
  return record("cast", x.value().to(dtype),
      wrt(x, [from = x.dtype()](const Variable& dy) { return cast(dy, from); }));
}

}  // namespace retort
