// Form unitary: one linear map from the sines of the first encoding, then a diagonal and a fused matrix for each later one.
#pragma once

#include "native/kernels/state_vector_kernel.hpp"

namespace qallegro::native::QALLEGRO_ISA {

template <class Real>
class UnitaryKernel : public TiledKernel<Real, UnitaryKernel<Real>> {
 public:
  UnitaryKernel(const UnitaryForm &form, int num_features, int num_outputs)
      : form_(form),
        features_(num_features),
        amplitudes_(2 * form.state.states),
        first_(form.first.data(), amplitudes_, amplitudes_, amplitudes_, true),
        first_adjoint_(form.first.data(), amplitudes_, amplitudes_, amplitudes_, false),
        unitaries_(form.state.encodings.size() - 1),
        adjoints_(form.state.encodings.size() - 1),
        measurement_(form.state, num_outputs) {
    later_ = form.state.encodings.size() - 1;
    const std::int64_t size = static_cast<std::int64_t>(amplitudes_) * amplitudes_;
    for (std::int64_t k = 0; k < later_; ++k) {
      unitaries_[k] = Packed<Real>(form.unitaries.data() + k * size, amplitudes_, amplitudes_, amplitudes_, true);
      adjoints_[k] = Packed<Real>(form.unitaries.data() + k * size, amplitudes_, amplitudes_, amplitudes_, false);
    }
    fill(twice_references_, form.twice_references);
  }

  // Phases; amplitudes after each later encoding; amplitudes now; their gradient; scratch of the measurement.
  std::int64_t kept_rows() const override { return (form_.state.phases.size() + later_ + 2) * amplitudes_ + measurement_.rows(); }

  template <int V>
  void forward_tile(const Real *x, Real *out, Real *kept, std::int64_t stride) const {
    const Places<V> at(*this, kept);
    for (std::int64_t k = 0; k < form_.state.phases.size(); ++k) fill_phases<Real, V>(form_.state.phases[k], x, stride, at.table(k));
    multiply_columns<Real, V, false>(first_, at.phases(0), at.delta, pitch<Real, V>);
    for (std::int64_t k = 0; k < later_; ++k) {
      encode<Real, V>(form_.state.states, reference(k), at.phases(k + 1), at.delta, at.encoded(k));
      multiply_columns<Real, V, false>(unitaries_[k], at.encoded(k), at.delta, pitch<Real, V>);
    }
    measurement_.template forward<V>(at.delta, reference(later_), at.scratch, out, stride);
  }

  template <int V>
  void adjoint_tile(const Real *, Real *kept, const Real *g_out, Real *g_x, std::int64_t stride) const {
    constexpr std::int64_t step = pitch<Real, V>;
    const Places<V> at(*this, kept);
    const int states = form_.state.states;
    set_rows<Real, V>(g_x, features_, stride, Real(0));
    Real *g = at.delta;
    measurement_.template adjoint<V>(at.delta, reference(later_), at.scratch, g_out, stride, g);
    for (std::int64_t k = later_ - 1; k >= 0; --k) {
      multiply_columns<Real, V, false>(adjoints_[k], g, at.gradient, step);
      encode_adjoint<Real, V>(states, reference(k), at.phases(k + 1), at.encoded(k), at.gradient, g, at.scratch);
      add_phase_gradient<Real, V>(table_of(k + 1), at.scratch, g_x, stride);
    }
    multiply_columns<Real, V, false>(first_adjoint_, g, at.gradient, step);
    const std::int64_t half = states * step;
    for (std::int64_t to = 0; to < half; to += step) {
      const auto square = load_row<Real, V>(at.phases(0) + to), product = load_row<Real, V>(at.phases(0) + half + to);
      const auto by_square = load_row<Real, V>(at.gradient + to), by_product = load_row<Real, V>(at.gradient + half + to);
      store_row<Real, V>(at.scratch + to, Real(2) * (product * by_square - square * by_product) + by_product);
    }
    add_phase_gradient<Real, V>(table_of(0), at.scratch, g_x, stride);
  }

 private:
  template <int V>
  struct Places {
    Places(const UnitaryKernel &own, Real *kept) : kernel(own), kept(kept), size(own.amplitudes_ * pitch<Real, V>) {
      delta = encoded(own.later_);
      gradient = delta + size;
      scratch = gradient + size;
    }
    Real *table(std::int64_t k) const { return kept + k * size; }
    Real *phases(std::int64_t encoding) const { return table(kernel.form_.state.encodings[encoding]); }
    Real *encoded(std::int64_t k) const { return table(kernel.form_.state.phases.size() + k); }

    const UnitaryKernel &kernel;
    Real *kept;
    std::int64_t size;
    Real *delta = nullptr, *gradient = nullptr, *scratch = nullptr;
  };

  const PhaseTable &table_of(std::int64_t encoding) const { return form_.state.phases[form_.state.encodings[encoding]]; }
  const Real *reference(std::int64_t k) const { return twice_references_.data() + k * amplitudes_; }

  const UnitaryForm &form_;
  int features_, amplitudes_;
  std::int64_t later_ = 0;
  Packed<Real> first_, first_adjoint_;
  ObjectList<Packed<Real>> unitaries_, adjoints_;
  Measurement<Real> measurement_;
  Buffer<Real> twice_references_;
};

}  // namespace qallegro::native::QALLEGRO_ISA
