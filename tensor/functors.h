// The elementwise formulas, written once for every backend.
//
// A functor is templated on the number type V: a SIMD vector on the CPU (tensor/cpu/simd.h, found
// by argument-dependent lookup) or a plain float or double (the functions below; CUDA). So the CPU
// and CUDA can't drift apart. No intrinsics and no library containers here: nvcc reads this file,
// and so does every CPU instruction set, where nothing may become a symbol that the linker shares.
#pragma once

#include <cmath>

#include "tensor/base/philox.h"
#include "tensor/kernels_elementwise.h"

namespace retort::functors {

inline constexpr double kSqrtHalf = 0.70710678118654752440;          // 1/√2
inline constexpr double kInverseSqrtTwoPi = 0.39894228040143267794;  // 1/√(2π)
inline constexpr double kTwoSqrtTwoOverPi = 1.5957691216057307117;   // 2·√(2/π)
inline constexpr double kGeluCubic = 0.044715;  // Hendrycks & Gimpel's, for the tanh form

// What a formula needs of its number type; the SIMD vectors bring the same names.
#define RETORT_FUNCTION RETORT_HOST_DEVICE static inline
#define RETORT_SCALAR_MATH(T, suffix)                                                      \
  RETORT_FUNCTION T like(T, double constant) { return static_cast<T>(constant); }          \
  RETORT_FUNCTION bool less(T a, T b) { return a < b; }                                    \
  RETORT_FUNCTION bool less_equal(T a, T b) { return a <= b; }                             \
  RETORT_FUNCTION bool equal(T a, T b) { return a == b; }                                  \
  RETORT_FUNCTION bool is_nan(T a) { return a != a; }                                      \
  RETORT_FUNCTION T select(bool mask, T yes, T no) { return mask ? yes : no; }             \
  RETORT_FUNCTION T at_most(T x, T limit) { return limit < x ? limit : x; }                \
  RETORT_FUNCTION T at_least(T x, T limit) { return limit > x ? limit : x; }               \
  RETORT_FUNCTION T fma(T a, T b, T c) { return ::fma##suffix(a, b, c); }                  \
  RETORT_FUNCTION T sqrt(T x) { return ::sqrt##suffix(x); }                                \
  RETORT_FUNCTION T abs(T x) { return ::fabs##suffix(x); }                                 \
  RETORT_FUNCTION T exp(T x) { return ::exp##suffix(x); }                                  \
  RETORT_FUNCTION T log(T x) { return ::log##suffix(x); }                                  \
  RETORT_FUNCTION T log1p(T x) { return ::log1p##suffix(x); }                              \
  RETORT_FUNCTION T sin(T x) { return ::sin##suffix(x); }                                  \
  RETORT_FUNCTION T cos(T x) { return ::cos##suffix(x); }                                  \
  RETORT_FUNCTION T pow(T x, T y) { return ::pow##suffix(x, y); }                          \
  RETORT_FUNCTION T tanh(T x) { return ::tanh##suffix(x); }                                \
  RETORT_FUNCTION T erf(T x) { return ::erf##suffix(x); }                                  \
  RETORT_FUNCTION T max(T a, T b) { return is_nan(a) ? a : (a < b || is_nan(b)) ? b : a; } \
  RETORT_FUNCTION T min(T a, T b) { return is_nan(a) ? a : (b < a || is_nan(b)) ? b : a; } \
  RETORT_FUNCTION T gelu_dip(T x) {                                                        \
    x = at_most(x, static_cast<T>(40));                                                    \
    return static_cast<T>(0.5) * x * ::erfc##suffix(x * static_cast<T>(kSqrtHalf));        \
  }                                                                                        \
  RETORT_FUNCTION T gelu_dip_slope(T x) {                                                  \
    x = at_most(x, static_cast<T>(40));                                                    \
    return static_cast<T>(0.5) * ::erfc##suffix(x * static_cast<T>(kSqrtHalf)) -           \
           x * static_cast<T>(kInverseSqrtTwoPi) * exp(static_cast<T>(-0.5) * x * x);      \
  }
RETORT_SCALAR_MATH(float, f)
RETORT_SCALAR_MATH(double, )
#undef RETORT_SCALAR_MATH
#undef RETORT_FUNCTION

#define RETORT_UNARY(Name, expression)           \
  struct Name {                                  \
    template <class V>                           \
    RETORT_HOST_DEVICE V operator()(V x) const { \
      return expression;                         \
    }                                            \
  }
#define RETORT_BINARY(Name, expression)               \
  struct Name {                                       \
    template <class V>                                \
    RETORT_HOST_DEVICE V operator()(V a, V b) const { \
      return expression;                              \
    }                                                 \
  }

/// 1 / (1 + e^−x).
struct Sigmoid {
  template <class V>
  RETORT_HOST_DEVICE V operator()(V x) const {
    return like(x, 1) / (like(x, 1) + exp(-x));
  }
};

RETORT_UNARY(Copy, x);
RETORT_UNARY(Negate, -x);
RETORT_UNARY(Exp, exp(x));
RETORT_UNARY(Log, log(x));
RETORT_UNARY(Sqrt, sqrt(x));
RETORT_UNARY(Rsqrt, like(x, 1) / sqrt(x));
RETORT_UNARY(Reciprocal, like(x, 1) / x);
RETORT_UNARY(Tanh, tanh(x));
RETORT_UNARY(Erf, erf(x));
RETORT_UNARY(Sin, sin(x));
RETORT_UNARY(Cos, cos(x));
/// Hendrycks & Gimpel 2016, the exact form x · Φ(x), as max(x, 0) − |x|·Φ(−|x|): gelu_dip(x) is
/// x·Φ(−x) for x ≥ 0, 0 at ∞.
RETORT_UNARY(Gelu, at_least(x, like(x, 0)) - gelu_dip(abs(x)));
/// x · σ(x).
RETORT_UNARY(Silu, x / (like(x, 1) + exp(-x)));
/// log(1 + e^x) = max(x, 0) + log(1 + e^−|x|): neither overflows nor loses e^x beside 1.
RETORT_UNARY(Softplus, max(x, like(x, 0)) + log1p(exp(-abs(x))));
RETORT_UNARY(Relu, select(less(x, like(x, 0)), like(x, 0), x));
RETORT_UNARY(Abs, abs(x));
RETORT_UNARY(Square, x* x);
/// Zeros and NaN return themselves.
RETORT_UNARY(Sign,
             select(less(like(x, 0), x), like(x, 1), select(less(x, like(x, 0)), like(x, -1), x)));

RETORT_BINARY(Add, a + b);
RETORT_BINARY(Subtract, a - b);
RETORT_BINARY(Multiply, a* b);
RETORT_BINARY(Divide, a / b);
RETORT_BINARY(Maximum, max(a, b));
RETORT_BINARY(Minimum, min(a, b));
RETORT_BINARY(Equal, select(equal(a, b), like(a, 1), like(a, 0)));
RETORT_BINARY(NotEqual, select(equal(a, b), like(a, 0), like(a, 1)));
RETORT_BINARY(Less, select(less(a, b), like(a, 1), like(a, 0)));
RETORT_BINARY(LessEqual, select(less_equal(a, b), like(a, 1), like(a, 0)));
/// C's pow: x⁰ and 1^y are 1 even with a NaN.
RETORT_BINARY(Power, pow(a, b));

// Derivatives, with a = dy; b = x, or b = y where that is said.

/// dy where x > 0 (and where it is NaN).
RETORT_BINARY(ReluBackward, select(less_equal(b, like(b, 0)), like(b, 0), a));
/// dy · (1 − y²), with b = y.
RETORT_BINARY(TanhBackward, a*(like(b, 1) - b * b));
/// dy · y · (1 − y), with b = y.
RETORT_BINARY(SigmoidBackward, a*(b*(like(b, 1) - b)));
/// dy · (Φ(x) + x·φ(x)), which is the dip's slope Φ(−|x|) − |x|·φ(x), or 1 minus it for x ≥ 0.
struct GeluBackward {
  template <class V>
  RETORT_HOST_DEVICE V operator()(V a, V b) const {
    const V slope = gelu_dip_slope(abs(b));
    return a * select(less(b, like(b, 0)), slope, like(b, 1) - slope);
  }
};

/// σ(x) and 1 − σ(x), neither from the other, which would cancel.
template <class V>
struct Logistic {
  V value, complement;
};
template <class V>
RETORT_HOST_DEVICE inline Logistic<V> logistic(V x) {
  const V e = exp(-abs(x));
  const V larger = like(x, 1) / (like(x, 1) + e), smaller = e * larger;
  const auto negative = less(x, like(x, 0));
  return {select(negative, smaller, larger), select(negative, larger, smaller)};
}

/// dy · σ · (1 + x·(1 − σ)), σ = σ(x).
struct SiluBackward {
  template <class V>
  RETORT_HOST_DEVICE V operator()(V a, V b) const {
    const Logistic<V> s = logistic(b);
    return a * (s.value * fma(b, s.complement, like(b, 1)));
  }
};

/// The tanh form of GELU: ½x·(1 + tanh u) = x · σ(2u), u = √(2/π)·(x + 0.044715·x³). σ loses
/// nothing where 1 + tanh u cancels.
struct GeluTanh {
  template <class V>
  RETORT_HOST_DEVICE V operator()(V x) const {
    return x * Sigmoid{}(like(x, kTwoSqrtTwoOverPi) * fma(like(x, kGeluCubic) * x, x * x, x));
  }
};

/// dy · (σ + x·σ·(1 − σ)·2u'), σ = σ(2u). Beyond ±40 σ is 0 or 1 in every number type, and stopping
/// x there keeps 0 · x² from being 0 · ∞.
struct GeluTanhBackward {
  template <class V>
  RETORT_HOST_DEVICE V operator()(V a, V b) const {
    const V x = max(min(b, like(b, 40)), like(b, -40));
    const V c = like(b, kTwoSqrtTwoOverPi);
    const Logistic<V> s = logistic(c * fma(like(b, kGeluCubic) * x, x * x, x));
    const V slope = c * fma(like(b, 3 * kGeluCubic) * x, x, like(b, 1));
    return a * fma(x * slope, s.value * s.complement, s.value);
  }
};

#undef RETORT_UNARY
#undef RETORT_BINARY

// ---- Formulas that take two numbers, and the one of three arguments ----

struct Clamp {
  double low = 0, high = 0;
  template <class V>
  RETORT_HOST_DEVICE V operator()(V x) const {
    return min(max(x, like(x, low)), like(x, high));
  }
};

struct Inside {
  double low = 0, high = 0;
  template <class V>
  RETORT_HOST_DEVICE V operator()(V x) const {
    const V no = like(x, 0);
    const V below = select(less(x, like(x, high)), like(x, 1), no);
    return select(less(like(x, low), x), below, no);
  }
};

/// a where the condition isn't 0.
struct Where {
  template <class V>
  RETORT_HOST_DEVICE V operator()(V condition, V a, V b) const {
    return select(equal(condition, like(condition, 0)), b, a);
  }
};

/// Calls f with the functor of `op`. Host code: one instantiation per functor. Those that take
/// numbers are built of two.
template <class F>
inline void visit(UnaryOp op, F&& f) {
  switch (op) {
    case UnaryOp::copy:
      return f(Copy{});
    case UnaryOp::negate:
      return f(Negate{});
    case UnaryOp::exp:
      return f(Exp{});
    case UnaryOp::log:
      return f(Log{});
    case UnaryOp::sqrt:
      return f(Sqrt{});
    case UnaryOp::rsqrt:
      return f(Rsqrt{});
    case UnaryOp::reciprocal:
      return f(Reciprocal{});
    case UnaryOp::tanh:
      return f(Tanh{});
    case UnaryOp::erf:
      return f(Erf{});
    case UnaryOp::sin:
      return f(Sin{});
    case UnaryOp::cos:
      return f(Cos{});
    case UnaryOp::gelu:
      return f(Gelu{});
    case UnaryOp::gelu_tanh:
      return f(GeluTanh{});
    case UnaryOp::silu:
      return f(Silu{});
    case UnaryOp::softplus:
      return f(Softplus{});
    case UnaryOp::sigmoid:
      return f(Sigmoid{});
    case UnaryOp::relu:
      return f(Relu{});
    case UnaryOp::abs:
      return f(Abs{});
    case UnaryOp::square:
      return f(Square{});
    case UnaryOp::sign:
      return f(Sign{});
    case UnaryOp::clamp:
      return f(Clamp{});
    case UnaryOp::inside:
      return f(Inside{});
  }
}

template <class F>
inline void visit(BinaryOp op, F&& f) {
  switch (op) {
    case BinaryOp::add:
      return f(Add{});
    case BinaryOp::subtract:
      return f(Subtract{});
    case BinaryOp::multiply:
      return f(Multiply{});
    case BinaryOp::divide:
      return f(Divide{});
    case BinaryOp::maximum:
      return f(Maximum{});
    case BinaryOp::minimum:
      return f(Minimum{});
    case BinaryOp::power:
      return f(Power{});
    case BinaryOp::equal:
      return f(Equal{});
    case BinaryOp::not_equal:
      return f(NotEqual{});
    case BinaryOp::less:
      return f(Less{});
    case BinaryOp::less_equal:
      return f(LessEqual{});
    case BinaryOp::relu_backward:
      return f(ReluBackward{});
    case BinaryOp::tanh_backward:
      return f(TanhBackward{});
    case BinaryOp::sigmoid_backward:
      return f(SigmoidBackward{});
    case BinaryOp::gelu_backward:
      return f(GeluBackward{});
    case BinaryOp::gelu_tanh_backward:
      return f(GeluTanhBackward{});
    case BinaryOp::silu_backward:
      return f(SiluBackward{});
  }
}

}  // namespace retort::functors
