// The half of PairQAllegro that reads commands, checks them against the system and starts the engine.
#include <algorithm>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <sstream>

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "force.h"
#include "memory.h"
#include "neighbor.h"
#include "update.h"

#include "pair_qallegro.h"

using namespace LAMMPS_NS;

namespace {

std::string joined(const std::vector<std::string> &words) {
  std::string line;
  for (const std::string &word : words) line += (line.empty() ? "" : " ") + word;
  return line;
}

std::string short_number(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

int positive_integer(const std::string &text) {
  char *end = nullptr;
  const long value = std::strtol(text.c_str(), &end, 10);
  return (*end == '\0' && value >= 1 && value <= 4096) ? static_cast<int>(value) : 0;
}

}  // namespace

void PairQAllegro::settings(int narg, char **arg) {
  options_ = qallegro::Options();
  latency_options_ = LatencyOptions();
  potential_.reset();
  latency_.reset();
  for (int i = 0; i < narg; i += 2) {
    const std::string keyword = arg[i];
    if (keyword != "engine" && keyword != "device" && keyword != "threads" && keyword != "latency")
      error->all(FLERR, "pair_style qallegro: keywords are `engine`, `device`, `threads` and `latency`, received `" + keyword +
                            "`; the model file belongs to pair_coeff");
    if (i + 1 == narg)
      error->all(FLERR, "pair_style qallegro: keyword `" + keyword + "` must be followed by a value, received nothing; write for " +
                            "example `pair_style qallegro device cpu`");
    const std::string value = arg[i + 1];
    if (keyword == "engine") options_.engine = value;
    if (keyword == "device") options_.device = value;
    if (keyword == "latency") read_latency(value, narg, arg, i);
    if (keyword == "threads") {
      options_.threads = positive_integer(value);
      if (options_.threads == 0)
        error->all(FLERR, "pair_style qallegro: `threads` must be a whole number from 1 to 4096, received `" + value +
                              "`; leave it out for one thread a rank");
    }
  }
  if (latency_options_.trace && latency_options_.file.empty())
    error->all(FLERR, std::string("pair_style qallegro: `latency trace` needs a file, received none; write for example ") +
                          "`latency run.json latency trace`, which traces to run.json.trace.rank0.jsonl and so on");
  if (!latency_options_.measured && (latency_options_.warn > 0.0 || !latency_options_.file.empty()))
    error->all(FLERR, "pair_style qallegro: `latency off` measures nothing that could be written or warned of, received both; leave one out");
}

// `latency off`, `latency summary`, `latency trace`, `latency warn X`, `latency FILE`; i is the place of the keyword.
void PairQAllegro::read_latency(const std::string &value, int narg, char **arg, int &i) {
  if (value == "off" || value == "summary" || value == "trace") {
    latency_options_.measured = value != "off";
    latency_options_.trace = value == "trace";
  } else if (value == "warn") {
    ++i;
    const std::string factor = i + 1 < narg ? arg[i + 1] : "nothing";
    char *end = nullptr;
    latency_options_.warn = std::strtod(factor.c_str(), &end);
    if (*end != '\0' || !(latency_options_.warn > 1.0))
      error->all(FLERR, "pair_style qallegro: `latency warn` must be followed by a number above 1, received `" + factor +
                            "`; write `latency warn 3.0` to be told of steps that take three times the median");
  } else {
    latency_options_.file = value;
  }
}

void PairQAllegro::coeff(int narg, char **arg) {
  if (!allocated) allocate();
  const std::string usage = "write `pair_coeff * * FILE` and one chemical symbol or NULL for each LAMMPS type";
  if (narg < 3 || std::string(arg[0]) != "*" || std::string(arg[1]) != "*")
    error->all(FLERR, "pair_coeff of qallegro needs `* *` (all types at once) and a model file, received `" +
                          joined(std::vector<std::string>(arg, arg + narg)) + "`; " + usage);
  // The names are the last words; what stands before them are files, or names too many.
  const int n_files = std::max(1, narg - 2 - atom->ntypes);
  std::vector<std::string> paths;
  bool too_many = false;
  for (int i = 2; i < 2 + n_files; ++i) {
    // LAMMPS's own search: the folder of the run, then those of LAMMPS_POTENTIALS.
    const std::string found = utils::get_potential_file_path(arg[i]);
    if (found.empty() && i > 2 && std::string(arg[i]).find_first_of("./") == std::string::npos) {
      too_many = true;
      break;
    }
    fail_together(found.empty() ? "model file `" + std::string(arg[i]) + "` must exist and be readable, nothing found in the working folder " +
                                      "or in LAMMPS_POTENTIALS; check the path in pair_coeff"
                                : std::string());
    paths.push_back(std::filesystem::absolute(found).string());
  }
  const std::vector<std::string> names(arg + 2 + (too_many ? 1 : n_files), arg + narg);
  if (static_cast<int>(names.size()) != atom->ntypes)
    error->all(FLERR, "pair_coeff of qallegro needs one name for each of the " + std::to_string(atom->ntypes) +
                          " LAMMPS types, received " + std::to_string(names.size()) + " (" + joined(names) + "); " + usage);
  choose_models(paths, names);
}

void PairQAllegro::choose_models(const std::vector<std::string> &paths, const std::vector<std::string> &names, const std::string &hint) {
  qallegro::Record record;
  std::string failure;
  try {
    record = qallegro::joint_record(paths);
  } catch (const std::exception &reason) {
    failure = reason.what() + hint;
  }
  fail_together(failure);

  qallegro::TypeMap map;
  map.n_model_types = static_cast<int>(record.atom_types.size());
  map.cutoffs = record.cutoffs;
  map.model_type.assign(atom->ntypes + 1, qallegro::TypeMap::kLeftOut);
  bool any = false;
  for (int t = 1; t <= atom->ntypes; ++t) {
    const std::string &name = names[t - 1];
    if (name == "NULL") continue;
    for (int m = 0; m < map.n_model_types; ++m)
      if (record.atom_types[m] == name) map.model_type[t] = m;
    if (map.model_type[t] == qallegro::TypeMap::kLeftOut)
      error->all(FLERR, "pair_coeff of qallegro: each name must be a species of the model or NULL, received `" + name +
                            "` for type " + std::to_string(t) + "; the model `" + paths.front() + "` knows " + joined(record.atom_types));
    any = true;
  }
  if (!any)
    error->all(FLERR, "pair_coeff of qallegro: at least one type must belong to the model, received only NULL; the model `" + paths.front() +
                          "` knows " + joined(record.atom_types));

  // On its own the style also owns the pairs of types left out (at no interaction); under hybrid these belong to other styles.
  const bool alone = force->pair == this;
  for (int i = 1; i <= atom->ntypes; ++i)
    for (int j = i; j <= atom->ntypes; ++j)
      setflag[i][j] = alone || (map.model_type[i] >= 0 && map.model_type[j] >= 0) ? 1 : 0;

  paths_ = paths;
  names_ = names;
  record_ = std::move(record);
  edges_.set_types(std::move(map));
  potential_.reset();
}

void PairQAllegro::allocate() {
  allocated = 1;
  const int n = atom->ntypes + 1;
  memory->create(setflag, n, n, "pair:setflag");
  memory->create(cutsq, n, n, "pair:cutsq");
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) {
      setflag[i][j] = 0;
      cutsq[i][j] = 0.0;
    }
}

