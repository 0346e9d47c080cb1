// Chains of activations and linear maps, and sources that feed rows of a block, forward and adjoint.
#pragma once

#include "native/kernels/activation.hpp"
#include "native/kernels/gemm.hpp"

namespace qallegro::native::QALLEGRO_ISA {

/// Products of one source with rows of the block.
template <class Real>
class SourceOps {
 public:
  explicit SourceOps(const std::vector<LinearOp> &ops) : count_(static_cast<int>(ops.size())), ops_(new Op[ops.size()]) {
    for (int k = 0; k < count_; ++k) {
      const LinearOp &op = ops[k];
      const Matrix &w = op.weights;
      ops_[k].target = op.target;
      ops_[k].add = op.add;
      ops_[k].forward = Packed<Real>(w.values.data(), w.in, w.out, w.out, false);
      ops_[k].adjoint = Packed<Real>(w.values.data(), w.in, w.out, w.out, true);
    }
  }
  ~SourceOps() { delete[] ops_; }
  SourceOps(const SourceOps &) = delete;
  SourceOps &operator=(const SourceOps &) = delete;

  void forward(const Real *source, Real *rows, std::int64_t lanes) const {
    for (int k = 0; k < count_; ++k) multiply<Real>(ops_[k].forward, source, rows + ops_[k].target * lanes, lanes, lanes, ops_[k].add);
  }

  /// Sets the gradient of the source (`size` rows) from those of the rows.
  void adjoint(const Real *g_rows, Real *g_source, int size, std::int64_t lanes) const {
    if (count_ == 0) std::memset(g_source, 0, sizeof(Real) * size * lanes);
    for (int k = 0; k < count_; ++k) multiply<Real>(ops_[k].adjoint, g_rows + ops_[k].target * lanes, g_source, lanes, lanes, k > 0);
  }

 private:
  struct Op {
    int target = 0;
    bool add = false;
    Packed<Real> forward, adjoint;
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
      maps_[k] = {Packed<Real>(w.values.data(), w.in, w.out, w.out, false), Packed<Real>(w.values.data(), w.in, w.out, w.out, true), rows};
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
  int width_out() const { return depth_ == 0 ? input_ : maps_[depth_ - 1].forward.out(); }
  int widest() const { return widest_; }

  const Real *forward(Real *input, Real *kept, std::int64_t lanes) const {
    activate<Real>(activation_, input, kept, input_ * lanes);
    const Real *features = kept;
    for (int k = 0; k < depth_; ++k) {
      const Map &map = maps_[k];
      Real *slopes = kept + map.row * lanes, *out = slopes + map.forward.out() * lanes;
      multiply<Real, false>(map.forward, features, slopes, lanes, lanes);
      activate<Real>(activation_, slopes, out, map.forward.out() * lanes);
      features = out;
    }
    return features;
  }

  /// g: gradient of the last features, used up; g_input is set. `slopes`: the input rows after `forward`.
  void adjoint(Real *g, Real *spare, const Real *slopes, const Real *kept, Real *g_input, std::int64_t lanes) const {
    for (int k = depth_ - 1; k >= 0; --k) {
      const Map &map = maps_[k];
      multiply_by<Real>(g, kept + map.row * lanes, map.forward.out() * lanes);
      multiply<Real, false>(map.adjoint, g, spare, lanes, lanes);
      Real *swap = g;
      g = spare;
      spare = swap;
    }
    for (std::int64_t k = 0; k < input_ * lanes; k += width<Real>) store<Real>(g_input + k, load(g + k) * load(slopes + k));
  }

 private:
  struct Map {
    Packed<Real> forward, adjoint;
    int row = 0;
  };
  Activation activation_;
  int input_, depth_, kept_rows_ = 0, widest_ = 0;
  Map *maps_;
};

}  // namespace qallegro::native::QALLEGRO_ISA
