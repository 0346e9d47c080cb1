// Activations of rows of features, with their slopes for the adjoint.
#pragma once

#include <cmath>

#include "native/kernels/functions.hpp"
#include "native/plan.hpp"

namespace qallegro::native::QALLEGRO_ISA {

template <class Real>
inline __attribute__((always_inline)) Vec<Real> silu(Vec<Real> x, Vec<Real> &slope) {
  const Vec<Real> s = Real(1) / (Real(1) + exp<Real>(-x));
  const Vec<Real> y = x * s;
  slope = s + y * (Real(1) - s);
  return y;
}

template <class Real>
inline __attribute__((always_inline)) Vec<Real> mish(Vec<Real> x, Vec<Real> &slope) {
  // tanh(log(1 + e)) = (e^2 + 2 e) / (e^2 + 2 e + 2) with e = exp(x); from 20 on it is 1 to rounding, and e^2 must not overflow.
  const Vec<Real> e = exp<Real>(x > Real(20) ? broadcast<Real>(Real(20)) : x);
  const Vec<Real> n = e * (e + Real(2));
  const Vec<Real> t = n / (n + Real(2));
  const Vec<Real> s = e / (Real(1) + e);
  slope = t + x * s * (Real(1) - t * t);
  return x * t;
}

// The error function has no vector form here: a model with it runs, but not fast.
template <class Real>
inline Vec<Real> gelu(Vec<Real> x, Vec<Real> &slope) {
  Vec<Real> normal, density;
  for (int i = 0; i < width<Real>; ++i) {
    const double v = x[i];
    normal[i] = static_cast<Real>(0.5 * __builtin_erfc(-v * 0.70710678118654752));
    density[i] = static_cast<Real>(0.39894228040143268 * __builtin_exp(-0.5 * v * v));
  }
  slope = normal + x * density;
  return x * normal;
}

/// y = act(x) and x = act'(x) for `count` numbers, a multiple of the width.
template <class Real>
inline void activate(Activation activation, Real *x, Real *y, std::int64_t count) {
  constexpr int step = width<Real>;
  Vec<Real> slope;
  switch (activation) {
    case Activation::silu:
      for (std::int64_t k = 0; k < count; k += step) {
        store<Real>(y + k, silu<Real>(load(x + k), slope));
        store<Real>(x + k, slope);
      }
      return;
    case Activation::mish:
      for (std::int64_t k = 0; k < count; k += step) {
        store<Real>(y + k, mish<Real>(load(x + k), slope));
        store<Real>(x + k, slope);
      }
      return;
    case Activation::gelu:
      for (std::int64_t k = 0; k < count; k += step) {
        store<Real>(y + k, gelu<Real>(load(x + k), slope));
        store<Real>(x + k, slope);
      }
      return;
    case Activation::identity:
      for (std::int64_t k = 0; k < count; k += step) {
        store<Real>(y + k, load(x + k));
        store<Real>(x + k, broadcast<Real>(Real(1)));
      }
      return;
  }
}

/// g *= slope.
template <class Real>
inline void multiply_by(Real *g, const Real *slope, std::int64_t count) {
  for (std::int64_t k = 0; k < count; k += width<Real>) store<Real>(g + k, load(g + k) * load(slope + k));
}

}  // namespace qallegro::native::QALLEGRO_ISA