void PairQAllegro::check_system() const {
  const std::string units = update->unit_style;
  if (units != "metal" && units != "real")
    error->all(FLERR, "pair_style qallegro: `units` must be metal or real, received `" + units +
                          "`; write `units metal` at the top of the input");
  if (!force->newton_pair)
    error->all(FLERR, "pair_style qallegro: `newton` must be on for pairs, because forces on ghost atoms go back to their owners, " +
                          std::string("received off; write `newton on` before the box is made"));
}

void PairQAllegro::check_neighbor_settings() const {
  if (comm->cutghostuser > 0.0 && comm->cutghostuser < record_.r_max)
    error->all(FLERR, "pair_style qallegro: the communication cutoff must be at least r_max of the model, " +
                          short_number(record_.r_max) + " Angstrom, received " + short_number(comm->cutghostuser) +
                          "; write `comm_modify cutoff " + short_number(record_.r_max + neighbor->skin) + "`");

  const double *lj = force->special_lj;
  const double *coul = force->special_coul;
  const bool bonds = atom->nbonds > 0 && lj[1] == 0.0 && coul[1] == 0.0;
  const bool angles = atom->nangles > 0 && lj[2] == 0.0 && coul[2] == 0.0;
  const bool dihedrals = atom->ndihedrals > 0 && lj[3] == 0.0 && coul[3] == 0.0;
  if (bonds || angles || dihedrals)
    error->all(FLERR, std::string("pair_style qallegro: `special_bonds` must keep bonded pairs in the neighbor list, received a ") +
                          "factor 0; write `special_bonds lj/coul 1 1 1`, or, beside a style that needs the zeros, " +
                          "`special_bonds lj/coul 1e-50 1e-50 1e-50`");

  const bool leaves_out = neighbor->nex_type || neighbor->nex_group || neighbor->nex_mol || neighbor->includegroup;
  if (leaves_out && comm->me == 0)
    error->warning(FLERR, std::string("pair_style qallegro: `neigh_modify` excludes pairs or atoms, so the model does not see whole ") +
                              "environments; write `neigh_modify exclude none`, and freeze atoms with `fix setforce`");
}

int PairQAllegro::node_local_rank() const {
#ifdef MPI_STUBS
  return 0;
#else
  MPI_Comm node;
  int rank = 0;
  MPI_Comm_split_type(world, MPI_COMM_TYPE_SHARED, comm->me, MPI_INFO_NULL, &node);
  MPI_Comm_rank(node, &rank);
  MPI_Comm_free(&node);
  return rank;
#endif
}

void PairQAllegro::start_engine() {
  options_.local_rank = node_local_rank();
  options_.stage_sampling = latency_options_.stage_sampling();
  std::string failure;
  try {
    latency_ = std::make_unique<PairLatency>(lmp, latency_options_);
    potential_ = std::make_unique<qallegro::Committee>(paths_, options_);
  } catch (const std::exception &reason) {
    failure = reason.what();
  }
  fail_together(failure);
  if (comm->me != 0) return;
  std::string species;
  for (const std::string &symbol : record_.atom_types) species += " " + symbol;
  utils::logmesg(lmp, "pair_style qallegro: " + joined(paths_) + "\n  " + potential_->description() + "\n  r_max " +
                          short_number(record_.r_max) + " Angstrom, species" + species + "\n");
}

void PairQAllegro::fail_together(const std::string &reason) const {
  // Each rank reads the file itself; the first one that failed speaks for all, so that none waits for the others for ever.
  int first = reason.empty() ? comm->nprocs : comm->me;
  MPI_Allreduce(MPI_IN_PLACE, &first, 1, MPI_INT, MPI_MIN, world);
  if (first == comm->nprocs) return;
  int length = static_cast<int>(reason.size());
  MPI_Bcast(&length, 1, MPI_INT, first, world);
  std::string text = reason;
  text.resize(length);
  MPI_Bcast(&text[0], length, MPI_CHAR, first, world);
  error->all(FLERR, "pair_style qallegro: " + text);
}
