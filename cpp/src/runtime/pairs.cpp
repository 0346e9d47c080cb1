#include "runtime/pairs.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

namespace qallegro {

void check_pair_index(std::int32_t index, std::int64_t n_atoms) {
  if (index < 0 || index >= n_atoms)
    throw Error("`pairs` must hold indices in 0 .. " + std::to_string(n_atoms - 1) + ", one is " + std::to_string(index) +
                "; the neighbor list does not belong to these atoms");
}

void count_rows(std::int64_t n_atoms, std::int64_t n_pairs, const std::int32_t *pairs, std::vector<std::int64_t> &first_edge) {
  first_edge.assign(n_atoms + 1, 0);
  for (std::int64_t p = 0; p < n_pairs; ++p) {
    check_pair_index(pairs[2 * p], n_atoms);
    ++first_edge[pairs[2 * p] + 1];
  }
  std::partial_sum(first_edge.begin(), first_edge.end(), first_edge.begin());
}

namespace {

void check_positions(const PairList &list) {
  for (std::int64_t i = 0; i < list.n_atoms; ++i)
    for (int a = 0; a < 3; ++a)
      if (!std::isfinite(list.positions[3 * i + a]))
        throw Error("`positions` must be finite, a coordinate of atom " + std::to_string(i) + " is " +
                        std::to_string(list.positions[3 * i + a]) + "; check what moved it",
                    static_cast<std::int32_t>(i));
}

}  // namespace

// Counting sort by centre, for callers that do not keep their list sorted.
void PairEdges::sort(const PairList &list) {
  count_rows(list.n_atoms, list.n_pairs, list.pairs, row_starts_);
  order_.resize(list.n_pairs);
  // Filling moves every start to the next one; the rotation below moves them back.
  for (std::int64_t p = 0; p < list.n_pairs; ++p) order_[row_starts_[list.pairs[2 * p]]++] = p;
  for (std::int64_t i = list.n_atoms; i > 0; --i) row_starts_[i] = row_starts_[i - 1];
  row_starts_[0] = 0;
}

// The pairs order[begin .. end) of atom i (the pairs themselves where `order` is null), appended behind `n_edges` edges; returns the new number.
std::int64_t PairEdges::add_row(const PairList &list, const std::int64_t *order, std::int64_t i, std::int64_t begin, std::int64_t end,
                                double r_max, std::int64_t n_edges) {
  const double *from = list.positions + 3 * i, *cell = list.cell;
  const double r_max2 = r_max * r_max;
  for (std::int64_t k = begin; k < end; ++k) {
    const std::int64_t p = order ? order[k] : k;
    const std::int32_t j = list.pairs[2 * p + 1];
    check_pair_index(j, list.n_atoms);
    if (list.pairs[2 * p] != i)
      throw Error("`pairs` must be sorted as `first_edge` says: pair " + std::to_string(p) + " starts at atom " +
                  std::to_string(list.pairs[2 * p]) + ", not " + std::to_string(i));
    const double *to = list.positions + 3 * static_cast<std::int64_t>(j);
    const double a = list.shifts[3 * p], b = list.shifts[3 * p + 1], c = list.shifts[3 * p + 2];
    const double x = to[0] - from[0] + a * cell[0] + b * cell[3] + c * cell[6];
    const double y = to[1] - from[1] + a * cell[1] + b * cell[4] + c * cell[7];
    const double z = to[2] - from[2] + a * cell[2] + b * cell[5] + c * cell[8];
    neighbors_[n_edges] = j;
    pair_of_edge_[n_edges] = p;
    edge_vectors_[3 * n_edges] = x;
    edge_vectors_[3 * n_edges + 1] = y;
    edge_vectors_[3 * n_edges + 2] = z;
    // No branch, since nobody can guess which pairs of a skin are edges. Written so that a NaN stays and is reported.
    n_edges += !(x * x + y * y + z * z >= r_max2);
  }
  return n_edges;
}

EdgeList PairEdges::make(const PairList &list, double r_max) {
  check_positions(list);
  centers_.resize(list.n_atoms);
  std::iota(centers_.begin(), centers_.end(), 0);
  neighbors_.resize(list.n_pairs);
  pair_of_edge_.resize(list.n_pairs);
  edge_vectors_.resize(3 * list.n_pairs);
  if (!list.first_edge) sort(list);
  const std::int64_t *starts = list.first_edge ? list.first_edge : row_starts_.data();
  const std::int64_t *order = list.first_edge ? nullptr : order_.data();
  if (starts[list.n_atoms] != list.n_pairs || starts[0] != 0)
    throw Error("`first_edge` must run from 0 to the number of pairs, " + std::to_string(list.n_pairs) + ", it runs from " +
                std::to_string(starts[0]) + " to " + std::to_string(starts[list.n_atoms]));

  first_edge_.resize(list.n_atoms + 1);
  first_edge_[0] = 0;
  for (std::int64_t i = 0; i < list.n_atoms; ++i) {
    if (starts[i + 1] < starts[i] || starts[i + 1] > list.n_pairs)
      throw Error("`first_edge` must not fall, it goes from " + std::to_string(starts[i]) + " to " + std::to_string(starts[i + 1]) +
                  " at atom " + std::to_string(i));
    first_edge_[i + 1] = add_row(list, order, i, starts[i], starts[i + 1], r_max, first_edge_[i]);
  }
  return {list.n_atoms, list.n_atoms, centers_.data(), first_edge_.data(), neighbors_.data(), edge_vectors_.data(), list.atom_types};
}

void PairEdges::to_pair_order(double *gradients, std::int64_t n_pairs) const {
  const std::int64_t n_edges = first_edge_.back();
  const std::vector<double> by_edge(gradients, gradients + 3 * n_edges);
  std::fill_n(gradients, 3 * n_pairs, 0.0);
  for (std::int64_t edge = 0; edge < n_edges; ++edge) std::copy_n(by_edge.data() + 3 * edge, 3, gradients + 3 * pair_of_edge_[edge]);
}

}  // namespace qallegro
