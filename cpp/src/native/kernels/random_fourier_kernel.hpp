// Random cosines: cos(u + b) - cos(b) = (cos(u) - 1) cos(b) - sin(u) sin(b) with u = x @ frequencies.
#pragma once

#include "native/kernels/functions.hpp"
#include "native/kernels/tile.hpp"
#include "native/periodic_layer.hpp"

namespace qallegro::native::QALLEGRO_ISA {

template <class Real>
class RandomFourierKernel : public TiledKernel<Real, RandomFourierKernel<Real>> {
 public:
  RandomFourierKernel(const RandomFourierForm &form, int num_features, int num_outputs)
      : features_(num_features),
        outputs_(num_outputs),
        forward_(form.frequencies.data(), num_features, num_outputs, num_outputs, false),
        adjoint_(form.frequencies.data(), num_features, num_outputs, num_outputs, true) {
    Real *of_phases = of_phases_.at_least(2 * static_cast<std::size_t>(num_outputs));
    for (int o = 0; o < num_outputs; ++o) {
      of_phases[2 * o] = static_cast<Real>(__builtin_cos(form.phases[o]));
      of_phases[2 * o + 1] = static_cast<Real>(__builtin_sin(form.phases[o]));
    }
  }

  // Features or their gradients, then u, then the slope of every output.
  std::int64_t kept_rows() const override { return features_ + 2 * static_cast<std::int64_t>(outputs_); }

  template <int V>
  void forward_tile(const Real *x, Real *out, Real *kept, std::int64_t stride) const {
    constexpr std::int64_t step = pitch<Real, V>;
    Real *u = kept + features_ * step, *slopes = u + outputs_ * step;
    copy_rows<Real, V>(x, stride, kept, step, features_);
    multiply_columns<Real, V, false>(forward_, kept, u, step);
    for (int o = 0; o < outputs_; ++o) {
      const Real cos_phase = of_phases_.data()[2 * o], sin_phase = of_phases_.data()[2 * o + 1];
      const auto angle = load_row<Real, V>(u + o * step);
      Row<Real, V> sine, cosine;
#pragma GCC unroll 4
      for (int i = 0; i < V; ++i) sincos<Real>(angle.v[i], sine.v[i], cosine.v[i]);
      store_row<Real, V>(out + o * stride, cos_phase * (cosine - row_of<Real, V>(Real(1))) - sin_phase * sine);
      store_row<Real, V>(slopes + o * step, -cos_phase * sine - sin_phase * cosine);
    }
  }

  template <int V>
  void adjoint_tile(const Real *, Real *kept, const Real *g_out, Real *g_x, std::int64_t stride) const {
    constexpr std::int64_t step = pitch<Real, V>;
    Real *u = kept + features_ * step, *slopes = u + outputs_ * step;
    for (int o = 0; o < outputs_; ++o)
      store_row<Real, V>(u + o * step, load_row<Real, V>(slopes + o * step) * load_row<Real, V>(g_out + o * stride));
    multiply_columns<Real, V, false>(adjoint_, u, kept, step);
    copy_rows<Real, V>(kept, step, g_x, stride, features_);
  }

 private:
  int features_, outputs_;
  Packed<Real> forward_, adjoint_;
  Buffer<Real> of_phases_;
};

}  // namespace qallegro::native::QALLEGRO_ISA
