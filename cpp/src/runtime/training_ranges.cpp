#include "qallegro/training_ranges.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>

namespace qallegro {

TrainingRanges::TrainingRanges(const Record &record) : n_types_(static_cast<std::int64_t>(record.atom_types.size())), cutoffs_(record.cutoffs) {
  try {
    const auto statistics = nlohmann::json::parse(record.json).at("provenance").at("statistics");
    for (const std::string &a : record.atom_types)
      for (const std::string &b : record.atom_types) {
        const auto &distance = statistics.at("shortest_distances").at(a).at(b);
        const auto &counts = statistics.at("neighbor_counts").at(a).at(b);
        // A pair that never met in training is closer than ever wherever it meets.
        shortest_.push_back(distance.is_null() ? std::numeric_limits<double>::infinity() : distance.get<double>());
        fewest_.push_back(counts.at(0).get<std::int64_t>());
        most_.push_back(counts.at(1).get<std::int64_t>());
      }
  } catch (const nlohmann::json::exception &) {
    throw Error("`" + record.path + "` must hold what its training set has seen (distances and numbers of neighbors), it does not; train it with " +
                "this release of qallegro");
  }
}

void TrainingRanges::compare(const EdgeList &edges, double *distance_below, double *neighbors_outside) const {
  std::vector<std::int64_t> counts(n_types_);
  for (std::int64_t row = 0; row < edges.n_centers; ++row) {
    const std::int32_t center = edges.centers[row];
    const std::int64_t first = edges.atom_types[center] * n_types_;
    std::fill(counts.begin(), counts.end(), 0);
    double below = 0.0;
    for (std::int64_t e = edges.first_edge[row]; e < edges.row_end(row); ++e) {
      const double *v = edges.edge_vectors + 3 * e;
      const double r = std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
      const std::int32_t type = edges.atom_types[edges.neighbors[e]];
      const std::int64_t pair = first + type;
      if (r >= cutoffs_[pair]) continue;
      ++counts[type];
      // Of a pair that never met: all that it lies within the cutoff.
      below = std::max(below, (std::isfinite(shortest_[pair]) ? shortest_[pair] : cutoffs_[pair]) - r);
    }
    std::int64_t outside = 0;
    for (std::int64_t type = 0; type < n_types_; ++type) {
      const std::int64_t excess = std::max<std::int64_t>(counts[type] - most_[first + type], 0) -
                                  std::max<std::int64_t>(fewest_[first + type] - counts[type], 0);
      if (std::abs(excess) > std::abs(outside)) outside = excess;
    }
    distance_below[center] = below;
    neighbors_outside[center] = static_cast<double>(outside);
  }
}

}  // namespace qallegro
