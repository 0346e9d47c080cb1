// What follows from a distance and a pair of types alone: from a table, or by the radial network itself.
#pragma once

#include <type_traits>

#include "native/kernels/chain.hpp"
#include "native/kernels/geometry.hpp"
#include "native/kernels/shuffle.hpp"
#include "native/radial_table.hpp"

namespace qallegro::native::QALLEGRO_ISA {

/// Splines of all functions, with functions in lanes: one edge reads six neighboring rows.
template <class Real>
class RadialTableKernel {
 public:
  RadialTableKernel(const Plan &plan, const RadialTable &table) : intervals_(table.intervals), count_(static_cast<int>(plan.radial_ops.size())) {
    constexpr int w = width<Real>;
    ranges_ = new Range[count_];
    for (int k = 0; k < count_; ++k) {
      const int out = plan.radial_ops[k].weights.out;
      ranges_[k] = {plan.radial_ops[k].target, out, stride_, functions_};
      stride_ += (out + w - 1) / w * w;
      functions_ += out;
    }
    const int pairs = plan.num_types * plan.num_types, rows = intervals_ + RadialTable::taps - 1;
    Real *to = rows_.at_least(static_cast<std::size_t>(pairs) * rows * stride_);
    for (int pair = 0; pair < pairs; ++pair)
      for (int knot = 0; knot < rows; ++knot, to += stride_)
        for (int k = 0; k < count_; ++k)
          for (int f = 0; f < ranges_[k].count; ++f) to[ranges_[k].column + f] = static_cast<Real>(table.row(pair, knot)[ranges_[k].function + f]);
    double *offset = offsets_.at_least(pairs);
    for (int pair = 0; pair < pairs; ++pair) offset[pair] = RadialTable::bend * plan.cutoffs[pair];
    for (int k = 0; k < RadialTable::taps; ++k)
      for (int p = 0; p < RadialTable::taps; ++p) basis_[k][p] = quintic_basis()[k][p];
  }
  ~RadialTableKernel() { delete[] ranges_; }
  RadialTableKernel(const RadialTableKernel &) = delete;
  RadialTableKernel &operator=(const RadialTableKernel &) = delete;

  /// Rows of `kept`: the slopes of all functions by r.
  int kept_rows() const { return functions_; }

  void forward(const EdgeLanes &edges, Real *rows, Real *kept, std::int64_t lanes) const {
    constexpr int w = width<Real>;
    const int knots = intervals_ + RadialTable::taps - 1;
    for (std::int64_t v = 0; v < lanes; v += w) {
      const Real *from[w];
      alignas(vector_bytes) Real t[w], share[w], scale[w];
      for (int e = 0; e < w; ++e) {
        const std::int32_t pair = edges.pair[v + e];
        // place = intervals s(r / cutoff), with s as in radial_table.hpp.
        const double offset = offsets_.data()[pair], inverse = 1.0 / (edges.r[v + e] + offset), scale_now = intervals_ * (1.0 + RadialTable::bend) * inverse;
        const double place = edges.r[v + e] * scale_now;
        // Beyond the cutoff, where padding lies, weights are zero: rounding of a sum that should vanish would pass for a weak edge.
        const bool inside = place < intervals_;
        const int i = inside ? static_cast<int>(place) : intervals_ - 1;
        from[e] = rows_.data() + (static_cast<std::int64_t>(pair) * knots + i) * stride_;
        t[e] = static_cast<Real>(place - i);
        share[e] = inside ? Real(1) : Real(0);
        scale[e] = inside ? static_cast<Real>(offset * scale_now * inverse) : Real(0);
      }
      alignas(vector_bytes) Real values[RadialTable::taps][w], slopes[RadialTable::taps][w];
      const Vec<Real> x = load(t), kept_share = load(share), by_r = load(scale);
      for (int k = 0; k < RadialTable::taps; ++k) {
        Vec<Real> value{}, slope{};
        for (int p = RadialTable::taps - 1; p >= 0; --p) value = value * x + static_cast<Real>(basis_[k][p]);
        for (int p = RadialTable::taps - 1; p >= 1; --p) slope = slope * x + static_cast<Real>(p * basis_[k][p]);
        store<Real>(values[k], value * kept_share);
        store<Real>(slopes[k], slope * by_r);
      }
      for (int n = 0; n < count_; ++n) {
        const Range &range = ranges_[n];
        for (int f = 0; f < range.count; f += w) {
          const int used = range.count - f < w ? range.count - f : w;
          combine(from, range.column + f, values, used, rows + (range.target + f) * lanes + v, lanes);
          combine(from, range.column + f, slopes, used, kept + (range.function + f) * lanes + v, lanes);
        }
      }
    }
  }

