// Form gates: a diagonal for each encoding, then small matrices on some qubits at a time, with entanglers as the order of their rows.
#pragma once

#include "native/kernels/state_vector_kernel.hpp"

namespace qallegro::native::QALLEGRO_ISA {

/// Row o of y = sum_i W(i, o) row i of x; row k of x is row x_rows[k x_stride] times x_sign of that place, and likewise of y. Null: no signs.
template <class Real, int V>
inline void multiply_rows(const Packed<Real> &w, const Real *x, const int *x_rows, const Real *x_sign, Real *y, const int *y_rows,
                          const Real *y_sign, std::int64_t stride) {
  constexpr std::int64_t step = pitch<Real, V>;
  for (int first = 0; first < w.out(); first += panel) {
    const Real *weights = w.panel_of(first);
    Vec<Real> sums[panel][V] = {};
    for (int i = 0; i < w.in(); ++i) {
      auto row = load_row<Real, V>(x + x_rows[i * stride] * step);
      if (x_sign != nullptr) row = x_sign[i * stride] * row;
#pragma GCC unroll 8
      for (int o = 0; o < panel; ++o) {
        const Real weight = weights[i * panel + o];
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) sums[o][v] += weight * row.v[v];
      }
    }
#pragma GCC unroll 8
    for (int o = 0; o < panel; ++o) {
      if (first + o >= w.out()) break;
      const Real sign = y_sign != nullptr ? y_sign[(first + o) * stride] : Real(1);
      Real *to = y + y_rows[(first + o) * stride] * step;
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) store<Real>(to + v * width<Real>, sign * sums[o][v]);
    }
  }
}

template <class Real>
class GateStepKernel {
 public:
  void prepare(const GateStep &step, int states) {
    rows_ = 2 * states;
    rest_ = step.size > 0 ? states / step.size : 0;
    target_ = step.target.data();
    if (step.size > 0) {
      forward_ = Packed<Real>(step.matrix.data(), 2 * step.size, 2 * step.size, 2 * step.size, true);
      adjoint_ = Packed<Real>(step.matrix.data(), 2 * step.size, 2 * step.size, 2 * step.size, false);
    }
    if (step.sign.size() > 0) fill(sign_, step.sign);
    int *same = same_.at_least(static_cast<std::size_t>(rows_));
    for (int row = 0; row < rows_; ++row) same[row] = row;
  }

  template <int V>
  void forward(const Real *from, Real *to) const {
    for (int r = 0; r < rest_; ++r)
      multiply_rows<Real, V>(forward_, from, same_.data() + r, nullptr, to, target_ + r, sign_of(r), rest_);
    if (rest_ == 0) move<V>(from, same_.data(), to, target_);
  }

  template <int V>
  void adjoint(const Real *g, Real *to) const {
    for (int r = 0; r < rest_; ++r) multiply_rows<Real, V>(adjoint_, g, target_ + r, sign_of(r), to, same_.data() + r, nullptr, rest_);
    if (rest_ == 0) move<V>(g, target_, to, same_.data());
  }

 private:
  template <int V>
  void move(const Real *from, const int *from_rows, Real *to, const int *to_rows) const {
    constexpr std::int64_t step = pitch<Real, V>;
    for (int r = 0; r < rows_; ++r) {
      const auto row = load_row<Real, V>(from + from_rows[r] * step);
      store_row<Real, V>(to + to_rows[r] * step, sign_of(0) == nullptr ? row : sign_of(0)[r] * row);
    }
  }

  const Real *sign_of(int row) const { return sign_.size() > 0 ? sign_.data() + row : nullptr; }

  int rows_ = 0, rest_ = 0;
  const int *target_ = nullptr;
  Packed<Real> forward_, adjoint_;
  Buffer<Real> sign_;
  Buffer<int> same_;
};

template <class Real>
class GatesKernel : public TiledKernel<Real, GatesKernel<Real>> {
 public:
  GatesKernel(const GatesForm &form, int num_features, int num_outputs)
      : form_(form),
        features_(num_features),
        amplitudes_(2 * form.state.states),
        encodings_(form.blocks.size()),
        steps_(count_steps(form)),
        measurement_(form.state, num_outputs) {
    std::int64_t number = 0;
    for (const auto &block : form.blocks)
      for (const GateStep &step : block) steps_[number++].prepare(step, form.state.states);
    fill(twice_references_, form.twice_references);
  }

