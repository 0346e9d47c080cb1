// Elementary functions of vectors. Polynomials are Taylor series on the reduced range, cut where the rest is below rounding.
#pragma once

#include "native/kernels/simd.hpp"

namespace qallegro::native::QALLEGRO_ISA {

/// p(r) by Horner's rule, `c` from the highest power down.
template <class Real, int N>
inline __attribute__((always_inline)) Vec<Real> horner(Vec<Real> r, const double (&c)[N]) {
  Vec<Real> p = broadcast<Real>(static_cast<Real>(c[0]));
#pragma GCC unroll 16
  for (int k = 1; k < N; ++k) p = p * r + static_cast<Real>(c[k]);
  return p;
}

/// exp(x) = scale (1 + rest) with scale a power of two and |rest| < 0.42; x is clamped to where that is a normal number.
template <class Real>
inline __attribute__((always_inline)) void exp_parts(Vec<Real> x, Vec<Real> &scale, Vec<Real> &rest) {
  constexpr bool single = sizeof(Real) == 4;
  constexpr Real low = single ? Real(-87) : Real(-708), high = single ? Real(88) : Real(709);
  // Adding it rounds to an integer, which then lies in the lowest bits of the sum.
  constexpr Real magic = single ? Real(12582912) : Real(6755399441055744.0);
  constexpr Real ln2_high = single ? Real(0.693359375) : Real(6.93147180369123816490e-01);
  constexpr Real ln2_low = single ? Real(-2.12194440054690583e-4) : Real(1.90821492927058770002e-10);
  x = x < low ? broadcast<Real>(low) : x;
  x = x > high ? broadcast<Real>(high) : x;
  const Vec<Real> shifted = x * Real(1.4426950408889634) + magic;
  const Vec<Real> n = shifted - magic;
  const Vec<Real> r = (x - n * ln2_high) - n * ln2_low;
  Vec<Real> p;
  if constexpr (single)
    p = horner<Real>(r, {1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5});
  else
    p = horner<Real>(r, {1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720,
                         1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5});
  rest = r + r * r * p;
  constexpr int mantissa = single ? 23 : 52;
  scale = from_bits<Real>((bits<Real>(shifted) << mantissa) + bits<Real>(broadcast<Real>(Real(1))));
}

template <class Real>
inline __attribute__((always_inline)) Vec<Real> exp(Vec<Real> x) {
  Vec<Real> scale, rest;
  exp_parts<Real>(x, scale, rest);
  return scale + scale * rest;
}

template <class Real>
inline __attribute__((always_inline)) void sincos(Vec<Real> x, Vec<Real> &sine, Vec<Real> &cosine) {
  constexpr bool single = sizeof(Real) == 4;
  constexpr Real magic = single ? Real(12582912) : Real(6755399441055744.0);
  // pi/2 in three parts: the products with the quarter's number are exact for the first two.
  constexpr Real first = single ? Real(1.5703125) : Real(1.57079632673412561417e+00);
  constexpr Real second = single ? Real(4.837512969970703125e-4) : Real(6.07710050630396597660e-11);
  constexpr Real third = single ? Real(7.54978995489188216e-8) : Real(2.02226624879595063154e-21);
  const Vec<Real> shifted = x * Real(0.63661977236758134) + magic;
  const Vec<Real> quarter = shifted - magic;
  const IntVec<Real> q = bits<Real>(shifted);
  const Vec<Real> r = ((x - quarter * first) - quarter * second) - quarter * third;
  const Vec<Real> z = r * r;
  Vec<Real> s, c;
  if constexpr (single) {
    s = horner<Real>(z, {1.0 / 362880, -1.0 / 5040, 1.0 / 120, -1.0 / 6});
    c = horner<Real>(z, {-1.0 / 3628800, 1.0 / 40320, -1.0 / 720, 1.0 / 24, -0.5});
  } else {
    s = horner<Real>(z, {1.0 / 355687428096000, -1.0 / 1307674368000, 1.0 / 6227020800, -1.0 / 39916800, 1.0 / 362880, -1.0 / 5040, 1.0 / 120,
                         -1.0 / 6});
    c = horner<Real>(z, {1.0 / 20922789888000, -1.0 / 87178291200, 1.0 / 479001600, -1.0 / 3628800, 1.0 / 40320, -1.0 / 720, 1.0 / 24, -0.5});
  }
  s = r + r * z * s;
  c = Real(1) + z * c;
  const IntVec<Real> swap = (q & 1) != 0;
  const Vec<Real> bare_sine = swap ? c : s, bare_cosine = swap ? s : c;
  sine = (q & 2) != 0 ? -bare_sine : bare_sine;
  cosine = ((q + 1) & 2) != 0 ? -bare_cosine : bare_cosine;
}

/// tanh, to full relative precision near 0.
template <class Real>
inline __attribute__((always_inline)) Vec<Real> tanh(Vec<Real> x) {
  const Vec<Real> size = x < Real(0) ? -x : x;
  Vec<Real> scale, rest;
  exp_parts<Real>(Real(-2) * size, scale, rest);
  const Vec<Real> less_one = (scale - Real(1)) + scale * rest;  // exp(-2|x|) - 1
  const Vec<Real> t = -less_one / (Real(2) + less_one);
  return x < Real(0) ? -t : t;
}

}  // namespace qallegro::native::QALLEGRO_ISA
