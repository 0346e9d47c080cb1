// The whole network on the edges of a few centers, forward and adjoint, in a few hundred kilobytes. Both arithmetics (arithmetic.hpp).
#pragma once

#include "native/kernels/grouping.hpp"
#include "native/kernels/head.hpp"
#include "native/kernels/radial.hpp"
#include "native/kernels/stage_clock.hpp"
#include "native/kernels/tensor_track.hpp"

namespace qallegro::native::QALLEGRO_ISA {

/// A group of centers with the memory that its edges need.
template <class Real>
struct Group {
  const Center *centers;
  int size;
  EdgeLanes edges;
  double *edge_slopes;  ///< a number an edge: of duals the derivatives of distances, of values those of pair energies by them
  Real *rows, *center_memory;
  std::int64_t lanes;  ///< numbers in a row: edges with padding times A::copies
  /// Where centers share vectors: for harmonics of each center alone, (components, count) one center after the other; else null.
  Real *own_harmonics;

  Real *at(int row) const { return rows + static_cast<std::int64_t>(row) * lanes; }
};

/// Where one thread adds up gradients of weights; all null in dynamics.
template <class Real>
struct WeightGradients {
  GradientSink<Real> sink;
  Real *const *paths = nullptr;  ///< for each layer (paths, stride)
  double *frequencies = nullptr;
};

template <class Real>
class NetworkKernel {
 public:
  NetworkKernel(const Plan &plan, const RadialTable *table, bool training)
      : rows_(plan.rows), tensor_weights_(plan.tensor_weights), head_row_(plan.head), layers_(static_cast<int>(plan.latents.size())),
        num_types_(plan.num_types), track_(plan), harmonics_(plan), head_(plan, training) {
    if (table)
      table_ = new RadialTableKernel<Real>(plan, *table);
    else
      network_ = new RadialNetworkKernel<Real>(plan);
    double *norm = norm_.at_least(num_types_);
    for (int t = 0; t < num_types_; ++t) norm[t] = plan.environment_norm[t];
    double *cutoffs = cutoffs_.at_least(num_types_ * num_types_);
    for (int pair = 0; pair < num_types_ * num_types_; ++pair) cutoffs[pair] = plan.cutoffs[pair];
    latents_ = new Latent[layers_];
    widest_ = head_.widest();
    for (int k = 0; k < layers_; ++k) {
      const LatentPlan &step = plan.latents[k];
      Latent &latent = latents_[k];
      latent.pre = step.pre;
      latent.environment = plan.environment_weights[k];
      if (step.chain) latent.chain = new ChainKernel<Real>(*step.chain);
      latent.tensor_ops = new SourceOps<Real>(step.tensor_ops);
      latent.hidden_ops = new SourceOps<Real>(step.hidden_ops);
      if (latent.chain && latent.chain->widest() > widest_) widest_ = latent.chain->widest();
    }
    if (network_ && network_->widest() > widest_) widest_ = network_->widest();
    if (track_.channels > widest_) widest_ = track_.channels;
    // Rows of one block, one after the other.
    const auto place = [this](int &row, int count) {
      row = total_rows_;
      total_rows_ += count;
    };
    place(at_.unit, 3);
    place(at_.harmonics, track_.components);
    place(at_.rows, rows_);
    place(at_.radial, table_ ? table_->kept_rows() : network_->kept_rows());
    // Dynamics needs the scalars of a layer no longer than the layer; gradients of weights need all of them.
    for (int k = 0; k < layers_; ++k)
      if (training || k == 0)
        place(latents_[k].scalars, track_.channels);
      else
        latents_[k].scalars = latents_[0].scalars;
    for (int k = 0; k < layers_; ++k) place(latents_[k].kept, latents_[k].chain ? latents_[k].chain->kept_rows() : 0);
    place(at_.head, head_.kept_rows());
    place(at_.g_rows, rows_);
    place(at_.g_harmonics, track_.components);
    place(at_.g_unit, 3);
    place(at_.product, track_.channels * (track_.l_max + 1));
    place(at_.g, widest_);
    place(at_.spare, widest_);
  }
  ~NetworkKernel() {
    for (int k = 0; k < layers_; ++k) {
      delete latents_[k].chain;
      delete latents_[k].tensor_ops;
      delete latents_[k].hidden_ops;
    }
    delete[] latents_;
    delete table_;
    delete network_;
  }
  NetworkKernel(const NetworkKernel &) = delete;
  NetworkKernel &operator=(const NetworkKernel &) = delete;

