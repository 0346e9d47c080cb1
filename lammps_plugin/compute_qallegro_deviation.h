// LAMMPS compute style `qallegro/deviation`: how far the forces of a committee lie apart.
//
//   compute ID group qallegro/deviation
//
// Per atom: sqrt(mean over members of |F - <F>|^2), in LAMMPS's unit of force; 0 for atoms outside of the group. Scalar: the largest of the group.
#pragma once

#include <vector>

#include "compute.h"

namespace LAMMPS_NS {

class ComputeQAllegroDeviation : public Compute {
 public:
  ComputeQAllegroDeviation(class LAMMPS *, int, char **);
  ~ComputeQAllegroDeviation() override;

  void init() override;
  double compute_scalar() override;
  void compute_peratom() override;
  double memory_usage() override;

 private:
  class PairQAllegro &committee() const;

  std::vector<double> values_;
};

}  // namespace LAMMPS_NS
