#include "lammps_edges.h"

#include <algorithm>

#include "atom.h"
#include "neigh_list.h"

namespace qallegro {

namespace {

// Lists of a hot crystal differ by percents: with room for an eighth more, a run does not allocate again.
template <class T>
void at_least(std::vector<T> &memory, std::size_t size) {
  if (memory.size() < size) memory.resize(size + size / 8);
}

}  // namespace

// The centers, and a row for each that is as long as its list: that bounds the number of edges until the list is rebuilt.
void LammpsEdges::place_rows(const LAMMPS_NS::Atom &atom, const LAMMPS_NS::NeighList &list) {
  centers_.clear();
  first_edge_.assign(1, 0);
  for (int row = 0; row < list.inum; ++row) {
    const int i = list.ilist[row];
    if (map_.model_type[atom.type[i]] == TypeMap::kLeftOut) continue;
    centers_.push_back(i);
    first_edge_.push_back(first_edge_.back() + list.numneigh[i]);
  }
  const auto n_pairs = static_cast<std::size_t>(first_edge_.back());
  at_least(neighbors_, n_pairs);
  at_least(edge_vectors_, 3 * n_pairs);
  at_least(edge_counts_, centers_.size());
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

EdgeList LammpsEdges::collect(const LAMMPS_NS::Atom &atom, const LAMMPS_NS::NeighList &list, int threads) {
  const int n_atoms = atom.nlocal + atom.nghost;
  tabulate_cutoffs();
  place_rows(atom, list);
  at_least(atom_types_, static_cast<std::size_t>(n_atoms));
  const auto n_centers = static_cast<std::int64_t>(centers_.size());
  // An atom that is left out appears in no edge; type 0 only keeps its entry within the table.
  for (int i = 0; i < n_atoms; ++i) atom_types_[i] = std::max(0, map_.model_type[atom.type[i]]);

  // Each thread packs its rows densely from where its first one may begin: caches want no gaps, but those between threads do not matter.
  at_least(starts_, static_cast<std::size_t>(threads));
  for (int t = 0; t < threads; ++t) starts_[t] = first_edge_[n_centers * t / threads];
  std::int64_t n_edges = 0;
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static) reduction(+ : n_edges)
  for (int t = 0; t < threads; ++t) {
    std::int64_t next = starts_[t];
    for (std::int64_t c = n_centers * t / threads; c < n_centers * (t + 1) / threads; ++c) {
      const int i = centers_[c];
      first_edge_[c] = next;
      edge_counts_[c] = collect_row(atom, i, list.firstneigh[i], list.numneigh[i], neighbors_.data() + next, edge_vectors_.data() + 3 * next);
      next += edge_counts_[c];
    }
    n_edges += next - starts_[t];
  }
  n_edges_ = n_edges;

  EdgeList edges;
  edges.n_atoms = n_atoms;
  edges.n_centers = n_centers;
  edges.centers = centers_.data();
  edges.first_edge = first_edge_.data();
  edges.neighbors = neighbors_.data();
  edges.edge_vectors = edge_vectors_.data();
  edges.atom_types = atom_types_.data();
  edges.edge_counts = edge_counts_.data();
  return edges;
}

double LammpsEdges::memory_usage() const {
  return static_cast<double>((atom_types_.capacity() + centers_.capacity() + neighbors_.capacity()) * sizeof(std::int32_t) +
                             (first_edge_.capacity() + edge_counts_.capacity() + starts_.capacity()) * sizeof(std::int64_t) +
                             (edge_vectors_.capacity() + cutoffs2_.capacity()) * sizeof(double));
}

}  // namespace qallegro
