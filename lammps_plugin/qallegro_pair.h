// The pair style that a compute or a fix asks.
#pragma once

#include <string>

#include "error.h"
#include "force.h"

#include "pair_qallegro.h"

namespace LAMMPS_NS {

/// Ends the run on all ranks unless there is one pair style qallegro. `asker` is for the message.
inline PairQAllegro &qallegro_pair(const Force &force, Error &error, const std::string &asker) {
  auto *pair = dynamic_cast<PairQAllegro *>(const_cast<Force &>(force).pair_match("qallegro", 1));
  if (!pair)
    error.all(FLERR, asker + " needs one pair style qallegro, which the input does not have, or has several of; write `pair_style qallegro`");
  return *pair;
}

}  // namespace LAMMPS_NS
