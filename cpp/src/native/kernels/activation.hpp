// Activations of rows of features, with their slopes for the adjoint.
#pragma once

#include <cmath>

#include "native/kernels/arithmetic.hpp"
#include "native/kernels/functions.hpp"
#include "native/plan.hpp"

namespace qallegro::native::QALLEGRO_ISA {

/// A function with two derivatives; what is not used is not computed.
template <class Real>
struct Jet {
  Vec<Real> value, slope, curvature;
};

template <class Real>
inline __attribute__((always_inline)) Jet<Real> silu(Vec<Real> x) {
  const Vec<Real> s = Real(1) / (Real(1) + exp<Real>(-x));
  const Vec<Real> y = x * s;
  return {y, s + y * (Real(1) - s), s * (Real(1) - s) * (Real(2) + x - Real(2) * y)};
}

template <class Real>
inline __attribute__((always_inline)) Jet<Real> mish(Vec<Real> x) {
  // tanh(log(1 + e)) = (e^2 + 2 e) / (e^2 + 2 e + 2) with e = exp(x); from 20 on it is 1 to rounding, and e^2 must not overflow.
  const Vec<Real> e = exp<Real>(x > Real(20) ? broadcast<Real>(Real(20)) : x);
  const Vec<Real> n = e * (e + Real(2));
  const Vec<Real> t = n / (n + Real(2));
  const Vec<Real> s = e / (Real(1) + e);
  const Vec<Real> dt = s * (Real(1) - t * t);
  return {x * t, t + x * dt, dt * (Real(2) + x * (Real(1) - s - Real(2) * s * t))};
}

// The error function has no vector form here: a model with it runs, but not fast.
template <class Real>
inline Jet<Real> gelu(Vec<Real> x) {
  Vec<Real> normal, density;
  for (int i = 0; i < width<Real>; ++i) {
    const double v = x[i];
    normal[i] = static_cast<Real>(0.5 * __builtin_erfc(-v * 0.70710678118654752));
    density[i] = static_cast<Real>(0.39894228040143268 * __builtin_exp(-0.5 * v * v));
  }
  return {x * normal, normal + x * density, density * (Real(2) - x * x)};
}

template <class Real>
inline __attribute__((always_inline)) Jet<Real> pi_tanh(Vec<Real> x) {
  constexpr Real pi = Real(3.14159265358979323846);
  const Vec<Real> t = tanh<Real>(x), slope = (Real(1) - t * t) * pi;
  return {t * pi, slope, Real(-2) * t * slope};
}

/// y = f(x) and x = f'(x) for `count` numbers in memory, a multiple of A::step.
template <class A, class F>
inline __attribute__((always_inline)) void apply(typename A::Real *x, typename A::Real *y, std::int64_t count, F &&f) {
  using Real = typename A::Real;
  for (std::int64_t k = 0; k < count; k += A::step) {
    const Jet<Real> jet = f(load(x + k));
    store<Real>(y + k, jet.value);
    if constexpr (A::copies == 2) {
      const Vec<Real> d = load(x + k + width<Real>);
      store<Real>(y + k + width<Real>, jet.slope * d);
      store<Real>(x + k + width<Real>, jet.curvature * d);
    }
    store<Real>(x + k, jet.slope);
  }
}

template <class A>
inline void activate(Activation activation, typename A::Real *x, typename A::Real *y, std::int64_t count) {
  using Real = typename A::Real;
  switch (activation) {
    case Activation::silu:
      return apply<A>(x, y, count, [](Vec<Real> v) __attribute__((always_inline)) { return silu<Real>(v); });
    case Activation::mish:
      return apply<A>(x, y, count, [](Vec<Real> v) __attribute__((always_inline)) { return mish<Real>(v); });
    case Activation::gelu:
      return apply<A>(x, y, count, [](Vec<Real> v) { return gelu<Real>(v); });
    case Activation::identity:
      return apply<A>(x, y, count, [](Vec<Real> v) __attribute__((always_inline)) { return Jet<Real>{v, broadcast<Real>(Real(1)), Vec<Real>{}}; });
  }
}

/// g *= slope.
template <class A>
inline void multiply_by(typename A::Real *g, const typename A::Real *slope, std::int64_t count) {
  for (std::int64_t k = 0; k < count; k += A::step) A::store(g + k, A::load(g + k) * A::load(slope + k));
}

}  // namespace qallegro::native::QALLEGRO_ISA
