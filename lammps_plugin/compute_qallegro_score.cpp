#include "compute_qallegro_score.h"

#include <algorithm>
#include <string>

#include "atom.h"
#include "update.h"

#include "qallegro_pair.h"

using namespace LAMMPS_NS;

ComputeQAllegroScore::ComputeQAllegroScore(LAMMPS *lmp, int narg, char **arg) : Compute(lmp, narg, arg) {
  const std::string received = narg > 3 ? arg[3] : "nothing";
  if (std::string(style) == "qallegro/deviation") {
    if (narg != 3) error->all(FLERR, "compute qallegro/deviation takes no arguments, received `" + received + "`; write `compute dev all qallegro/deviation`");
  } else {
    const int found = find_score(received);
    if (found < 0 || narg != 4)
      error->all(FLERR, "compute qallegro/extrapolation needs one score, `deviation`, `novelty`, `distance` or `neighbors`, received `" + received +
                            (narg > 4 ? std::string(" ") + arg[4] : "") + "`; write for example `compute new all qallegro/extrapolation novelty`");
    kind_ = static_cast<ScoreKind>(found);
  }
  peratom_flag = scalar_flag = 1;
  size_peratom_cols = 0;
  extscalar = 0;
}

ComputeQAllegroScore::~ComputeQAllegroScore() { vector_atom = nullptr; }

void ComputeQAllegroScore::init() {
  const std::string asker = std::string("compute ") + style;
  qallegro_pair(*force, *error, asker).will_be_asked(kind_, asker);
}

void ComputeQAllegroScore::compute_peratom() {
  invoked_peratom = update->ntimestep;
  PairQAllegro &pair = qallegro_pair(*force, *error, std::string("compute ") + style);
  if (pair.evaluated_step() != update->ntimestep)
    error->all(FLERR, std::string("compute ") + style + " needs forces of step " + std::to_string(update->ntimestep) +
                          ", the last ones are of another step; use it in or after a run");
  const std::vector<double> &scores = pair.scores(kind_);
  const double unit = row_of(kind_).force ? pair.energy_unit() : 1.0;
  values_.assign(std::max<std::size_t>(atom->nmax, 1), 0.0);
  for (int i = 0; i < atom->nlocal; ++i)
    if (atom->mask[i] & groupbit) values_[i] = unit * scores[i];
  vector_atom = values_.data();
}

double ComputeQAllegroScore::compute_scalar() {
  invoked_scalar = update->ntimestep;
  if (invoked_peratom != update->ntimestep) compute_peratom();
  scalar = 0.0;
  for (int i = 0; i < atom->nlocal; ++i) scalar = std::max(scalar, values_[i]);
  MPI_Allreduce(MPI_IN_PLACE, &scalar, 1, MPI_DOUBLE, MPI_MAX, world);
  return scalar;
}

double ComputeQAllegroScore::memory_usage() { return static_cast<double>(values_.capacity() * sizeof(double)); }
