#include "lammps_edges.h"

#include <algorithm>

#include "atom.h"
#include "neigh_list.h"

namespace qallegro {

void LammpsEdges::reserve(const LAMMPS_NS::NeighList &list, int n_atoms) {
  std::size_t n_pairs = 0;
  for (int row = 0; row < list.inum; ++row) n_pairs += list.numneigh[list.ilist[row]];
  // The list holds pairs out to the cutoff and the skin, so its length bounds the number of edges until it is rebuilt.
  if (neighbors_.size() < n_pairs) {
    neighbors_.resize(n_pairs);
    edge_vectors_.resize(3 * n_pairs);
  }
  if (centers_.size() < static_cast<std::size_t>(list.inum)) centers_.resize(list.inum);
  if (first_edge_.size() < static_cast<std::size_t>(list.inum) + 1) first_edge_.resize(list.inum + 1);
  if (atom_types_.size() < static_cast<std::size_t>(n_atoms)) atom_types_.resize(n_atoms);
}

// Squared cutoffs between LAMMPS types, row-major; negative where one of the two is left out.
void LammpsEdges::tabulate_cutoffs() {
  const std::size_t n_types = map_.model_type.size();
  cutoffs2_.assign(n_types * n_types, -1.0);
  for (std::size_t a = 1; a < n_types; ++a)
    for (std::size_t b = 1; b < n_types; ++b) {
      const int center = map_.model_type[a], neighbor = map_.model_type[b];
      if (center == TypeMap::kLeftOut || neighbor == TypeMap::kLeftOut) continue;
      const double r_cut = map_.cutoff(center, neighbor);
      cutoffs2_[a * n_types + b] = r_cut * r_cut;
    }
}

// The vectors of one row go to `vectors`, the neighbors to `neighbors`; returns how many there are.
std::int64_t LammpsEdges::collect_row(const LAMMPS_NS::Atom &atom, int i, const int *row, int n_pairs, std::int32_t *neighbors,
                                      double *vectors) const {
  // LAMMPS allocates the positions in one piece.
  const double *x = atom.x[0];
  const double x_i = x[3 * i], y_i = x[3 * i + 1], z_i = x[3 * i + 2];
  const double *cutoffs2 = cutoffs2_.data() + atom.type[i] * map_.model_type.size();
  std::int64_t n_edges = 0;
  // Two pairs of three are beyond the cutoff, in no order that a processor could guess: every pair is written, and overwritten if it is none.
  for (int slot = 0; slot < n_pairs; ++slot) {
    const int j = row[slot] & NEIGHMASK;
    const double *r_j = x + 3 * static_cast<std::int64_t>(j);
    const double dx = r_j[0] - x_i, dy = r_j[1] - y_i, dz = r_j[2] - z_i;
    const double cutoff2 = cutoffs2[atom.type[j]];
    neighbors[n_edges] = j;
    vectors[3 * n_edges] = dx;
    vectors[3 * n_edges + 1] = dy;
    vectors[3 * n_edges + 2] = dz;
    // Written so that a NaN passes on to the runtime, which reports it, instead of dropping the pair.
    n_edges += !(dx * dx + dy * dy + dz * dz >= cutoff2) & (cutoff2 >= 0.0);
  }
  return n_edges;
}

EdgeList LammpsEdges::collect(const LAMMPS_NS::Atom &atom, const LAMMPS_NS::NeighList &list) {
  const int n_atoms = atom.nlocal + atom.nghost;
  reserve(list, n_atoms);
  tabulate_cutoffs();

  // An atom that is left out appears in no edge; type 0 only keeps its entry within the table.
  for (int i = 0; i < n_atoms; ++i) atom_types_[i] = std::max(0, map_.model_type[atom.type[i]]);

  std::int64_t n_edges = 0;
  std::int64_t n_centers = 0;
  first_edge_[0] = 0;
  for (int row = 0; row < list.inum; ++row) {
    const int i = list.ilist[row];
    if (map_.model_type[atom.type[i]] == TypeMap::kLeftOut) continue;
    n_edges += collect_row(atom, i, list.firstneigh[i], list.numneigh[i], neighbors_.data() + n_edges, edge_vectors_.data() + 3 * n_edges);
    centers_[n_centers] = i;
    first_edge_[++n_centers] = n_edges;
  }

  EdgeList edges;
  edges.n_atoms = n_atoms;
  edges.n_centers = n_centers;
  edges.centers = centers_.data();
  edges.first_edge = first_edge_.data();
  edges.neighbors = neighbors_.data();
  edges.edge_vectors = edge_vectors_.data();
  edges.atom_types = atom_types_.data();
  return edges;
}

double LammpsEdges::memory_usage() const {
  return static_cast<double>((atom_types_.capacity() + centers_.capacity() + neighbors_.capacity()) * sizeof(std::int32_t) +
                             first_edge_.capacity() * sizeof(std::int64_t) + (edge_vectors_.capacity() + cutoffs2_.capacity()) * sizeof(double));
}

}  // namespace qallegro
