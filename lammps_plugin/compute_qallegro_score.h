// LAMMPS compute styles `qallegro/deviation` and `qallegro/extrapolation`: how unlike the training set each atom is.
//
//   compute ID group qallegro/deviation                  how far the forces of a committee lie apart
//   compute ID group qallegro/extrapolation SCORE        deviation, novelty, distance or neighbors, see extrapolation_score.h
//
// Per atom: the score; 0 for atoms outside of the group. Scalar: the largest of the group.
#pragma once

#include <vector>

#include "compute.h"

#include "extrapolation_score.h"

namespace LAMMPS_NS {

class ComputeQAllegroScore : public Compute {
 public:
  ComputeQAllegroScore(class LAMMPS *, int, char **);
  ~ComputeQAllegroScore() override;

  void init() override;
  double compute_scalar() override;
  void compute_peratom() override;
  double memory_usage() override;

 private:
  ScoreKind kind_ = ScoreKind::deviation;
  std::vector<double> values_;
};

}  // namespace LAMMPS_NS
