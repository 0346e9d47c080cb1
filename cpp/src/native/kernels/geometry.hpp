// Edge vectors in lanes: distances and directions in float64, spherical harmonics in the network's precision, and the way back.
#pragma once

#include "native/kernels/arithmetic.hpp"
#include "native/kernels/functions.hpp"
#include "native/plan.hpp"

namespace qallegro::native::QALLEGRO_ISA {

/// Lanes of one block, in float64.
struct EdgeLanes {
  double *r, *unit, *g_r;  ///< (lanes), (3, lanes), (lanes)
  std::int32_t *pair;      ///< (lanes) type_i nt + type_j
};

/// Harmonics by recursion in degree and their adjoint.
template <class Real>
class Harmonics {
 public:
  explicit Harmonics(const Plan &plan) : l_max_(plan.l_max) {
    for (int degree = 2; degree <= l_max_; ++degree) {
      const auto &entries = plan.harmonics[degree - 2];
      counts_[degree] = static_cast<int>(entries.size());
      Entry *to = steps_[degree] = new Entry[entries.size()];
      for (const HarmonicEntry &e : entries)
        *to++ = {(degree - 1) * (degree - 1) + e.lower, e.axis, degree * degree + e.upper, static_cast<Real>(e.coefficient)};
    }
  }
  ~Harmonics() {
    for (const Entry *step : steps_) delete[] step;
  }
  Harmonics(const Harmonics &) = delete;
  Harmonics &operator=(const Harmonics &) = delete;

  /// y (D, lanes) from unit vectors u (3, lanes).
  template <class A>
  void forward(const Real *u, Real *y, std::int64_t lanes) const {
    for (std::int64_t v = 0; v < lanes; v += A::step) {
      A::store(y + v, A::constant(1));
      if (l_max_ > 0)
        for (int a = 0; a < 3; ++a) A::store(y + (1 + a) * lanes + v, A::scaled(root_three, A::load(u + a * lanes + v)));
      for (int degree = 2; degree <= l_max_; ++degree) {
        const Entry *e = steps_[degree], *end = e + counts_[degree];
        while (e != end) {
          const std::int32_t upper = e->upper;
          typename A::Number total{};
          for (; e != end && e->upper == upper; ++e)
            total += A::scaled(e->coefficient, A::load(y + e->lower * lanes + v)) * A::load(u + e->axis * lanes + v);
          A::store(y + upper * lanes + v, total);
        }
      }
    }
  }

  /// g_u (3, lanes) from g_y, which is used up.
  template <class A>
  void adjoint(const Real *u, const Real *y, Real *g_y, Real *g_u, std::int64_t lanes) const {
    for (std::int64_t v = 0; v < lanes; v += A::step) {
      typename A::Number g[3] = {};
      for (int degree = l_max_; degree >= 2; --degree) {
        const Entry *e = steps_[degree], *end = e + counts_[degree];
        for (; e != end; ++e) {
          const auto common = A::scaled(e->coefficient, A::load(g_y + e->upper * lanes + v));
          Real *lower = g_y + e->lower * lanes + v;
          A::store(lower, A::load(lower) + common * A::load(u + e->axis * lanes + v));
          g[e->axis] += common * A::load(y + e->lower * lanes + v);
        }
      }
      for (int a = 0; a < 3; ++a) {
        if (l_max_ > 0) g[a] += A::scaled(root_three, A::load(g_y + (1 + a) * lanes + v));
        A::store(g_u + a * lanes + v, g[a]);
      }
    }
  }

 private:
  struct Entry {
    std::int32_t lower, axis, upper;
    Real coefficient;
  };
  static constexpr Real root_three = Real(1.7320508075688772);
  static constexpr int most_degrees = 9;

  int l_max_;
  int counts_[most_degrees] = {};
  Entry *steps_[most_degrees] = {};
};

/// x^p of positive x, by products where p is a whole number.
inline double power(double x, double p) {
  const int whole = static_cast<int>(p);
  if (whole != p) return __builtin_pow(x, p);
  double result = 1.0, square = x;
  for (int k = whole; k > 0; k >>= 1) {
    if (k & 1) result *= square;
    square *= square;
  }
  return result;
}

/// The polynomial envelope and its derivative by x, zero from x = 1 on.
inline void envelope(double x, double p, double &value, double &slope) {
  if (!(x < 1.0)) {
    value = slope = 0.0;
    return;
  }
  const double before = power(x, p - 1.0), gap = 1.0 - x;
  value = 1.0 + before * x * (-(p + 1.0) * (p + 2.0) / 2.0 + x * (p * (p + 2.0) - x * p * (p + 1.0) / 2.0));
  slope = -p * (p + 1.0) * (p + 2.0) / 2.0 * before * gap * gap;
}

}  // namespace qallegro::native::QALLEGRO_ISA
