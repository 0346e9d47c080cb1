// The sparse tensors of a model: tensor products of its layers and the recursion of its spherical harmonics.
#pragma once

#include <vector>

namespace qallegro::native {

/// An irreducible representation of O(3); parity is 1 or -1.
struct Irrep {
  int degree;
  int parity;

  bool operator==(const Irrep &) const = default;
};

/// One non-zero coefficient of a tensor product; `environment`, `input` and `output` count components over all irreps of each operand.
struct CouplingEntry {
  int path, environment, input, output;
  double coefficient;  ///< sqrt(2 l_out + 1) C, with C the 3j tensor of (input, environment, output)
};

/// The tensor product of one layer: out[output] = sum over entries of weight[path] coefficient environment[..] in[..].
struct Coupling {
  std::vector<Irrep> irreps_in, irreps_out;
  int num_paths;                       ///< paths in the order of the weights: output irrep, then input irrep, then environment irrep
  int d_env, d_in, d_out;              ///< components
  std::vector<CouplingEntry> entries;  ///< sorted by (output, input, environment, path)
};

/// The tensor products of all layers, with irreps that no output needs removed; the environment holds the spherical harmonics up to l_max.
///
/// Forward, layer k may hold what its inputs reach (with `parity` both parities up to l_max, else the irreps of the spherical
/// harmonics), the last layer only the scalar 0e; then backward, an irrep is dropped when nothing kept after it can be reached.
/// Throws `Error` unless 0 <= l_max <= largest_degree and num_layers >= 1.
std::vector<Coupling> couplings(int l_max, bool parity, int num_layers);

/// One term of Y_l from Y_(l-1); `lower` and `upper` count components within their degrees.
struct HarmonicEntry {
  int lower, axis, upper;
  double coefficient;
};

/// Y_l[upper] = sum coefficient Y_(l-1)[lower] u[axis] for a unit vector u, sum_m Y_lm^2 = 2l + 1, in e3nn's order and sign.
///
/// The coefficient is (2l + 1) / sqrt(l) times the 3j tensor of (l-1, 1, l). On the polar axis (y) only m = 0 remains, Y_l0 =
/// sqrt(2l + 1) > 0, and C_000 = sqrt(l / ((2l - 1) (2l + 1))) > 0: that fixes the factor and says that its sign is always positive.
/// Sorted by (upper, lower, axis). Throws `Error` unless 2 <= degree <= largest_degree.
std::vector<HarmonicEntry> harmonic_step(int degree);

}  // namespace qallegro::native
