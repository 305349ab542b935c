// exp, log, log1p, tanh, erf, sin, cos and pow for Vec<float>, the same polynomials for every
// width, so that all instruction sets agree; Vec<double> takes them from libm.
//
// Correct at ±∞, NaN, zeros and denormal numbers. Errors in units of the last place, measured over
// two million numbers and checked by a test: exp 1, log 0.8, erf 1, tanh 1.3, sin and cos 1.5,
// pow 1.5.
#pragma once

#include "tensor/cpu/gelu_tables.h"
#include "tensor/cpu/simd.h"

namespace retort::isa::RETORT_ISA {
namespace {

#if defined(RETORT_ISA_generic)
RETORT_INLINE Vec<double> exp(Vec<double> x) { return {std::exp(x.value)}; }
RETORT_INLINE Vec<double> log(Vec<double> x) { return {std::log(x.value)}; }
RETORT_INLINE Vec<double> tanh(Vec<double> x) { return {std::tanh(x.value)}; }
RETORT_INLINE Vec<double> erf(Vec<double> x) { return {std::erf(x.value)}; }
RETORT_INLINE Vec<double> log1p(Vec<double> x) { return {std::log1p(x.value)}; }
RETORT_INLINE Vec<double> sin(Vec<double> x) { return {std::sin(x.value)}; }
RETORT_INLINE Vec<double> cos(Vec<double> x) { return {std::cos(x.value)}; }
RETORT_INLINE Vec<double> pow(Vec<double> x, Vec<double> y) { return {std::pow(x.value, y.value)}; }
// At 40 both are 0, and ∞ · 0 must not become a NaN.
RETORT_INLINE Vec<double> gelu_dip(Vec<double> x) {
  const double a = at_most(x, broadcast<Vec<double>>(40.0)).value;
  return {0.5 * a * std::erfc(a * 0.70710678118654752440)};
}
RETORT_INLINE Vec<double> gelu_dip_slope(Vec<double> x) {
  const double a = at_most(x, broadcast<Vec<double>>(40.0)).value;
  return {0.5 * std::erfc(a * 0.70710678118654752440) -
          a * 0.39894228040143267794 * std::exp(-0.5 * a * a)};
}
#endif

RETORT_INLINE Vec<float> constant(float x) { return broadcast<Vec<float>>(x); }

// ln 2 in two parts (Cody & Waite 1980): the first has so few bits that n times it is exact.
constexpr float kLn2High = 0.693145751953125f, kLn2Low = 1.428606765330187045e-06f;

// 2^n · e^r for |r| ≤ ln 2 / 2.
RETORT_INLINE Vec<float> exp_of_reduced(Vec<float> r, Vec<float> n) {
  using V = Vec<float>;
  V p = constant(0.000198527617612853646278381f);  // SLEEF's expf
  p = fma(p, r, constant(0.00139304355252534151077271f));
  p = fma(p, r, constant(0.00833336077630519866943359f));
  p = fma(p, r, constant(0.0416664853692054748535156f));
  p = fma(p, r, constant(0.166666671633720397949219f));
  p = fma(p, r, constant(0.5f));
  return load_exponent(fma(r * r, p, r) + constant(1), n);
}

/// e^x = 2^n · e^r with n = round(x / ln 2), which a sum with 1.5 · 2^23 rounds.
RETORT_INLINE Vec<float> exp(Vec<float> x) {
  using V = Vec<float>;
  x = at_least(x, constant(-104));  // rounds to 0
  x = at_most(x, constant(89));     // rounds to ∞
  const V shift = constant(0x1.8p23f);
  const V n = fma(x, constant(1.44269504088896341f), shift) - shift;
  const V r = fma(n, constant(-kLn2High), x);
  return exp_of_reduced(fma(n, constant(-kLn2Low), r), n);
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

/// log(1 + x) for x ≥ 0, with what the sum 1 + x lost added to first order.
RETORT_INLINE Vec<float> log1p(Vec<float> x) {
  using V = Vec<float>;
  const V sum = constant(1) + x;
  return log(sum) + (x - (sum - constant(1))) / sum;
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
  t = at_most(t, constant(4));  // erf is 1 from 3.92 on
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

// ---- GELU's dip x·Φ(−x) and its slope Φ(−x) − x·φ(x), x ≥ 0: what is small is no difference ----

#if defined(RETORT_ISA_avx512)

// By an instruction that looks 16 numbers up in a table of 32: 16 instructions where erf and exp take
// 45 to 60. Errors: of the dip 6e-7 of itself up to 3, 2e-5 up to 6; of the slope 7e-8. Beyond 6 they
// are below 1e-8 and become 0.
RETORT_INLINE VecF gelu_pieces(const float (&table)[5][kGeluPieces], VecF x) {
  x = at_most(x, constant((kGeluPieces - 1) / kGeluPerUnit));
  const VecF unit = constant(kGeluPerUnit);
  const VecF shift = constant(0x1.8p23f);  // the last bits of the sum are a whole number
  const VecF piece = fma(x, unit, shift);
  const VecF r = fma(x, unit, shift - piece);
  VecF y = look_up(table[4], piece);
  for (int power = 3; power >= 0; --power) y = fma(y, r, look_up(table[power], piece));
  return y;
}
RETORT_INLINE VecF gelu_dip(VecF x) { return gelu_pieces(kGeluDip, x); }
RETORT_INLINE VecF gelu_dip_slope(VecF x) { return gelu_pieces(kGeluDipSlope, x); }

#else

RETORT_INLINE Vec<float> normal_tail(Vec<float> x) {
  return constant(0.5f) * (constant(1) - erf(x * constant(0.707106781f)));
}
// At 16 both are 0, and ∞ · 0 must not become a NaN.
RETORT_INLINE Vec<float> gelu_dip(Vec<float> x) {
  x = at_most(x, constant(16));
  return x * normal_tail(x);
}
RETORT_INLINE Vec<float> gelu_dip_slope(Vec<float> x) {
  x = at_most(x, constant(16));
  return normal_tail(x) - x * constant(0.398942280f) * exp(constant(-0.5f) * x * x);
}

#endif

// ---- sin and cos ----

// Beyond this the three parts of π/2 below don't suffice.
constexpr float kLargeAngle = 71476;

// The sine of r + quadrant · π/2 for |r| ≤ π/4 and a quadrant in [-2, 3] (N. Juffa's coefficients).
RETORT_INLINE Vec<float> sine_in_quadrant(Vec<float> r, Vec<float> quadrant) {
  using V = Vec<float>;
  const V s = r * r;
  V p = constant(2.86567956e-6f);
  p = fma(p, s, constant(-1.98559923e-4f));
  p = fma(p, s, constant(8.33338592e-3f));
  p = fma(p, s, constant(-1.66666672e-1f));
  const V sine = fma(p, fma(r, s, constant(0)), r);  // the sum with 0 keeps the sign of −0
  p = constant(2.44677067e-5f);
  p = fma(p, s, constant(-1.38877297e-3f));
  p = fma(p, s, constant(4.16666567e-2f));
  p = fma(p, s, constant(-5.00000000e-1f));
  const V cosine = fma(p, s, constant(1));
  const V half = quadrant * constant(0.5f);
  const V y = select(equal(round(half), half), sine, cosine);
  const V is_negative = select(less(quadrant, constant(0)), constant(1), constant(0));
  const V is_second_half = select(less(constant(1.5f), quadrant), constant(1), constant(0));
  return select(equal(is_negative, is_second_half), y, -y);
}

// x = r + n · π/2, by π/2 in three parts (Cody & Waite 1980); returns r, and n mod 4 in [-2, 2].
RETORT_INLINE Vec<float> reduce_angle(Vec<float> x, Vec<float>& quadrant) {
  const Vec<float> n = round(x * constant(6.36619747e-1f)) + constant(0);  // never −0
  quadrant = fma(round(n * constant(0.25f)), constant(-4), n);
  Vec<float> r = fma(n, constant(-1.57079601e+00f), x);
  r = fma(n, constant(-3.13916473e-07f), r);
  return fma(n, constant(-5.39030253e-15f), r);
}

// y, with the lanes of large, infinite or NaN angles from libm's f64 function, which reduces
// exactly.
RETORT_INLINE Vec<float> with_large_angles(Vec<float> x, Vec<float> y, double (*f)(double)) {
  constexpr int kWidth = Vec<float>::kWidth;
  if (!any(less(constant(kLargeAngle), abs(x)))) return y;
  float angle[kWidth], value[kWidth];
  store(angle, x);
  store(value, y);
  for (int i = 0; i < kWidth; ++i)
    if (angle[i] > kLargeAngle || angle[i] < -kLargeAngle)
      value[i] = static_cast<float>(f(static_cast<double>(angle[i])));
  return load(value);
}

RETORT_INLINE Vec<float> sin(Vec<float> x) {
  Vec<float> quadrant = x;
  const Vec<float> r = reduce_angle(x, quadrant);
  return with_large_angles(x, sine_in_quadrant(r, quadrant), ::sin);
}

RETORT_INLINE Vec<float> cos(Vec<float> x) {
  Vec<float> quadrant = x;
  const Vec<float> r = reduce_angle(x, quadrant);
  return with_large_angles(x, sine_in_quadrant(r, quadrant + constant(1)), ::cos);
}

// ---- pow: the logarithm as a sum of two numbers (Dekker 1971), since its error is multiplied by y
// ----

struct TwoFloats {
  Vec<float> high, low;
};

RETORT_INLINE TwoFloats exact_sum(Vec<float> a, Vec<float> b) {
  const Vec<float> sum = a + b, part = sum - a;
  return {sum, (a - (sum - part)) + (b - part)};
}
RETORT_INLINE TwoFloats exact_product(Vec<float> a, Vec<float> b) {
  const Vec<float> product = a * b;
  return {product, fma(a, b, -product)};
}
RETORT_INLINE TwoFloats operator*(TwoFloats a, TwoFloats b) {
  const TwoFloats product = exact_product(a.high, b.high);
  return {product.high, fma(a.high, b.low, fma(a.low, b.high, product.low))};
}
RETORT_INLINE TwoFloats operator+(TwoFloats a, TwoFloats b) {
  const TwoFloats sum = exact_sum(a.high, b.high);
  return {sum.high, sum.low + (a.low + b.low)};
}

/// log x for a positive finite x, to about 2^-40: e·ln 2 + 2·artanh((m − 1) / (m + 1)); SLEEF's
/// coefficients (Shibata & Petrogalli 2020).
RETORT_INLINE TwoFloats log_in_two(Vec<float> x) {
  using V = Vec<float>;
  const auto denormal = less(x, constant(1.17549435e-38f));
  V e = constant(0);
  const V m = split_exponent(select(denormal, x * constant(0x1p25f), x), e);
  e = e - select(denormal, constant(25), constant(0));
  const V numerator = m - constant(1);  // exact
  const TwoFloats denominator = exact_sum(constant(1), m);
  const V quotient = numerator / denominator.high;
  const V rest = fma(-quotient, denominator.high, numerator) - quotient * denominator.low;
  const TwoFloats s = {quotient, rest / denominator.high};
  const TwoFloats square = s * s;
  V p = constant(0.240320354700088500976562f);
  p = fma(p, square.high, constant(0.285112679004669189453125f));
  p = fma(p, square.high, constant(0.400007992982864379882812f));
  const TwoFloats series =
      TwoFloats{constant(0.66666662693023681640625f), constant(3.69183861259614332084311e-09f)} +
      square * TwoFloats{p, constant(0)};
  const TwoFloats ln2 = {constant(0.69314718246459960938f), constant(-1.904654323148236017e-09f)};
  return ln2 * TwoFloats{e, constant(0)} +
         (TwoFloats{s.high + s.high, s.low + s.low} + square * s * series);
}

/// C's pow: x⁰ = 1^y = 1 even for NaN; a negative x has powers with integral y only.
RETORT_INLINE Vec<float> pow(Vec<float> x, Vec<float> y) {
  using V = Vec<float>;
  const V zero = constant(0), one = constant(1), infinity = constant(__builtin_inff());
  const V a = abs(x);
  const TwoFloats log_a = log_in_two(a);
  TwoFloats z = log_a * TwoFloats{y, zero};
  // The logarithms of 0, ∞ and NaN.
  z.high = select(equal(a, zero), -infinity * y, select(less(a, infinity), z.high, a * y));
  z.low = select(less(abs(z.high), constant(150)), z.low, zero);
  z.high = at_least(z.high, constant(-150));  // rounds to 0
  z.high = at_most(z.high, constant(150));    // rounds to ∞
  const V n = round(z.high * constant(1.44269504088896341f));
  const V r = fma(n, constant(-kLn2Low), fma(n, constant(-kLn2High), z.high)) + z.low;
  V power = exp_of_reduced(r, n);
  power = select(equal(a, one), one, power);  // also 1^∞

  const V whole = round(y), half = y * constant(0.5f);
  const V odd_power = select(equal(a, zero), select(less(zero, y), x, one / x),
                             select(less(x, zero), -power, power));
  const V integral = select(equal(round(half), half), power, odd_power);
  const V no_power = select(less(a, infinity), constant(__builtin_nanf("")), power);
  const V fractional = select(less(x, zero), no_power, power);
  power = select(equal(whole, y), integral, fractional);
  return select(equal(y, zero), one, select(equal(x, one), one, power));
}

}  // namespace
}  // namespace retort::isa::RETORT_ISA