  /// g_r, in float64.
  void adjoint(const EdgeLanes &edges, const Real *g_rows, const Real *kept, std::int64_t lanes) const {
    for (std::int64_t v = 0; v < lanes; v += width<Real>) {
      Vec<Real> even{}, odd{};
      for (int n = 0; n < count_; ++n) {
        const Range &range = ranges_[n];
        const Real *g = g_rows + range.target * lanes + v, *slope = kept + range.function * lanes + v;
        int f = 0;
        for (; f + 1 < range.count; f += 2) {
          even += load(g + f * lanes) * load(slope + f * lanes);
          odd += load(g + (f + 1) * lanes) * load(slope + (f + 1) * lanes);
        }
        if (f < range.count) even += load(g + f * lanes) * load(slope + f * lanes);
      }
      const Vec<Real> total = even + odd;
      for (int e = 0; e < width<Real>; ++e) edges.g_r[v + e] = total[e];
    }
  }

 private:
  struct Range {
    int target, count, column, function;
  };

  // A square block: for each edge six rows of a width of functions, then functions into rows.
  inline __attribute__((always_inline)) void combine(const Real *const *from, int column, const Real (*weights)[width<Real>], int used, Real *to,
                                                     std::int64_t lanes) const {
    constexpr int w = width<Real>;
    Vec<Real> block[w];
#pragma GCC unroll 16
    for (int e = 0; e < w; ++e) {
      const Real *row = from[e] + column;
      block[e] = weights[0][e] * load(row);
#pragma GCC unroll 6
      for (int k = 1; k < RadialTable::taps; ++k) block[e] += weights[k][e] * load(row + k * static_cast<std::int64_t>(stride_));
    }
    transpose<Real>(block);
#pragma GCC unroll 16
    for (int f = 0; f < w; ++f)
      if (f < used) store<Real>(to + f * lanes, block[f]);
  }

  int intervals_, count_, stride_ = 0, functions_ = 0;
  Range *ranges_ = nullptr;
  Buffer<Real> rows_;
  Buffer<double> offsets_;  ///< bend times cutoff of each pair of types
  double basis_[RadialTable::taps][RadialTable::taps];
};

/// Basis functions and the radial network. Where frequencies train, `frequency_gradient` of `adjoint` has room for one each.
template <class Real>
class RadialNetworkKernel {
 public:
  explicit RadialNetworkKernel(const Plan &plan)
      : kind_(plan.radial.kind), count_(plan.radial.count), span_(plan.radial.span), p_(plan.radial.envelope_p),
        pairs_(plan.num_types * plan.num_types), chain_(plan.radial_chain), ops_(plan.radial_ops) {
    double *f = frequencies_.at_least(count_);
    for (int n = 0; n < count_ && kind_ == RadialEmbedding::Kind::bessel; ++n) f[n] = plan.radial.frequencies[n];
    double *cutoffs = cutoffs_.at_least(pairs_);
    embed_ = new LinearMap<Real>[pairs_];
    for (int pair = 0; pair < pairs_; ++pair) {
      cutoffs[pair] = plan.cutoffs[pair];
      embed_[pair] = LinearMap<Real>(plan.radial.pairs[pair]);
    }
  }
  ~RadialNetworkKernel() { delete[] embed_; }
  RadialNetworkKernel(const RadialNetworkKernel &) = delete;
  RadialNetworkKernel &operator=(const RadialNetworkKernel &) = delete;

