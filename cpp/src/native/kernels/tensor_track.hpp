// The equivariant part of the network (model/allegro.py says why it can be written so).
//
// Each center has one environment a layer, E_k[component, channel]; products of environments give the vectors q_k that turn an edge's tensor
// weights and harmonics into scalars: t_k[u] = sum_l w[l, u] sum_m Y_lm q_k[lm, u]. Arrays of a center have channels in lanes.
#pragma once

#include <type_traits>

#include "native/kernels/shuffle.hpp"
#include "native/plan.hpp"

namespace qallegro::native::QALLEGRO_ISA {

/// Sizes of tensors, and coefficients of the layers' products for all channels.
template <class Real>
class TensorTrack {
 public:
  struct Entry {
    std::int32_t path, environment, input, output;
    Real coefficient;
  };

  explicit TensorTrack(const Plan &plan)
      : l_max(plan.l_max), components((plan.l_max + 1) * (plan.l_max + 1)), channels(plan.channels),
        stride((plan.channels + width<Real> - 1) / width<Real> * width<Real>), layers(static_cast<int>(plan.couplings.size())) {
    layers_ = new LayerTable[layers];
    for (int k = 0; k < layers; ++k) {
      const Coupling &coupling = plan.couplings[k];
      LayerTable &table = layers_[k];
      table.d_in = coupling.d_in;
      table.count = static_cast<int>(coupling.entries.size());
      table.entries = new Entry[table.count];
      for (int n = 0; n < table.count; ++n) {
        const CouplingEntry &e = coupling.entries[n];
        table.entries[n] = {e.path, e.environment, e.input, e.output, static_cast<Real>(e.coefficient)};
        if (e.output == 0) table.scalar_count = n + 1;
      }
      const Matrix &w = plan.path_weights[k];
      Real *weights = table.weights.at_least(static_cast<std::size_t>(w.in) * stride);
      for (int p = 0; p < w.in; ++p)
        for (int u = 0; u < w.out; ++u) weights[p * stride + u] = static_cast<Real>(w(p, u));
    }
    // One environment a layer, then for each k the vectors v_j = M_j .. M_k e_0, j = 0 .. k; q_k is v_0.
    size_ = layers * components * stride;
    for (int k = 0; k < layers; ++k)
      for (int j = 0; j <= k; ++j) size_ += layers_[j].d_in * stride;
  }
  ~TensorTrack() {
    for (int k = 0; k < layers; ++k) delete[] layers_[k].entries;
    delete[] layers_;
  }
  TensorTrack(const TensorTrack &) = delete;
  TensorTrack &operator=(const TensorTrack &) = delete;

  /// Numbers that one center needs, and as many for the adjoint.
  std::int64_t size() const { return size_; }
  std::int64_t environment_at(int k) const { return static_cast<std::int64_t>(k) * components * stride; }
  std::int64_t vector_at(int k, int j) const {
    std::int64_t at = static_cast<std::int64_t>(layers) * components * stride;
    for (int a = 0; a < k; ++a)
      for (int b = 0; b <= a; ++b) at += layers_[b].d_in * stride;
    for (int b = 0; b < j; ++b) at += layers_[b].d_in * stride;
    return at;
  }

  /// q_k from the environments 0 .. k of a center.
  void center_vectors(int k, Real *center) const {
    for (int j = k; j >= 0; --j) {
      const LayerTable &table = layers_[j];
      const Real *environment = center + environment_at(j);
      const Real *after = j == k ? nullptr : center + vector_at(k, j + 1);
      Real *v = center + vector_at(k, j);
      std::memset(v, 0, sizeof(Real) * table.d_in * stride);
      const int count = j == k ? table.scalar_count : table.count;
      for (int n = 0; n < count; ++n) {
        const Entry &e = table.entries[n];
        for (int u = 0; u < stride; u += width<Real>) {
          Vec<Real> term = e.coefficient * load(table.weights.data() + e.path * stride + u) * load(environment + e.environment * stride + u);
          if (after) term *= load(after + e.output * stride + u);
          Real *to = v + e.input * stride + u;
          store<Real>(to, load(to) + term);
        }
      }
    }
  }