  int total_rows() const { return total_rows_; }
  int layers() const { return layers_; }
  /// Numbers that the tensors of a center need, each with its adjoint.
  std::int64_t center_size() const { return 2 * track_.size(); }
  TensorTrack<Real> &track() { return track_; }
  RadialNetworkKernel<Real> *radial_network() { return network_; }
  /// Numbers that the own harmonics of a group need, for so many numbers in a row and centers.
  std::int64_t own_harmonics_size(std::int64_t lanes, int centers, int copies) const {
    return track_.components * (lanes + static_cast<std::int64_t>(centers) * copies * width<Real>);
  }
  double environment_norm(int type) const { return norm_.data()[type]; }

  /// Every linear map, in the order of the plan; `layer(k)` is called where the path weights of layer k have their turn.
  template <class Visit, class VisitLayer>
  void visit(Visit &&visit, VisitLayer &&layer) {
    network_->visit(visit);
    for (int k = 0; k < layers_; ++k) {
      layer(k);
      latents_[k].tensor_ops->visit(visit);
      if (latents_[k].chain) latents_[k].chain->visit(visit);
      latents_[k].hidden_ops->visit(visit);
    }
    head_.visit(visit);
  }

  /// Distances, directions and pairs of types of the edges of a group, in float64; `group.lanes` = `lanes` edges times A::copies.
  void load_edges(const Block &block, const Group<Real> &group, std::int64_t lanes) const {
    const EdgeLanes &edges = group.edges;
    for (int c = 0; c < group.size; ++c) {
      const Center &center = group.centers[c];
      const std::int64_t end = c + 1 < group.size ? group.centers[c + 1].edge : lanes;
      const double *v = block.edge_vectors + 3 * center.index * block.n_slots;
      const std::int64_t *types = block.neighbor_types + center.index * block.n_slots;
      const std::int64_t used = block.n_neighbors[center.index];
      const std::int32_t row = center.type * num_types_;
      for (std::int64_t e = 0, to = center.edge; to < end; ++e, ++to) {
        if (e < used) {
          edges.unit[to] = v[3 * e];
          edges.unit[lanes + to] = v[3 * e + 1];
          edges.unit[2 * lanes + to] = v[3 * e + 2];
          edges.pair[to] = row + static_cast<std::int32_t>(types[e]);
        } else {
          // Padding lies beyond the cutoff of the last edge's types, where everything is exactly zero.
          edges.pair[to] = edges.pair[to - 1];
          edges.unit[to] = 2.0 * cutoffs_.data()[edges.pair[to]];
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
  }

  int latent_width() const { return head_.latent_width(); }
  /// Rows (latent_width, lanes) after `forward`.
  const Real *latents(const Group<Real> &group) const { return head_.latents(group.at(at_.rows + head_row_), group.at(at_.head), group.lanes); }

  /// Unit vectors in the network's precision: (3, lanes) for `forward`.
  Real *unit_rows(const Group<Real> &group) const { return group.at(at_.unit); }
  /// Gradient of the edge energies (1, lanes), from which `adjoint` starts.
  Real *energy_gradients(const Group<Real> &group) const { return group.at(at_.g); }
  /// Gradient by the unit vectors (3, lanes) after `adjoint`.
  const Real *unit_gradients(const Group<Real> &group) const { return group.at(at_.g_unit); }

  /// Energies of the edges (lanes), or the rows of features at which a network without stages ends.
  template <class A>
  const Real *forward(const Group<Real> &group, StageClock &clock) const;

  /// From `energy_gradients`: gradients by distances (edges.g_r) and unit vectors, of values; gradients of weights where they are wanted.
  template <class A>
  void adjoint(const Group<Real> &group, StageClock &clock, const WeightGradients<Real> &weights) const;

  /// Edge gradients of a group of values after `adjoint`, with those of pair energies or without.
  void store_gradients(const Block &block, const Group<Real> &group, bool with_pairs) const {
    const EdgeLanes &edges = group.edges;
    const std::int64_t lanes = group.lanes;
    const Real *g_unit = unit_gradients(group);
    for (int c = 0; c < group.size; ++c) {
      const Center &center = group.centers[c];
      double *out = block.edge_gradients + 3 * center.index * block.n_slots;
      const std::int64_t used = block.n_neighbors[center.index];
      for (std::int64_t e = 0; e < used; ++e, out += 3) {
        const std::int64_t from = center.edge + e;
        const double ux = edges.unit[from], uy = edges.unit[lanes + from], uz = edges.unit[2 * lanes + from];
        const double gx = g_unit[from], gy = g_unit[lanes + from], gz = g_unit[2 * lanes + from];
        const double inverse = 1.0 / edges.r[from];
        // The harmonics know directions alone: what points along the edge is the radial part's.
        const double along = edges.g_r[from] + (with_pairs ? group.edge_slopes[from] : 0.0) - (ux * gx + uy * gy + uz * gz) * inverse;
        out[0] = along * ux + gx * inverse;
        out[1] = along * uy + gy * inverse;
        out[2] = along * uz + gz * inverse;
      }
      for (std::int64_t e = 3 * used; e < 3 * block.n_slots; ++e) block.edge_gradients[3 * center.index * block.n_slots + e] = 0.0;
    }
  }

 private:
  struct Latent {
    int pre = 0, environment = 0, kept = 0, scalars = 0;
    ChainKernel<Real> *chain = nullptr;
    SourceOps<Real> *tensor_ops = nullptr, *hidden_ops = nullptr;
  };

  // The edges of center c; `own`: harmonics of the centers before it, where each has its own.
  template <class A>
  CenterEdges<Real> edges_of(const Group<Real> &group, int c, const Real *&own) const {
    const Center &center = group.centers[c];
    CenterEdges<Real> edges{A::copies * center.lane, A::copies * center.count, group.lanes, group.at(at_.harmonics) + A::copies * center.lane,
                            group.lanes, center.edge > center.lane};
    if (own) {
      edges.harmonics = own;
      edges.harmonic_lanes = edges.count;
      own += track_.components * edges.count;
    }
    return edges;
  }

  // Harmonics of each center, with zeros in the lanes of others.
  template <class A>
  void part_harmonics(const Group<Real> &group) const {
    const Real *rows = group.at(at_.harmonics);
    Real *to = group.own_harmonics;
    for (int c = 0; c < group.size; ++c) {
      const Center &center = group.centers[c];
      const std::int64_t before = center.edge - center.lane, end = before + center.edges;
      for (int m = 0; m < track_.components; ++m, to += A::copies * center.count) {
        std::memcpy(to, rows + m * group.lanes + A::copies * center.lane, sizeof(Real) * A::copies * center.count);
        for (std::int64_t e = 0; e < center.count; ++e)
          if (e < before || e >= end)
            for (int copy = 0; copy < A::copies; ++copy) to[A::at(e) + copy * width<Real>] = 0;
      }
    }
  }

  template <class A>
  void forward_layers(const Group<Real> &group, StageClock &clock) const {
    constexpr int copies = A::copies;
    const std::int64_t lanes = group.lanes;
    for (int k = 0; k < layers_; ++k) {
      const Latent &latent = latents_[k];
      const Real *own = group.own_harmonics;
      for (int c = 0; c < group.size; ++c) {
        const Center &now = group.centers[c];
        if (now.count == 0) continue;
        const CenterEdges<Real> edges = edges_of<A>(group, c, own);
        Real *center = group.center_memory + copies * 2 * c * track_.size();
        const Real norm = static_cast<Real>(norm_.data()[now.type]);
        track_.template reduce<A>(group.at(at_.rows + latent.environment), edges, norm, center + copies * track_.environment_at(k));
        track_.template center_vectors<A>(k, center);
        track_.template scalars<A>(group.at(at_.rows + tensor_weights_), edges, center + copies * track_.vector_at(k, 0), group.at(latent.scalars));
      }
      clock.ends(KernelStage::tensors);
      latent.tensor_ops->forward(group.at(latent.scalars), group.at(at_.rows), lanes);
      if (latent.chain)
        latent.hidden_ops->forward(latent.chain->template forward<A>(group.at(at_.rows + latent.pre), group.at(latent.kept), lanes),
                                   group.at(at_.rows), lanes);
      clock.ends(KernelStage::latents);
    }
  }

  template <class A>
  void adjoint_layers(const Group<Real> &group, StageClock &clock, const WeightGradients<Real> &weights) const {
    constexpr int copies = A::copies;
    const std::int64_t lanes = group.lanes;
    const Real *tensor_weights = group.at(at_.rows + tensor_weights_);
    Real *g = group.at(at_.g), *g_rows = group.at(at_.g_rows);
    if constexpr (TensorTrack<Real>::template with_harmonics<A>) std::memset(group.at(at_.g_harmonics), 0, sizeof(Real) * track_.components * lanes);
    for (int c = 0; c < group.size; ++c)
      std::memset(group.center_memory + copies * (2 * c + 1) * track_.size(), 0,
                  sizeof(Real) * copies * track_.layers * track_.components * track_.stride);
    for (int k = layers_ - 1; k >= 0; --k) {
      const Latent &latent = latents_[k];
      if (latent.chain) {
        const Real *kept = group.at(latent.kept);
        latent.hidden_ops->template adjoint<A>(g_rows, latent.chain->features(kept, lanes), g, latent.chain->width_out(), lanes, weights.sink);
        latent.chain->template adjoint<A>(g, group.at(at_.spare), group.at(at_.rows + latent.pre), kept, group.at(at_.g_rows + latent.pre),
                                          lanes, weights.sink);
      }
      latent.tensor_ops->template adjoint<A>(g_rows, group.at(latent.scalars), g, track_.channels, lanes, weights.sink);
      clock.ends(KernelStage::latents_adjoint);
      const Real *own = group.own_harmonics;
      for (int c = 0; c < group.size; ++c) {
        const Center &now = group.centers[c];
        if (now.count == 0) continue;
        const CenterEdges<Real> edges = edges_of<A>(group, c, own);
        Real *center = group.center_memory + copies * 2 * c * track_.size(), *gradient = center + copies * track_.size();
        const Real norm = static_cast<Real>(norm_.data()[now.type]);
        track_.template scalars_adjoint<A>(g, tensor_weights, edges, center + copies * track_.vector_at(k, 0), k < layers_ - 1,
                                           group.at(at_.g_rows + tensor_weights_), group.at(at_.g_harmonics), group.at(at_.product));
        track_.template reduce<A>(group.at(at_.product), edges, Real(1), gradient + copies * track_.vector_at(k, 0));
        track_.template center_adjoint<A>(k, center, gradient, weights.paths);
        track_.template reduce_adjoint<A>(gradient + copies * track_.environment_at(k), group.at(at_.rows + latent.environment), edges, norm,
                                          group.at(at_.g_rows + latent.environment), group.at(at_.g_harmonics));
      }
      clock.ends(KernelStage::tensors_adjoint);
    }
  }

  struct Places {
    int unit, harmonics, rows, radial, head, g_rows, g_harmonics, g_unit, product, g, spare;
  };

  int rows_, tensor_weights_, head_row_, layers_, num_types_, widest_ = 0;
  TensorTrack<Real> track_;
  Harmonics<Real> harmonics_;
  HeadKernel<Real> head_;
  RadialTableKernel<Real> *table_ = nullptr;
  RadialNetworkKernel<Real> *network_ = nullptr;
  Buffer<double> norm_, cutoffs_;
  Latent *latents_ = nullptr;
  Places at_{};
  int total_rows_ = 0;
};

// Outside of the class, where they are not inline and compiled only once.
template <class Real>
template <class A>
const Real *NetworkKernel<Real>::forward(const Group<Real> &group, StageClock &clock) const {
  const std::int64_t lanes = group.lanes;
  if constexpr (A::copies == 1) {
    if (table_) table_->forward(group.edges, group.at(at_.rows), group.at(at_.radial), lanes);
  }
  if (network_) network_->template forward<A>(group.edges, group.edge_slopes, group.at(at_.rows), group.at(at_.radial), lanes);
  clock.ends(KernelStage::radial);
  harmonics_.template forward<A>(group.at(at_.unit), group.at(at_.harmonics), lanes);
  if (group.own_harmonics) part_harmonics<A>(group);
  clock.ends(KernelStage::harmonics);
  forward_layers<A>(group, clock);
  return head_.template forward<A>(group.at(at_.rows + head_row_), group.at(at_.head), lanes, clock);
}

template <class Real>
template <class A>
void NetworkKernel<Real>::adjoint(const Group<Real> &group, StageClock &clock, const WeightGradients<Real> &weights) const {
  const std::int64_t lanes = group.lanes;
  Real *g = group.at(at_.g), *spare = group.at(at_.spare);
  head_.template adjoint<A>(g, spare, group.at(at_.rows + head_row_), group.at(at_.head), group.at(at_.g_rows + head_row_), lanes, clock,
                            weights.sink);
  clock.ends(KernelStage::head_adjoint);
  adjoint_layers<A>(group, clock, weights);
  if constexpr (A::copies == 1) {
    if (table_) table_->adjoint(group.edges, group.at(at_.g_rows), group.at(at_.radial), lanes);
  }
  if (network_)
    network_->template adjoint<A>(group.edges, group.edge_slopes, group.at(at_.g_rows), group.at(at_.radial), g, spare, lanes, weights.sink,
                                  weights.frequencies);
  clock.ends(KernelStage::radial_adjoint);
  // Gradients of weights need no gradients of directions.
  if (!weights.sink.memory)
    harmonics_.template adjoint<A>(group.at(at_.unit), group.at(at_.harmonics), group.at(at_.g_harmonics), group.at(at_.g_unit), lanes);
  clock.ends(KernelStage::harmonics_adjoint);
}

// Both files of kernels want the network on values; kernels.cpp compiles it.
#define QALLEGRO_NETWORK_ON_VALUES(keyword, Real)                                                                            \
  keyword template const Real *NetworkKernel<Real>::forward<Values<Real>>(const Group<Real> &, StageClock &) const;           \
  keyword template void NetworkKernel<Real>::adjoint<Values<Real>>(const Group<Real> &, StageClock &, const WeightGradients<Real> &) const;
QALLEGRO_NETWORK_ON_VALUES(extern, float)
QALLEGRO_NETWORK_ON_VALUES(extern, double)

}  // namespace qallegro::native::QALLEGRO_ISA