  /// Rows of `kept`: basis, its slopes, one copy of the basis for a pair of types, input of the chain, and what the chain keeps.
  int kept_rows() const { return 3 * count_ + embed_[0].out() + chain_.kept_rows(); }
  int widest() const { return chain_.widest() > 2 * count_ ? chain_.widest() : 2 * count_; }
  int num_frequencies() const { return kind_ == RadialEmbedding::Kind::bessel ? count_ : 0; }
  void assign_frequencies(const double *f) { std::memcpy(frequencies_.data(), f, sizeof(double) * num_frequencies()); }

  /// `r_slopes`: derivatives of the distances along the direction of the duals, one for each edge.
  template <class A>
  void forward(const EdgeLanes &edges, const double *r_slopes, Real *rows, Real *kept, std::int64_t lanes) const {
    const std::int64_t count = lanes / A::copies;
    Real *basis = kept, *slopes = basis + count_ * lanes, *masked = slopes + count_ * lanes, *input = masked + count_ * lanes;
    for (std::int64_t e = 0; e < count; ++e) {
      const double cutoff = cutoffs_.data()[edges.pair[e]], x = edges.r[e] / cutoff;
      const std::int64_t at = A::at(e);
      if (kind_ == RadialEmbedding::Kind::bessel)
        bessel(x, cutoff, basis + at, slopes + at, lanes);
      else
        splines(x, cutoff, basis + at, slopes + at, lanes);
      if constexpr (A::copies == 2)
        for (int n = 0; n < count_; ++n)
          basis[n * lanes + at + width<Real>] = static_cast<Real>(static_cast<double>(slopes[n * lanes + at]) * r_slopes[e]);
    }
    bool first = true;
    for_each_pair(edges, count, [&](int pair, bool alone) {
      if (!alone) mask<A>(edges, pair, basis, masked, lanes);
      multiply<Real>(embed_[pair].forward, alone ? basis : masked, input, lanes, lanes, !first);
      first = false;
    });
    ops_.forward(chain_.template forward<A>(input, input + embed_[0].out() * lanes, lanes), rows, lanes);
  }

  /// On values it sets edges.g_r, on duals the gradients of the frequencies (null: they do not train) are added to.
  template <class A>
  void adjoint(const EdgeLanes &edges, const double *r_slopes, const Real *g_rows, Real *kept, Real *spare, Real *more, std::int64_t lanes,
               const GradientSink<Real> &sink, double *frequency_gradient) const {
    const std::int64_t count = lanes / A::copies;
    Real *basis = kept, *slopes = basis + count_ * lanes, *masked = slopes + count_ * lanes, *input = masked + count_ * lanes;
    Real *chain = input + embed_[0].out() * lanes;
    ops_.template adjoint<A>(g_rows, chain_.features(chain, lanes), spare, chain_.width_out(), lanes, sink);
    // The gradient of the chain's input replaces its slopes.
    chain_.template adjoint<A>(spare, more, input, chain, input, lanes, sink);
    for (std::int64_t e = 0; e < count; ++e) edges.g_r[e] = 0.0;
    for_each_pair(edges, count, [&](int pair, bool alone) {
      if (sink.memory) {
        if (!alone) mask<A>(edges, pair, basis, masked, lanes);
        embed_[pair].template add_gradient<A>(sink, alone ? basis : masked, input, lanes);
        if (!frequency_gradient) return;
      }
      multiply<Real, false>(embed_[pair].adjoint, input, spare, lanes, lanes);
      for (std::int64_t e = 0; e < count; ++e) {
        if (edges.pair[e] != pair) continue;
        const std::int64_t at = A::at(e);
        if (frequency_gradient) add_frequency_gradient<A>(edges.r[e], pair, r_slopes ? r_slopes[e] : 0.0, spare + at, frequency_gradient, lanes);
        if constexpr (A::copies == 1)
          for (int n = 0; n < count_; ++n) edges.g_r[e] += static_cast<double>(spare[n * lanes + e]) * slopes[n * lanes + e];
      }
    });
  }

  template <class Visit>
  void visit(Visit &&visit) {
    for (int pair = 0; pair < pairs_; ++pair) visit(embed_[pair]);
    chain_.visit(visit);
    ops_.visit(visit);
  }

