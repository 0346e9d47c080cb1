// Gradients of weights, by the network's own forward and adjoint steps on dual numbers (arithmetic.hpp).
#pragma once

#include "native/kernels/block_kernel.hpp"
#include "native/training_kernel.hpp"

namespace qallegro::native::QALLEGRO_ISA {

template <class Real>
class TrainingBlockKernel final : public TrainingKernel {
 public:
  TrainingBlockKernel(const Plan &plan, int threads, bool train_frequencies)
      : num_types_(plan.num_types), num_features_(plan.head_width), train_frequencies_(train_frequencies), block_(plan, nullptr, threads, 0, true), threads_(threads) {
    NetworkKernel<Real> &network = block_.network();
    num_frequencies_ = network.radial_network()->num_frequencies();
    layers_ = network.layers();
    num_weights_ = num_frequencies_ + 2 * num_types_;
    int widest = 1;
    network.visit(
        [&](LinearMap<Real> &map) {
          map.place_gradient(sink_size_);
          sink_size_ += map.gradient_size();
          num_weights_ += static_cast<std::int64_t>(map.in()) * map.out();
          if (map.in() > widest) widest = map.in();
        },
        [&](int k) {
          path_size_ += network.track().num_paths(k) * network.track().stride;
          num_weights_ += static_cast<std::int64_t>(network.track().num_paths(k)) * network.track().channels;
        });
    turned_size_ = padded<Real>(widest) * 2 * most_edges;
    gathers_ = new Gather[threads_];
    for (int thread = 0; thread < threads_; ++thread) {
      Gather &gather = gathers_[thread];
      gather.sink.at_least(sink_size_);
      gather.turned.at_least(turned_size_);
      Real *paths = gather.paths.at_least(path_size_);
      gather.layers = new Real *[layers_];
      for (int k = 0; k < layers_; ++k) {
        gather.layers[k] = paths;
        paths += network.track().num_paths(k) * network.track().stride;
      }
      gather.constants.at_least(num_frequencies_ + 2 * num_types_ + 1);
    }
  }
  ~TrainingBlockKernel() override {
    for (int thread = 0; thread < threads_; ++thread) delete[] gathers_[thread].layers;
    delete[] gathers_;
  }

  std::int64_t num_weights() const override { return num_weights_; }

  void assign(const double *weights, int share, int shares) override {
    NetworkKernel<Real> &network = block_.network();
    if (share == 0) network.radial_network()->assign_frequencies(weights);
    weights += num_frequencies_;
    network.visit(
        [&](LinearMap<Real> &map) {
          map.assign(weights, share, shares);
          weights += static_cast<std::int64_t>(map.in()) * map.out();
        },
        [&](int k) {
          if (share == 0) network.track().assign(k, weights);
          weights += network.track().num_paths(k) * network.track().channels;
        });
    if (share == 0) block_.assign_scales(weights, weights + num_types_);
  }

  void evaluate(const Block &block, std::int64_t first, std::int64_t last, int thread) override {
    block_.evaluate(block, first, last, thread, nullptr);
  }

  void differentiate(const Block &block, const double *energy_gradient, const double *direction, std::int64_t first, std::int64_t last,
                     int thread) override {
    Gather &gather = gathers_[thread];
    for (std::int64_t c = first; c < last; ++c) gather.shifts(*this)[block.center_types[c]] += energy_gradient[c];
    if (direction)
      differentiate_all<Duals<Real>>(block, energy_gradient, direction, first, last, gather);
    else
      differentiate_all<Values<Real>>(block, energy_gradient, nullptr, first, last, gather);
  }

  int num_features() const override { return num_features_; }

  void features(const Block &block, double *features, std::int64_t first, std::int64_t last, int thread) override {
    clear(features, block, num_features_, first, last);
    for_groups<Values<Real>>(block, nullptr, first, last, gathers_[thread], [&](const Group<Real> &group) {
      StageClock clock(nullptr);
      store_features(block, group, block_.network().template forward<Values<Real>>(group, clock), features, 0);
    });
  }

  void pull_back(const Block &block, const double *feature_gradient, std::int64_t first, std::int64_t last, int thread) override {
    clear(block.edge_gradients, block, 3, first, last);
    for_groups<Values<Real>>(block, nullptr, first, last, gathers_[thread], [&](const Group<Real> &group) {
      StageClock clock(nullptr);
      block_.network().template forward<Values<Real>>(group, clock);
      load_feature_gradients<Values<Real>>(block, group, feature_gradient);
      block_.network().template adjoint<Values<Real>>(group, clock, {});
      block_.network().store_gradients(block, group, false);
    });
  }

  void differentiate_features(const Block &block, const double *feature_gradient, const double *direction, double *feature_slopes,
                              std::int64_t first, std::int64_t last, int thread) override {
    if (direction)
      differentiate_features_of<Duals<Real>>(block, feature_gradient, direction, feature_slopes, first, last, gathers_[thread]);
    else
      differentiate_features_of<Values<Real>>(block, feature_gradient, nullptr, nullptr, first, last, gathers_[thread]);
  }

