// Energies and gradients of a few center atoms at a time.
#pragma once

#include "native/kernel.hpp"
#include "native/kernels/network_kernel.hpp"

namespace qallegro::native::QALLEGRO_ISA {

template <class Real>
class BlockKernel final : public Kernel {
 public:
  BlockKernel(const Plan &plan, const RadialTable *table, int threads, int sampling, bool training = false)
      : num_types_(plan.num_types), network_(plan, table, training), threads_(threads), sampling_(sampling) {
    const int nt = num_types_;
    double *constants = constants_.at_least(static_cast<std::size_t>(2 * nt + nt * nt));
    for (int t = 0; t < nt; ++t) {
      constants[t] = plan.scales[t];
      constants[nt + t] = plan.shifts[t];
    }
    for (int pair = 0; pair < nt * nt; ++pair) constants[2 * nt + pair] = plan.cutoffs[pair];
    if (plan.zbl) {
      double *zbl = zbl_.at_least(static_cast<std::size_t>(2 * nt * nt));
      for (int pair = 0; pair < nt * nt; ++pair) {
        zbl[pair] = plan.zbl->charges[pair];
        zbl[nt * nt + pair] = plan.zbl->screening[pair];
      }
    }
    scratch_ = new Scratch[threads_];
    if (sampling_ > 0) seconds_.at_least(static_cast<std::size_t>(threads_) * stage_count);
  }
  ~BlockKernel() override { delete[] scratch_; }

  double *stage_seconds() override { return seconds_.data(); }
  NetworkKernel<Real> &network() { return network_; }
  const NetworkKernel<Real> &network() const { return network_; }
  double scale(int type) const { return constants_.data()[type]; }
  void assign_scales(const double *scales, const double *shifts) {
    std::memcpy(constants_.data(), scales, sizeof(double) * num_types_);
    std::memcpy(constants_.data() + num_types_, shifts, sizeof(double) * num_types_);
  }

  void evaluate(const Block &block, std::int64_t first, std::int64_t last, int thread) override {
    Scratch &scratch = scratch_[thread];
    while (first < last) {
      std::int64_t end = first, lanes = 0;
      while (end < last) {
        const std::int64_t more = network_.padded(block.n_neighbors[end]);
        if (end > first && (lanes + more > most_lanes || end - first == most_centers)) break;
        lanes += more;
        ++end;
      }
      // One group in `sampling_` tells how the time of all is spent; to look at the clock for each would take percents.
      const bool measured = sampling_ > 0 && scratch.groups++ % sampling_ == 0;
      evaluate_group(block, first, end, lanes, scratch, StageClock(measured ? seconds_.data() + thread * stage_count : nullptr));
      first = end;
    }
  }

 private:
  struct Scratch {
    Buffer<Real> rows, centers;
    Buffer<double> lanes;
    Buffer<std::int32_t> pairs;
    std::int64_t groups = 0;
  };
  static constexpr std::int64_t most_lanes = 96;
  static constexpr int most_centers = 32;

  void evaluate_group(const Block &block, std::int64_t first, std::int64_t end, std::int64_t lanes, Scratch &scratch, StageClock clock) const {
    Center centers[most_centers];
    int n = 0;
    std::int64_t lane = 0;
    for (std::int64_t c = first; c < end; ++c) {
      const std::int64_t count = network_.padded(block.n_neighbors[c]);
      centers[n++] = {c, lane, count, static_cast<int>(block.center_types[c])};
      lane += count;
    }
    for (int c = 0; c < n; ++c) block.per_atom_energy[centers[c].index] = constants_.data()[num_types_ + centers[c].type];
    if (lanes == 0) return;
    double *memory = scratch.lanes.at_least(static_cast<std::size_t>(6) * lanes);
    const Group<Real> group{centers,
                            n,
                            {memory, memory + lanes, memory + 4 * lanes, scratch.pairs.at_least(lanes)},
                            nullptr,
                            scratch.rows.at_least(static_cast<std::size_t>(network_.total_rows()) * lanes),
                            scratch.centers.at_least(static_cast<std::size_t>(n) * network_.center_size()),
                            lanes};
    double *pair_slopes = memory + 5 * lanes;
    network_.load_edges(block, group, lanes);
    Real *unit = network_.unit_rows(group);
    for (std::int64_t e = 0; e < 3 * lanes; ++e) unit[e] = static_cast<Real>(group.edges.unit[e]);
    clock.ends(KernelStage::geometry);
    const Real *energies = network_.template forward<Values<Real>>(group, clock);
    collect(block, group, energies, pair_slopes);
    clock.ends(KernelStage::head);
    network_.template adjoint<Values<Real>>(group, clock, {});
    network_.store_gradients(block, group, pair_slopes);
    clock.ends(KernelStage::gradients);
  }

  // Sums of edge energies in float64, the pair potential, and the gradient with which the adjoint starts.
  void collect(const Block &block, const Group<Real> &group, const Real *energies, double *pair_slopes) const {
    Real *g = network_.energy_gradients(group);
    for (std::int64_t e = 0; e < group.lanes; ++e) pair_slopes[e] = 0.0;
    for (int c = 0; c < group.size; ++c) {
      const Center &center = group.centers[c];
      const std::int64_t used = block.n_neighbors[center.index];
      const double factor = network_.environment_norm(center.type) * 0.70710678118654752440 * constants_.data()[center.type];
      double total = 0.0, pair_total = 0.0;
      for (std::int64_t e = center.lane; e < center.lane + center.count; ++e) {
        total += energies[e];
        g[e] = e < center.lane + used ? static_cast<Real>(factor) : Real(0);
      }
      if (zbl_.size() > 0)
        for (std::int64_t e = center.lane; e < center.lane + used; ++e) pair_total += zbl(group.edges.r[e], group.edges.pair[e], pair_slopes[e]);
      block.per_atom_energy[center.index] += factor * total + pair_total;
    }
  }

  double zbl(double r, std::int32_t pair, double &slope) const {
    constexpr double share[4] = {0.02817, 0.28022, 0.50986, 0.18175}, rate[4] = {0.20162, 0.40290, 0.94229, 3.1998};
    const double bare = zbl_.data()[pair] / r, scale = zbl_.data()[num_types_ * num_types_ + pair];
    double psi = 0.0, psi_slope = 0.0;
    for (int k = 0; k < 4; ++k) {
      const double term = share[k] * __builtin_exp(-rate[k] * scale * r);
      psi += term;
      psi_slope -= rate[k] * scale * term;
    }
    const double cutoff = constants_.data()[2 * num_types_ + pair];
    double f, df;
    envelope(r / cutoff, 6.0, f, df);
    slope = bare * (psi_slope * f + psi * df / cutoff - psi * f / r);
    return bare * psi * f;
  }

  int num_types_;
  NetworkKernel<Real> network_;
  int threads_, sampling_;
  Buffer<double> constants_, zbl_, seconds_;
  Scratch *scratch_ = nullptr;
};

}  // namespace qallegro::native::QALLEGRO_ISA
