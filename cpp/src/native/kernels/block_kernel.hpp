// Energies and gradients of a few center atoms at a time.
#pragma once

#include "native/kernel.hpp"
#include "native/kernels/group_memory.hpp"

namespace qallegro::native::QALLEGRO_ISA {

template <class Real>
class BlockKernel final : public Kernel {
 public:
  BlockKernel(const Plan &plan, const RadialTable *table, int threads, int sampling, bool training = false)
      : num_types_(plan.num_types), network_(plan, table, training), threads_(threads), sampling_(sampling),
        packing_(training ? Packing::shared_vectors : Packing::own_vectors) {
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

  int latent_width() const override { return network_.latent_width(); }

  void evaluate(const Block &block, std::int64_t first, std::int64_t last, int thread, double *latents) override {
    Scratch &scratch = scratch_[thread];
    while (first < last) {
      Grouping grouping;
      grouping.take<Real>(block, first, last, most_edges, packing_);
      // One group in `sampling_` tells how the time of all is spent; to look at the clock for each would take percents.
      const bool measured = sampling_ > 0 && scratch.groups++ % sampling_ == 0;
      evaluate_group(block, grouping, scratch, StageClock(measured ? seconds_.data() + thread * stage_count : nullptr), latents);
    }
  }

 private:
  struct Scratch {
    GroupMemory<Real> memory;
    std::int64_t groups = 0;
  };
  static constexpr std::int64_t most_edges = 96;

  void evaluate_group(const Block &block, const Grouping &grouping, Scratch &scratch, StageClock clock, double *latents) const {
    for (int c = 0; c < grouping.size; ++c) {
      const std::int64_t index = grouping.centers[c].index;
      block.per_atom_energy[index] = constants_.data()[num_types_ + grouping.centers[c].type];
      if (latents) std::memset(latents + index * latent_width(), 0, sizeof(double) * latent_width());
    }
    if (grouping.lanes == 0) return;
    const Group<Real> group = scratch.memory.load(network_, block, grouping, packing_, 1);
    Real *unit = network_.unit_rows(group);
    for (std::int64_t e = 0; e < 3 * group.lanes; ++e) unit[e] = static_cast<Real>(group.edges.unit[e]);
    clock.ends(KernelStage::geometry);
    const Real *energies = network_.template forward<Values<Real>>(group, clock);
    collect(block, group, energies);
    if (latents) collect_latents(group, latents);
    clock.ends(KernelStage::head);
    if (!block.edge_gradients) return;
    network_.template adjoint<Values<Real>>(group, clock, {});
    network_.store_gradients(block, group, true);
    clock.ends(KernelStage::gradients);
  }

  // Sums of edge energies in float64, the pair potential, and the gradient with which the adjoint starts.
  void collect(const Block &block, const Group<Real> &group, const Real *energies) const {
    Real *g = network_.energy_gradients(group);
    std::memset(g, 0, sizeof(Real) * group.lanes);
    std::memset(group.edge_slopes, 0, sizeof(double) * group.lanes);
    for (int c = 0; c < group.size; ++c) {
      const Center &center = group.centers[c];
      const std::int64_t end = center.edge + center.edges;
      const double factor = network_.environment_norm(center.type) * 0.70710678118654752440 * constants_.data()[center.type];
      double total = 0.0, pair_total = 0.0;
      for (std::int64_t e = center.edge; e < end; ++e) {
        total += energies[e];
        g[e] = static_cast<Real>(factor);
      }
      if (zbl_.size() > 0)
        for (std::int64_t e = center.edge; e < end; ++e) pair_total += zbl(group.edges.r[e], group.edges.pair[e], group.edge_slopes[e]);
      block.per_atom_energy[center.index] += factor * total + pair_total;
    }
  }

  // Sums over the edges of a center, in which its energy is linear.
  void collect_latents(const Group<Real> &group, double *latents) const {
    const int width = latent_width();
    const Real *rows = network_.latents(group);
    for (int c = 0; c < group.size; ++c) {
      const Center &center = group.centers[c];
      const double factor = network_.environment_norm(center.type) * 0.70710678118654752440;
      double *out = latents + center.index * width;
      for (int k = 0; k < width; ++k) {
        double total = 0.0;
        for (std::int64_t e = center.edge; e < center.edge + center.edges; ++e) total += rows[k * group.lanes + e];
        out[k] = factor * total;
      }
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
  Packing packing_;
  Buffer<double> constants_, zbl_, seconds_;
  Scratch *scratch_ = nullptr;
};

}  // namespace qallegro::native::QALLEGRO_ISA