  void take_gradient(double *out, int share, int shares) override {
    const auto sink_of = [&](int thread) { return gathers_[thread].sink.data(); };
    double *to = out;
    if (share == 0) sum_of_constants(to, 0, num_frequencies_);
    to += num_frequencies_;
    block_.network().visit(
        [&](const LinearMap<Real> &map) {
          map.collect(sink_of, threads_, to, share, shares);
          to += static_cast<std::int64_t>(map.in()) * map.out();
        },
        [&](int k) {
          if (share == 0) sum_of_paths(to, k);
          to += static_cast<std::int64_t>(block_.network().track().num_paths(k)) * block_.network().track().channels;
        });
    if (share != 0) return;
    sum_of_constants(to, num_frequencies_, 2 * num_types_);
    for (int thread = 0; thread < threads_; ++thread) std::memset(gathers_[thread].paths.data(), 0, sizeof(Real) * path_size_);
  }

 private:
  /// What one thread has and adds up.
  struct Gather {
    GroupMemory<Real> memory;
    Buffer<Real> sink, turned, paths;
    Buffer<double> constants;  ///< gradients of frequencies, scales and shifts
    Real **layers = nullptr;

    double *shifts(const TrainingBlockKernel &kernel) const { return constants.data() + kernel.num_frequencies_ + kernel.num_types_; }
    WeightGradients<Real> weights(bool frequencies) const {
      return {{sink.data(), turned.data()}, layers, frequencies ? constants.data() : nullptr};
    }
  };
  /// `to` = sums over threads of `count` of their constants from `first` on, which are cleared.
  void sum_of_constants(double *to, int first, int count) {
    for (int n = 0; n < count; ++n) {
      to[n] = 0.0;
      for (int thread = 0; thread < threads_; ++thread) {
        double &constant = gathers_[thread].constants.data()[first + n];
        to[n] += constant;
        constant = 0.0;
      }
    }
  }

  /// `to` (paths, channels) = sums over threads of the gradients of path weights of layer k.
  void sum_of_paths(double *to, int k) {
    const TensorTrack<Real> &track = block_.network().track();
    for (int p = 0; p < track.num_paths(k); ++p)
      for (int u = 0; u < track.channels; ++u, ++to) {
        *to = 0.0;
        for (int thread = 0; thread < threads_; ++thread) *to += gathers_[thread].layers[k][p * track.stride + u];
      }
  }

  /// Twice the numbers of dynamics an edge: half the edges fit in the cache.
  static constexpr std::int64_t most_edges = 64;

  template <class A>
  void differentiate_all(const Block &block, const double *energy_gradient, const double *direction, std::int64_t first, std::int64_t last,
                         Gather &gather) {
    for_groups<A>(block, direction, first, last, gather, [&](const Group<Real> &group) {
      StageClock clock(nullptr);
      const Real *energies = block_.network().template forward<A>(group, clock);
      start_adjoint<A>(block, energy_gradient, group, energies, gather.constants.data() + num_frequencies_);
      block_.network().template adjoint<A>(group, clock, gather.weights(train_frequencies_));
    });
  }

  template <class A>
  void differentiate_features_of(const Block &block, const double *feature_gradient, const double *direction, double *feature_slopes,
                                 std::int64_t first, std::int64_t last, Gather &gather) {
    if (feature_slopes) clear(feature_slopes, block, num_features_, first, last);
    for_groups<A>(block, direction, first, last, gather, [&](const Group<Real> &group) {
      StageClock clock(nullptr);
      const Real *features = block_.network().template forward<A>(group, clock);
      if (feature_slopes) store_features(block, group, features, feature_slopes, width<Real>);
      load_feature_gradients<A>(block, group, feature_gradient);
      block_.network().template adjoint<A>(group, clock, gather.weights(train_frequencies_));
    });
  }

  /// Centers first .. last - 1 in groups whose edges fit in the cache.
  template <class A, class Work>
  void for_groups(const Block &block, const double *direction, std::int64_t first, std::int64_t last, Gather &gather, Work &&work) {
    const NetworkKernel<Real> &network = block_.network();
    while (first < last) {
      Grouping grouping;
      grouping.take<Real>(block, first, last, most_edges, Packing::shared_vectors);
      if (grouping.lanes == 0) continue;
      // One center may have more neighbors than a group has edges.
      gather.turned.at_least(static_cast<std::size_t>(turned_size_) * ((grouping.lanes + most_edges - 1) / most_edges));
      const Group<Real> group = gather.memory.load(block_.network(), block, grouping, Packing::shared_vectors, A::copies);
      fill_units<A>(block, direction, group);
      work(group);
    }
  }

