// Half phases of the basis states under one encoding, in the fewest sines and cosines.
#pragma once

#include "native/constant_array.hpp"

namespace qallegro::native {

/// Half phase of state b: that of state first[b] plus that of second[b], both below b, where first[b] >= 0; otherwise the sum of
/// weights[t] x[features[t]] over the terms starts[b] .. starts[b + 1] - 1.
struct PhaseTable {
  ConstantArray<int> first, second;
  ConstantArray<int> starts, features;
  ConstantArray<double> weights;
};

/// `half_phases` (states, num_features): half_phases @ x are the half phases.
PhaseTable make_phase_table(const double *half_phases, int states, int num_features);

}  // namespace qallegro::native
