// Chains of activations and linear maps, and sources that feed rows of a block, forward and adjoint.
//
// Methods take the arithmetic A (arithmetic.hpp); `lanes` counts numbers in memory.
#pragma once

#include "native/kernels/activation.hpp"
#include "native/kernels/linear_map.hpp"

namespace qallegro::native::QALLEGRO_ISA {

/// Products of one source with rows of the block.
template <class Real>
class SourceOps {
 public:
  explicit SourceOps(const std::vector<LinearOp> &ops) : count_(static_cast<int>(ops.size())), ops_(new Op[ops.size()]) {
    for (int k = 0; k < count_; ++k) {
      ops_[k].target = ops[k].target;
      ops_[k].add = ops[k].add;
      ops_[k].map = LinearMap<Real>(ops[k].weights);
    }
  }
  ~SourceOps() { delete[] ops_; }
  SourceOps(const SourceOps &) = delete;
  SourceOps &operator=(const SourceOps &) = delete;

  void forward(const Real *source, Real *rows, std::int64_t lanes) const {
    for (int k = 0; k < count_; ++k) multiply<Real>(ops_[k].map.forward, source, rows + ops_[k].target * lanes, lanes, lanes, ops_[k].add);
  }

  /// Sets the gradient of the source (`size` rows) from those of the rows.
  template <class A>
  void adjoint(const Real *g_rows, const Real *source, Real *g_source, int size, std::int64_t lanes, const GradientSink<Real> &sink) const {
    if (count_ == 0) std::memset(g_source, 0, sizeof(Real) * size * lanes);
    for (int k = 0; k < count_; ++k) {
      const Real *g = g_rows + ops_[k].target * lanes;
      ops_[k].map.template add_gradient<A>(sink, source, g, lanes);
      multiply<Real>(ops_[k].map.adjoint, g, g_source, lanes, lanes, k > 0);
    }
  }

  template <class Visit>
  void visit(Visit &&visit) {
    for (int k = 0; k < count_; ++k) visit(ops_[k].map);
  }

 private:
  struct Op {
    int target = 0;
    bool add = false;
    LinearMap<Real> map;
  };
  int count_;
  Op *ops_;
};

/// Input rows -> activation -> (linear -> activation)*. The input rows end up holding slopes.
template <class Real>
class ChainKernel {
 public:
  explicit ChainKernel(const Chain &chain)
      : activation_(chain.activation), input_(chain.input), depth_(static_cast<int>(chain.hidden.size())), maps_(new Map[chain.hidden.size() + 1]) {
    int rows = input_;
    widest_ = input_;
    for (int k = 0; k < depth_; ++k) {
      const Matrix &w = chain.hidden[k];
      maps_[k].map = LinearMap<Real>(w);
      maps_[k].row = rows;
      rows += 2 * w.out;
      if (w.out > widest_) widest_ = w.out;
    }
    kept_rows_ = rows;
  }
  ~ChainKernel() { delete[] maps_; }
  ChainKernel(const ChainKernel &) = delete;
  ChainKernel &operator=(const ChainKernel &) = delete;

  /// Rows of `kept`: features after the first activation; then slopes and features of each later one.
  int kept_rows() const { return kept_rows_; }
  int width_out() const { return depth_ == 0 ? input_ : maps_[depth_ - 1].map.out(); }
  int widest() const { return widest_; }

  template <class A>
  const Real *forward(Real *input, Real *kept, std::int64_t lanes) const {
    activate<A>(activation_, input, kept, input_ * lanes);
    for (int k = 0; k < depth_; ++k) {
      const Map &map = maps_[k];
      Real *slopes = kept + map.row * lanes, *out = slopes + map.map.out() * lanes;
      multiply<Real, false>(map.map.forward, features(kept, k, lanes), slopes, lanes, lanes);
      activate<A>(activation_, slopes, out, map.map.out() * lanes);
    }
    return features(kept, depth_, lanes);
  }

  /// The last features after `forward`.
  const Real *features(const Real *kept, std::int64_t lanes) const { return features(kept, depth_, lanes); }

  /// g: gradient of the last features, used up; g_input is set. `slopes`: the input rows after `forward`.
  template <class A>
  void adjoint(Real *g, Real *spare, const Real *slopes, const Real *kept, Real *g_input, std::int64_t lanes, const GradientSink<Real> &sink) const {
    for (int k = depth_ - 1; k >= 0; --k) {
      const Map &map = maps_[k];
      multiply_by<A>(g, kept + map.row * lanes, map.map.out() * lanes);
      map.map.template add_gradient<A>(sink, features(kept, k, lanes), g, lanes);
      multiply<Real, false>(map.map.adjoint, g, spare, lanes, lanes);
      Real *swap = g;
      g = spare;
      spare = swap;
    }
    for (std::int64_t k = 0; k < input_ * lanes; k += A::step) A::store(g_input + k, A::load(g + k) * A::load(slopes + k));
  }

  template <class Visit>
  void visit(Visit &&visit) {
    for (int k = 0; k < depth_; ++k) visit(maps_[k].map);
  }

 private:
  struct Map {
    LinearMap<Real> map;
    int row = 0;
  };

  // What goes into map k.
  const Real *features(const Real *kept, int k, std::int64_t lanes) const {
    return k == 0 ? kept : kept + (maps_[k - 1].row + maps_[k - 1].map.out()) * lanes;
  }

  Activation activation_;
  int input_, depth_, kept_rows_ = 0, widest_ = 0;
  Map *maps_;
};

}  // namespace qallegro::native::QALLEGRO_ISA
