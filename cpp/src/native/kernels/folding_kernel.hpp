// Small matrices in one piece of memory; rows and columns of a matrix are places in it, of values and of gradients alike.
#pragma once

#include "native/folding.hpp"
#include "native/kernels/simd.hpp"

namespace qallegro::native::QALLEGRO_ISA {

/// A row-major matrix in memory.
template <class Real>
struct Place {
  Real *data;
  std::int64_t rows, columns, stride;

  Real *row(std::int64_t r) const { return data + r * stride; }
};

template <class Real>
inline __attribute__((always_inline)) Vec<Real> load_anywhere(const Real *p) {
  Vec<Real> v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}

/// c += a b in `Vectors` vectors of columns from `column` on, of which the last may reach beyond `columns`.
template <class Real, int Rows, int Vectors>
void add_product_tile(const Place<Real> &a, const Place<Real> &b, const Place<Real> &c, std::int64_t row, std::int64_t column) {
  constexpr int w = width<Real>;
  const std::int64_t count = c.columns - column < Vectors * w ? c.columns - column : Vectors * w;
  Vec<Real> sums[Rows][Vectors] = {};
  const Real *left[Rows];
#pragma GCC unroll 4
  for (int r = 0; r < Rows; ++r) left[r] = a.row(row + r);
  if (count == Vectors * w) {
    for (std::int64_t k = 0; k < a.columns; ++k) {
      Vec<Real> terms[Vectors];
#pragma GCC unroll 2
      for (int v = 0; v < Vectors; ++v) terms[v] = load_anywhere(b.row(k) + column + v * w);
#pragma GCC unroll 4
      for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) sums[r][v] += left[r][k] * terms[v];
    }
  } else {
    for (std::int64_t k = 0; k < a.columns; ++k) {
      Vec<Real> terms[Vectors] = {};
      std::memcpy(terms, b.row(k) + column, sizeof(Real) * count);
#pragma GCC unroll 4
      for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) sums[r][v] += left[r][k] * terms[v];
    }
  }
  for (int r = 0; r < Rows; ++r) {
    Real *to = c.row(row + r) + column;
    const Real *from = reinterpret_cast<const Real *>(sums[r]);
    for (std::int64_t k = 0; k < count; ++k) to[k] += from[k];
  }
}

template <class Real, int Rows>
void add_product_rows(const Place<Real> &a, const Place<Real> &b, const Place<Real> &c, std::int64_t row) {
  constexpr int w = width<Real>;
  std::int64_t column = 0;
  for (; c.columns - column > w; column += 2 * w) add_product_tile<Real, Rows, 2>(a, b, c, row, column);
  if (column < c.columns) add_product_tile<Real, Rows, 1>(a, b, c, row, column);
}

/// c += a b
template <class Real>
void add_product(const Place<Real> &a, const Place<Real> &b, const Place<Real> &c) {
  std::int64_t row = 0;
  for (; row + 4 <= c.rows; row += 4) add_product_rows<Real, 4>(a, b, c, row);
  for (; row < c.rows; ++row) add_product_rows<Real, 1>(a, b, c, row);
}

template <class Real>
class FoldingProgramKernel final : public FoldingKernel {
 public:
  explicit FoldingProgramKernel(const FoldingPlan &plan) : nodes_(plan.nodes), outputs_(plan.outputs) {
    std::int64_t *first = first_.at_least(nodes_.size()), *stride = stride_.at_least(nodes_.size());
    std::int64_t widest = 0;
    for (std::int64_t n = 0; n < nodes_.size(); ++n) {
      const FoldingNode &node = nodes_[n];
      if (node.kind == FoldingKind::columns || node.kind == FoldingKind::rows) {
        const std::int64_t of = node.inputs[0];
        first[n] = first[of] + node.numbers[0] * (node.kind == FoldingKind::columns ? 1 : stride[of]);
        stride[n] = stride[of];
      } else {
        first[n] = total_;
        stride[n] = (node.columns + width<Real> - 1) / width<Real> * width<Real>;
        total_ += node.rows * stride[n];
      }
      if (node.rows * node.columns > widest) widest = node.rows * node.columns;
    }
    for (const std::int64_t output : outputs_) size_ += nodes_[output].rows * nodes_[output].columns;
    values_.at_least(total_);
    gradients_.at_least(total_);
    turned_.at_least(widest);
  }