 private:
  void bessel(double x, double cutoff, Real *basis, Real *slopes, std::int64_t lanes) const {
    constexpr double pi = 3.14159265358979323846;
    double f, df;
    envelope(x, p_, f, df);
    for (int n = 0; n < count_; n += width<double>) {
      Vec<double> frequency{};
      for (int k = 0; k < width<double> && n + k < count_; ++k) frequency[k] = frequencies_.data()[n + k];
      Vec<double> sine, cosine;
      sincos<double>(frequency * (pi * x), sine, cosine);
      const Vec<double> b = sine * (1.0 / (pi * x)), db = (frequency * cosine - b) * (1.0 / x);
      for (int k = 0; k < width<double> && n + k < count_; ++k) {
        basis[(n + k) * lanes] = static_cast<Real>(b[k] * f);
        slopes[(n + k) * lanes] = static_cast<Real>((db[k] * f + b[k] * df) / cutoff);
      }
    }
  }

  // db_n/df_n = cos(pi f_n x) envelope(x), and its derivative along the direction.
  template <class A>
  void add_frequency_gradient(double r, int pair, double r_slope, const Real *g, double *to, std::int64_t lanes) const {
    constexpr double pi = 3.14159265358979323846;
    const double cutoff = cutoffs_.data()[pair], x = r / cutoff;
    double f, df;
    envelope(x, p_, f, df);
    for (int n = 0; n < count_; ++n) {
      const double frequency = frequencies_.data()[n];
      Vec<double> sine, cosine;
      sincos<double>(Vec<double>{} + frequency * pi * x, sine, cosine);
      const double value = cosine[0] * f;
      if constexpr (A::copies == 2) {
        const double slope = (cosine[0] * df - pi * frequency * sine[0] * f) / cutoff * r_slope;
        to[n] += static_cast<double>(g[n * lanes + width<Real>]) * value + static_cast<double>(g[n * lanes]) * slope;
      } else {
        to[n] += static_cast<double>(g[n * lanes]) * value;
      }
    }
  }

  void splines(double x, double cutoff, Real *basis, Real *slopes, std::int64_t lanes) const {
    constexpr double pi = 3.14159265358979323846;
    const double span = (span_ + 1.0) / count_, scale = 2.0 * pi / span;
    for (int n = 0; n < count_; ++n) {
      double along = x - static_cast<double>(n - span_) / count_;
      along = along < 0.0 ? 0.0 : along > span ? span : along;
      const double sine = __builtin_sin(scale * along), lobe = 1.0 - __builtin_cos(scale * along);
      basis[n * lanes] = static_cast<Real>(0.25 * lobe * lobe);
      slopes[n * lanes] = static_cast<Real>(0.5 * lobe * sine * scale / cutoff);
    }
  }

  // `count` edges
  template <class Work>
  void for_each_pair(const EdgeLanes &edges, std::int64_t count, Work &&work) const {
    bool alone = true;
    for (std::int64_t e = 1; e < count; ++e) alone = alone && edges.pair[e] == edges.pair[0];
    if (alone) {
      work(static_cast<int>(edges.pair[0]), true);
      return;
    }
    for (int pair = 0; pair < pairs_; ++pair) {
      bool present = false;
      for (std::int64_t e = 0; e < count && !present; ++e) present = edges.pair[e] == pair;
      if (present) work(pair, false);
    }
  }

  template <class A>
  void mask(const EdgeLanes &edges, int pair, const Real *basis, Real *masked, std::int64_t lanes) const {
    const std::int64_t count = lanes / A::copies;
    for (int n = 0; n < count_; ++n)
      for (std::int64_t e = 0; e < count; ++e) {
        const std::int64_t at = n * lanes + A::at(e);
        const bool here = edges.pair[e] == pair;
        masked[at] = here ? basis[at] : Real(0);
        if constexpr (A::copies == 2) masked[at + width<Real>] = here ? basis[at + width<Real>] : Real(0);
      }
  }

  RadialEmbedding::Kind kind_;
  int count_, span_;
  double p_;
  int pairs_;
  Buffer<double> frequencies_, cutoffs_;
  LinearMap<Real> *embed_ = nullptr;
  ChainKernel<Real> chain_;
  SourceOps<Real> ops_;
};

}  // namespace qallegro::native::QALLEGRO_ISA