  /// From the gradient of q_k, in the place of v_0 of `gradient`, to those of the environments, which are added to.
  void center_adjoint(int k, const Real *center, Real *gradient) const {
    for (int j = 0; j <= k; ++j) {
      const LayerTable &table = layers_[j];
      const Real *environment = center + environment_at(j);
      const Real *after = j == k ? nullptr : center + vector_at(k, j + 1);
      const Real *g = gradient + vector_at(k, j);
      Real *g_environment = gradient + environment_at(j);
      Real *g_after = j == k ? nullptr : gradient + vector_at(k, j + 1);
      if (g_after) std::memset(g_after, 0, sizeof(Real) * layers_[j + 1].d_in * stride);
      const int count = j == k ? table.scalar_count : table.count;
      for (int n = 0; n < count; ++n) {
        const Entry &e = table.entries[n];
        for (int u = 0; u < stride; u += width<Real>) {
          const Vec<Real> common = e.coefficient * load(table.weights.data() + e.path * stride + u) * load(g + e.input * stride + u);
          Real *to = g_environment + e.environment * stride + u;
          if (after) {
            store<Real>(to, load(to) + common * load(after + e.output * stride + u));
            Real *onward = g_after + e.output * stride + u;
            store<Real>(onward, load(onward) + common * load(environment + e.environment * stride + u));
          } else {
            store<Real>(to, load(to) + common);
          }
        }
      }
    }
  }

  /// result[lm, u] = factor sum over lanes of w[l, u] Y_lm, for one center's lanes; rows lie `lanes` apart.
  void reduce(const Real *w, const Real *y, std::int64_t lanes, std::int64_t first, std::int64_t count, Real factor, Real *result) const {
    constexpr int step = width<Real>;
    for (int l = 0; l <= l_max; ++l)
      for (int u = 0; u < stride; u += step) {
        const int used = channels - u < step ? channels - u : step;
        const Real *weights = w + (static_cast<std::int64_t>(l) * channels + u) * lanes + first;
        for (int m = l * l; m < (l + 1) * (l + 1); ++m) {
          const Real *harmonic = y + m * lanes + first;
          Vec<Real> rows[step];
#pragma GCC unroll 16
          for (int c = 0; c < step; ++c) {
            rows[c] = Vec<Real>{};
            if (c < used)
              for (std::int64_t v = 0; v < count; v += step) rows[c] += load(weights + c * lanes + v) * load(harmonic + v);
          }
          store<Real>(result + m * stride + u, factor * sums<Real>(rows));
        }
      }
  }

  /// t[u] = sum_l w[l, u] sum_m Y_lm q[lm, u] for one center's lanes.
  void scalars(const Real *w, const Real *y, const Real *q, std::int64_t lanes, std::int64_t first, std::int64_t count, Real *t) const {
    for_each_degree([&](auto degree) __attribute__((always_inline)) {
      constexpr int l = decltype(degree)::value, size = 2 * l + 1;
      for (std::int64_t v = first; v < first + count; v += width<Real>) {
        Vec<Real> harmonics[size];
        load_degree<l>(y, lanes, v, harmonics);
        for (int u = 0; u < channels; ++u) {
          Vec<Real> total = load(w + (static_cast<std::int64_t>(l) * channels + u) * lanes + v) * angular<l>(harmonics, q, u);
          Real *to = t + u * lanes + v;
          if constexpr (l > 0) total += load(to);
          store<Real>(to, total);
        }
      }
    });
  }

