// Everything that a model makes of a distance and two types, as splines.
#pragma once

#include <optional>
#include <vector>

#include "native/plan.hpp"

namespace qallegro::native {

/// Quintic splines on [0, cutoff] of each pair of types, four times continuously differentiable.
///
/// With x = r / cutoff, s = (1 + bend) x / (x + bend) and t = s intervals - i in interval i, function f is sum_k b_k(t) coefficients[pair][i + k][f], k = 0 .. 5, with the
/// basis of `quintic_basis`. Value, first and second derivative vanish exactly at the cutoff, as those of the functions do.
struct RadialTable {
  static constexpr int taps = 6;
  static constexpr double bend = 0.5;

  int functions = 0;
  int intervals = 0;
  std::vector<double> coefficients;  ///< (pairs, intervals + 5, functions)
  double value_error = 0.0;          ///< largest deviation seen, over the largest value at or beyond that distance
  double slope_error = 0.0;          ///< the same of derivatives

  const double *row(int pair, int knot) const {
    return coefficients.data() + (static_cast<std::size_t>(pair) * (intervals + taps - 1) + knot) * functions;
  }
};

/// Coefficient of t^p in the k-th basis function on an interval, at [k][p].
using QuinticBasis = double[RadialTable::taps][RadialTable::taps];
const QuinticBasis &quintic_basis();

/// Values of all radial functions of a pair of types at r Å, in float64 without a table.
std::vector<double> radial_functions(const Plan &plan, int pair, double r);

/// Splines that deviate by less than float32 rounding does, or none where those would take too much memory.
std::optional<RadialTable> make_radial_table(const Plan &plan);

}  // namespace qallegro::native
