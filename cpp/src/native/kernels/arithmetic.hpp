// The two kinds of numbers that kernels compute with: values, and values with their derivative along one direction ("duals").
//
// Training wants the weight gradient of a directional derivative of the energy. Reverse differentiation of a program on dual numbers is the
// adjoint program itself, run on duals: for y = f(x) and z = f'(x) x', the adjoint pair (by z, by y) follows the rule of the product of
// dual numbers. So each kernel states its forward and adjoint step once, for both kinds. Linear maps do not even see the difference: the
// two halves of a dual are neighboring vectors of a row, which is twice as long.
#pragma once

#include "native/kernels/simd.hpp"

namespace qallegro::native::QALLEGRO_ISA {

/// v + d e with e^2 = 0, in lanes.
template <class Real>
struct Dual {
  Vec<Real> v, d;
};

/// One dual number.
template <class Real>
struct ScalarDual {
  Real v, d;
};

#define QALLEGRO_DUAL template <class Real> inline __attribute__((always_inline))

QALLEGRO_DUAL Dual<Real> operator+(const Dual<Real> &a, const Dual<Real> &b) { return {a.v + b.v, a.d + b.d}; }
QALLEGRO_DUAL Dual<Real> operator*(const Dual<Real> &a, const Dual<Real> &b) { return {a.v * b.v, a.v * b.d + a.d * b.v}; }
QALLEGRO_DUAL Dual<Real> operator*(const Dual<Real> &a, const ScalarDual<Real> &b) { return {a.v * b.v, a.v * b.d + a.d * b.v}; }
QALLEGRO_DUAL Dual<Real> &operator+=(Dual<Real> &a, const Dual<Real> &b) {
  a.v += b.v;
  a.d += b.d;
  return a;
}

#undef QALLEGRO_DUAL

template <class R>
struct Values {
  using Real = R;
  using Number = Vec<R>;
  using Scalar = R;
  static constexpr int copies = 1;          ///< numbers in memory for each number
  static constexpr int step = width<R>;     ///< and for each vector of them

  static inline __attribute__((always_inline)) Number load(const R *p) { return QALLEGRO_ISA::load(p); }
  static inline __attribute__((always_inline)) void store(R *p, const Number &n) { QALLEGRO_ISA::store<R>(p, n); }
  static inline __attribute__((always_inline)) Number constant(R x) { return broadcast<R>(x); }
  static inline __attribute__((always_inline)) Number scaled(const Vec<R> &factor, const Number &n) { return factor * n; }
  static inline __attribute__((always_inline)) Number scaled(R factor, const Number &n) { return factor * n; }
  /// Where number i of a row lies, and the number there.
  static constexpr std::int64_t at(std::int64_t i) { return i; }
  static inline __attribute__((always_inline)) Scalar scalar(const R *p, std::int64_t i) { return p[i]; }
  /// What a product of a quantity with an adjoint adds to the gradient of a weight.
  static inline __attribute__((always_inline)) Vec<R> gradient(const Number &n) { return n; }
};

template <class R>
struct Duals {
  using Real = R;
  using Number = Dual<R>;
  using Scalar = ScalarDual<R>;
  static constexpr int copies = 2;
  static constexpr int step = 2 * width<R>;

  static inline __attribute__((always_inline)) Number load(const R *p) { return {QALLEGRO_ISA::load(p), QALLEGRO_ISA::load(p + width<R>)}; }
  static inline __attribute__((always_inline)) void store(R *p, const Number &n) {
    QALLEGRO_ISA::store<R>(p, n.v);
    QALLEGRO_ISA::store<R>(p + width<R>, n.d);
  }
  static inline __attribute__((always_inline)) Number constant(R x) { return {broadcast<R>(x), Vec<R>{}}; }
  static inline __attribute__((always_inline)) Number scaled(const Vec<R> &factor, const Number &n) { return {factor * n.v, factor * n.d}; }
  static inline __attribute__((always_inline)) Number scaled(R factor, const Number &n) { return {factor * n.v, factor * n.d}; }
  static constexpr std::int64_t at(std::int64_t i) { return 2 * i - i % width<R>; }
  static inline __attribute__((always_inline)) Scalar scalar(const R *p, std::int64_t i) { return {p[at(i)], p[at(i) + width<R>]}; }
  static inline __attribute__((always_inline)) Vec<R> gradient(const Number &n) { return n.d; }
};

}  // namespace qallegro::native::QALLEGRO_ISA
