#include "pair_qallegro.h"

#include <array>
#include <exception>

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "force.h"
#include "memory.h"
#include "neigh_list.h"
#include "neighbor.h"
#include "update.h"

#include "full_list_request.h"

using namespace LAMMPS_NS;

namespace {

// Positions of LAMMPS's virial components in a row-major (3, 3) tensor.
constexpr std::array<int, 6> kSymmetric = {0, 4, 8, 1, 2, 5};           // xx yy zz xy xz yz
constexpr std::array<int, 9> kFull = {0, 4, 8, 1, 2, 5, 3, 6, 7};       // xx yy zz xy xz yz yx zx zy

double *sized(std::vector<double> &buffer, std::size_t size) {
  buffer.resize(size);
  return buffer.data();
}

}  // namespace

PairQAllegro::PairQAllegro(LAMMPS *lmp) : Pair(lmp) {
  single_enable = 0;
  restartinfo = 1;
  one_coeff = 1;
  manybody_flag = 1;
  reinitflag = 0;
  unit_convert_flag = utils::get_supported_conversions(utils::ENERGY);
  // The virial is summed over edges, which costs nothing extra and gives the per-atom tensors the same way.
  no_virial_fdotr_compute = 1;
  centroidstressflag = CENTROID_AVAIL;
  // One member of a committee at a time: under hybrid styles LAMMPS sizes its buffers before it knows how many there are.
  comm_reverse = 3;
  nextra = 1;
  pvector = &n_edges_;
}

PairQAllegro::~PairQAllegro() {
  pvector = nullptr;
  if (allocated) {
    memory->destroy(setflag);
    memory->destroy(cutsq);
  }
}

void PairQAllegro::compute(int eflag, int vflag) {
  ev_init(eflag, vflag);

  qallegro::Results results;
  std::string failure;
  try {
    latency_->begins();
    const qallegro::EdgeList edges = edges_.collect(*atom, *list, potential_->threads());
    latency_->has_edges();
    n_edges_ = static_cast<double>(edges_.n_edges());
    const auto n = static_cast<std::size_t>(edges.n_atoms);
    results.forces = sized(forces_, 3 * n);
    if (eflag_atom) results.per_atom_energy = sized(per_atom_energy_, n);
    if (vflag_atom) results.per_atom_virial = sized(per_atom_virial_, 9 * n);
    if (cvflag_atom) results.per_atom_virial_centroid = sized(per_atom_virial_centroid_, 9 * n);
    if (novelty_wanted_) {
      novelty_.assign(n, 0.0);
      results.novelty = novelty_.data();
    }
    potential_->evaluate(edges, results);
    evaluated_ = edges;
  } catch (const qallegro::Error &reason) {
    failure = reason.what() + lammps_ids(reason);
  } catch (const std::exception &reason) {
    failure = reason.what();
  }
  // Other ranks may be fine, so this is no collective error.
  if (!failure.empty())
    error->one(FLERR, "pair_style qallegro: step " + std::to_string(update->ntimestep) + ", rank " + std::to_string(comm->me) +
                          ": " + failure);
  add_results(results);
  evaluated_step_ = update->ntimestep;
  deviations_known_ = ranges_compared_ = false;
  latency_->ends(*potential_, static_cast<std::int64_t>(n_edges_));
}

void PairQAllegro::finish() {
  if (potential_ && latency_) latency_->finish(*potential_);
}

std::string PairQAllegro::lammps_ids(const qallegro::Error &reason) const {
  std::string ids;
  for (const int i : reason.atoms())
    if (i >= 0 && atom->tag_enable) ids += (ids.empty() ? "" : ", ") + std::to_string(i) + " is id " + std::to_string(atom->tag[i]);
  return ids.empty() ? ids : " (of the atom numbers above, " + ids + " in LAMMPS)";
}

void PairQAllegro::add_results(const qallegro::Results &results) {
  const int n_atoms = atom->nlocal + atom->nghost;
  double **f = atom->f;
  for (int i = 0; i < n_atoms; ++i)
    for (int a = 0; a < 3; ++a) f[i][a] += energy_unit_ * forces_[3 * i + a];

  if (eflag_global) eng_vdwl += energy_unit_ * results.energy;
  if (vflag_global)
    for (int c = 0; c < 6; ++c) virial[c] += energy_unit_ * results.virial[kSymmetric[c]];
  if (eflag_atom)
    for (int i = 0; i < n_atoms; ++i) eatom[i] += energy_unit_ * per_atom_energy_[i];
  if (vflag_atom)
    for (int i = 0; i < n_atoms; ++i)
      for (int c = 0; c < 6; ++c) vatom[i][c] += energy_unit_ * per_atom_virial_[9 * i + kSymmetric[c]];
  if (cvflag_atom)
    for (int i = 0; i < n_atoms; ++i)
      for (int c = 0; c < 9; ++c) cvatom[i][c] += energy_unit_ * per_atom_virial_centroid_[9 * i + kFull[c]];
}

void PairQAllegro::init_style() {
  check_system();
  if (record_.atom_types.empty()) {
    std::string names;
    for (const std::string &name : names_) names += " " + name;
    choose_models(paths_, names_, "; the restart file names it, give `pair_coeff * * FILE" + names + "` after read_restart if it has moved");
  }
  check_neighbor_settings();
  // Computes and fixes say anew before each run what they will ask for; the files may be others than in the last one.
  novelty_wanted_ = false;
  ranges_.reset();
  energy_unit_ = 1.0;
  if (std::string(update->unit_style) == "real") energy_unit_ = utils::get_conversion_factor(utils::ENERGY, utils::METAL2REAL);
  if (!potential_) start_engine();
  request_full_list(*neighbor, *this, instance_me);
}

double PairQAllegro::init_one(int i, int j) {
  const qallegro::TypeMap &types = edges_.types();
  const int a = types.model_type[i];
  const int b = types.model_type[j];
  if (a == qallegro::TypeMap::kLeftOut || b == qallegro::TypeMap::kLeftOut) return 0.0;
  return MAX(types.cutoff(a, b), types.cutoff(b, a));
}

void *PairQAllegro::extract(const char *name, int &dim) {
  if (std::string(name) != "r_max") return nullptr;
  dim = 0;
  return &record_.r_max;
}

double PairQAllegro::memory_usage() {
  std::size_t members = 0;
  if (potential_)
    for (const std::vector<double> &forces : potential_->member_forces()) members += forces.capacity();
  const std::size_t n = members + forces_.capacity() + per_atom_energy_.capacity() + per_atom_virial_.capacity() +
                        per_atom_virial_centroid_.capacity() + distance_below_.capacity() + neighbors_outside_.capacity() + novelty_.capacity();
  return Pair::memory_usage() + edges_.memory_usage() + static_cast<double>(n * sizeof(double));
}
