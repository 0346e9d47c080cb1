// What the training set has seen of each pair, against numbers counted by hand.
#include "check.hpp"
#include "example_record.hpp"
#include "qallegro/training_ranges.hpp"

using namespace qallegro;

namespace {

Record record_with(const std::string &statistics) {
  Record record;
  record.path = "model.pth";
  record.atom_types = {"Cu", "Li"};
  record.cutoffs = {4.0, 3.5, 3.2, 3.8};
  record.json = example_record({{"provenance", "{\"statistics\": " + statistics + "}"}});
  return record;
}

constexpr const char *kSeen = R"({"shortest_distances": {"Cu": {"Cu": 2.0, "Li": null}, "Li": {"Cu": null, "Li": 2.5}},
                                  "neighbor_counts": {"Cu": {"Cu": [1, 2], "Li": [0, 0]}, "Li": {"Cu": [0, 0], "Li": [0, 1]}}})";

}  // namespace

TEST(distances_and_numbers_of_neighbors) {
  const TrainingRanges ranges(record_with(kSeen));
  // Atom 0 (Cu): a Cu at 1.5 Å and a Li at 3.0; atom 1 (Cu): none; atom 2 (Li): Li at 3.0, 3.1 and beyond its cutoff; atom 3 is no center.
  const std::vector<std::int32_t> centers = {0, 1, 2}, types = {0, 0, 1, 1}, neighbors = {1, 2, 3, 3, 3};
  const std::vector<std::int64_t> first_edge = {0, 2, 2, 5};
  const std::vector<double> vectors = {1.5, 0, 0, 0, 3.0, 0, 0, 0, 3.0, 3.1, 0, 0, 0, -3.9, 0};
  const EdgeList edges{4, 3, centers.data(), first_edge.data(), neighbors.data(), vectors.data(), types.data()};
  std::vector<double> below(4, -7.0), outside(4, -7.0);
  ranges.compare(edges, below.data(), outside.data());
  CHECK_CLOSE(below[0], 0.5, 1e-14);  // the pair Cu-Li never met: 0.5 Å within its cutoff, and 0.5 Å nearer than Cu-Cu ever was
  CHECK(outside[0] == 1.0 && outside[1] == -1.0 && outside[2] == 1.0);
  CHECK(below[1] == 0.0 && below[2] == 0.0);
  CHECK(below[3] == -7.0 && outside[3] == -7.0);
}

TEST(records_without_ranges_are_refused) {
  CHECK_ERROR(TrainingRanges(record_with("{}")), "must hold what its training set has seen");
  CHECK_ERROR(TrainingRanges(record_with(R"({"shortest_distances": 3, "neighbor_counts": {}})")), "train it with this release");
}

int main() { return check::run(); }
