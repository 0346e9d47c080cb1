// Edges from a list of pairs, sorted or not.
#include <algorithm>
#include <array>
#include <numeric>
#include <random>

#include "check.hpp"
#include "periodic_system.hpp"
#include "runtime/pairs.hpp"
#include "runtime/sort_pairs.hpp"

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

// The pairs of a fixture in another order.
struct Shuffled {
  explicit Shuffled(const Fixture &original) : fixture(original), order(original.edges.neighbors.size()) {
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), std::mt19937_64(4));
    for (std::size_t k = 0; k < order.size(); ++k) {
      std::copy_n(original.edges.pairs.data() + 2 * order[k], 2, fixture.edges.pairs.data() + 2 * k);
      std::copy_n(original.edges.shifts.data() + 3 * order[k], 3, fixture.edges.shifts.data() + 3 * k);
    }
  }

  Fixture fixture;
  std::vector<std::size_t> order;  // the original pair of each
};

// Å, longer than any pair.
constexpr double beyond = 100.0;
// The same number computed in another order of terms.
constexpr double rounding = 1e-14;

}  // namespace

TEST(sorted_pairs_become_edges_in_place) {
  const Fixture fixture;
  PairEdges pairs;
  const EdgeList made = pairs.make(fixture.list(true), beyond);
  CHECK(made.n_centers == 8 && made.n_atoms == 8);
  for (std::size_t e = 0; e < fixture.edges.neighbors.size(); ++e) {
    CHECK(made.neighbors[e] == fixture.edges.neighbors[e]);
    for (int d = 0; d < 3; ++d) CHECK_CLOSE(made.edge_vectors[3 * e + d], fixture.edges.vectors[3 * e + d], rounding);
  }
}

TEST(pairs_of_the_skin_are_no_edges) {
  const Fixture fixture;
  const auto n_pairs = static_cast<std::int64_t>(fixture.edges.neighbors.size());
  PairEdges pairs;
  const EdgeList made = pairs.make(fixture.list(true), 3.0);
  std::vector<double> gradients(3 * n_pairs, 7.0), expected(3 * n_pairs, 0.0);
  std::int64_t edge = 0;
  for (std::int64_t p = 0; p < n_pairs; ++p) {
    const double *v = fixture.edges.vectors.data() + 3 * p;
    if (v[0] * v[0] + v[1] * v[1] + v[2] * v[2] >= 9.0) continue;
    CHECK(made.neighbors[edge] == fixture.edges.neighbors[p]);
    for (int d = 0; d < 3; ++d) {
      CHECK_CLOSE(made.edge_vectors[3 * edge + d], v[d], rounding);
      gradients[3 * edge + d] = expected[3 * p + d] = static_cast<double>(3 * p + d + 1);
    }
    ++edge;
  }
  CHECK(edge > 0 && edge < n_pairs && made.first_edge[8] == edge);
  pairs.to_pair_order(gradients.data(), n_pairs);
  CHECK(gradients == expected);
}

TEST(shuffled_pairs_become_the_same_edges) {
  const Fixture fixture;
  const Shuffled shuffled(fixture);
  const Edges &original = fixture.edges;
  PairEdges pairs;
  const EdgeList made = pairs.make(shuffled.fixture.list(false), beyond);
  for (int i = 0; i <= 8; ++i) CHECK(made.first_edge[i] == original.first_edge[i]);
  // Marked with the number of the edge, the gradients tell which pair each edge came from.
  std::vector<double> marks(3 * shuffled.order.size());
  for (std::size_t k = 0; k < marks.size(); ++k) marks[k] = static_cast<double>(k / 3);
  pairs.to_pair_order(marks.data(), static_cast<std::int64_t>(shuffled.order.size()));
  for (std::size_t p = 0; p < shuffled.order.size(); ++p) {
    const auto e = static_cast<std::size_t>(marks[3 * p]);
    for (int d = 0; d < 3; ++d) CHECK_CLOSE(made.edge_vectors[3 * e + d], original.vectors[3 * shuffled.order[p] + d], rounding);
  }
}

TEST(sorting_forgets_the_order_that_pairs_came_in) {
  const Fixture fixture;
  const Shuffled shuffled(fixture);
  const auto n_pairs = static_cast<std::int64_t>(shuffled.order.size());
  const Edges &a = fixture.edges, &b = shuffled.fixture.edges;
  const SortedPairs once = sort_pairs(8, n_pairs, a.pairs.data(), a.shifts.data());
  const SortedPairs again = sort_pairs(8, n_pairs, b.pairs.data(), b.shifts.data());
  CHECK(once.pairs == again.pairs && once.shifts == again.shifts && once.first_edge == a.first_edge);
  for (std::int64_t p = 1; p < n_pairs; ++p) {
    const auto key = [&](std::int64_t q) {
      const std::int32_t *pair = once.pairs.data() + 2 * q, *shift = once.shifts.data() + 3 * q;
      return std::array<std::int32_t, 5>{pair[0], pair[1], shift[0], shift[1], shift[2]};
    };
    CHECK(key(p - 1) < key(p));
  }
  const std::int32_t wrong[2] = {0, 8}, shift[3] = {};
  CHECK_ERROR(sort_pairs(8, 1, wrong, shift), "`pairs` must hold indices in 0 .. 7, one is 8");
  CHECK(sort_pairs(0, 0, nullptr, nullptr).first_edge == std::vector<std::int64_t>{0});
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
    CHECK_ERROR(pairs.make(fixture.list(entry.sorted), beyond), entry.words);
  }
}

int main() { return check::run(); }
