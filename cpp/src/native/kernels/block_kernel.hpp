// Energies and gradients of a few center atoms at a time: the whole network, forward and adjoint, in a few hundred kilobytes.
#pragma once

#include "native/kernel.hpp"
#include "native/kernels/head.hpp"
#include "native/kernels/radial.hpp"
#include "native/kernels/stage_clock.hpp"
#include "native/kernels/tensor_track.hpp"

namespace qallegro::native::QALLEGRO_ISA {

template <class Real>
class BlockKernel final : public Kernel {
 public:
  BlockKernel(const Plan &plan, const RadialTable *table, int threads, int sampling)
      : num_types_(plan.num_types), rows_(plan.rows), tensor_weights_(plan.tensor_weights), head_row_(plan.head), layers_(static_cast<int>(plan.latents.size())),
        track_(plan), harmonics_(plan), head_(plan), threads_(threads), sampling_(sampling) {
    if (table)
      table_ = new RadialTableKernel<Real>(plan, *table);
    else
      network_ = new RadialNetworkKernel<Real>(plan);
    const int nt = num_types_;
    double *constants = constants_.at_least(static_cast<std::size_t>(3 * nt + nt * nt));
    for (int t = 0; t < nt; ++t) {
      constants[t] = plan.environment_norm[t];
      constants[nt + t] = plan.scales[t];
      constants[2 * nt + t] = plan.shifts[t];
    }
    for (int pair = 0; pair < nt * nt; ++pair) constants[3 * nt + pair] = plan.cutoffs[pair];
    if (plan.zbl) {
      double *zbl = zbl_.at_least(static_cast<std::size_t>(2 * nt * nt));
      for (int pair = 0; pair < nt * nt; ++pair) {
        zbl[pair] = plan.zbl->charges[pair];
        zbl[nt * nt + pair] = plan.zbl->screening[pair];
      }
    }
    latents_ = new Latent[layers_];
    int widest = head_.widest();
    for (int k = 0; k < layers_; ++k) {
      const LatentPlan &step = plan.latents[k];
      Latent &latent = latents_[k];
      latent.pre = step.pre;
      latent.environment = plan.environment_weights[k];
      if (step.chain) latent.chain = new ChainKernel<Real>(*step.chain);
      latent.tensor_ops = new SourceOps<Real>(step.tensor_ops);
      latent.hidden_ops = new SourceOps<Real>(step.hidden_ops);
      if (latent.chain && latent.chain->widest() > widest) widest = latent.chain->widest();
    }
    if (network_ && network_->widest() > widest) widest = network_->widest();
    // Rows of one block, one after the other.
    const auto place = [this](int &row, int count) {
      row = total_rows_;
      total_rows_ += count;
    };
    const int weights = track_.channels * (track_.l_max + 1);
    place(at_.unit, 3);
    place(at_.harmonics, track_.components);
    place(at_.rows, rows_);
    place(at_.radial, table_ ? table_->kept_rows() : network_->kept_rows());
    place(at_.scalars, track_.channels);
    for (int k = 0; k < layers_; ++k) place(latents_[k].kept, latents_[k].chain ? latents_[k].chain->kept_rows() : 0);
    place(at_.head, head_.kept_rows());
    place(at_.g_rows, rows_);
    place(at_.g_harmonics, track_.components);
    place(at_.g_unit, 3);
    place(at_.product, weights);
    place(at_.g, widest > track_.channels ? widest : track_.channels);
    place(at_.spare, widest > track_.channels ? widest : track_.channels);
    scratch_ = new Scratch[threads_];
    if (sampling_ > 0) seconds_.at_least(static_cast<std::size_t>(threads_) * stage_count);
  }
  ~BlockKernel() override {
    for (int k = 0; k < layers_; ++k) {
      delete latents_[k].chain;
      delete latents_[k].tensor_ops;
      delete latents_[k].hidden_ops;
    }
    delete[] latents_;
    delete[] scratch_;
    delete table_;
    delete network_;
  }

  double *stage_seconds() override { return seconds_.data(); }

