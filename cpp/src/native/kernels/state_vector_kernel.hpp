// What forms unitary and gates share: encodings and the measurement, on delta = psi(x) - psi(0) with 2 D rows, real parts first.
#pragma once

#include "native/kernels/phase_kernel.hpp"
#include "native/state_vector_form.hpp"

namespace qallegro::native::QALLEGRO_ISA {

/// References as the kernels take them.
template <class Real>
inline void fill(Buffer<Real> &buffer, const ConstantArray<double> &values) {
  Real *to = buffer.at_least(static_cast<std::size_t>(values.size()));
  for (std::int64_t k = 0; k < values.size(); ++k) to[k] = static_cast<Real>(values[k]);
}

/// encoded = delta - (1 - exp(2 i h)) / 2 times [re; im] = twice_reference + 2 delta; delta null stands for zero.
template <class Real, int V>
inline void encode(int states, const Real *twice_reference, const Real *phases, const Real *delta, Real *encoded) {
  constexpr std::int64_t step = pitch<Real, V>;
  const std::int64_t half = states * step;
  for (std::int64_t at = 0, b = 0; b < states; ++b, at += step) {
    auto re = row_of<Real, V>(twice_reference[b]), im = row_of<Real, V>(twice_reference[states + b]);
    auto to_re = row_of<Real, V>(Real(0)), to_im = to_re;
    if (delta != nullptr) {
      to_re = load_row<Real, V>(delta + at);
      to_im = load_row<Real, V>(delta + half + at);
      re = re + Real(2) * to_re;
      im = im + Real(2) * to_im;
    }
    const auto square = load_row<Real, V>(phases + at), product = load_row<Real, V>(phases + half + at);
    store_row<Real, V>(encoded + at, to_re - (square * re + product * im));
    store_row<Real, V>(encoded + half + at, to_im - (square * im - product * re));
  }
}

/// From g, the gradient by `encoded`, to g_delta (none if null; may be g) and g_half (D rows).
template <class Real, int V>
inline void encode_adjoint(int states, const Real *twice_reference, const Real *phases, const Real *encoded, const Real *g, Real *g_delta,
                           Real *g_half) {
  constexpr std::int64_t step = pitch<Real, V>;
  const std::int64_t half = states * step;
  for (std::int64_t at = 0, b = 0; b < states; ++b, at += step) {
    const auto g_re = load_row<Real, V>(g + at), g_im = load_row<Real, V>(g + half + at);
    // The state turns by i psi dphi with psi = reference + encoded and phi = 2 h; at zero the encoding leaves the reference.
    const auto re = row_of<Real, V>(twice_reference[b]) + Real(2) * load_row<Real, V>(encoded + at);
    const auto im = row_of<Real, V>(twice_reference[states + b]) + Real(2) * load_row<Real, V>(encoded + half + at);
    store_row<Real, V>(g_half + at, g_im * re - g_re * im);
    if (g_delta == nullptr) continue;
    const auto cosine = row_of<Real, V>(Real(1)) - Real(2) * load_row<Real, V>(phases + at);
    const auto sine = Real(2) * load_row<Real, V>(phases + half + at);
    store_row<Real, V>(g_delta + at, cosine * g_re + sine * g_im);
    store_row<Real, V>(g_delta + half + at, cosine * g_im - sine * g_re);
  }
}

/// outputs = signs @ (delta (delta + twice_reference)), real and imaginary parts summed.
template <class Real>
class Measurement {
 public:
  Measurement(const StateVector &state, int num_outputs)
      : states_(state.states),
        outputs_(num_outputs),
        forward_(state.signs.data(), num_outputs, state.states, state.states, true),
        adjoint_(state.signs.data(), num_outputs, state.states, state.states, false) {}

  /// Scratch rows that both need.
  std::int64_t rows() const { return states_ + static_cast<std::int64_t>(outputs_); }

  template <int V>
  void forward(const Real *delta, const Real *twice_reference, Real *scratch, Real *out, std::int64_t stride) const {
    constexpr std::int64_t step = pitch<Real, V>;
    const std::int64_t half = states_ * step;
    for (std::int64_t at = 0, b = 0; b < states_; ++b, at += step) {
      const auto re = load_row<Real, V>(delta + at), im = load_row<Real, V>(delta + half + at);
      store_row<Real, V>(scratch + at, re * (re + row_of<Real, V>(twice_reference[b])) + im * (im + row_of<Real, V>(twice_reference[states_ + b])));
    }
    multiply_columns<Real, V, false>(forward_, scratch, scratch + half, step);
    copy_rows<Real, V>(scratch + half, step, out, stride, outputs_);
  }

  /// g_delta may be delta.
  template <int V>
  void adjoint(const Real *delta, const Real *twice_reference, Real *scratch, const Real *g_out, std::int64_t stride, Real *g_delta) const {
    constexpr std::int64_t step = pitch<Real, V>;
    const std::int64_t half = states_ * step;
    copy_rows<Real, V>(g_out, stride, scratch + half, step, outputs_);
    multiply_columns<Real, V, false>(adjoint_, scratch + half, scratch, step);
    for (std::int64_t at = 0, b = 0; b < states_; ++b, at += step) {
      const auto g = load_row<Real, V>(scratch + at);
      const auto re = load_row<Real, V>(delta + at), im = load_row<Real, V>(delta + half + at);
      store_row<Real, V>(g_delta + at, g * (row_of<Real, V>(twice_reference[b]) + Real(2) * re));
      store_row<Real, V>(g_delta + half + at, g * (row_of<Real, V>(twice_reference[states_ + b]) + Real(2) * im));
    }
  }

 private:
  int states_, outputs_;
  Packed<Real> forward_, adjoint_;
};

}  // namespace qallegro::native::QALLEGRO_ISA
