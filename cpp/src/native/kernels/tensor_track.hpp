// The equivariant part of the network (model/allegro.py says why it can be written so).
//
// Each center has one environment a layer, E_k[component, channel]; products of environments give the vectors q_k that turn an edge's tensor
// weights and harmonics into scalars: t_k[u] = sum_l w[l, u] sum_m Y_lm q_k[lm, u]. Arrays of a center have channels in lanes. Methods take
// the arithmetic A (arithmetic.hpp).
#pragma once

#include <type_traits>

#include "native/kernels/arithmetic.hpp"
#include "native/kernels/shuffle.hpp"
#include "native/plan.hpp"

namespace qallegro::native::QALLEGRO_ISA {

/// The vectors that hold the edges of one center, in rows of many edges, and the harmonics of these edges. Sizes count numbers in memory.
template <class Real>
struct CenterEdges {
  std::int64_t first, count;   ///< of the vectors, in a row
  std::int64_t lanes;          ///< from row to row
  const Real *harmonics;       ///< from the first vector on; zero in lanes of other centers
  std::int64_t harmonic_lanes; ///< from row to row of them
  bool shared;                 ///< the first vector ends another center, which has been here before
};

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
      table.num_paths = w.in;
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

  /// Numbers that one center needs, and as many for the adjoint; rows are `stride` numbers apart, in memory A::copies times that.
  std::int64_t size() const { return size_; }
  std::int64_t environment_at(int k) const { return static_cast<std::int64_t>(k) * components * stride; }
  std::int64_t vector_at(int k, int j) const {
    std::int64_t at = static_cast<std::int64_t>(layers) * components * stride;
    for (int a = 0; a < k; ++a)
      for (int b = 0; b <= a; ++b) at += layers_[b].d_in * stride;
    for (int b = 0; b < j; ++b) at += layers_[b].d_in * stride;
    return at;
  }

  int num_paths(int k) const { return layers_[k].num_paths; }
  /// Other path weights of layer k, (paths, channels) row-major.
  void assign(int k, const double *w) {
    for (int p = 0; p < layers_[k].num_paths; ++p)
      for (int u = 0; u < channels; ++u) layers_[k].weights.data()[p * stride + u] = static_cast<Real>(w[p * channels + u]);
  }

  /// q_k from the environments 0 .. k of a center.
  template <class A>
  void center_vectors(int k, Real *center) const {
    constexpr int c = A::copies;
    for (int j = k; j >= 0; --j) {
      const LayerTable &table = layers_[j];
      const Real *environment = center + c * environment_at(j);
      const Real *after = j == k ? nullptr : center + c * vector_at(k, j + 1);
      Real *v = center + c * vector_at(k, j);
      std::memset(v, 0, sizeof(Real) * c * table.d_in * stride);
      const int count = j == k ? table.scalar_count : table.count;
      for (int n = 0; n < count; ++n) {
        const Entry &e = table.entries[n];
        for (int u = 0; u < stride; u += width<Real>) {
          auto term = A::scaled(e.coefficient * load(table.weights.data() + e.path * stride + u), A::load(environment + c * (e.environment * stride + u)));
          if (after) term = term * A::load(after + c * (e.output * stride + u));
          Real *to = v + c * (e.input * stride + u);
          A::store(to, A::load(to) + term);
        }
      }
    }
  }

  /// From the gradient of q_k, in the place of v_0 of `gradient`, to those of the environments, which are added to. `path_gradients`:
  /// for each layer those of its path weights (paths, stride), which are added to, or null.
  template <class A>
  void center_adjoint(int k, const Real *center, Real *gradient, Real *const *path_gradients) const {
    constexpr int c = A::copies;
    for (int j = 0; j <= k; ++j) {
      const LayerTable &table = layers_[j];
      const Real *environment = center + c * environment_at(j);
      const Real *after = j == k ? nullptr : center + c * vector_at(k, j + 1);
      const Real *g = gradient + c * vector_at(k, j);
      Real *g_environment = gradient + c * environment_at(j);
      Real *g_after = j == k ? nullptr : gradient + c * vector_at(k, j + 1);
      if (g_after) std::memset(g_after, 0, sizeof(Real) * c * layers_[j + 1].d_in * stride);
      const int count = j == k ? table.scalar_count : table.count;
      for (int n = 0; n < count; ++n) {
        const Entry &e = table.entries[n];
        for (int u = 0; u < stride; u += width<Real>) {
          const Vec<Real> weight = load(table.weights.data() + e.path * stride + u);
          const auto bare = A::scaled(e.coefficient, A::load(g + c * (e.input * stride + u)));
          const auto common = A::scaled(weight, bare);
          Real *to = g_environment + c * (e.environment * stride + u);
          if (after) {
            const auto onward_number = A::load(after + c * (e.output * stride + u));
            const auto environment_number = A::load(environment + c * (e.environment * stride + u));
            A::store(to, A::load(to) + common * onward_number);
            Real *onward = g_after + c * (e.output * stride + u);
            A::store(onward, A::load(onward) + common * environment_number);
            if (path_gradients) add_path(path_gradients[j] + e.path * stride + u, A::gradient(bare * onward_number * environment_number));
          } else {
            A::store(to, A::load(to) + common);
            if (path_gradients)
              add_path(path_gradients[j] + e.path * stride + u, A::gradient(bare * A::load(environment + c * (e.environment * stride + u))));
          }
        }
      }
    }
  }

