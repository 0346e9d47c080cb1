// What tells that a structure is unlike those of the training set: computed where a compute or a fix asks for it.
#include <algorithm>
#include <cmath>

#include "atom.h"
#include "comm.h"
#include "error.h"

#include "pair_qallegro.h"
#include "reverse_communication.h"

using namespace LAMMPS_NS;

void PairQAllegro::will_be_asked(ScoreKind kind, const std::string &asker) {
  std::string reason;
  const std::string files = "pair_coeff names " + std::to_string(members()) + (members() == 1 ? " file" : " files");
  switch (kind) {
    case ScoreKind::deviation:
      if (members() < 2)
        reason = asker + " needs a committee of two or more files, " + files +
                 "; write `pair_coeff * * A.pth B.pth` and the names of the types, or ask for the score novelty, distance or neighbors of one file";
      break;
    case ScoreKind::novelty:
      if (members() != 1)
        reason = asker + " tells the novelty for one model, " + files + "; ask for the score deviation of a committee";
      else if (!potential_->knows_novelty())
        reason = asker + " needs engine native and a file that holds the scale of its training set, `" + record_.path + "` runs with " +
                 potential_->description() + "; train and export it with this release of qallegro, or ask for the score distance or neighbors";
      novelty_wanted_ = true;
      break;
    case ScoreKind::distance:
    case ScoreKind::neighbors:
      try {
        ranges_.emplace(record_);
      } catch (const qallegro::Error &error) {
        reason = asker + ": " + error.what();
      }
      break;
  }
  fail_together(reason);
}

const std::vector<double> &PairQAllegro::scores(ScoreKind kind) {
  switch (kind) {
    case ScoreKind::deviation: return force_deviations();
    case ScoreKind::novelty: break;
    case ScoreKind::distance:
    case ScoreKind::neighbors: compare_ranges(); break;
  }
  return kind == ScoreKind::novelty ? novelty_ : kind == ScoreKind::distance ? distance_below_ : neighbors_outside_;
}

// The edges of the last forces are still there.
void PairQAllegro::compare_ranges() {
  if (ranges_compared_) return;
  distance_below_.assign(evaluated_.n_atoms, 0.0);
  neighbors_outside_.assign(evaluated_.n_atoms, 0.0);
  ranges_->compare(evaluated_, distance_below_.data(), neighbors_outside_.data());
  for (double &count : neighbors_outside_) count = std::abs(count);
  ranges_compared_ = true;
}

// Each member's forces on ghost atoms go to their owners first, as the mean's do.
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
