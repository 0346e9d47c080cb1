// Square blocks of a width by a width: transposition, and sums over lanes of as many vectors at once.
#pragma once

#include <utility>

#include "native/kernels/simd.hpp"

namespace qallegro::native::QALLEGRO_ISA {

// In blocks of B lanes: the lower halves of the blocks of a and b side by side, or the upper ones.
template <class Real, int B, bool Upper>
inline __attribute__((always_inline)) Vec<Real> halves(Vec<Real> a, Vec<Real> b) {
  constexpr int w = width<Real>, h = B / 2;
  return [&]<int... P>(std::integer_sequence<int, P...>) __attribute__((always_inline)) {
#if defined(__clang__)
    return __builtin_shufflevector(a, b, (P % B < h ? P + (Upper ? h : 0) : w + P - (Upper ? 0 : h))...);
#else
    constexpr IntVec<Real> mask = {(P % B < h ? P + (Upper ? h : 0) : w + P - (Upper ? 0 : h))...};
    return __builtin_shuffle(a, b, mask);
#endif
  }(std::make_integer_sequence<int, w>{});
}

template <class Real, int B>
inline __attribute__((always_inline)) void transpose_blocks(Vec<Real> (&rows)[width<Real>]) {
  if constexpr (B > 1) {
    constexpr int h = B / 2;
#pragma GCC unroll 16
    for (int j = 0; j < width<Real>; ++j)
      if (j % B < h) {
        const Vec<Real> a = rows[j], b = rows[j + h];
        rows[j] = halves<Real, B, false>(a, b);
        rows[j + h] = halves<Real, B, true>(a, b);
      }
    transpose_blocks<Real, h>(rows);
  }
}

template <class Real>
inline __attribute__((always_inline)) void transpose(Vec<Real> (&rows)[width<Real>]) {
  transpose_blocks<Real, width<Real>>(rows);
}

template <class Real, int B>
inline __attribute__((always_inline)) void sum_blocks(Vec<Real> (&rows)[width<Real>]) {
  if constexpr (B > 1) {
    constexpr int h = B / 2;
#pragma GCC unroll 16
    for (int j = 0; j < h; ++j) {
      const Vec<Real> a = rows[j], b = rows[j + h];
      rows[j] = halves<Real, B, false>(a, b) + halves<Real, B, true>(a, b);
    }
    sum_blocks<Real, h>(rows);
  }
}

/// Lane i of the result is the sum over the lanes of rows[i].
template <class Real>
inline __attribute__((always_inline)) Vec<Real> sums(Vec<Real> (&rows)[width<Real>]) {
  sum_blocks<Real, width<Real>>(rows);
  return rows[0];
}

}  // namespace qallegro::native::QALLEGRO_ISA