  /// result[lm, u] = factor sum over edges of w[l, u] Y_lm.
  template <class A>
  void reduce(const Real *w, const CenterEdges<Real> &edges, Real factor, Real *result) const {
    constexpr int step = width<Real>;
    const std::int64_t lanes = edges.lanes, count = edges.count;
    for (int l = 0; l <= l_max; ++l)
      for (int u = 0; u < stride; u += step) {
        const int used = channels - u < step ? channels - u : step;
        const Real *weights = w + (static_cast<std::int64_t>(l) * channels + u) * lanes + edges.first;
        for (int m = l * l; m < (l + 1) * (l + 1); ++m) {
          const Real *harmonic = edges.harmonics + m * edges.harmonic_lanes;
          Real *to = result + A::copies * (m * stride + u);
          Vec<Real> rows[step];
#pragma GCC unroll 16
          for (int c = 0; c < step; ++c) {
            rows[c] = Vec<Real>{};
            if (c < used)
              for (std::int64_t v = 0; v < count; v += A::step) rows[c] += load(weights + c * lanes + v) * load(harmonic + v);
          }
          store<Real>(to, factor * sums<Real>(rows));
          if constexpr (A::copies == 2) {
#pragma GCC unroll 16
            for (int c = 0; c < step; ++c) {
              rows[c] = Vec<Real>{};
              if (c < used)
                for (std::int64_t v = 0; v < count; v += A::step)
                  rows[c] += load(weights + c * lanes + v) * load(harmonic + v + step) + load(weights + c * lanes + v + step) * load(harmonic + v);
            }
            store<Real>(to + step, factor * sums<Real>(rows));
          }
        }
      }
  }

  /// t[u] = sum_l w[l, u] sum_m Y_lm q[lm, u]
  template <class A>
  void scalars(const Real *w, const CenterEdges<Real> &edges, const Real *q, Real *t) const {
    const std::int64_t lanes = edges.lanes;
    for_each_degree([&](auto degree) __attribute__((always_inline)) {
      const int l = degree;
      for (std::int64_t v = 0; v < edges.count; v += A::step) {
        const std::int64_t at = edges.first + v;
        const bool add = l > 0 || (v == 0 && edges.shared);
        typename A::Number harmonics[degree.most];
        load_degree<A>(edges.harmonics, l, edges.harmonic_lanes, v, harmonics);
        for (int u = 0; u < channels; ++u) {
          auto total = A::load(w + (static_cast<std::int64_t>(l) * channels + u) * lanes + at) * angular<A>(harmonics, l, q, u);
          Real *to = t + u * lanes + at;
          if (add) total += A::load(to);
          A::store(to, total);
        }
      }
    });
  }

  /// Whether adjoints go on to the harmonics: duals are for gradients of weights, which do not need it.
  template <class A>
  static constexpr bool with_harmonics = A::copies == 1;

  /// Adjoint of `scalars`: sets or adds to g_w, adds to g_y, and sets h[l, u] = g_t[u] w[l, u], whose reduction with Y is the gradient of q.
  template <class A>
  void scalars_adjoint(const Real *g_t, const Real *w, const CenterEdges<Real> &edges, const Real *q, bool add, Real *g_w, Real *g_y,
                       Real *h) const {
    const std::int64_t lanes = edges.lanes;
    for_each_degree([&](auto degree) __attribute__((always_inline)) {
      const int l = degree, size = 2 * l + 1;
      for (std::int64_t v = 0; v < edges.count; v += A::step) {
        const std::int64_t at = edges.first + v;
        const bool more = add || (v == 0 && edges.shared);
        typename A::Number harmonics[degree.most], gradients[degree.most] = {};
        load_degree<A>(edges.harmonics, l, edges.harmonic_lanes, v, harmonics);
        for (int u = 0; u < channels; ++u) {
          const std::int64_t row = (static_cast<std::int64_t>(l) * channels + u) * lanes + at;
          const auto g = A::load(g_t + u * lanes + at), product = g * A::load(w + row);
          auto by_weight = g * angular<A>(harmonics, l, q, u);
          if (more) by_weight += A::load(g_w + row);
          A::store(g_w + row, by_weight);
          A::store(h + row, product);
          if constexpr (with_harmonics<A>) {
#pragma GCC unroll 7
            for (int m = 0; m < size; ++m) gradients[m] += product * A::scalar(q, (l * l + m) * stride + u);
          }
        }
        if constexpr (with_harmonics<A>) add_degree<A>(edges, l, v, gradients, g_y);
      }
    });
  }

