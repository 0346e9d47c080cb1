#include "compute_qallegro_latency.h"

#include <string>

#include "error.h"
#include "force.h"
#include "update.h"

#include "pair_qallegro.h"

using namespace LAMMPS_NS;

ComputeQAllegroLatency::ComputeQAllegroLatency(LAMMPS *lmp, int narg, char **arg) : Compute(lmp, narg, arg) {
  if (igroup != 0)
    error->all(FLERR, std::string("compute qallegro/latency: the group must be all, received `") + arg[1] + "`; a step has one time for all atoms");
  std::string names;
  for (const char *name : qallegro::phase_names) names += std::string(names.empty() ? "" : ", ") + name;
  for (int i = 3; i < narg; ++i) {
    int found = -1;
    for (int p = 0; p < qallegro::phase_count; ++p)
      if (std::string(arg[i]) == qallegro::phase_names[p]) found = p;
    if (found < 0) error->all(FLERR, "compute qallegro/latency: phases are " + names + ", received `" + arg[i] + "`");
    phases_.push_back(static_cast<qallegro::Phase>(found));
  }
  if (phases_.empty())
    for (int p = 0; p < qallegro::phase_count; ++p) phases_.push_back(static_cast<qallegro::Phase>(p));
  values_.resize(phases_.size());
  scalar_flag = vector_flag = 1;
  extscalar = extvector = 0;
  size_vector = static_cast<int>(phases_.size());
  vector = values_.data();
}

ComputeQAllegroLatency::~ComputeQAllegroLatency() { vector = nullptr; }

void ComputeQAllegroLatency::init() {
  const auto *pair = dynamic_cast<PairQAllegro *>(force->pair_match("qallegro", 1));
  if (!pair)
    error->all(FLERR, "compute qallegro/latency needs one pair style qallegro, which the input does not have, or has several of; "
                      "write `pair_style qallegro`");
  if (!pair->measures_latency())
    error->all(FLERR, "compute qallegro/latency needs a pair style that measures, `pair_style qallegro` has `latency off`; leave that out");
}

const PairLatency &ComputeQAllegroLatency::latency() const {
  const auto *pair = dynamic_cast<PairQAllegro *>(force->pair_match("qallegro", 1));
  if (!pair || !pair->latency()) error->all(FLERR, "compute qallegro/latency needs a run of pair style qallegro, none has begun; use it in or after a run");
  return *pair->latency();
}

double ComputeQAllegroLatency::compute_scalar() {
  invoked_scalar = update->ntimestep;
  return scalar = latency().last_total();
}

void ComputeQAllegroLatency::compute_vector() {
  invoked_vector = update->ntimestep;
  const qallegro::PhaseTimes seconds = latency().last_phases();
  for (std::size_t k = 0; k < phases_.size(); ++k) values_[k] = seconds[phases_[k]];
}