  /// Adjoint of `scalars`: sets or adds to g_w, adds to g_y, and sets h[l, u] = g_t[u] w[l, u], whose reduction with Y is the gradient of q.
  void scalars_adjoint(const Real *g_t, const Real *w, const Real *y, const Real *q, std::int64_t lanes, std::int64_t first, std::int64_t count,
                       bool add, Real *g_w, Real *g_y, Real *h) const {
    for_each_degree([&](auto degree) __attribute__((always_inline)) {
      constexpr int l = decltype(degree)::value, size = 2 * l + 1;
      for (std::int64_t v = first; v < first + count; v += width<Real>) {
        Vec<Real> harmonics[size], gradients[size];
        load_degree<l>(y, lanes, v, harmonics);
        load_degree<l>(g_y, lanes, v, gradients);
        for (int u = 0; u < channels; ++u) {
          const std::int64_t row = (static_cast<std::int64_t>(l) * channels + u) * lanes + v;
          const Vec<Real> g = load(g_t + u * lanes + v), product = g * load(w + row);
          Vec<Real> by_weight = g * angular<l>(harmonics, q, u);
          if (add) by_weight += load(g_w + row);
          store<Real>(g_w + row, by_weight);
          store<Real>(h + row, product);
#pragma GCC unroll 17
          for (int m = 0; m < size; ++m) gradients[m] += product * q[(l * l + m) * stride + u];
        }
        store_degree<l>(g_y, lanes, v, gradients);
      }
    });
  }

  /// Adjoint of `reduce`: sets g_w and adds to g_y.
  void reduce_adjoint(const Real *g, const Real *w, const Real *y, std::int64_t lanes, std::int64_t first, std::int64_t count, Real factor,
                      Real *g_w, Real *g_y) const {
    for_each_degree([&](auto degree) __attribute__((always_inline)) {
      constexpr int l = decltype(degree)::value, size = 2 * l + 1;
      for (std::int64_t v = first; v < first + count; v += width<Real>) {
        Vec<Real> harmonics[size], gradients[size];
        load_degree<l>(y, lanes, v, harmonics);
        load_degree<l>(g_y, lanes, v, gradients);
        for (int u = 0; u < channels; ++u) {
          const std::int64_t row = (static_cast<std::int64_t>(l) * channels + u) * lanes + v;
          const Vec<Real> weight = factor * load(w + row);
          store<Real>(g_w + row, factor * angular<l>(harmonics, g, u));
#pragma GCC unroll 17
          for (int m = 0; m < size; ++m) gradients[m] += weight * g[(l * l + m) * stride + u];
        }
        store_degree<l>(g_y, lanes, v, gradients);
      }
    });
  }

  const int l_max, components, channels, stride, layers;

 private:
  struct LayerTable {
    int d_in = 0, count = 0, scalar_count = 0;  ///< entries with output 0 come first
    Entry *entries = nullptr;
    Buffer<Real> weights;
  };

  static constexpr int highest_degree = 8;

  // Calls work with each degree as a constant, so that the components of a degree stay in registers.
  template <class Work>
  inline __attribute__((always_inline)) void for_each_degree(Work &&work) const {
    [&]<int... L>(std::integer_sequence<int, L...>) __attribute__((always_inline)) {
      ((L <= l_max ? work(std::integral_constant<int, L>{}) : void()), ...);
    }(std::make_integer_sequence<int, highest_degree + 1>{});
  }

  template <int L>
  static inline __attribute__((always_inline)) void load_degree(const Real *rows, std::int64_t lanes, std::int64_t v, Vec<Real> (&to)[2 * L + 1]) {
#pragma GCC unroll 17
    for (int m = 0; m < 2 * L + 1; ++m) to[m] = load(rows + (L * L + m) * lanes + v);
  }

  template <int L>
  static inline __attribute__((always_inline)) void store_degree(Real *rows, std::int64_t lanes, std::int64_t v, const Vec<Real> (&from)[2 * L + 1]) {
#pragma GCC unroll 17
    for (int m = 0; m < 2 * L + 1; ++m) store<Real>(rows + (L * L + m) * lanes + v, from[m]);
  }

  // sum_m Y_lm q[lm, u]
  template <int L>
  inline __attribute__((always_inline)) Vec<Real> angular(const Vec<Real> (&harmonics)[2 * L + 1], const Real *q, int u) const {
    Vec<Real> result = harmonics[0] * q[L * L * stride + u];
#pragma GCC unroll 17
    for (int m = 1; m < 2 * L + 1; ++m) result += harmonics[m] * q[(L * L + m) * stride + u];
    return result;
  }

  LayerTable *layers_ = nullptr;
  std::int64_t size_ = 0;
};

}  // namespace qallegro::native::QALLEGRO_ISA
