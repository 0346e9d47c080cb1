// The order of pairs that a Verlet list keeps.
#pragma once

#include <cstdint>
#include <vector>

namespace qallegro {

/// Directed pairs in the order (i, j, shift), which depends on nothing but the pairs themselves.
struct SortedPairs {
  std::vector<std::int32_t> pairs;       ///< (n_pairs, 2)
  std::vector<std::int32_t> shifts;      ///< (n_pairs, 3)
  std::vector<std::int64_t> first_edge;  ///< (n_atoms + 1) the pairs of atom i: first_edge[i] .. first_edge[i + 1]
};

/// Sorts `pairs` (n_pairs, 2) with their `shifts` (n_pairs, 3). Throws `Error` for an index outside of 0 .. n_atoms - 1.
SortedPairs sort_pairs(std::int64_t n_atoms, std::int64_t n_pairs, const std::int32_t *pairs, const std::int32_t *shifts);

}  // namespace qallegro
