// Periodic layers as training wants them: on either arithmetic, with the gradient of the coefficients. Rows run over all lanes of a block;
// the forms that run dynamics go tile by tile instead (fourier_kernel.hpp, random_fourier_kernel.hpp) and are faster for values alone.
#pragma once

#include "native/kernels/activation.hpp"
#include "native/kernels/linear_map.hpp"
#include "native/periodic_layer.hpp"

namespace qallegro::native::QALLEGRO_ISA {

/// The outputs of one group of form fourier (fourier_form.hpp).
template <class Real>
class FourierGroupTraining {
 public:
  void prepare(const FourierGroup &group) {
    group_ = &group;
    map = LinearMap<Real>::transposed(group.coefficients.data(), group.num_products, group.num_sums);
    for (const ProductLevel &level : group.levels) product_rows_ += level.parents.size();
    sum_rows_ = group.num_sums;
    std::int64_t rows = group.num_sums;
    for (const auto &functions : group.contracted) sum_rows_ += rows /= functions.size();
  }

  /// Rows kept from forward to adjoint; the adjoint wants as many again.
  std::int64_t rows() const { return product_rows_ + sum_rows_; }

  template <class A>
  void forward(const Real *table, Real *kept, Real *out, std::int64_t lanes) const {
    const Real *below = table;
    Real *next = kept, *last = kept;
    for (const ProductLevel &level : group_->levels) {
      for (std::int64_t a = 0; a < level.functions.size(); ++a)
        for (std::int64_t r = level.starts[a]; r < level.starts[a + 1]; ++r)
          multiply_rows<A>(table + level.functions[a] * lanes, below + level.parents[r] * lanes, next + r * lanes, lanes);
      below = last = next;
      next += level.parents.size() * lanes;
    }
    Real *sums = kept + product_rows_ * lanes;
    multiply<Real, false>(map.forward, last, sums, lanes, lanes);
    std::int64_t rows = group_->num_sums;
    for (const auto &functions : group_->contracted) {
      const std::int64_t fewer = rows / functions.size();
      Real *to = sums + rows * lanes;
      for (std::int64_t r = 0; r < fewer; ++r)
        for (std::int64_t a = 0; a < functions.size(); ++a) {
          const Real *function = table + functions[a] * lanes, *term = sums + (a * fewer + r) * lanes;
          if (a == 0)
            multiply_rows<A>(function, term, to + r * lanes, lanes);
          else
            add_product<A>(function, term, to + r * lanes, lanes);
        }
      sums = to;
      rows = fewer;
    }
    for (std::int64_t o = 0; o < rows; ++o) std::memcpy(out + group_->outputs[o] * lanes, sums + o * lanes, sizeof(Real) * lanes);
  }

  /// Adds to the gradients by the table's rows; `gradients` has rows() rows.
  template <class A>
  void adjoint(const Real *table, const Real *kept, Real *gradients, const Real *g_out, Real *g_table, std::int64_t lanes,
               const GradientSink<Real> &sink) const {
    std::int64_t rows = group_->outputs.size(), at = product_rows_ + sum_rows_ - rows;
    for (std::int64_t o = 0; o < rows; ++o) std::memcpy(gradients + (at + o) * lanes, g_out + group_->outputs[o] * lanes, sizeof(Real) * lanes);
    for (std::int64_t k = group_->contracted.size() - 1; k >= 0; --k) {
      const auto &functions = group_->contracted[k];
      const std::int64_t terms = at - rows * functions.size();
      for (std::int64_t a = 0; a < functions.size(); ++a)
        for (std::int64_t r = 0; r < rows; ++r) {
          const Real *g = gradients + (at + r) * lanes;
          const std::int64_t term = terms + a * rows + r;
          add_product<A>(g, kept + term * lanes, g_table + functions[a] * lanes, lanes);
          multiply_rows<A>(g, table + functions[a] * lanes, gradients + term * lanes, lanes);
        }
      at = terms;
      rows *= functions.size();
    }
    std::int64_t first = product_rows_ - group_->num_products;
    map.template add_gradient<A>(sink, kept + first * lanes, gradients + at * lanes, lanes);
    multiply<Real, false>(map.adjoint, gradients + at * lanes, gradients + first * lanes, lanes, lanes);
    for (std::int64_t k = group_->levels.size() - 1; k >= 0; --k) {
      const ProductLevel &level = group_->levels[k];
      const std::int64_t rows_below = k == 0 ? 0 : group_->levels[k - 1].parents.size();
      const Real *g = gradients + first * lanes, *below = k == 0 ? table : kept + (first - rows_below) * lanes;
      Real *g_below = k == 0 ? g_table : gradients + (first - rows_below) * lanes;
      if (k > 0) std::memset(g_below, 0, sizeof(Real) * rows_below * lanes);
      for (std::int64_t a = 0; a < level.functions.size(); ++a)
        for (std::int64_t r = level.starts[a]; r < level.starts[a + 1]; ++r) {
          const Real *function = table + level.functions[a] * lanes;
          add_product<A>(g + r * lanes, below + level.parents[r] * lanes, g_table + level.functions[a] * lanes, lanes);
          add_product<A>(g + r * lanes, function, g_below + level.parents[r] * lanes, lanes);
        }
      first -= rows_below;
    }
  }

