// Edges of a periodic system from a list of pairs, such as a Verlet list that is older than the positions.
#pragma once

#include <cstdint>
#include <vector>

#include "qallegro/potential.hpp"

namespace qallegro {

/// Directed pairs (i, j, S) with the vector r_j - r_i + S cell; each pair of atoms appears in both directions. Views only.
struct PairList {
  std::int64_t n_atoms = 0;
  std::int64_t n_pairs = 0;
  const double *positions = nullptr;         ///< (n_atoms, 3) Å
  const double *cell = nullptr;              ///< (3, 3) Å, rows are the lattice vectors
  const std::int32_t *pairs = nullptr;       ///< (n_pairs, 2)
  const std::int32_t *shifts = nullptr;      ///< (n_pairs, 3)
  const std::int32_t *atom_types = nullptr;  ///< (n_atoms)
  const std::int64_t *first_edge = nullptr;  ///< (n_atoms + 1) where the pairs are sorted by i, else null
};

/// Turns a PairList into an EdgeList with every atom as a centre; owns the arrays, which only grow.
class PairEdges {
 public:
  /// The result stays valid until the next call. Throws `Error`.
  EdgeList make(const PairList &list);

  /// The pair of each edge; empty where the pairs were sorted already, so that edge and pair are the same.
  const std::vector<std::int64_t> &pair_of_edge() const { return pair_of_edge_; }

 private:
  void sort(const PairList &list);

  std::vector<std::int32_t> centers_, neighbors_;
  std::vector<std::int64_t> first_edge_, pair_of_edge_;
  std::vector<double> edge_vectors_;
};

}  // namespace qallegro