  std::int64_t size() const override { return size_; }

  void run(const Numbers *parameters, double *outputs) override {
    for (std::int64_t n = 0; n < nodes_.size(); ++n) forward(n, parameters);
    for (const std::int64_t output : outputs_) {
      const Place<Real> from = value(output);
      for (std::int64_t r = 0; r < from.rows; ++r)
        for (std::int64_t c = 0; c < from.columns; ++c) *outputs++ = from.row(r)[c];
    }
  }

  void backward(const double *gradient, const Numbers *gradients) override {
    std::memset(gradients_.data(), 0, sizeof(Real) * total_);
    for (const std::int64_t output : outputs_) {
      const Place<Real> to = slope(output);
      for (std::int64_t r = 0; r < to.rows; ++r)
        for (std::int64_t c = 0; c < to.columns; ++c) to.row(r)[c] += static_cast<Real>(*gradient++);
    }
    for (std::int64_t n = nodes_.size() - 1; n >= 0; --n) adjoint(n, gradients);
  }

 private:
  Place<Real> value(std::int64_t n) const { return {values_.data() + first_.data()[n], nodes_[n].rows, nodes_[n].columns, stride_.data()[n]}; }
  Place<Real> slope(std::int64_t n) const { return {gradients_.data() + first_.data()[n], nodes_[n].rows, nodes_[n].columns, stride_.data()[n]}; }

  void forward(std::int64_t n, const Numbers *parameters) {
    const FoldingNode &node = nodes_[n];
    const Place<Real> to = value(n);
    const auto input = [&](std::int64_t k) { return value(node.inputs[k]); };
    switch (node.kind) {
      case FoldingKind::parameter: {
        const Numbers &from = parameters[node.inputs[0]];
        const Real scale = static_cast<Real>(node.scale);
        if (from.single)
          each(to, [&](std::int64_t r, std::int64_t c, Real &x) { x = scale * static_cast<Real>(from.single[r * to.columns + c]); });
        else
          each(to, [&](std::int64_t r, std::int64_t c, Real &x) { x = scale * static_cast<Real>(from.twice[r * to.columns + c]); });
        return;
      }
      case FoldingKind::product:
        each(to, [](std::int64_t, std::int64_t, Real &x) { x = 0; });
        add_product(input(0), input(1), to);
        return;
      case FoldingKind::columns:
      case FoldingKind::rows:
        return;
      case FoldingKind::sum: {
        const Place<Real> a = input(0), b = input(1);
        each(to, [&](std::int64_t r, std::int64_t c, Real &x) { x = a.row(r)[c] + b.row(r)[c]; });
        return;
      }
      case FoldingKind::joined: {
        std::int64_t at = 0;
        for (std::int64_t k = 0; k < node.inputs.size(); ++k) {
          const Place<Real> from = input(k);
          for (std::int64_t r = 0; r < to.rows; ++r) std::memcpy(to.row(r) + at, from.row(r), sizeof(Real) * from.columns);
          at += from.columns;
        }
        return;
      }
      case FoldingKind::scaled_columns: {
        const Place<Real> a = input(0), scales = input(1);
        each(to, [&](std::int64_t r, std::int64_t c, Real &x) { x = a.row(r)[c] * scales.data[c]; });
        return;
      }
      case FoldingKind::spread: {
        const Place<Real> from = input(0);
        each(to, [&](std::int64_t r, std::int64_t c, Real &x) { x = from.row(from.rows == 1 ? 0 : c)[r]; });
        return;
      }
      case FoldingKind::pairs: {
        const Place<Real> basis = input(0), center = input(1), neighbor = input(2);
        each(to, [&](std::int64_t r, std::int64_t c, Real &x) { x = basis.row(r % basis.rows)[c] * *vector_of(center, neighbor, r / basis.rows, c); });
        return;
      }
      case FoldingKind::splines: {
        const Place<Real> from = input(0);
        const std::int64_t count = node.numbers[1];
        each(to, [&](std::int64_t r, std::int64_t c, Real &x) { x = from.row(r / count)[c * count + r % count]; });
        return;
      }
    }
  }

