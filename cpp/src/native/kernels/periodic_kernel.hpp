// The periodic layer of a readout head for all edges of a block.
#pragma once

#include "native/kernels/fourier_kernel.hpp"
#include "native/kernels/gates_kernel.hpp"
#include "native/kernels/periodic_training.hpp"
#include "native/kernels/random_fourier_kernel.hpp"
#include "native/kernels/unitary_kernel.hpp"
#include "native/periodic_layer.hpp"

namespace qallegro::native::QALLEGRO_ISA {

/// Edges are lanes, a multiple of the width; rows lie `lanes` apart. Constant: threads can share one, each with `kept` of its own.
/// With `training` it knows both arithmetics and gradients of coefficients; forms unitary and gates do not train here.
template <class Real>
class PeriodicKernel {
 public:
  explicit PeriodicKernel(const PeriodicLayer &layer, bool training = false) : layer_(layer) {
    const int in = layer_.num_features, out = layer_.num_outputs;
    if (training) {
      if (const FourierForm *fourier = layer_.fourier()) fourier_ = new FourierTraining<Real>(*fourier, in, out);
      if (const RandomFourierForm *random = layer_.random_fourier()) random_ = new RandomFourierTraining<Real>(*random, in, out);
      return;
    }
    if (const FourierForm *fourier = layer_.fourier()) form_ = new FourierKernel<Real>(*fourier, in);
    if (const UnitaryForm *unitary = layer_.unitary()) form_ = new UnitaryKernel<Real>(*unitary, in, out);
    if (const GatesForm *gates = layer_.gates()) form_ = new GatesKernel<Real>(*gates, in, out);
    if (const RandomFourierForm *random = layer_.random_fourier()) form_ = new RandomFourierKernel<Real>(*random, in, out);
  }
  PeriodicKernel(const PeriodicKernel &) = delete;
  PeriodicKernel &operator=(const PeriodicKernel &) = delete;
  ~PeriodicKernel() {
    delete form_;
    delete fourier_;
    delete random_;
  }

  int num_features() const { return layer_.num_features; }
  int num_outputs() const { return layer_.num_outputs; }
  std::int64_t kept_rows() const { return form_ ? form_->kept_rows() : fourier_ ? fourier_->kept_rows() : random_->kept_rows(); }

  /// x (num_features, lanes) in rad to out (num_outputs, lanes), exactly zero where x is; kept (kept_rows(), lanes) is for `adjoint`.
  template <class A>
  void forward(const Real *x, Real *out, Real *kept, std::int64_t lanes) const {
    if (fourier_) return fourier_->template forward<A>(x, out, kept, lanes);
    if (random_) return random_->template forward<A>(x, out, kept, lanes);
    form_->forward(x, out, kept, lanes);
  }

  /// g_x = gradient by x from g_out, that by the outputs. Once after each `forward`: what it left in `kept` is overwritten.
  template <class A>
  void adjoint(const Real *x, const Real *kept, const Real *g_out, Real *g_x, std::int64_t lanes, const GradientSink<Real> &sink = {}) const {
    // The memory is the caller's scratch, which `forward` got without const.
    Real *own = const_cast<Real *>(kept);
    if (fourier_) return fourier_->template adjoint<A>(own, g_out, g_x, lanes, sink);
    if (random_) return random_->template adjoint<A>(own, g_out, g_x, lanes);
    form_->adjoint(x, own, g_out, g_x, lanes);
  }

  template <class Visit>
  void visit(Visit &&visit) {
    if (fourier_) fourier_->visit(visit);
  }

 private:
  PeriodicLayer layer_;
  const FormKernel<Real> *form_ = nullptr;
  FourierTraining<Real> *fourier_ = nullptr;
  RandomFourierTraining<Real> *random_ = nullptr;
};

}  // namespace qallegro::native::QALLEGRO_ISA
