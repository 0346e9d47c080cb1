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

/// Throws `Error` unless 0 <= index < n_atoms.
void check_pair_index(std::int32_t index, std::int64_t n_atoms);

/// Sets `first_edge` (n_atoms + 1) to where the pairs of each first atom begin once they are sorted by it. Throws `Error`.
void count_rows(std::int64_t n_atoms, std::int64_t n_pairs, const std::int32_t *pairs, std::vector<std::int64_t> &first_edge);

/// Turns a PairList into an EdgeList with every atom as a centre; owns the arrays, which only grow.
class PairEdges {
 public:
  /// The pairs shorter than `r_max`, Å, sorted by their first atom. The result stays valid until the next call. Throws `Error`.
  EdgeList make(const PairList &list, double r_max);

  /// Gradients (n_edges, 3) of the last EdgeList become those of its pairs, (n_pairs, 3) in the same memory; 0 for a pair that is no edge.
  void to_pair_order(double *gradients, std::int64_t n_pairs) const;

 private:
  void sort(const PairList &list);
  std::int64_t add_row(const PairList &list, const std::int64_t *order, std::int64_t i, std::int64_t begin, std::int64_t end, double r_max,
                       std::int64_t n_edges);

  std::vector<std::int32_t> centers_, neighbors_;
  std::vector<std::int64_t> first_edge_, pair_of_edge_, row_starts_, order_;
  std::vector<double> edge_vectors_;
};

}  // namespace qallegro
