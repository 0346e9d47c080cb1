// What PairQAllegro leaves in restart files: its keywords, the paths of the files and the names of the types. Under hybrid styles
// LAMMPS stores keywords alone, and pair_coeff must be given again.
#include <sstream>

#include "atom.h"
#include "comm.h"

#include "pair_qallegro.h"
#include "restart_values.h"

using namespace LAMMPS_NS;

void PairQAllegro::write_restart_settings(FILE *fp) {
  write_text(fp, options_.engine);
  write_text(fp, options_.device);
  write_integer(fp, options_.threads);
}

void PairQAllegro::read_restart_settings(FILE *fp) {
  const RestartReader reader{fp, world, comm->me, error};
  options_ = qallegro::Options();
  options_.engine = reader.text();
  options_.device = reader.text();
  options_.threads = reader.integer();
}

void PairQAllegro::write_restart(FILE *fp) {
  write_restart_settings(fp);
  // With a line for each, so that one file is stored as it always was.
  std::string paths;
  for (const std::string &path : paths_) paths += (paths.empty() ? "" : "\n") + path;
  write_text(fp, paths);
  for (const std::string &name : names_) write_text(fp, name);
}

void PairQAllegro::read_restart(FILE *fp) {
  read_restart_settings(fp);
  allocate();
  const RestartReader reader{fp, world, comm->me, error};
  paths_.clear();
  std::istringstream lines(reader.text());
  for (std::string path; std::getline(lines, path);) paths_.push_back(path);
  names_.clear();
  for (int t = 1; t <= atom->ntypes; ++t) names_.push_back(reader.text());
  // The file is opened when the run starts: until then pair_coeff may name another place.
  for (int i = 1; i <= atom->ntypes; ++i)
    for (int j = i; j <= atom->ntypes; ++j) setflag[i][j] = 1;
}