  void evaluate(const Block &block, std::int64_t first, std::int64_t last, int thread) override {
    Scratch &scratch = scratch_[thread];
    while (first < last) {
      std::int64_t end = first, lanes = 0;
      while (end < last) {
        const std::int64_t more = padded(block.n_neighbors[end]);
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
  struct Latent {
    int pre = 0, environment = 0, kept = 0;
    ChainKernel<Real> *chain = nullptr;
    SourceOps<Real> *tensor_ops = nullptr, *hidden_ops = nullptr;
  };
  struct Scratch {
    Buffer<Real> rows, centers;
    Buffer<double> lanes;
    Buffer<std::int32_t> pairs;
    std::int64_t groups = 0;
  };
  struct Center {
    std::int64_t index, lane, count;  ///< in the block; first lane; lanes with padding
    int type;
  };
  static constexpr std::int64_t most_lanes = 96;
  static constexpr int most_centers = 32;

  static std::int64_t padded(std::int64_t count) { return (count + width<Real> - 1) / width<Real> * width<Real>; }

  void evaluate_group(const Block &block, std::int64_t first, std::int64_t end, std::int64_t lanes, Scratch &scratch, StageClock clock) const {
    Center centers[most_centers];
    int n = 0;
    std::int64_t lane = 0;
    for (std::int64_t c = first; c < end; ++c) {
      const std::int64_t count = padded(block.n_neighbors[c]);
      centers[n++] = {c, lane, count, static_cast<int>(block.center_types[c])};
      lane += count;
    }
    for (int c = 0; c < n; ++c) block.per_atom_energy[centers[c].index] = constants_.data()[2 * num_types_ + centers[c].type];
    if (lanes == 0) return;
    Real *rows = scratch.rows.at_least(static_cast<std::size_t>(total_rows_) * lanes);
    Real *center_memory = scratch.centers.at_least(static_cast<std::size_t>(2 * n) * track_.size());
    double *memory = scratch.lanes.at_least(static_cast<std::size_t>(6) * lanes);
    EdgeLanes edges{memory, memory + lanes, memory + 4 * lanes, scratch.pairs.at_least(lanes)};
    double *pair_slopes = memory + 5 * lanes;
    const auto at = [rows, lanes](int row) { return rows + static_cast<std::int64_t>(row) * lanes; };

    load_edges(block, centers, n, edges, at(at_.unit), lanes);
    clock.ends(KernelStage::geometry);
    if (table_)
      table_->forward(edges, at(at_.rows), at(at_.radial), lanes);
    else
      network_->forward(edges, at(at_.rows), at(at_.radial), lanes);
    clock.ends(KernelStage::radial);
    harmonics_.forward(at(at_.unit), at(at_.harmonics), lanes);
    clock.ends(KernelStage::harmonics);
    forward_layers(centers, n, rows, center_memory, lanes, clock);
    const Real *energies = head_.forward(at(at_.rows + head_row_), at(at_.head), lanes, clock);
    collect(block, centers, n, energies, edges, pair_slopes, at(at_.g), lanes);
    clock.ends(KernelStage::head);

    head_.adjoint(at(at_.g), at(at_.spare), at(at_.rows + head_row_), at(at_.head), at(at_.g_rows + head_row_), lanes, clock);
    clock.ends(KernelStage::head_adjoint);
    adjoint_layers(centers, n, rows, center_memory, lanes, clock);
    if (table_)
      table_->adjoint(edges, at(at_.g_rows), at(at_.radial), lanes);
    else
      network_->adjoint(edges, at(at_.g_rows), at(at_.radial), at(at_.g), at(at_.spare), lanes);
    clock.ends(KernelStage::radial_adjoint);
    harmonics_.adjoint(at(at_.unit), at(at_.harmonics), at(at_.g_harmonics), at(at_.g_unit), lanes);
    clock.ends(KernelStage::harmonics_adjoint);
    store_gradients(block, centers, n, edges, pair_slopes, at(at_.g_unit), lanes);
    clock.ends(KernelStage::gradients);
  }

  void load_edges(const Block &block, const Center *centers, int n, const EdgeLanes &edges, Real *unit, std::int64_t lanes) const {
    for (int c = 0; c < n; ++c) {
      const Center &center = centers[c];
      const double *v = block.edge_vectors + 3 * center.index * block.n_slots;
      const std::int64_t *types = block.neighbor_types + center.index * block.n_slots;
      const std::int64_t used = block.n_neighbors[center.index];
      const std::int32_t row = center.type * num_types_;
      for (std::int64_t e = 0; e < center.count; ++e) {
        const std::int64_t to = center.lane + e;
        if (e < used) {
          edges.unit[to] = v[3 * e];
          edges.unit[lanes + to] = v[3 * e + 1];
          edges.unit[2 * lanes + to] = v[3 * e + 2];
          edges.pair[to] = row + static_cast<std::int32_t>(types[e]);
        } else {
          // Padding lies beyond the cutoff of the last edge's types, where everything is exactly zero.
          edges.pair[to] = edges.pair[to - 1];
          edges.unit[to] = 2.0 * constants_.data()[3 * num_types_ + edges.pair[to]];
          edges.unit[lanes + to] = edges.unit[2 * lanes + to] = 0.0;
        }
      }
    }
    for (std::int64_t e = 0; e < lanes; ++e) {
      const double x = edges.unit[e], y = edges.unit[lanes + e], z = edges.unit[2 * lanes + e];
      const double r = __builtin_sqrt(x * x + y * y + z * z), inverse = 1.0 / r;
      edges.r[e] = r;
      edges.unit[e] = x * inverse;
      edges.unit[lanes + e] = y * inverse;
      edges.unit[2 * lanes + e] = z * inverse;
    }
    for (std::int64_t e = 0; e < 3 * lanes; ++e) unit[e] = static_cast<Real>(edges.unit[e]);
  }

  void forward_layers(const Center *centers, int n, Real *rows, Real *center_memory, std::int64_t lanes, StageClock &clock) const {
    const auto at = [rows, lanes](int row) { return rows + static_cast<std::int64_t>(row) * lanes; };
    const Real *y = at(at_.harmonics);
    for (int k = 0; k < layers_; ++k) {
      const Latent &latent = latents_[k];
      for (int c = 0; c < n; ++c) {
        if (centers[c].count == 0) continue;
        Real *center = center_memory + 2 * c * track_.size();
        const Real norm = static_cast<Real>(constants_.data()[centers[c].type]);
        track_.reduce(at(at_.rows + latent.environment), y, lanes, centers[c].lane, centers[c].count, norm, center + track_.environment_at(k));
        track_.center_vectors(k, center);
        track_.scalars(at(at_.rows + tensor_weights_), y, center + track_.vector_at(k, 0), lanes, centers[c].lane, centers[c].count, at(at_.scalars));
      }
      clock.ends(KernelStage::tensors);
      latent.tensor_ops->forward(at(at_.scalars), at(at_.rows), lanes);
      if (latent.chain) latent.hidden_ops->forward(latent.chain->forward(at(at_.rows + latent.pre), at(latent.kept), lanes), at(at_.rows), lanes);
      clock.ends(KernelStage::latents);
    }
  }

  void adjoint_layers(const Center *centers, int n, Real *rows, Real *center_memory, std::int64_t lanes, StageClock &clock) const {
    const auto at = [rows, lanes](int row) { return rows + static_cast<std::int64_t>(row) * lanes; };
    const Real *y = at(at_.harmonics), *weights = at(at_.rows + tensor_weights_);
    std::memset(at(at_.g_harmonics), 0, sizeof(Real) * track_.components * lanes);
    for (int c = 0; c < n; ++c) std::memset(center_memory + (2 * c + 1) * track_.size(), 0, sizeof(Real) * track_.layers * track_.components * track_.stride);
    for (int k = layers_ - 1; k >= 0; --k) {
      const Latent &latent = latents_[k];
      if (latent.chain) {
        latent.hidden_ops->adjoint(at(at_.g_rows), at(at_.g), latent.chain->width_out(), lanes);
        latent.chain->adjoint(at(at_.g), at(at_.spare), at(at_.rows + latent.pre), at(latent.kept), at(at_.g_rows + latent.pre), lanes);
      }
      latent.tensor_ops->adjoint(at(at_.g_rows), at(at_.g), track_.channels, lanes);
      clock.ends(KernelStage::latents_adjoint);
      for (int c = 0; c < n; ++c) {
        if (centers[c].count == 0) continue;
        Real *center = center_memory + 2 * c * track_.size(), *gradient = center + track_.size();
        const std::int64_t lane = centers[c].lane, count = centers[c].count;
        const Real norm = static_cast<Real>(constants_.data()[centers[c].type]);
        track_.scalars_adjoint(at(at_.g), weights, y, center + track_.vector_at(k, 0), lanes, lane, count, k < layers_ - 1,
                               at(at_.g_rows + tensor_weights_), at(at_.g_harmonics), at(at_.product));
        track_.reduce(at(at_.product), y, lanes, lane, count, Real(1), gradient + track_.vector_at(k, 0));
        track_.center_adjoint(k, center, gradient);
        track_.reduce_adjoint(gradient + track_.environment_at(k), at(at_.rows + latent.environment), y, lanes, lane, count, norm,
                              at(at_.g_rows + latent.environment), at(at_.g_harmonics));
      }
      clock.ends(KernelStage::tensors_adjoint);
    }
  }

  // Sums of edge energies in float64, the pair potential, and the gradient with which the adjoint starts.
  void collect(const Block &block, const Center *centers, int n, const Real *energies, const EdgeLanes &edges, double *pair_slopes, Real *g,
               std::int64_t lanes) const {
    const double *constants = constants_.data();
    for (std::int64_t e = 0; e < lanes; ++e) pair_slopes[e] = 0.0;
    for (int c = 0; c < n; ++c) {
      const Center &center = centers[c];
      const std::int64_t used = block.n_neighbors[center.index];
      const double factor = constants[center.type] * 0.70710678118654752440 * constants[num_types_ + center.type];
      double total = 0.0, pair_total = 0.0;
      for (std::int64_t e = center.lane; e < center.lane + center.count; ++e) {
        total += energies[e];
        g[e] = e < center.lane + used ? static_cast<Real>(factor) : Real(0);
      }
      if (zbl_.size() > 0)
        for (std::int64_t e = center.lane; e < center.lane + used; ++e) pair_total += zbl(edges.r[e], edges.pair[e], pair_slopes[e]);
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
    const double cutoff = constants_.data()[3 * num_types_ + pair];
    double f, df;
    envelope(r / cutoff, 6.0, f, df);
    slope = bare * (psi_slope * f + psi * df / cutoff - psi * f / r);
    return bare * psi * f;
  }

  void store_gradients(const Block &block, const Center *centers, int n, const EdgeLanes &edges, const double *pair_slopes, const Real *g_unit,
                       std::int64_t lanes) const {
    for (int c = 0; c < n; ++c) {
      const Center &center = centers[c];
      double *out = block.edge_gradients + 3 * center.index * block.n_slots;
      const std::int64_t used = block.n_neighbors[center.index];
      for (std::int64_t e = 0; e < used; ++e, out += 3) {
        const std::int64_t from = center.lane + e;
        const double ux = edges.unit[from], uy = edges.unit[lanes + from], uz = edges.unit[2 * lanes + from];
        const double gx = g_unit[from], gy = g_unit[lanes + from], gz = g_unit[2 * lanes + from];
        const double inverse = 1.0 / edges.r[from];
        // The harmonics know directions alone: what points along the edge is the radial part's.
        const double along = edges.g_r[from] + pair_slopes[from] - (ux * gx + uy * gy + uz * gz) * inverse;
        out[0] = along * ux + gx * inverse;
        out[1] = along * uy + gy * inverse;
        out[2] = along * uz + gz * inverse;
      }
      for (std::int64_t e = 3 * used; e < 3 * block.n_slots; ++e) block.edge_gradients[3 * center.index * block.n_slots + e] = 0.0;
    }
  }

  struct Places {
    int unit, harmonics, rows, radial, scalars, head, g_rows, g_harmonics, g_unit, product, g, spare;
  };

  int num_types_, rows_, tensor_weights_, head_row_, layers_;
  TensorTrack<Real> track_;
  Harmonics<Real> harmonics_;
  HeadKernel<Real> head_;
  int threads_, sampling_;
  RadialTableKernel<Real> *table_ = nullptr;
  RadialNetworkKernel<Real> *network_ = nullptr;
  Buffer<double> constants_, zbl_, seconds_;
  Latent *latents_ = nullptr;
  Places at_{};
  int total_rows_ = 0;
  Scratch *scratch_ = nullptr;
};

}  // namespace qallegro::native::QALLEGRO_ISA
