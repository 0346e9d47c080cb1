// From LAMMPS's full neighbor list to the edges that the runtime evaluates.
#pragma once

#include <cstdint>
#include <vector>

#include "qallegro/potential.hpp"

namespace LAMMPS_NS {
class Atom;
class NeighList;
}  // namespace LAMMPS_NS

namespace qallegro {

/// Which atoms and pairs belong to the model: LAMMPS types against the types of the record.
struct TypeMap {
  static constexpr int kLeftOut = -1;  ///< the name NULL in pair_coeff
  std::vector<int> model_type;         ///< by LAMMPS type, entry 0 unused
  int n_model_types = 0;
  std::vector<double> cutoffs;         ///< (n_model_types, n_model_types) Å, center-major

  double cutoff(int center, int neighbor) const { return cutoffs[center * n_model_types + neighbor]; }
};

/// Collects the edges of one rank; its buffers grow and are kept from step to step.
class LammpsEdges {
 public:
  void set_types(TypeMap map) { map_ = std::move(map); }
  const TypeMap &types() const { return map_; }

  /// Directed edges shorter than the cutoff of their two types, one row for each local atom of the model.
  /// Types are read anew every time: they may change during a run. Valid until the next call.
  EdgeList collect(const LAMMPS_NS::Atom &atom, const LAMMPS_NS::NeighList &list, int threads);

  /// Of the last call.
  std::int64_t n_edges() const { return n_edges_; }

  double memory_usage() const;

 private:
  void place_rows(const LAMMPS_NS::Atom &atom, const LAMMPS_NS::NeighList &list);

  void tabulate_cutoffs();
  std::int64_t collect_row(const LAMMPS_NS::Atom &atom, int i, const int *row, int n_pairs, std::int32_t *neighbors, double *vectors) const;

  TypeMap map_;
  std::vector<double> cutoffs2_;
  std::vector<std::int32_t> atom_types_;
  std::vector<std::int32_t> centers_;
  std::vector<std::int64_t> first_edge_, edge_counts_, starts_;
  std::int64_t n_edges_ = 0;
  std::vector<std::int32_t> neighbors_;
  std::vector<double> edge_vectors_;
};

}  // namespace qallegro
