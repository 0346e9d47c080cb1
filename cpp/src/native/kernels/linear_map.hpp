// Linear maps with both directions packed, and the gradient of their weights.
#pragma once

#include "native/kernels/arithmetic.hpp"
#include "native/kernels/gemm.hpp"
#include "native/kernels/shuffle.hpp"
#include "native/matrix.hpp"

namespace qallegro::native::QALLEGRO_ISA {

/// Where one thread adds up the gradients of weights. Without memory nothing is added.
template <class Real>
struct GradientSink {
  Real *memory = nullptr;
  Real *turned = nullptr;  ///< room for the rows of one source, numbers of an edge side by side
};

/// y = W^T x and x = W y for all edges of a block.
template <class Real>
class LinearMap {
 public:
  LinearMap() = default;
  explicit LinearMap(const Matrix &w)
      : forward(w.values.data(), w.in, w.out, w.out, false), adjoint(w.values.data(), w.in, w.out, w.out, true) {}
  /// From a matrix (out, in) row-major.
  static LinearMap transposed(const double *w, int in, int out) {
    LinearMap map;
    map.forward.assign(w, out, in, in, true);
    map.adjoint.assign(w, out, in, in, false);
    return map;
  }

  int in() const { return forward.in(); }
  int out() const { return forward.out(); }

  /// Other weights, (in, out) row-major: the part of one of `shares` threads.
  void assign(const double *w, int share, int shares) {
    for (const bool turned : {false, true}) {
      Packed<Real> &packed = turned ? adjoint : forward;
      const int panels = packed.panels();
      packed.fill(w, out(), turned, panels * share / shares, panels * (share + 1) / shares);
    }
  }

  /// Numbers that the gradient takes in a thread's memory: (out, in), rows padded to whole vectors.
  std::int64_t gradient_size() const { return static_cast<std::int64_t>(out()) * padded_in(); }
  void place_gradient(std::int64_t at) { gradient_ = at; }

  /// `to` (in, out) row-major = sum of the gradients in the memory of `threads` threads, in their order, which is cleared: the part of one
  /// of `shares` threads.
  template <class MemoryOf>
  void collect(MemoryOf &&memory_of, int threads, double *to, int share, int shares) const {
    const int columns = out(), panels = forward.panels();
    const int first = panels * share / shares * panel, end = panels * (share + 1) / shares * panel;
    const std::int64_t pitch = padded_in();
    // A few columns at a time: what is written then stays in the cache until it is whole.
    for (int o = first; o < end && o < columns; o += panel) {
      const int count = columns - o < panel ? columns - o : panel;
      for (int thread = 0; thread < threads; ++thread) {
        Real *from = memory_of(thread) + gradient_ + o * pitch;
        for (int i = 0; i < in(); ++i) {
          double *sums = to + static_cast<std::int64_t>(i) * columns + o;
          if (thread == 0)
            for (int r = 0; r < count; ++r) sums[r] = from[r * pitch + i];
          else
            for (int r = 0; r < count; ++r) sums[r] += from[r * pitch + i];
        }
        std::memset(from, 0, sizeof(Real) * count * pitch);
      }
    }
  }

  /// Adds sum over edges of x g, rows of `x` (in, lanes) and `g` (out, lanes). `lanes` counts numbers in memory.
  template <class A>
  void add_gradient(const GradientSink<Real> &sink, const Real *x, const Real *g, std::int64_t lanes) const {
    if (sink.memory) add_to(sink.memory + gradient_, sink.turned, x, g, lanes, A::copies == 2);
  }

  Packed<Real> forward, adjoint;

 private:
  std::int64_t padded_in() const { return (in() + width<Real> - 1) / width<Real> * width<Real>; }

  // x is turned so that the numbers of an edge lie side by side; then each number of g meets whole vectors of them.
  void add_to(Real *to, Real *turned, const Real *x, const Real *g, std::int64_t lanes, bool crossed) const {
    constexpr int w = width<Real>;
    const std::int64_t pitch = padded_in();
    for (std::int64_t i = 0; i < pitch; i += w)
      for (std::int64_t v = 0; v < lanes; v += w) {
        Vec<Real> block[w];
#pragma GCC unroll 16
        for (int r = 0; r < w; ++r) block[r] = i + r < in() ? load(x + (i + r) * lanes + v) : Vec<Real>{};
        transpose<Real>(block);
        // The two halves of a dual change places here: value meets derivative.
        const std::int64_t at = crossed ? v ^ w : v;
#pragma GCC unroll 16
        for (int r = 0; r < w; ++r) store<Real>(turned + (at + r) * pitch + i, block[r]);
      }
    std::int64_t i = 0;
    for (; i + 4 * w <= pitch; i += 4 * w) add_columns<4>(to + i, turned + i, g, lanes, pitch);
    if (i + 3 * w == pitch) add_columns<3>(to + i, turned + i, g, lanes, pitch);
    if (i + 2 * w == pitch) add_columns<2>(to + i, turned + i, g, lanes, pitch);
    if (i + w == pitch) add_columns<1>(to + i, turned + i, g, lanes, pitch);
  }

  template <int Vectors>
  void add_columns(Real *to, const Real *turned, const Real *g, std::int64_t lanes, std::int64_t pitch) const {
#if defined(__AVX512F__) || defined(__aarch64__)
    constexpr int rows = Vectors == 1 ? 12 : Vectors == 2 ? 10 : 6;
#else
    constexpr int rows = Vectors == 1 ? 8 : Vectors == 2 ? 4 : 2;
#endif
    int o = 0;
    for (; o + rows <= out(); o += rows) add_tile<Vectors, rows>(to + o * pitch, turned, g + o * lanes, lanes, pitch);
    for (; o + 2 <= out(); o += 2) add_tile<Vectors, 2>(to + o * pitch, turned, g + o * lanes, lanes, pitch);
    if (o < out()) add_tile<Vectors, 1>(to + o * pitch, turned, g + o * lanes, lanes, pitch);
  }

  template <int Vectors, int Rows>
  static void add_tile(Real *to, const Real *turned, const Real *g, std::int64_t lanes, std::int64_t pitch) {
    constexpr int w = width<Real>;
    Vec<Real> sums[Rows][Vectors];
#pragma GCC unroll 12
    for (int o = 0; o < Rows; ++o)
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) sums[o][v] = load(to + o * pitch + v * w);
    for (std::int64_t e = 0; e < lanes; ++e) {
      Vec<Real> column[Vectors];
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) column[v] = load(turned + e * pitch + v * w);
#pragma GCC unroll 12
      for (int o = 0; o < Rows; ++o) {
        const Real gradient = g[o * lanes + e];
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) sums[o][v] += gradient * column[v];
      }
    }
#pragma GCC unroll 12
    for (int o = 0; o < Rows; ++o)
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) store<Real>(to + o * pitch + v * w, sums[o][v]);
  }

  std::int64_t gradient_ = 0;
};

}  // namespace qallegro::native::QALLEGRO_ISA
