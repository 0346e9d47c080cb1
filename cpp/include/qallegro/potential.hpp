// The one C++ interface of the qallegro runtime: load an exported file, evaluate edges.
//
// Units: eV, Å, eV/Å. No torch type appears here; engines live behind `engine.hpp`.
// Every failure throws `qallegro::Error` whose text names quantity, rule, value and remedy.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "qallegro/error.hpp"
#include "qallegro/phases.hpp"

namespace qallegro {

/// How a file is to be run.
struct Options {
  std::string engine = "auto";  ///< "auto", "native", "torchscript", "aoti"
  std::string device = "auto";  ///< "cpu", "cuda", "cuda:1", or "auto": a GPU if there is one
  int local_rank = 0;           ///< node-local MPI rank: "cuda" means device local_rank % count
  int threads = 0;              ///< CPU threads inside the engine; 0: OMP_NUM_THREADS, else 1
  /// One in so many groups of centers is measured stage by stage inside engine `native`; 1 measures all, for a few percent of time, 0 none.
  int stage_sampling = 0;
};

/// Directed edges of a set of centre atoms; views only, nothing is owned or kept.
///
/// Row c holds the neighbors of atom `centers[c]`: edges first_edge[c] .. first_edge[c+1]-1, or the first edge_counts[c] of them.
/// An edge vector is r_neighbor - r_center. Edges of r_max or longer are allowed and contribute zero.
struct EdgeList {
  std::int64_t n_atoms = 0;                  ///< local atoms and ghosts
  std::int64_t n_centers = 0;                ///< rows
  const std::int32_t *centers = nullptr;     ///< (n_centers) atom index of each row
  const std::int64_t *first_edge = nullptr;  ///< (n_centers + 1)
  const std::int32_t *neighbors = nullptr;   ///< (n_edges) atom index
  const double *edge_vectors = nullptr;      ///< (n_edges, 3) Å
  const std::int32_t *atom_types = nullptr;  ///< (n_atoms) index into Record::atom_types
  const std::int64_t *edge_counts = nullptr;  ///< (n_centers), or null where all rows are full: callers who fill rows in parallel leave gaps

  std::int64_t row_end(std::int64_t row) const { return edge_counts ? first_edge[row] + edge_counts[row] : first_edge[row + 1]; }
};

/// What to compute. Arrays are added to, so that a caller can hand in its own accumulators.
struct Results {
  double energy = 0.0;                ///< eV, sum over the centres (set, not added)
  std::array<double, 9> virial{};     ///< eV, row-major, -sum v_a dE/dv_b (set, not added)
  double *per_atom_energy = nullptr;  ///< (n_atoms) eV, or null
  double *forces = nullptr;           ///< (n_atoms, 3) eV/Å, ghosts too, or null
  double *edge_gradients = nullptr;   ///< (n_edges, 3) dE/dv, eV/Å (set, not added), or null
  /// (n_atoms, 9) eV, or null: each edge's virial in equal halves to its two atoms (LAMMPS stress/atom, ASE stresses).
  double *per_atom_virial = nullptr;
  /// (n_atoms, 9) eV, or null: each edge's virial to its neighbor atom, as the heat flux of a many-body
  /// potential needs (LAMMPS centroid/stress/atom; Fan et al., Phys. Rev. B 92, 094301 (2015)).
  double *per_atom_virial_centroid = nullptr;
  /// (n_atoms), or null: how far the latent features of each center lie from those of the training set, in units of its farthest atom
  /// (set, not added; other atoms are left alone). Needs `Potential::knows_novelty`.
  double *novelty = nullptr;
};

/// Seconds (the mean over threads) and counts summed since the last reset.
struct Timings {
  double pack = 0.0;     ///< edges into blocks
  double engine = 0.0;   ///< inside the engine, copies to and from a device included
  double scatter = 0.0;  ///< forces and virials back to atoms
  std::int64_t evaluations = 0;
  std::int64_t edges = 0;  ///< edges shorter than r_max
  std::int64_t slots = 0;  ///< edges and padding that the engine was given
  std::int64_t growths = 0;  ///< evaluations that had to allocate memory
  /// `pack`, `scatter`, and `engine` split into the phases that the engine tells apart: from samples, see `Options::stage_sampling`.
  PhaseTimes phases;
};

/// Time of one part of an engine's work in the samples since the last reset, summed over threads.
struct StageTime {
  std::string name;
  double seconds = 0.0;
};

/// What an exported file says of itself.
struct Record {
  int format_version = 0;
  std::string path;
  std::string format;                   ///< "torchscript" or "aoti"
  std::string dtype;                    ///< of the network: "float32" or "float64"
  std::string device;                   ///< "cpu" or "cuda": where the file was made for (binding for "aoti")
  std::vector<std::string> atom_types;  ///< chemical symbols in type order
  double r_max = 0.0;                   ///< Å, the largest cutoff
  std::vector<double> cutoffs;          ///< (nt, nt) Å, [center * nt + neighbor]
  std::string json;                     ///< the whole record
};

class Potential {
 public:
  /// Reads the record, checks it, and starts the engine.
  Potential(const std::string &path, const Options &options);
  ~Potential();
  Potential(Potential &&) noexcept;
  Potential &operator=(Potential &&) noexcept;

  const Record &record() const;
  /// One line: engine, device, dtype, threads.
  const std::string &description() const;
  /// CPU threads of an evaluation.
  int threads() const;
  /// Whether the file holds what novelty is measured with, and the engine can tell it.
  bool knows_novelty() const;

  /// Throws Error on a bad index or type, a coincident pair, and on NaN or infinity in or out.
  void evaluate(const EdgeList &edges, Results &results);

  const Timings &timings() const;
  void reset_timings();
  /// Empty unless `Options::stage_sampling` was set and the engine can tell.
  std::vector<StageTime> stage_times() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The record of a file, without starting an engine.
Record read_record(const std::string &path);

}  // namespace qallegro