  // Directions of edges; of duals also how they and the distances change.
  template <class A>
  void fill_units(const Block &block, const double *direction, const Group<Real> &group) const {
    Real *unit = block_.network().unit_rows(group);
    const EdgeLanes &edges = group.edges;
    const std::int64_t count = group.lanes / A::copies;
    for (int a = 0; a < 3; ++a)
      for (std::int64_t e = 0; e < count; ++e) unit[a * group.lanes + A::at(e)] = static_cast<Real>(edges.unit[a * count + e]);
    if constexpr (A::copies == 2) {
      std::int64_t at = 0;
      for (int c = 0; c < group.size; ++c) {
        const Center &center = group.centers[c];
        const double *along = direction + 3 * center.index * block.n_slots;
        for (std::int64_t e = 0; e < center.edges; ++e, ++at, along += 3) {
          const double u[3] = {edges.unit[at], edges.unit[count + at], edges.unit[2 * count + at]}, inverse = 1.0 / edges.r[at];
          const double slope = u[0] * along[0] + u[1] * along[1] + u[2] * along[2];
          group.edge_slopes[at] = slope;
          for (int a = 0; a < 3; ++a) unit[a * group.lanes + A::at(at) + width<Real>] = static_cast<Real>((along[a] - u[a] * slope) * inverse);
        }
      }
      for (; at < count; ++at) {
        group.edge_slopes[at] = 0.0;
        for (int a = 0; a < 3; ++a) unit[a * group.lanes + A::at(at) + width<Real>] = 0;
      }
    }
  }

  // The adjoint of sum_i g_i E_i + sum_i E_i': the dual 1 + g_i e for every energy (arithmetic.hpp).
  template <class A>
  void start_adjoint(const Block &block, const double *energy_gradient, const Group<Real> &group, const Real *energies, double *scale_gradient) const {
    Real *g = block_.network().energy_gradients(group);
    std::memset(g, 0, sizeof(Real) * group.lanes);
    for (int c = 0; c < group.size; ++c) {
      const Center &center = group.centers[c];
      const double bare = block_.network().environment_norm(center.type) * 0.70710678118654752440, factor = bare * block_.scale(center.type);
      const double weight = energy_gradient[center.index];
      double total = 0.0, slope = 0.0;
      for (std::int64_t e = 0; e < center.edges; ++e) {
        const std::int64_t at = A::at(center.edge + e);
        total += energies[at];
        if constexpr (A::copies == 2) {
          slope += energies[at + width<Real>];
          g[at] = static_cast<Real>(factor);
          g[at + width<Real>] = static_cast<Real>(factor * weight);
        } else {
          g[at] = static_cast<Real>(factor * weight);
        }
      }
      scale_gradient[center.type] += bare * (weight * total + slope);
    }
  }

  static void clear(double *array, const Block &block, int size, std::int64_t first, std::int64_t last) {
    std::memset(array + first * block.n_slots * size, 0, sizeof(double) * (last - first) * block.n_slots * size);
  }

  // Rows of features, or `part` numbers after them in memory their derivatives, to (n_centers, n_slots, num_features).
  void store_features(const Block &block, const Group<Real> &group, const Real *rows, double *to, int part) const {
    const int copies = part == 0 ? 1 : 2;
    for (int c = 0; c < group.size; ++c) {
      const Center &center = group.centers[c];
      double *out = to + center.index * block.n_slots * num_features_;
      for (std::int64_t e = 0; e < block.n_neighbors[center.index]; ++e) {
        const std::int64_t at = copies == 1 ? Values<Real>::at(center.edge + e) : Duals<Real>::at(center.edge + e) + part;
        for (int f = 0; f < num_features_; ++f) *out++ = rows[f * group.lanes + at];
      }
    }
  }

  // The dual g + 0 e: of duals only the derivative along the direction is differentiated.
  template <class A>
  void load_feature_gradients(const Block &block, const Group<Real> &group, const double *from) const {
    Real *g = block_.network().energy_gradients(group);
    std::memset(g, 0, sizeof(Real) * num_features_ * group.lanes);
    for (int c = 0; c < group.size; ++c) {
      const Center &center = group.centers[c];
      const double *in = from + center.index * block.n_slots * num_features_;
      for (std::int64_t e = 0; e < block.n_neighbors[center.index]; ++e)
        for (int f = 0; f < num_features_; ++f) g[f * group.lanes + A::at(center.edge + e)] = static_cast<Real>(*in++);
    }
  }

  int num_types_, num_features_;
  bool train_frequencies_;
  BlockKernel<Real> block_;
  int threads_, layers_ = 0, num_frequencies_ = 0;
  std::int64_t num_weights_ = 0, sink_size_ = 0, path_size_ = 0, turned_size_ = 0;
  Gather *gathers_ = nullptr;
};

}  // namespace qallegro::native::QALLEGRO_ISA
