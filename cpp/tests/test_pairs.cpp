// Edges from a list of pairs, sorted or not.
#include <algorithm>
#include <numeric>
#include <random>

#include "check.hpp"
#include "periodic_system.hpp"
#include "runtime/pairs.hpp"

using namespace qallegro;

namespace {

struct Fixture {
  PeriodicSystem system = lattice(2, 21);
  Edges edges = edges_of(system, 4.0, 2);

  PairList list(bool sorted) const {
    return {system.n_atoms(),        static_cast<std::int64_t>(edges.neighbors.size()),
            system.positions.data(), system.cell.data(),
            edges.pairs.data(),      edges.shifts.data(),
            system.types.data(),     sorted ? edges.first_edge.data() : nullptr};
  }
};

// The same number computed in another order of terms.
constexpr double rounding = 1e-14;

}  // namespace

TEST(sorted_pairs_become_edges_in_place) {
  const Fixture fixture;
  PairEdges pairs;
  const EdgeList made = pairs.make(fixture.list(true));
  CHECK(made.n_centers == 8 && made.n_atoms == 8);
  CHECK(pairs.pair_of_edge().empty());
  for (std::size_t e = 0; e < fixture.edges.neighbors.size(); ++e) {
    CHECK(made.neighbors[e] == fixture.edges.neighbors[e]);
    for (int d = 0; d < 3; ++d) CHECK_CLOSE(made.edge_vectors[3 * e + d], fixture.edges.vectors[3 * e + d], rounding);
  }
}

TEST(shuffled_pairs_become_the_same_edges) {
  Fixture fixture;
  const Edges original = fixture.edges;
  std::vector<std::size_t> order(original.neighbors.size());
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937_64(4));
  for (std::size_t k = 0; k < order.size(); ++k) {
    std::copy_n(original.pairs.data() + 2 * order[k], 2, fixture.edges.pairs.data() + 2 * k);
    std::copy_n(original.shifts.data() + 3 * order[k], 3, fixture.edges.shifts.data() + 3 * k);
  }
  PairEdges pairs;
  const EdgeList made = pairs.make(fixture.list(false));
  for (int i = 0; i <= 8; ++i) CHECK(made.first_edge[i] == original.first_edge[i]);
  for (std::size_t e = 0; e < order.size(); ++e) {
    const std::size_t source = order[pairs.pair_of_edge()[e]];
    for (int d = 0; d < 3; ++d) CHECK_CLOSE(made.edge_vectors[3 * e + d], original.vectors[3 * source + d], rounding);
  }
}

TEST(every_rule_of_the_pairs_is_kept) {
  struct Case {
    void (*spoil)(Fixture &);
    bool sorted;
    const char *words;
  };
  const Case cases[] = {
      {[](Fixture &f) { f.edges.pairs[0] = 8; }, false, "`pairs` must hold indices in 0 .. 7, one is 8"},
      {[](Fixture &f) { f.edges.pairs[1] = -1; }, true, "`pairs` must hold indices in 0 .. 7, one is -1"},
      {[](Fixture &f) { f.edges.pairs[0] = 3; }, true, "`pairs` must be sorted as `first_edge` says"},
      {[](Fixture &f) { f.edges.first_edge[8] += 1; }, true, "`first_edge` must run from 0 to the number of pairs"},
      {[](Fixture &f) { f.edges.first_edge[4] = 100000; }, true, "`first_edge` must not fall"},
      {[](Fixture &f) { f.edges.first_edge[4] = -3; }, true, "`first_edge` must not fall"},
      {[](Fixture &f) { f.system.positions[7] = std::nan(""); }, true, "`positions` must be finite, a coordinate of atom 2 is nan"},
  };
  for (const Case &entry : cases) {
    Fixture fixture;
    entry.spoil(fixture);
    PairEdges pairs;
    CHECK_ERROR(pairs.make(fixture.list(entry.sorted)), entry.words);
  }
}

int main() { return check::run(); }
