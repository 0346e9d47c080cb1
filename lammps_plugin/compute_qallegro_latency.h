// LAMMPS compute style `qallegro/latency`: the phases of the last step as numbers that thermo_style and fix ave/time can use.
//
//   compute ID all qallegro/latency [PHASE...]
//
// Scalar: the step, s. Vector: the phases named, or all in their order, s. Means over ranks.
#pragma once

#include <vector>

#include "compute.h"

#include "qallegro/phases.hpp"

namespace LAMMPS_NS {

class ComputeQAllegroLatency : public Compute {
 public:
  ComputeQAllegroLatency(class LAMMPS *, int, char **);
  ~ComputeQAllegroLatency() override;

  void init() override;
  double compute_scalar() override;
  void compute_vector() override;

 private:
  const class PairLatency &latency() const;

  std::vector<qallegro::Phase> phases_;
  std::vector<double> values_;
};

}  // namespace LAMMPS_NS