  /// Adjoint of `reduce`: sets g_w and adds to g_y.
  template <class A>
  void reduce_adjoint(const Real *g, const Real *w, const CenterEdges<Real> &edges, Real factor, Real *g_w, Real *g_y) const {
    const std::int64_t lanes = edges.lanes;
    for_each_degree([&](auto degree) __attribute__((always_inline)) {
      const int l = degree, size = 2 * l + 1;
      for (std::int64_t v = 0; v < edges.count; v += A::step) {
        const std::int64_t at = edges.first + v;
        typename A::Number harmonics[degree.most], gradients[degree.most] = {};
        load_degree<A>(edges.harmonics, l, edges.harmonic_lanes, v, harmonics);
        for (int u = 0; u < channels; ++u) {
          const std::int64_t row = (static_cast<std::int64_t>(l) * channels + u) * lanes + at;
          auto by_weight = A::scaled(factor, angular<A>(harmonics, l, g, u));
          if (v == 0 && edges.shared) by_weight += A::load(g_w + row);
          A::store(g_w + row, by_weight);
          if constexpr (with_harmonics<A>) {
            const auto weight = A::scaled(factor, A::load(w + row));
#pragma GCC unroll 7
            for (int m = 0; m < size; ++m) gradients[m] += weight * A::scalar(g, (l * l + m) * stride + u);
          }
        }
        if constexpr (with_harmonics<A>) add_degree<A>(edges, l, v, gradients, g_y);
      }
    });
  }

  const int l_max, components, channels, stride, layers;

 private:
  struct LayerTable {
    int d_in = 0, num_paths = 0, count = 0, scalar_count = 0;  ///< entries with output 0 come first
    Entry *entries = nullptr;
    Buffer<Real> weights;
  };

  static constexpr int highest_degree = 8, highest_constant_degree = 3;

  /// A degree known when the kernel is compiled, so that its components stay in registers; and any other.
  template <int L>
  struct ConstantDegree {
    static constexpr int most = 2 * L + 1;
    constexpr operator int() const { return L; }
  };
  struct AnyDegree {
    static constexpr int most = 2 * highest_degree + 1;
    int value;
    operator int() const { return value; }
  };

  template <class Work>
  inline __attribute__((always_inline)) void for_each_degree(Work &&work) const {
    [&]<int... L>(std::integer_sequence<int, L...>) __attribute__((always_inline)) {
      ((L <= l_max ? work(ConstantDegree<L>{}) : void()), ...);
    }(std::make_integer_sequence<int, highest_constant_degree + 1>{});
    for (int l = highest_constant_degree + 1; l <= l_max; ++l) work(AnyDegree{l});
  }

  template <class A, int Most>
  static inline __attribute__((always_inline)) void load_degree(const Real *rows, int l, std::int64_t lanes, std::int64_t v,
                                                                typename A::Number (&to)[Most]) {
#pragma GCC unroll 7
    for (int m = 0; m < 2 * l + 1; ++m) to[m] = A::load(rows + (l * l + m) * lanes + v);
  }

  // To the lanes of the center alone: Y_00 is 1 there and 0 elsewhere.
  template <class A, int Most>
  static inline __attribute__((always_inline)) void add_degree(const CenterEdges<Real> &edges, int l, std::int64_t v,
                                                               const typename A::Number (&from)[Most], Real *rows) {
    const Vec<Real> own = load(edges.harmonics + v);
#pragma GCC unroll 7
    for (int m = 0; m < 2 * l + 1; ++m) {
      Real *to = rows + (l * l + m) * edges.lanes + edges.first + v;
      A::store(to, A::load(to) + A::scaled(own, from[m]));
    }
  }

  // sum_m Y_lm q[lm, u]
  template <class A, int Most>
  inline __attribute__((always_inline)) typename A::Number angular(const typename A::Number (&harmonics)[Most], int l, const Real *q, int u) const {
    auto result = harmonics[0] * A::scalar(q, l * l * stride + u);
#pragma GCC unroll 7
    for (int m = 1; m < 2 * l + 1; ++m) result += harmonics[m] * A::scalar(q, (l * l + m) * stride + u);
    return result;
  }

  static inline __attribute__((always_inline)) void add_path(Real *to, Vec<Real> term) { store<Real>(to, load(to) + term); }

  LayerTable *layers_ = nullptr;
  std::int64_t size_ = 0;
};

}  // namespace qallegro::native::QALLEGRO_ISA
