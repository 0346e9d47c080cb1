// From the first rows of the readout to an energy for each edge, and the adjoint.
#pragma once

#include "native/kernels/chain.hpp"
#include "native/kernels/periodic_kernel.hpp"
#include "native/kernels/stage_clock.hpp"

namespace qallegro::native::QALLEGRO_ISA {

/// Stages one after the other; each has its output, and what its adjoint wants, in rows of its own.
template <class Real>
class HeadKernel {
 public:
  HeadKernel(const Plan &plan, bool training)
      : input_(plan.head_width), count_(static_cast<int>(plan.stages.size())), stages_(new StageKernel[plan.stages.size() + 1]) {
    if (plan.periodic) periodic_ = new PeriodicKernel<Real>(*plan.periodic, training);
    int width_now = widest_ = input_;
    for (int k = 0; k < count_; ++k) {
      const Stage &stage = plan.stages[k];
      StageKernel &s = stages_[k];
      s.kind = stage.kind;
      s.activation = stage.activation;
      s.in = width_now;
      s.row = kept_rows_;
      switch (stage.kind) {
        case Stage::Kind::linear:
          s.map = LinearMap<Real>(stage.linear);
          width_now = stage.linear.out;
          break;
        case Stage::Kind::periodic:
          width_now = plan.periodic->num_outputs;
          kept_rows_ += static_cast<int>(periodic_->kept_rows());
          break;
        case Stage::Kind::activation:
        case Stage::Kind::pi_tanh:
          break;
      }
      s.out = width_now;
      kept_rows_ += s.out;
      if (s.out > widest_) widest_ = s.out;
    }
  }
  ~HeadKernel() {
    delete periodic_;
    delete[] stages_;
  }
  HeadKernel(const HeadKernel &) = delete;
  HeadKernel &operator=(const HeadKernel &) = delete;

  int kept_rows() const { return kept_rows_; }
  /// Inputs of a last linear map to the energy; 0 where that is not the last stage.
  int latent_width() const {
    const bool linear = count_ > 0 && stages_[count_ - 1].kind == Stage::Kind::linear && stages_[count_ - 1].out == 1;
    return linear ? stages_[count_ - 1].in : 0;
  }
  /// Its input rows after `forward`.
  const Real *latents(const Real *input, const Real *kept, std::int64_t lanes) const {
    return count_ > 1 ? kept + stages_[count_ - 2].row * lanes : input;
  }
  int widest() const { return widest_; }

  /// The row of energies. Inputs of activations end up holding slopes.
  template <class A>
  const Real *forward(Real *input, Real *kept, std::int64_t lanes, StageClock &clock) const {
    Real *x = input;
    for (int k = 0; k < count_; ++k) {
      const StageKernel &s = stages_[k];
      Real *out = kept + s.row * lanes;
      switch (s.kind) {
        case Stage::Kind::linear:
          multiply<Real, false>(s.map.forward, x, out, lanes, lanes);
          break;
        case Stage::Kind::activation:
          activate<A>(s.activation, x, out, s.in * lanes);
          break;
        case Stage::Kind::pi_tanh:
          apply<A>(x, out, s.in * lanes, [](Vec<Real> v) __attribute__((always_inline)) { return pi_tanh<Real>(v); });
          break;
        case Stage::Kind::periodic:
          clock.ends(KernelStage::head);
          periodic_->template forward<A>(x, out, out + s.out * lanes, lanes);
          clock.ends(KernelStage::surrogate);
          break;
      }
      x = out;
    }
    return x;
  }

  /// g: the gradient of the energies in its first row, used up like `spare`; g_input is set.
  template <class A>
  void adjoint(Real *g, Real *spare, const Real *input, Real *kept, Real *g_input, std::int64_t lanes, StageClock &clock,
               const GradientSink<Real> &sink) const {
    for (int k = count_ - 1; k >= 0; --k) {
      const StageKernel &s = stages_[k];
      const Real *x = k == 0 ? input : kept + stages_[k - 1].row * lanes;
      switch (s.kind) {
        case Stage::Kind::linear:
          s.map.template add_gradient<A>(sink, x, g, lanes);
          multiply<Real, false>(s.map.adjoint, g, spare, lanes, lanes);
          break;
        case Stage::Kind::activation:
        case Stage::Kind::pi_tanh:
          multiply_by<A>(g, x, s.in * lanes);
          continue;
        case Stage::Kind::periodic:
          clock.ends(KernelStage::head_adjoint);
          periodic_->template adjoint<A>(x, kept + (s.row + s.out) * lanes, g, spare, lanes, sink);
          clock.ends(KernelStage::surrogate_adjoint);
          break;
      }
      Real *swap = g;
      g = spare;
      spare = swap;
    }
    std::memcpy(g_input, g, sizeof(Real) * input_ * lanes);
  }

  template <class Visit>
  void visit(Visit &&visit) {
    for (int k = 0; k < count_; ++k) {
      if (stages_[k].kind == Stage::Kind::linear) visit(stages_[k].map);
      if (stages_[k].kind == Stage::Kind::periodic) periodic_->visit(visit);
    }
  }

 private:
  struct StageKernel {
    Stage::Kind kind = Stage::Kind::linear;
    Activation activation = Activation::identity;
    int in = 0, out = 0, row = 0;
    LinearMap<Real> map;
  };

  int input_, count_, kept_rows_ = 0, widest_ = 0;
  StageKernel *stages_;
  PeriodicKernel<Real> *periodic_ = nullptr;
};

}  // namespace qallegro::native::QALLEGRO_ISA