  void adjoint(std::int64_t n, const Numbers *gradients) {
    const FoldingNode &node = nodes_[n];
    const Place<Real> g = slope(n);
    const auto input = [&](std::int64_t k) { return value(node.inputs[k]); };
    const auto by = [&](std::int64_t k) { return slope(node.inputs[k]); };
    switch (node.kind) {
      case FoldingKind::parameter: {
        const Numbers &to = gradients[node.inputs[0]];
        const Real scale = static_cast<Real>(node.scale);
        if (to.single)
          each(g, [&](std::int64_t r, std::int64_t c, Real &x) { to.single[r * g.columns + c] = static_cast<float>(scale * x); });
        else
          each(g, [&](std::int64_t r, std::int64_t c, Real &x) { to.twice[r * g.columns + c] = static_cast<double>(scale * x); });
        return;
      }
      case FoldingKind::product:
        add_product(g, turned(input(1)), by(0));
        add_product(turned(input(0)), g, by(1));
        return;
      case FoldingKind::columns:
      case FoldingKind::rows:
        return;
      case FoldingKind::sum: {
        const Place<Real> a = by(0), b = by(1);
        each(g, [&](std::int64_t r, std::int64_t c, Real &x) {
          a.row(r)[c] += x;
          b.row(r)[c] += x;
        });
        return;
      }
      case FoldingKind::joined: {
        std::int64_t at = 0;
        for (std::int64_t k = 0; k < node.inputs.size(); ++k) {
          const Place<Real> to = by(k);
          each(to, [&](std::int64_t r, std::int64_t c, Real &x) { x += g.row(r)[at + c]; });
          at += to.columns;
        }
        return;
      }
      case FoldingKind::scaled_columns: {
        const Place<Real> a = input(0), scales = input(1), by_a = by(0), by_scales = by(1);
        each(g, [&](std::int64_t r, std::int64_t c, Real &x) {
          by_a.row(r)[c] += x * scales.data[c];
          by_scales.data[c] += x * a.row(r)[c];
        });
        return;
      }
      case FoldingKind::spread: {
        const Place<Real> to = by(0);
        each(g, [&](std::int64_t r, std::int64_t c, Real &x) { to.row(to.rows == 1 ? 0 : c)[r] += x; });
        return;
      }
      case FoldingKind::pairs: {
        const Place<Real> basis = input(0), center = input(1), neighbor = input(2), by_basis = by(0), by_center = by(1), by_neighbor = by(2);
        each(g, [&](std::int64_t r, std::int64_t c, Real &x) {
          const std::int64_t n = r % basis.rows, pair = r / basis.rows;
          by_basis.row(n)[c] += x * *vector_of(center, neighbor, pair, c);
          *vector_of(by_center, by_neighbor, pair, c) += x * basis.row(n)[c];
        });
        return;
      }
      case FoldingKind::splines: {
        const Place<Real> to = by(0);
        const std::int64_t count = node.numbers[1];
        each(g, [&](std::int64_t r, std::int64_t c, Real &x) { to.row(r / count)[c * count + r % count] += x; });
        return;
      }
    }
  }

  template <class Work>
  static inline __attribute__((always_inline)) void each(const Place<Real> &place, Work &&work) {
    for (std::int64_t r = 0; r < place.rows; ++r) {
      Real *row = place.row(r);
      for (std::int64_t c = 0; c < place.columns; ++c) work(r, c, row[c]);
    }
  }

  // Number c of the vectors of a pair of types, center's and neighbor's side by side.
  static inline __attribute__((always_inline)) Real *vector_of(const Place<Real> &center, const Place<Real> &neighbor, std::int64_t pair, std::int64_t c) {
    return c < center.columns ? center.row(pair / center.rows) + c : neighbor.row(pair % center.rows) + (c - center.columns);
  }

  Place<Real> turned(const Place<Real> &from) const {
    const Place<Real> to{turned_.data(), from.columns, from.rows, from.rows};
    for (std::int64_t c = 0; c < from.columns; ++c)
      for (std::int64_t r = 0; r < from.rows; ++r) to.row(c)[r] = from.row(r)[c];
    return to;
  }

  const ConstantArray<FoldingNode> &nodes_;
  const ConstantArray<std::int64_t> &outputs_;
  Buffer<std::int64_t> first_, stride_;
  Buffer<Real> values_, gradients_, turned_;
  std::int64_t total_ = 0, size_ = 0;
};

}  // namespace qallegro::native::QALLEGRO_ISA