  LinearMap<Real> map;

 private:
  template <class A>
  static void multiply_rows(const Real *a, const Real *b, Real *to, std::int64_t lanes) {
    for (std::int64_t v = 0; v < lanes; v += A::step) A::store(to + v, A::load(a + v) * A::load(b + v));
  }
  template <class A>
  static void add_product(const Real *a, const Real *b, Real *to, std::int64_t lanes) {
    for (std::int64_t v = 0; v < lanes; v += A::step) A::store(to + v, A::load(to + v) + A::load(a + v) * A::load(b + v));
  }

  const FourierGroup *group_ = nullptr;
  std::int64_t product_rows_ = 0, sum_rows_ = 0;
};

template <class Real>
class FourierTraining {
 public:
  FourierTraining(const FourierForm &form, int num_features, int num_outputs)
      : form_(form), features_(num_features), outputs_(num_outputs), groups_(form.groups.size()), table_rows_(1 + 2 * form.table.size()) {
    kept_rows_ = table_rows_;
    for (std::int64_t k = 0; k < form.groups.size(); ++k) {
      groups_[k].prepare(form.groups[k]);
      kept_rows_ += groups_[k].rows();
      if (groups_[k].rows() > most_) most_ = groups_[k].rows();
    }
  }

  std::int64_t kept_rows() const { return kept_rows_ + table_rows_ + most_; }

  template <class A>
  void forward(const Real *x, Real *out, Real *kept, std::int64_t lanes) const {
    fill_table<A>(x, kept, lanes);
    Real *own = kept + table_rows_ * lanes;
    if (form_.zero_outputs.size() > 0) std::memset(out, 0, sizeof(Real) * outputs_ * lanes);
    for (std::int64_t k = 0; k < form_.groups.size(); ++k) {
      groups_[k].template forward<A>(kept, own, out, lanes);
      own += groups_[k].rows() * lanes;
    }
  }

  template <class A>
  void adjoint(Real *kept, const Real *g_out, Real *g_x, std::int64_t lanes, const GradientSink<Real> &sink) const {
    Real *own = kept + table_rows_ * lanes, *g_table = kept + kept_rows_ * lanes, *gradients = g_table + table_rows_ * lanes;
    std::memset(g_table, 0, sizeof(Real) * table_rows_ * lanes);
    for (std::int64_t k = 0; k < form_.groups.size(); ++k) {
      groups_[k].template adjoint<A>(kept, own, gradients, g_out, g_table, lanes, sink);
      own += groups_[k].rows() * lanes;
    }
    std::memset(g_x, 0, sizeof(Real) * features_ * lanes);
    // d sin^2(k x/2) = k sin cos, d (sin cos) = k (1/2 - sin^2), each times dx
    for (std::int64_t t = 0; t < form_.table.size(); ++t) {
      const std::int64_t at = (1 + 2 * t) * lanes;
      Real *to = g_x + form_.table[t].feature * lanes;
      for (std::int64_t v = 0; v < lanes; v += A::step) {
        const auto square = A::load(kept + at + v), product = A::load(kept + at + lanes + v);
        const auto g = A::load(g_table + at + v) * product +
                       A::load(g_table + at + lanes + v) * (A::constant(Real(0.5)) + A::scaled(Real(-1), square));
        A::store(to + v, A::load(to + v) + A::scaled(static_cast<Real>(form_.table[t].frequency), g));
      }
    }
  }

