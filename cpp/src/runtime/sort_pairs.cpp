#include "runtime/sort_pairs.hpp"

#include <algorithm>
#include <array>

#include "runtime/pairs.hpp"

namespace qallegro {

SortedPairs sort_pairs(std::int64_t n_atoms, std::int64_t n_pairs, const std::int32_t *pairs, const std::int32_t *shifts) {
  using Entry = std::array<std::int32_t, 4>;  // neighbor and shift: compared in this order
  SortedPairs sorted;
  count_rows(n_atoms, n_pairs, pairs, sorted.first_edge);
  std::vector<std::int64_t> next(sorted.first_edge.begin(), sorted.first_edge.end() - 1);
  std::vector<Entry> entries(n_pairs);
  for (std::int64_t p = 0; p < n_pairs; ++p) {
    check_pair_index(pairs[2 * p + 1], n_atoms);
    const std::int32_t *s = shifts + 3 * p;
    entries[next[pairs[2 * p]]++] = {pairs[2 * p + 1], s[0], s[1], s[2]};
  }
  sorted.pairs.resize(2 * n_pairs);
  sorted.shifts.resize(3 * n_pairs);
  for (std::int64_t i = 0; i < n_atoms; ++i) {
    std::sort(entries.begin() + sorted.first_edge[i], entries.begin() + sorted.first_edge[i + 1]);
    for (std::int64_t p = sorted.first_edge[i]; p < sorted.first_edge[i + 1]; ++p) {
      sorted.pairs[2 * p] = static_cast<std::int32_t>(i);
      sorted.pairs[2 * p + 1] = entries[p][0];
      std::copy_n(entries[p].data() + 1, 3, sorted.shifts.data() + 3 * p);
    }
  }
  return sorted;
}

}  // namespace qallegro
