// How far the forces of a committee lie apart. Each member's forces on ghost atoms go to their owners first, as the mean's do.
#include "atom.h"
#include "comm.h"

#include "pair_qallegro.h"
#include "reverse_communication.h"

using namespace LAMMPS_NS;

const std::vector<double> &PairQAllegro::force_deviations() {
  if (deviations_known_) return deviations_;
  auto &forces = potential_->member_forces();
  for (sent_member_ = 0; sent_member_ < forces.size(); ++sent_member_) reverse_communicate(*comm, *this);
  deviations_.resize(atom->nlocal);
  qallegro::force_deviations(forces, atom->nlocal, deviations_.data());
  deviations_known_ = true;
  return deviations_;
}

int PairQAllegro::pack_reverse_comm(int n, int first, double *buffer) {
  const std::vector<double> &forces = potential_->member_forces()[sent_member_];
  const std::int64_t begin = 3 * static_cast<std::int64_t>(first);
  for (int k = 0; k < 3 * n; ++k) buffer[k] = forces[begin + k];
  return 3 * n;
}

void PairQAllegro::unpack_reverse_comm(int n, int *list, double *buffer) {
  std::vector<double> &forces = potential_->member_forces()[sent_member_];
  for (int k = 0; k < n; ++k)
    for (int a = 0; a < 3; ++a) forces[3 * static_cast<std::int64_t>(list[k]) + a] += buffer[3 * k + a];
}
