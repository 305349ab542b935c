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

Variable number_like(const Variable& x, double number) { return Tensor::scalar(number, x.dtype()); }

Variable one_minus(const Variable& x) { return add_scalar(negate(x), 1); }

// dy · f'(at), fused, where f' takes x or y as BinaryOp says; slope gives f'(at)'s own derivative.
template <class F>
Variable fused_backward(const char* name, BinaryOp op, const Variable& dy, const Variable& at, F slope) {
  return record(name, apply(op, dy, at),
      wrt(dy, [name, op, at = save(at), slope](const Variable& d) {
        return fused_backward(name, op, d, at(), slope);
      }),
      wrt(at, [dy = save(dy), at = save(at), slope](const Variable& d) {
        return d * dy() * slope(at());
      }));
}

Variable relu_backward(const Variable& dy, const Variable& x) {
  return record("relu_backward", apply(BinaryOp::relu_backward, dy, x),
      wrt(dy, [x = save(x)](const Variable& d) { return relu_backward(d, x()); }));
}

// (1 − y²)' = −2y.
Variable tanh_backward(const Variable& dy, const Variable& y) {
  return fused_backward("tanh_backward", BinaryOp::tanh_backward, dy, y,
                        [](const Variable& at) { return scale(at, -2); });
}

// (y·(1 − y))' = 1 − 2y.
Variable sigmoid_backward(const Variable& dy, const Variable& y) {
  return fused_backward("sigmoid_backward", BinaryOp::sigmoid_backward, dy, y,
                        [](const Variable& at) { return add_scalar(scale(at, -2), 1); });
}

// gelu''(x) = φ(x)·(2 − x²).
Variable gelu_backward(const Variable& dy, const Variable& x) {
  return fused_backward("gelu_backward", BinaryOp::gelu_backward, dy, x, [](const Variable& at) {
    const Variable density =
        scale(exp(scale(square(at), -0.5)), 1 / std::sqrt(2 * std::numbers::pi));
    return density * add_scalar(negate(square(at)), 2);
  });
}

// With s = σ(2u), u = √(2/π)·(x + 0.044715·x³): gelu'' = s(1 − s)·(4u' + 2x·u'' + 4x·u'²·(1 − 2s)).
Variable gelu_tanh_backward(const Variable& dy, const Variable& x) {
  return fused_backward(
      "gelu_tanh_backward", BinaryOp::gelu_tanh_backward, dy, x, [](const Variable& at) {
        const double c = std::sqrt(2 / std::numbers::pi), cubic = 0.044715;
        const Variable z = clamp(at, -40, 40);  // beyond, s(1 − s) is 0 in every number type
        const Variable s = sigmoid(scale(z * add_scalar(scale(square(z), cubic), 1), 2 * c));
        const Variable u1 = scale(add_scalar(scale(square(z), 3 * cubic), 1), c);
        const Variable u2 = scale(z, 6 * cubic * c);
        const Variable bend = scale(z * square(u1) * add_scalar(scale(s, -2), 1), 4);
        return s * one_minus(s) * (scale(u1, 4) + scale(z * u2, 2) + bend);
      });
}

// silu'' = s(1 − s)·(2 + x·(1 − 2s)), s = σ(x).
Variable silu_backward(const Variable& dy, const Variable& x) {
  return fused_backward("silu_backward", BinaryOp::silu_backward, dy, x, [](const Variable& at) {
    const Variable s = sigmoid(at);
    return s * one_minus(s) * add_scalar(at * add_scalar(scale(s, -2), 1), 2);
  });
}

// dy where a is the larger (or smaller, as `op` says) of two, half of it where they are equal.
Variable chosen(BinaryOp op, const Variable& dy, const Variable& a, const Variable& b) {
  const Variable loses = op == BinaryOp::maximum ? less(a, b) : less(b, a), zero = number_like(dy, 0);
  return where(loses, zero, where(equal(a, b), scale(dy, 0.5), dy));
}

