#include "native/phase_table.hpp"

namespace qallegro::native {

PhaseTable make_phase_table(const double *half_phases, int states, int num_features) {
  std::vector<int> first, second, starts, features;
  std::vector<double> weights;
  const auto row = [&](int state) { return half_phases + static_cast<std::int64_t>(state) * num_features; };
  for (int state = 0; state < states; ++state) {
    // A phase is linear in the bits: the lowest bit alone, and the others.
    const int lowest = state & -state, others = state - lowest;
    bool splits = others > 0;
    for (int f = 0; splits && f < num_features; ++f) splits = row(state)[f] == row(others)[f] + row(lowest)[f];
    first.push_back(splits ? others : -1);
    second.push_back(splits ? lowest : -1);
    starts.push_back(static_cast<int>(features.size()));
    for (int f = 0; !splits && f < num_features; ++f)
      if (row(state)[f] != 0.0) {
        features.push_back(f);
        weights.push_back(row(state)[f]);
      }
  }
  starts.push_back(static_cast<int>(features.size()));
  return {first, second, starts, features, weights};
}

}  // namespace qallegro::native
