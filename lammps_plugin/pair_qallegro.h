// LAMMPS pair style `qallegro`: Allegro potentials from an exported qallegro file.
//
//   pair_style qallegro [engine NAME] [device NAME] [threads N] [latency off|summary|trace] [latency warn X] [latency FILE]
//   pair_coeff * * FILE... NAME...     one file, or several for a committee; one chemical symbol or NULL for each LAMMPS type
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pair.h"

#include "extrapolation_score.h"
#include "lammps_edges.h"
#include "pair_latency.h"
#include "qallegro/committee.hpp"
#include "qallegro/training_ranges.hpp"

namespace LAMMPS_NS {

class PairQAllegro : public Pair {
 public:
  explicit PairQAllegro(class LAMMPS *);
  ~PairQAllegro() override;

  void compute(int eflag, int vflag) override;
  void settings(int narg, char **arg) override;
  void coeff(int narg, char **arg) override;
  void init_style() override;
  double init_one(int i, int j) override;
  /// LAMMPS calls it at the end of a run.
  void finish() override;

  /// Null before the first run.
  const PairLatency *latency() const { return latency_.get(); }
  bool measures_latency() const { return latency_options_.measured; }

  /// Members of the committee; 1 for a single file, 0 before pair_coeff.
  std::size_t members() const { return paths_.size(); }
  /// Chemical symbol or NULL of each LAMMPS type, from type 1 on.
  const std::vector<std::string> &names() const { return names_; }
  /// One eV in LAMMPS's unit of energy.
  double energy_unit() const { return energy_unit_; }
  /// To be called before each run, from `init`, for each score that will be asked for; every rank must call it. Ends the run where the files cannot tell it.
  void will_be_asked(ScoreKind kind, const std::string &asker);
  /// Of each local atom, deviations in eV/Å; of the last forces that were computed. Every rank must call it.
  const std::vector<double> &scores(ScoreKind kind);
  /// The step that these belong to, -1 before the first one.
  bigint evaluated_step() const { return evaluated_step_; }

  int pack_reverse_comm(int n, int first, double *buffer) override;
  void unpack_reverse_comm(int n, int *list, double *buffer) override;

  void write_restart(FILE *fp) override;
  void read_restart(FILE *fp) override;
  void write_restart_settings(FILE *fp) override;
  void read_restart_settings(FILE *fp) override;

  /// `r_max`: pointer to the largest cutoff of the model, Å.
  void *extract(const char *name, int &dim) override;
  double memory_usage() override;

 private:
  void allocate();
  /// `hint` is added to the text if a file cannot be read.
  void choose_models(const std::vector<std::string> &paths, const std::vector<std::string> &names, const std::string &hint = "");
  void map_types();
  void start_engine();
  void read_latency(const std::string &value, int narg, char **arg, int &i);
  void check_system() const;
  void check_neighbor_settings() const;
  int node_local_rank() const;
  std::string lammps_ids(const qallegro::Error &reason) const;
  void add_results(const qallegro::Results &results);
  const std::vector<double> &force_deviations();
  void compare_ranges();
  /// Ends the run on all ranks with the text of the first rank that has one; every rank must call it.
  void fail_together(const std::string &reason) const;

  qallegro::Options options_;
  std::vector<std::string> paths_;  ///< of the exported files, absolute
  std::vector<std::string> names_;  ///< by LAMMPS type, from 0
  qallegro::Record record_;         ///< of all files together
  std::unique_ptr<qallegro::Committee> potential_;
  qallegro::LammpsEdges edges_;
  LatencyOptions latency_options_;
  std::unique_ptr<PairLatency> latency_;
  double energy_unit_ = 1.0;        ///< one eV in LAMMPS's unit of energy
  double n_edges_ = 0.0;            ///< of this rank; `compute pair` sums it over ranks
  bigint evaluated_step_ = -1;
  bool deviations_known_ = false;
  std::size_t sent_member_ = 0;     ///< whose forces are on their way to the owners of ghosts
  std::vector<double> deviations_;
  qallegro::EdgeList evaluated_;    ///< of the last forces; valid until the next ones
  std::optional<qallegro::TrainingRanges> ranges_;
  bool ranges_compared_ = false, novelty_wanted_ = false;
  std::vector<double> distance_below_, neighbors_outside_, novelty_;
  std::vector<double> forces_, per_atom_energy_, per_atom_virial_, per_atom_virial_centroid_;
};

}  // namespace LAMMPS_NS
