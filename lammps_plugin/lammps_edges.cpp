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

EdgeList LammpsEdges::collect(const LAMMPS_NS::Atom &atom, const LAMMPS_NS::NeighList &list) {
  const int n_atoms = atom.nlocal + atom.nghost;
  reserve(list, n_atoms);

  // An atom that is left out appears in no edge; type 0 only keeps its entry within the table.
  for (int i = 0; i < n_atoms; ++i) atom_types_[i] = std::max(0, map_.model_type[atom.type[i]]);

  std::int64_t n_edges = 0;
  std::int64_t n_centers = 0;
  first_edge_[0] = 0;
  for (int row = 0; row < list.inum; ++row) {
    const int i = list.ilist[row];
    const int center_type = map_.model_type[atom.type[i]];
    if (center_type == TypeMap::kLeftOut) continue;
    const double *r_i = atom.x[i];
    const int *row_neighbors = list.firstneigh[i];
    for (int slot = 0; slot < list.numneigh[i]; ++slot) {
      const int j = row_neighbors[slot] & NEIGHMASK;
      const int neighbor_type = map_.model_type[atom.type[j]];
      if (neighbor_type == TypeMap::kLeftOut) continue;
      const double dx = atom.x[j][0] - r_i[0];
      const double dy = atom.x[j][1] - r_i[1];
      const double dz = atom.x[j][2] - r_i[2];
      const double r_cut = map_.cutoff(center_type, neighbor_type);
      // Written so that a NaN passes on to the runtime, which reports it, instead of dropping the pair.
      if (dx * dx + dy * dy + dz * dz >= r_cut * r_cut) continue;
      neighbors_[n_edges] = j;
      edge_vectors_[3 * n_edges] = dx;
      edge_vectors_[3 * n_edges + 1] = dy;
      edge_vectors_[3 * n_edges + 2] = dz;
      ++n_edges;
    }
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
                             first_edge_.capacity() * sizeof(std::int64_t) + edge_vectors_.capacity() * sizeof(double));
}

}  // namespace qallegro
