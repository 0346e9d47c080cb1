#include "compute_qallegro_deviation.h"

#include <algorithm>
#include <string>

#include "atom.h"
#include "update.h"

#include "committee_of.h"

using namespace LAMMPS_NS;

ComputeQAllegroDeviation::ComputeQAllegroDeviation(LAMMPS *lmp, int narg, char **arg) : Compute(lmp, narg, arg) {
  if (narg != 3)
    error->all(FLERR, std::string("compute qallegro/deviation takes no arguments, received `") + arg[3] + "`; write `compute dev all qallegro/deviation`");
  peratom_flag = scalar_flag = 1;
  size_peratom_cols = 0;
  extscalar = 0;
}

ComputeQAllegroDeviation::~ComputeQAllegroDeviation() { vector_atom = nullptr; }

void ComputeQAllegroDeviation::init() { committee_of(*force, *error, "compute qallegro/deviation"); }

PairQAllegro &ComputeQAllegroDeviation::committee() const {
  PairQAllegro &pair = committee_of(*force, *error, "compute qallegro/deviation");
  if (pair.evaluated_step() != update->ntimestep)
    error->all(FLERR, "compute qallegro/deviation needs forces of step " + std::to_string(update->ntimestep) +
                          ", the last ones are of another step; use it in or after a run");
  return pair;
}

void ComputeQAllegroDeviation::compute_peratom() {
  invoked_peratom = update->ntimestep;
  PairQAllegro &pair = committee();
  const std::vector<double> &deviations = pair.force_deviations();
  values_.assign(std::max<std::size_t>(atom->nmax, 1), 0.0);
  for (std::size_t i = 0; i < deviations.size(); ++i)
    if (atom->mask[i] & groupbit) values_[i] = pair.energy_unit() * deviations[i];
  vector_atom = values_.data();
}

double ComputeQAllegroDeviation::compute_scalar() {
  invoked_scalar = update->ntimestep;
  if (invoked_peratom != update->ntimestep) compute_peratom();
  scalar = 0.0;
  for (int i = 0; i < atom->nlocal; ++i) scalar = std::max(scalar, values_[i]);
  MPI_Allreduce(MPI_IN_PLACE, &scalar, 1, MPI_DOUBLE, MPI_MAX, world);
  return scalar;
}

double ComputeQAllegroDeviation::memory_usage() { return static_cast<double>(values_.capacity() * sizeof(double)); }
