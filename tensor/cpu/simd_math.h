// exp, log, tanh and erf for Vec<float>, the same polynomials for every width, so that all
// instruction sets agree; Vec<double> takes them from libm.
//
// Correct at ±∞, NaN, zeros and denormal numbers. Errors in units of the last place, measured over two
// million numbers and checked by a test: exp 1, log 0.8, erf 1, tanh 1.3.
#pragma once

#include "tensor/cpu/simd.h"

namespace retort::isa::RETORT_ISA {
namespace {

#if defined(RETORT_ISA_generic)
RETORT_INLINE Vec<double> exp(Vec<double> x) { return {std::exp(x.value)}; }
RETORT_INLINE Vec<double> log(Vec<double> x) { return {std::log(x.value)}; }
RETORT_INLINE Vec<double> tanh(Vec<double> x) { return {std::tanh(x.value)}; }
RETORT_INLINE Vec<double> erf(Vec<double> x) { return {std::erf(x.value)}; }
#endif

RETORT_INLINE Vec<float> constant(float x) { return broadcast<Vec<float>>(x); }

/// e^x = 2^n · e^r with n = round(x / ln 2), |r| ≤ ln 2 / 2; ln 2 in two parts (Cody & Waite 1980).
RETORT_INLINE Vec<float> exp(Vec<float> x) {
  using V = Vec<float>;
  x = select(less(x, constant(-104)), constant(-104), x);  // rounds to 0
  x = select(less(constant(89), x), constant(89), x);      // rounds to ∞
  const V n = round(x * constant(1.44269504088896341f));
  V r = fma(n, constant(-0.693145751953125f), x);
  r = fma(n, constant(-1.428606765330187045e-06f), r);
  V p = constant(0.000198527617612853646278381f);  // SLEEF's expf
  p = fma(p, r, constant(0.00139304355252534151077271f));
  p = fma(p, r, constant(0.00833336077630519866943359f));
  p = fma(p, r, constant(0.0416664853692054748535156f));
  p = fma(p, r, constant(0.166666671633720397949219f));
  p = fma(p, r, constant(0.5f));
  return load_exponent(fma(r * r, p, r) + constant(1), n);
}

/// log x = e·ln 2 + log m with m in [√½, √2); Cephes' polynomial (Moshier 1989).
RETORT_INLINE Vec<float> log(Vec<float> x) {
  using V = Vec<float>;
  const auto denormal = less(x, constant(1.17549435e-38f));
  V e = constant(0);
  const V f = split_exponent(select(denormal, x * constant(0x1p25f), x), e) - constant(1);
  e = e - select(denormal, constant(25), constant(0));
  V p = constant(7.0376836292e-2f);
  p = fma(p, f, constant(-1.1514610310e-1f));
  p = fma(p, f, constant(1.1676998740e-1f));
  p = fma(p, f, constant(-1.2420140846e-1f));
  p = fma(p, f, constant(1.4249322787e-1f));
  p = fma(p, f, constant(-1.6668057665e-1f));
  p = fma(p, f, constant(2.0000714765e-1f));
  p = fma(p, f, constant(-2.4999993993e-1f));
  p = fma(p, f, constant(3.3333331174e-1f));
  const V square = f * f;
  V y = fma(e, constant(-2.12194440e-4f), p * f * square);
  y = fma(square, constant(-0.5f), y);
  y = fma(e, constant(0.693359375f), f + y);
  const V infinity = constant(__builtin_inff());
  y = select(less(x, infinity), y, x);  // +∞ and NaN return themselves
  y = select(equal(x, constant(0)), -infinity, y);
  return select(less(x, constant(0)), constant(__builtin_nanf("")), y);
}

/// A polynomial near zero, elsewhere 1 − 2 / (e^2x + 1) (Cephes).
RETORT_INLINE Vec<float> tanh(Vec<float> x) {
  using V = Vec<float>;
  const V t = abs(x);
  const V s = x * x;
  V p = constant(-5.70498872745e-3f);
  p = fma(p, s, constant(2.06390887954e-2f));
  p = fma(p, s, constant(-5.37397155531e-2f));
  p = fma(p, s, constant(1.33314422036e-1f));
  p = fma(p, s, constant(-3.33332819422e-1f));
  const V near_zero = fma(p * s, x, x);
  const V far = constant(1) - constant(2) / (exp(t + t) + constant(1));
  return select(less(t, constant(0.625f)), near_zero, select(less(x, constant(0)), -far, far));
}

/// A polynomial near zero, elsewhere 1 − e^p(|x|) (N. Juffa's coefficients).
RETORT_INLINE Vec<float> erf(Vec<float> x) {
  using V = Vec<float>;
  V t = abs(x);
  const V s = x * x;
  V p = constant(-5.96761703e-4f);
  p = fma(p, s, constant(4.99119423e-3f));
  p = fma(p, s, constant(-2.67681349e-2f));
  p = fma(p, s, constant(1.12819925e-1f));
  p = fma(p, s, constant(-3.76125336e-1f));
  p = fma(p, s, constant(1.28379166e-1f));
  const V near_zero = fma(p, x, x);
  const auto is_near = less(t, constant(0.927734375f));
  t = select(less(constant(4), t), constant(4), t);  // erf is 1 from 3.92 on
  V q = fma(constant(-1.72853470e-5f), t, constant(3.83197126e-4f));
  const V u = fma(constant(-3.88396438e-3f), t, constant(2.42546219e-2f));
  q = fma(q, t * t, u);
  q = fma(q, t, constant(-1.06777877e-1f));
  q = fma(q, t, constant(-6.34846687e-1f));
  q = fma(q, t, constant(-1.28717512e-1f));
  q = fma(q, t, -t);
  const V far = constant(1) - exp(q);
  return select(is_near, near_zero, select(less(x, constant(0)), -far, far));
}

}  // namespace
}  // namespace retort::isa::RETORT_ISA
