// Linear maps of features: y = W^T x for all edges of a block, weights packed in panels of outputs.
#pragma once

#include "native/kernels/simd.hpp"

namespace qallegro::native::QALLEGRO_ISA {

/// Outputs of one panel: with three vectors of edges as many sums as registers hold.
#if defined(__AVX512F__) || defined(__aarch64__)
inline constexpr int panel = 8;
#else
inline constexpr int panel = 4;
#endif
/// Vectors of edges that go through a panel together.
inline constexpr int tile = 3;

/// W (in, out), of which `transposed` swaps the roles.
template <class Real>
class Packed {
 public:
  Packed() = default;
  /// `w` row-major, element (i, o) at w[i * row_stride + o].
  template <class From>
  Packed(const From *w, int in, int out, std::int64_t row_stride, bool transposed) {
    assign(w, in, out, row_stride, transposed);
  }

  template <class From>
  void assign(const From *w, int in, int out, std::int64_t row_stride, bool transposed) {
    in_ = transposed ? out : in;
    out_ = transposed ? in : out;
    weights_.at_least(static_cast<std::size_t>(panels()) * panel * (in_ > 0 ? in_ : 1));
    fill(w, row_stride, transposed, 0, panels());
  }

  /// Panels first .. last - 1 from other weights of the same shape.
  template <class From>
  void fill(const From *w, std::int64_t row_stride, bool transposed, int first, int last) {
    for (int p = first; p < last; ++p) {
      const int o = p * panel, rows = out_ - o < panel ? out_ - o : panel;
      Real *to = weights_.data() + static_cast<std::int64_t>(p) * in_ * panel;
      const From *from = w + (transposed ? o * row_stride : o);
      const std::int64_t next = transposed ? row_stride : 1, along = transposed ? 1 : row_stride;
      for (int i = 0; i < in_; ++i, to += panel, from += along) {
        if (rows == panel) {
#pragma GCC unroll 8
          for (int r = 0; r < panel; ++r) to[r] = static_cast<Real>(from[r * next]);
        } else {
          for (int r = 0; r < rows; ++r) to[r] = static_cast<Real>(from[r * next]);
        }
      }
    }
  }

  int panels() const { return (out_ + panel - 1) / panel; }
  int in() const { return in_; }
  int out() const { return out_; }
  const Real *panel_of(int o) const { return weights_.data() + static_cast<std::int64_t>(o / panel) * in_ * panel; }

 private:
  int in_ = 0, out_ = 0;
  Buffer<Real> weights_;
};

template <class Real, int Vectors, bool Add>
inline __attribute__((always_inline)) void multiply_tile(const Real *w, int in, int rows, const Real *x, Real *y, std::int64_t stride) {
  constexpr int step = width<Real>;
  Vec<Real> sums[panel][Vectors] = {};
  for (int i = 0; i < in; ++i) {
    Vec<Real> column[Vectors];
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) column[v] = load(x + i * stride + v * step);
#pragma GCC unroll 8
    for (int o = 0; o < panel; ++o) {
      const Real weight = w[i * panel + o];
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) sums[o][v] += weight * column[v];
    }
  }
#pragma GCC unroll 8
  for (int o = 0; o < panel; ++o) {
    if (o >= rows) break;
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
      Real *to = y + o * stride + v * step;
      if constexpr (Add) sums[o][v] += load(to);
      store<Real>(to, sums[o][v]);
    }
  }
}

template <class Real, int Vectors, bool Add>
inline void multiply_columns(const Packed<Real> &w, const Real *x, Real *y, std::int64_t stride) {
  for (int o = 0; o < w.out(); o += panel)
    multiply_tile<Real, Vectors, Add>(w.panel_of(o), w.in(), w.out() - o, x, y + o * stride, stride);
}

/// y (out, lanes) = W^T x (in, lanes), or += with Add; rows lie `stride` apart, `lanes` is a multiple of the width.
template <class Real, bool Add>
inline void multiply(const Packed<Real> &w, const Real *x, Real *y, std::int64_t stride, std::int64_t lanes) {
  constexpr int step = width<Real>;
  const std::int64_t vectors = lanes / step;
  std::int64_t v = 0;
  while (v < vectors) {
    const std::int64_t left = vectors - v;
    const Real *from = x + v * step;
    Real *to = y + v * step;
    // Four are two pairs: one alone would leave the multipliers waiting for its sums.
    if (left == 3 || left >= 5) {
      multiply_columns<Real, 3, Add>(w, from, to, stride);
      v += 3;
    } else if (left >= 2) {
      multiply_columns<Real, 2, Add>(w, from, to, stride);
      v += 2;
    } else {
      multiply_columns<Real, 1, Add>(w, from, to, stride);
      v += 1;
    }
  }
}

template <class Real>
inline void multiply(const Packed<Real> &w, const Real *x, Real *y, std::int64_t stride, std::int64_t lanes, bool add) {
  if (add)
    multiply<Real, true>(w, x, y, stride, lanes);
  else
    multiply<Real, false>(w, x, y, stride, lanes);
}

}  // namespace qallegro::native::QALLEGRO_ISA
