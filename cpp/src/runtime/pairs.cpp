#include "runtime/pairs.hpp"

#include <cmath>
#include <numeric>
#include <string>

namespace qallegro {

namespace {

void check_index(std::int32_t index, std::int64_t n_atoms) {
  if (index < 0 || index >= n_atoms)
    throw Error("`pairs` must hold indices in 0 .. " + std::to_string(n_atoms - 1) + ", one is " + std::to_string(index) +
                "; the neighbor list does not belong to these atoms");
}

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
  first_edge_.assign(list.n_atoms + 1, 0);
  for (std::int64_t p = 0; p < list.n_pairs; ++p) {
    check_index(list.pairs[2 * p], list.n_atoms);
    ++first_edge_[list.pairs[2 * p] + 1];
  }
  std::partial_sum(first_edge_.begin(), first_edge_.end(), first_edge_.begin());
  pair_of_edge_.resize(list.n_pairs);
  // Filling moves every start to the next one; the rotation below moves them back.
  for (std::int64_t p = 0; p < list.n_pairs; ++p) pair_of_edge_[first_edge_[list.pairs[2 * p]]++] = p;
  for (std::int64_t i = list.n_atoms; i > 0; --i) first_edge_[i] = first_edge_[i - 1];
  first_edge_[0] = 0;
}

EdgeList PairEdges::make(const PairList &list) {
  check_positions(list);
  centers_.resize(list.n_atoms);
  std::iota(centers_.begin(), centers_.end(), 0);
  neighbors_.resize(list.n_pairs);
  edge_vectors_.resize(3 * list.n_pairs);
  pair_of_edge_.clear();
  if (!list.first_edge)
    sort(list);
  else
    first_edge_.assign(list.first_edge, list.first_edge + list.n_atoms + 1);
  if (first_edge_.back() != list.n_pairs || first_edge_.front() != 0)
    throw Error("`first_edge` must run from 0 to the number of pairs, " + std::to_string(list.n_pairs) + ", it runs from " +
                std::to_string(first_edge_.front()) + " to " + std::to_string(first_edge_.back()));

  for (std::int64_t i = 0; i < list.n_atoms; ++i) {
    const double *from = list.positions + 3 * i;
    if (first_edge_[i + 1] < first_edge_[i] || first_edge_[i + 1] > list.n_pairs)
      throw Error("`first_edge` must not fall, it goes from " + std::to_string(first_edge_[i]) + " to " +
                  std::to_string(first_edge_[i + 1]) + " at atom " + std::to_string(i));
    for (std::int64_t edge = first_edge_[i]; edge < first_edge_[i + 1]; ++edge) {
      const std::int64_t p = pair_of_edge_.empty() ? edge : pair_of_edge_[edge];
      const std::int32_t j = list.pairs[2 * p + 1];
      check_index(j, list.n_atoms);
      if (list.pairs[2 * p] != i)
        throw Error("`pairs` must be sorted as `first_edge` says: pair " + std::to_string(p) + " starts at atom " +
                    std::to_string(list.pairs[2 * p]) + ", not " + std::to_string(i));
      const std::int32_t *s = list.shifts + 3 * p;
      const double *to = list.positions + 3 * j;
      neighbors_[edge] = j;
      for (int a = 0; a < 3; ++a)
        edge_vectors_[3 * edge + a] = to[a] - from[a] + s[0] * list.cell[a] + s[1] * list.cell[3 + a] + s[2] * list.cell[6 + a];
    }
  }
  return {list.n_atoms, list.n_atoms, centers_.data(), first_edge_.data(), neighbors_.data(), edge_vectors_.data(), list.atom_types};
}

}  // namespace qallegro
