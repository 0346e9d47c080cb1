// What the training set has seen of each pair of species, as the record of a file tells it: how close atoms come, how many neighbors they have.
#pragma once

#include <cstdint>
#include <vector>

#include "qallegro/potential.hpp"

namespace qallegro {

class TrainingRanges {
 public:
  /// Throws `Error` where the record holds none: an imported model, or one of an earlier release.
  explicit TrainingRanges(const Record &record);

  /// Sets entries (n_atoms) of the centers. `distance_below`: Å that the closest neighbor is nearer than any such pair in training, 0 inside;
  /// `neighbors_outside`: by how many neighbors of some species the center lies above (+) or below (-) its like in training.
  void compare(const EdgeList &edges, double *distance_below, double *neighbors_outside) const;

 private:
  std::int64_t n_types_;
  std::vector<double> cutoffs_, shortest_;      ///< (types, types) Å, [center, neighbor]; infinite for pairs that never met
  std::vector<std::int64_t> fewest_, most_;     ///< (types, types) neighbors
};

}  // namespace qallegro