Variable larger_or_smaller(const char* name, BinaryOp op, const Variable& a, const Variable& b) {
  return record(name, apply(op, a, b),
      wrt(a, [op, a = save(a), b = save(b)](const Variable& dy) { return chosen(op, dy, a(), b()); }),
      wrt(b, [op, a = save(a), b = save(b)](const Variable& dy) { return chosen(op, dy, b(), a()); }));
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

Variable rsqrt(const Variable& x) {
  Tensor y = apply(UnaryOp::rsqrt, x);
  return record("rsqrt", y,
      wrt(x, [y = SavedOutput(y)](const Variable& dy) { return scale(dy * y() * square(y()), -0.5); }));
}

Variable reciprocal(const Variable& x) {
  Tensor y = apply(UnaryOp::reciprocal, x);
  return record("reciprocal", y,
      wrt(x, [y = SavedOutput(y)](const Variable& dy) { return negate(dy * square(y())); }));
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

Variable sin(const Variable& x) {
  return record("sin", apply(UnaryOp::sin, x),
      wrt(x, [x = save(x)](const Variable& dy) { return dy * cos(x()); }));
}

Variable cos(const Variable& x) {
  return record("cos", apply(UnaryOp::cos, x),
      wrt(x, [x = save(x)](const Variable& dy) { return negate(dy * sin(x())); }));
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
      wrt(x, [y = SavedOutput(y)](const Variable& dy) { return sigmoid_backward(dy, y()); }));
}

Variable pow(const Variable& x, double exponent) {
  return record("pow", ops::binary(BinaryOp::power, x.value(), exponent),
      wrt(x, [x = save(x), exponent](const Variable& dy) {
        if (exponent == 0) return scale(dy, 0);
        return scale(dy * pow(x(), exponent - 1), exponent);
      }));
}

Variable pow(const Variable& x, const Variable& exponent) {
  return record("pow", apply(BinaryOp::power, x, exponent),
      // Masked before and after: what where() doesn't choose may not be 0 · ∞ in a derivative either.
      wrt(x, [x = save(x), exponent = save(exponent)](const Variable& dy) {
        const Variable zero = number_like(dy, 0), one = number_like(dy, 1);
        const Variable flat = equal(exponent(), zero);
        const Variable below = where(flat, one, add_scalar(exponent(), -1));
        return where(flat, zero, dy * exponent() * pow(where(flat, one, x()), below));
      }),
      wrt(exponent, [x = save(x), exponent = save(exponent)](const Variable& dy) {
        const Variable zero = number_like(dy, 0), one = number_like(dy, 1);
        const Variable flat = equal(x(), zero) * less_equal(zero, exponent());
        const Variable base = where(flat, one, x());
        return where(flat, zero, dy * pow(base, exponent()) * log(base));
      }));
}

Variable relu(const Variable& x) {
  return record("relu", apply(UnaryOp::relu, x),
      wrt(x, [x = save(x)](const Variable& dy) { return relu_backward(dy, x()); }));
}

Variable gelu(const Variable& x) {
  return record("gelu", apply(UnaryOp::gelu, x),
      wrt(x, [x = save(x)](const Variable& dy) { return gelu_backward(dy, x()); }));
}

Variable gelu_tanh(const Variable& x) {
  return record("gelu_tanh", apply(UnaryOp::gelu_tanh, x),
      wrt(x, [x = save(x)](const Variable& dy) { return gelu_tanh_backward(dy, x()); }));
}

Variable silu(const Variable& x) {
  return record("silu", apply(UnaryOp::silu, x),
      wrt(x, [x = save(x)](const Variable& dy) { return silu_backward(dy, x()); }));
}

Variable softplus(const Variable& x) {
  return record("softplus", apply(UnaryOp::softplus, x),
      wrt(x, [x = save(x)](const Variable& dy) { return dy * sigmoid(x()); }));
}

Variable clamp(const Variable& x, double low, double high) {
  return record("clamp", ops::unary(UnaryOp::clamp, x.value(), low, high),
      wrt(x, [x = save(x), low, high](const Variable& dy) {
        return where(ops::unary(UnaryOp::inside, x.value(), low, high), dy, number_like(dy, 0));
      }));
}

Variable maximum(const Variable& a, const Variable& b) {
  return larger_or_smaller("maximum", BinaryOp::maximum, a, b);
}

Variable minimum(const Variable& a, const Variable& b) {
  return larger_or_smaller("minimum", BinaryOp::minimum, a, b);
}

Variable equal(const Variable& a, const Variable& b) { return apply(BinaryOp::equal, a, b); }
Variable not_equal(const Variable& a, const Variable& b) { return apply(BinaryOp::not_equal, a, b); }
Variable less(const Variable& a, const Variable& b) { return apply(BinaryOp::less, a, b); }
Variable less_equal(const Variable& a, const Variable& b) { return apply(BinaryOp::less_equal, a, b); }
Variable greater(const Variable& a, const Variable& b) { return less(b, a); }
Variable greater_equal(const Variable& a, const Variable& b) { return less_equal(b, a); }

Variable where(const Variable& condition, const Variable& a, const Variable& b) {
  return record("where", ops::where(condition.value(), a.value(), b.value()),
      wrt(a, [condition = save(condition.detach())](const Variable& dy) {
        return where(condition(), dy, number_like(dy, 0));
      }),
      wrt(b, [condition = save(condition.detach())](const Variable& dy) {
        return where(condition(), number_like(dy, 0), dy);
      }));
}

Variable masked_fill(const Variable& x, const Variable& mask, double value) {
  check(broadcast(x.shape(), mask.shape(), "masked_fill") == x.shape(), "masked_fill: a mask of shape ",
        mask.shape(), " doesn't fit ", x.shape());
  return where(mask, number_like(x, value), x);
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