  // Phases; amplitudes after each encoding; two that steps go between; scratch of the measurement.
  std::int64_t kept_rows() const override { return (form_.state.phases.size() + encodings_ + 2) * amplitudes_ + measurement_.rows(); }

  template <int V>
  void forward_tile(const Real *x, Real *out, Real *kept, std::int64_t stride) const {
    for (std::int64_t k = 0; k < form_.state.phases.size(); ++k) fill_phases<Real, V>(form_.state.phases[k], x, stride, place<V>(kept, k));
    const Real *delta = nullptr;
    std::int64_t number = 0;
    for (std::int64_t k = 0; k < encodings_; ++k) {
      Real *encoded = encoded_at<V>(kept, k);
      encode<Real, V>(form_.state.states, reference(k), phases<V>(kept, k), delta, encoded);
      delta = encoded;
      for (std::int64_t i = 0; i < form_.blocks[k].size(); ++i, ++number) {
        Real *to = encoded_at<V>(kept, encodings_ + number % 2);
        steps_[number].template forward<V>(delta, to);
        delta = to;
      }
    }
    measurement_.template forward<V>(delta, reference(encodings_), scratch<V>(kept), out, stride);
  }

  template <int V>
  void adjoint_tile(const Real *, Real *kept, const Real *g_out, Real *g_x, std::int64_t stride) const {
    set_rows<Real, V>(g_x, features_, stride, Real(0));
    Real *buffers[2] = {encoded_at<V>(kept, encodings_), encoded_at<V>(kept, encodings_ + 1)};
    std::int64_t number = count_steps(form_);
    // Where forward left the amplitudes: with the last step, or after the last encoding.
    int now = static_cast<int>((number + 1) % 2);
    const Real *delta = form_.blocks[encodings_ - 1].size() > 0 ? buffers[now] : encoded_at<V>(kept, encodings_ - 1);
    measurement_.template adjoint<V>(delta, reference(encodings_), scratch<V>(kept), g_out, stride, buffers[now]);
    for (std::int64_t k = encodings_ - 1; k >= 0; --k) {
      for (std::int64_t i = form_.blocks[k].size() - 1; i >= 0; --i, now = 1 - now)
        steps_[--number].template adjoint<V>(buffers[now], buffers[1 - now]);
      encode_adjoint<Real, V>(form_.state.states, reference(k), phases<V>(kept, k), encoded_at<V>(kept, k), buffers[now],
                              k > 0 ? buffers[now] : nullptr, scratch<V>(kept));
      add_phase_gradient<Real, V>(form_.state.phases[form_.state.encodings[k]], scratch<V>(kept), g_x, stride);
    }
  }

 private:
  static std::int64_t count_steps(const GatesForm &form) {
    std::int64_t count = 0;
    for (const auto &block : form.blocks) count += block.size();
    return count;
  }

  template <int V>
  Real *place(Real *kept, std::int64_t k) const {
    return kept + k * amplitudes_ * pitch<Real, V>;
  }
  template <int V>
  Real *phases(Real *kept, std::int64_t encoding) const {
    return place<V>(kept, form_.state.encodings[encoding]);
  }
  template <int V>
  Real *encoded_at(Real *kept, std::int64_t k) const {
    return place<V>(kept, form_.state.phases.size() + k);
  }
  template <int V>
  Real *scratch(Real *kept) const {
    return encoded_at<V>(kept, encodings_ + 2);
  }
  const Real *reference(std::int64_t k) const { return twice_references_.data() + k * amplitudes_; }

  const GatesForm &form_;
  int features_, amplitudes_;
  std::int64_t encodings_;
  ObjectList<GateStepKernel<Real>> steps_;
  Measurement<Real> measurement_;
  Buffer<Real> twice_references_;
};

}  // namespace qallegro::native::QALLEGRO_ISA
