// Real Wigner 3j tensors in e3nn's convention.
#pragma once

#include <vector>

namespace qallegro::native {

/// Largest degree for which the sums behind `wigner_3j` are exact in 64-bit integers.
inline constexpr int largest_degree = 20;

/// The tensor C of shape (2 l1 + 1, 2 l2 + 1, 2 l3 + 1), row-major, that couples real spherical harmonics invariantly: unit Frobenius norm,
/// sign and component order of e3nn's `o3.wigner_3j` (components m = -l..l; for l = 1 they are x, y, z). Throws `Error` unless
/// |l1 - l2| <= l3 <= l1 + l2 and all degrees are at most `largest_degree`.
///
/// Source: Racah's sum for su(2) (Varshalovich et al., Quantum Theory of Angular Momentum, 8.2.1), with the Condon-Shortley phase, and
/// the unitary change from complex to real harmonics times (-i)^l.
std::vector<double> wigner_3j(int l1, int l2, int l3);

}  // namespace qallegro::native
