// sin^2 and sin cos of the half phases of all basis states, and the gradient by the features.
#pragma once

#include "native/kernels/functions.hpp"
#include "native/kernels/tile.hpp"
#include "native/phase_table.hpp"

namespace qallegro::native::QALLEGRO_ISA {

/// phases (2 D rows): sin^2, then sin cos of each state's half phase.
template <class Real, int V>
inline void fill_phases(const PhaseTable &table, const Real *x, std::int64_t stride, Real *phases) {
  constexpr std::int64_t step = pitch<Real, V>;
  const std::int64_t states = table.first.size();
  Real *squares = phases, *products = phases + states * step;
  for (std::int64_t b = 0; b < states; ++b) {
    Row<Real, V> square, product;
    if (table.first[b] >= 0) {
      // Addition theorems, written so that sums of small phases keep their relative precision.
      const std::int64_t one = table.first[b] * step, other = table.second[b] * step;
      const auto s1 = load_row<Real, V>(squares + one), s2 = load_row<Real, V>(squares + other);
      const auto p1 = load_row<Real, V>(products + one), p2 = load_row<Real, V>(products + other);
      square = s1 + s2 + Real(2) * (p1 * p2 - s1 * s2);
      product = p1 + p2 - Real(2) * (p1 * s2 + p2 * s1);
    } else {
      auto half = row_of<Real, V>(Real(0));
      for (std::int64_t t = table.starts[b]; t < table.starts[b + 1]; ++t)
        half = half + static_cast<Real>(table.weights[t]) * load_row<Real, V>(x + table.features[t] * stride);
      Row<Real, V> sine, cosine;
#pragma GCC unroll 4
      for (int i = 0; i < V; ++i) sincos<Real>(half.v[i], sine.v[i], cosine.v[i]);
      square = sine * sine;
      product = sine * cosine;
    }
    store_row<Real, V>(squares + b * step, square);
    store_row<Real, V>(products + b * step, product);
  }
}

/// Adds to g_x what follows from g_half (D rows), the gradient by the half phases, which is used up.
template <class Real, int V>
inline void add_phase_gradient(const PhaseTable &table, Real *g_half, Real *g_x, std::int64_t stride) {
  constexpr std::int64_t step = pitch<Real, V>;
  for (std::int64_t b = table.first.size() - 1; b >= 0; --b) {
    const auto g = load_row<Real, V>(g_half + b * step);
    if (table.first[b] >= 0) {
      Real *one = g_half + table.first[b] * step, *other = g_half + table.second[b] * step;
      store_row<Real, V>(one, load_row<Real, V>(one) + g);
      store_row<Real, V>(other, load_row<Real, V>(other) + g);
    }
    for (std::int64_t t = table.starts[b]; t < table.starts[b + 1]; ++t) {
      Real *to = g_x + table.features[t] * stride;
      store_row<Real, V>(to, load_row<Real, V>(to) + static_cast<Real>(table.weights[t]) * g);
    }
  }
}

}  // namespace qallegro::native::QALLEGRO_ISA
