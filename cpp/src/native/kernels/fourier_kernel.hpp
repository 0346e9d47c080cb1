// Form fourier: products of the first features' functions, one linear map for all sums, then one contraction for each later feature.
#pragma once

#include "native/fourier_form.hpp"
#include "native/kernels/functions.hpp"
#include "native/kernels/tile.hpp"

namespace qallegro::native::QALLEGRO_ISA {

/// The outputs of one group. Rows of one tile: `table` of functions, `kept` from forward to adjoint, `products` and `gradients` scratch.
template <class Real>
class FourierGroupKernel {
 public:
  void prepare(const FourierGroup &group) {
    group_ = &group;
    forward_ = Packed<Real>(group.coefficients.data(), group.num_sums, group.num_products, group.num_products, true);
    adjoint_ = Packed<Real>(group.coefficients.data(), group.num_sums, group.num_products, group.num_products, false);
    for (const ProductLevel &level : group.levels) lower_rows_ += level.parents.size();
    lower_rows_ -= group.num_products;
    std::int64_t rows = group.num_sums;
    kept_rows_ = lower_rows_ + rows;
    for (const auto &functions : group.contracted) kept_rows_ += rows /= functions.size();
  }

  std::int64_t lower_rows() const { return lower_rows_; }
  std::int64_t kept_rows() const { return kept_rows_; }
  std::int64_t products() const { return group_->num_products; }

  template <int V>
  void forward(const Real *table, Real *kept, Real *products, Real *out, std::int64_t stride) const {
    constexpr std::int64_t step = pitch<Real, V>;
    const Real *below = table;
    Real *next = kept;
    for (std::int64_t k = 0; k < group_->levels.size(); ++k) {
      const ProductLevel &level = group_->levels[k];
      Real *to = k + 1 == group_->levels.size() ? products : next;
      for (std::int64_t a = 0; a < level.functions.size(); ++a) {
        const auto function = load_row<Real, V>(table + level.functions[a] * step);
        for (std::int64_t r = level.starts[a]; r < level.starts[a + 1]; ++r)
          store_row<Real, V>(to + r * step, function * load_row<Real, V>(below + level.parents[r] * step));
      }
      below = to;
      next += level.parents.size() * step;
    }
    Real *sums = kept + lower_rows_ * step;
    multiply_columns<Real, V, false>(forward_, products, sums, step);
    std::int64_t rows = group_->num_sums;
    for (const auto &functions : group_->contracted) {
      const std::int64_t count = functions.size(), fewer = rows / count;
      Real *to = sums + rows * step;
      for (std::int64_t r = 0; r < fewer; ++r) {
        auto sum = load_row<Real, V>(table + functions[0] * step) * load_row<Real, V>(sums + r * step);
        for (std::int64_t a = 1; a < count; ++a)
          sum = sum + load_row<Real, V>(table + functions[a] * step) * load_row<Real, V>(sums + (a * fewer + r) * step);
        store_row<Real, V>(to + r * step, sum);
      }
      sums = to;
      rows = fewer;
    }
    for (std::int64_t o = 0; o < rows; ++o) store_row<Real, V>(out + group_->outputs[o] * stride, load_row<Real, V>(sums + o * step));
  }

  /// Adds to the gradients by the table's rows.
  template <int V>
  void adjoint(const Real *table, Real *kept, Real *products, Real *gradients, const Real *g_out, Real *g_table, std::int64_t stride) const {
    constexpr std::int64_t step = pitch<Real, V>;
    Real *sums = kept + (kept_rows_ - group_->outputs.size()) * step;
    std::int64_t rows = group_->outputs.size();
    for (std::int64_t o = 0; o < rows; ++o) store_row<Real, V>(sums + o * step, load_row<Real, V>(g_out + group_->outputs[o] * stride));
    for (std::int64_t k = group_->contracted.size() - 1; k >= 0; --k) {
      const auto &functions = group_->contracted[k];
      Real *terms = sums - rows * functions.size() * step;
      for (std::int64_t a = 0; a < functions.size(); ++a) {
        const auto function = load_row<Real, V>(table + functions[a] * step);
        auto by_function = load_row<Real, V>(g_table + functions[a] * step);
        for (std::int64_t r = 0; r < rows; ++r) {
          // The gradient by a term takes the term's place.
          Real *term = terms + (a * rows + r) * step;
          const auto g = load_row<Real, V>(sums + r * step);
          by_function = by_function + g * load_row<Real, V>(term);
          store_row<Real, V>(term, function * g);
        }
        store_row<Real, V>(g_table + functions[a] * step, by_function);
      }
      sums = terms;
      rows *= functions.size();
    }
    multiply_columns<Real, V, false>(adjoint_, sums, products, step);
    product_adjoint<V>(table, kept, products, gradients, g_table);
  }