  template <class Visit>
  void visit(Visit &&visit) {
    for (std::int64_t k = 0; k < form_.groups.size(); ++k) visit(groups_[k].map);
  }

 private:
  template <class A>
  void fill_table(const Real *x, Real *table, std::int64_t lanes) const {
    for (std::int64_t v = 0; v < lanes; v += A::step) A::store(table + v, A::constant(1));
    for (std::int64_t t = 0; t < form_.table.size(); ++t) {
      const Real half = Real(0.5) * static_cast<Real>(form_.table[t].frequency);
      const Real *angle = x + form_.table[t].feature * lanes;
      Real *square = table + (1 + 2 * t) * lanes, *product = square + lanes;
      for (std::int64_t v = 0; v < lanes; v += A::step) {
        Vec<Real> s, c;
        sincos<Real>(half * load(angle + v), s, c);
        store<Real>(square + v, s * s);
        store<Real>(product + v, s * c);
        if constexpr (A::copies == 2) {
          const Vec<Real> d = (Real(2) * half) * load(angle + v + width<Real>);
          store<Real>(square + v + width<Real>, s * c * d);
          store<Real>(product + v + width<Real>, (Real(0.5) - s * s) * d);
        }
      }
    }
  }

  const FourierForm &form_;
  int features_, outputs_;
  ObjectList<FourierGroupTraining<Real>> groups_;
  std::int64_t table_rows_, kept_rows_ = 0, most_ = 0;
};

/// Frozen random cosines.
template <class Real>
class RandomFourierTraining {
 public:
  RandomFourierTraining(const RandomFourierForm &form, int num_features, int num_outputs)
      : outputs_(num_outputs),
        forward_(form.frequencies.data(), num_features, num_outputs, num_outputs, false),
        adjoint_(form.frequencies.data(), num_features, num_outputs, num_outputs, true) {
    Real *phases = phases_.at_least(2 * static_cast<std::size_t>(num_outputs));
    for (int o = 0; o < num_outputs; ++o) {
      phases[2 * o] = static_cast<Real>(__builtin_cos(form.phases[o]));
      phases[2 * o + 1] = static_cast<Real>(__builtin_sin(form.phases[o]));
    }
  }

  /// Angles, then slopes.
  std::int64_t kept_rows() const { return outputs_; }

  template <class A>
  void forward(const Real *x, Real *out, Real *kept, std::int64_t lanes) const {
    multiply<Real, false>(forward_, x, kept, lanes, lanes);
    for (int o = 0; o < outputs_; ++o) {
      const Real cos_phase = phases_.data()[2 * o], sin_phase = phases_.data()[2 * o + 1];
      apply<A>(kept + o * lanes, out + o * lanes, lanes, [=](Vec<Real> u) __attribute__((always_inline)) {
        Vec<Real> s, c;
        sincos<Real>(u, s, c);
        return Jet<Real>{cos_phase * (c - Real(1)) - sin_phase * s, -cos_phase * s - sin_phase * c, sin_phase * s - cos_phase * c};
      });
    }
  }

  template <class A>
  void adjoint(Real *kept, const Real *g_out, Real *g_x, std::int64_t lanes) const {
    multiply_by<A>(kept, g_out, outputs_ * lanes);
    multiply<Real, false>(adjoint_, kept, g_x, lanes, lanes);
  }

 private:
  int outputs_;
  Packed<Real> forward_, adjoint_;
  Buffer<Real> phases_;
};

}  // namespace qallegro::native::QALLEGRO_ISA