 private:
  template <int V>
  void product_adjoint(const Real *table, const Real *kept, const Real *g, Real *gradients, Real *g_table) const {
    constexpr std::int64_t step = pitch<Real, V>;
    std::int64_t first = lower_rows_;
    for (std::int64_t k = group_->levels.size() - 1; k >= 0; --k) {
      const ProductLevel &level = group_->levels[k];
      const std::int64_t rows_below = k == 0 ? 0 : group_->levels[k - 1].parents.size();
      first -= rows_below;
      const Real *below = k == 0 ? table : kept + first * step;
      Real *g_below = k == 0 ? g_table : gradients + first * step;
      if (k > 0) set_rows<Real, V>(g_below, rows_below, step, Real(0));
      for (std::int64_t a = 0; a < level.functions.size(); ++a) {
        const auto function = load_row<Real, V>(table + level.functions[a] * step);
        auto by_function = row_of<Real, V>(Real(0));
        for (std::int64_t r = level.starts[a]; r < level.starts[a + 1]; ++r) {
          const auto g_row = load_row<Real, V>(g + r * step);
          Real *to = g_below + level.parents[r] * step;
          by_function = by_function + g_row * load_row<Real, V>(below + level.parents[r] * step);
          store_row<Real, V>(to, load_row<Real, V>(to) + function * g_row);
        }
        Real *to = g_table + level.functions[a] * step;
        store_row<Real, V>(to, load_row<Real, V>(to) + by_function);
      }
      g = g_below;
    }
  }

  const FourierGroup *group_ = nullptr;
  Packed<Real> forward_, adjoint_;
  std::int64_t lower_rows_ = 0, kept_rows_ = 0;
};

template <class Real>
class FourierKernel : public TiledKernel<Real, FourierKernel<Real>> {
 public:
  FourierKernel(const FourierForm &form, int num_features) : form_(form), num_features_(num_features), groups_(form.groups.size()) {
    table_rows_ = 1 + 2 * form.table.size();
    std::int64_t products = 0, gradients = 0;
    kept_rows_ = table_rows_;
    for (std::int64_t k = 0; k < form.groups.size(); ++k) {
      groups_[k].prepare(form.groups[k]);
      kept_rows_ += groups_[k].kept_rows();
      if (groups_[k].products() > products) products = groups_[k].products();
      if (groups_[k].lower_rows() > gradients) gradients = groups_[k].lower_rows();
    }
    scratch_ = kept_rows_;
    product_rows_ = products;
    kept_rows_ += products + gradients + table_rows_;
  }

  std::int64_t kept_rows() const override { return kept_rows_; }

  template <int V>
  void forward_tile(const Real *x, Real *out, Real *kept, std::int64_t stride) const {
    constexpr std::int64_t step = pitch<Real, V>;
    fill_table<V>(x, kept, stride);
    Real *own = kept + table_rows_ * step;
    for (std::int64_t k = 0; k < form_.groups.size(); ++k) {
      groups_[k].template forward<V>(kept, own, kept + scratch_ * step, out, stride);
      own += groups_[k].kept_rows() * step;
    }
    for (const int output : form_.zero_outputs) store_row<Real, V>(out + output * stride, row_of<Real, V>(Real(0)));
  }

  template <int V>
  void adjoint_tile(const Real *, Real *kept, const Real *g_out, Real *g_x, std::int64_t stride) const {
    constexpr std::int64_t step = pitch<Real, V>;
    Real *own = kept + table_rows_ * step, *products = kept + scratch_ * step;
    Real *g_table = products + product_rows_ * step, *gradients = g_table + table_rows_ * step;
    set_rows<Real, V>(g_table, table_rows_, step, Real(0));
    for (std::int64_t k = 0; k < form_.groups.size(); ++k) {
      groups_[k].template adjoint<V>(kept, own, products, gradients, g_out, g_table, stride);
      own += groups_[k].kept_rows() * step;
    }
    set_rows<Real, V>(g_x, num_features_, stride, Real(0));
    // d sin^2(k x/2) = k sin cos, d (sin cos) = k (1/2 - sin^2), each times dx
    for (std::int64_t t = 0; t < form_.table.size(); ++t) {
      const std::int64_t at = (1 + 2 * t) * step;
      const auto square = load_row<Real, V>(kept + at), product = load_row<Real, V>(kept + at + step);
      const auto g = load_row<Real, V>(g_table + at) * product + load_row<Real, V>(g_table + at + step) * (row_of<Real, V>(Real(0.5)) - square);
      Real *to = g_x + form_.table[t].feature * stride;
      store_row<Real, V>(to, load_row<Real, V>(to) + static_cast<Real>(form_.table[t].frequency) * g);
    }
  }

 private:
  template <int V>
  void fill_table(const Real *x, Real *table, std::int64_t stride) const {
    constexpr std::int64_t step = pitch<Real, V>;
    store_row<Real, V>(table, row_of<Real, V>(Real(1)));
    for (std::int64_t t = 0; t < form_.table.size();) {
      const int feature = form_.table[t].feature;
      const auto half = Real(0.5) * load_row<Real, V>(x + feature * stride);
      Row<Real, V> sine, cosine;
#pragma GCC unroll 4
      for (int i = 0; i < V; ++i) sincos<Real>(half.v[i], sine.v[i], cosine.v[i]);
      Row<Real, V> s = sine, c = cosine;
      for (int k = 1; t < form_.table.size() && form_.table[t].feature == feature; ++t) {
        for (; k < form_.table[t].frequency; ++k) {
          const auto turned = s * cosine + c * sine;
          c = c * cosine - s * sine;
          s = turned;
        }
        store_row<Real, V>(table + (1 + 2 * t) * step, s * s);
        store_row<Real, V>(table + (2 + 2 * t) * step, s * c);
      }
    }
  }

  const FourierForm &form_;
  int num_features_;
  ObjectList<FourierGroupKernel<Real>> groups_;
  std::int64_t table_rows_ = 0, scratch_ = 0, product_rows_ = 0, kept_rows_ = 0;
};

}  // namespace qallegro::native::QALLEGRO_ISA
