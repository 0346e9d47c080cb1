// The physics of an evaluation: forces, virials, blocks, and what is refused, with an engine whose energies are known.
#include <algorithm>
#include <array>
#include <limits>

#include "allocations.hpp"
#include "check.hpp"
#include "fake_engine.hpp"
#include "periodic_system.hpp"
#include "runtime/evaluator.hpp"

using namespace qallegro;

namespace {

// Central differences of step 1e-4 Å: h^2 E''' / 6 and rounding are both below 1e-8.
constexpr double difference_tolerance = 1e-7;
constexpr double step = 1e-4;
// Sums of some hundred numbers of order 1 in another order.
constexpr double rounding = 1e-12;
constexpr double reach = 4.6;

Record example() {
  Record record;
  record.path = "model.pth";
  record.atom_types = {"Cu", "Li"};
  record.r_max = 4.0;
  record.cutoffs = {4.0, 3.5, 3.2, 3.8};
  return record;
}

struct Sums {
  explicit Sums(const Edges &edges)
      : energies(edges.types.size()),
        forces(3 * edges.types.size()),
        gradients(edges.vectors.size(), 99.0),
        virials(9 * edges.types.size()),
        centroid(9 * edges.types.size()) {
    results.per_atom_energy = energies.data();
    results.forces = forces.data();
    results.edge_gradients = gradients.data();
    results.per_atom_virial = virials.data();
    results.per_atom_virial_centroid = centroid.data();
  }
  std::vector<double> energies, forces, gradients, virials, centroid;
  Results results;
};

struct Run {
  explicit Run(std::int64_t slots = 1000)
      : engine(new FakeEngine(example(), slots)), evaluator(example(), std::unique_ptr<Engine>(engine)) {}
  void operator()(const Edges &edges, Sums &sums) { evaluator.evaluate(edges.view(), sums.results); }
  FakeEngine *engine;
  Evaluator evaluator;
};

double energy_of(const PeriodicSystem &system, int images) {
  const Edges edges = edges_of(system, reach, images);
  Sums sums(edges);
  Run run;
  run(edges, sums);
  return sums.results.energy;
}

void check_same(const std::vector<double> &value, const std::vector<double> &expected) {
  CHECK(value.size() == expected.size());
  for (std::size_t k = 0; k < value.size(); ++k) CHECK_CLOSE(value[k], expected[k], rounding);
}

// Two atoms 2 Å apart and one far away, every edge listed.
Edges three_atoms() {
  Edges edges;
  edges.types = {0, 1, 0};
  edges.centers = {0, 1, 2};
  edges.neighbors = {1, 0};
  edges.vectors = {2.0, 0.0, 0.0, -2.0, 0.0, 0.0};
  edges.first_edge = {0, 1, 2, 2};
  return edges;
}

}  // namespace

TEST(forces_are_differences_of_the_energy) {
  // One atom sees only its own images: its force is zero, and the virial below is what is tested.
  for (const int n : {1, 2, 3}) {
    PeriodicSystem system = lattice(n, 7);
    const int images = n == 1 ? 3 : 2;
    const Edges edges = edges_of(system, reach, images);
    Sums sums(edges);
    Run run;
    run(edges, sums);
    CHECK(run.engine->sizes_were_legal && run.engine->padding_was_legal);
    for (std::size_t k = 0; k < std::min<std::size_t>(system.positions.size(), 9); ++k) {
      PeriodicSystem plus = system, minus = system;
      plus.positions[k] += step;
      minus.positions[k] -= step;
      const double difference = -(energy_of(plus, images) - energy_of(minus, images)) / (2.0 * step);
      CHECK_CLOSE(sums.forces[k], difference, difference_tolerance);
    }
  }
}

TEST(virial_is_minus_the_strain_derivative) {
  for (const int n : {1, 2}) {
    const PeriodicSystem system = lattice(n, 11);
    const int images = n == 1 ? 3 : 2;
    const Edges edges = edges_of(system, reach, images);
    Sums sums(edges);
    Run run;
    run(edges, sums);
    for (int a = 0; a < 3; ++a)
      for (int b = 0; b < 3; ++b) {
        double energies[2];
        for (const int sign : {0, 1}) {
          PeriodicSystem strained = system;
          const double strain = sign ? -step : step;
          for (std::vector<double> *vectors : {&strained.positions, &strained.cell})
            for (std::size_t k = 0; k < vectors->size(); k += 3) (*vectors)[k + b] += strain * (*vectors)[k + a];
          energies[sign] = energy_of(strained, images);
        }
        CHECK_CLOSE(sums.results.virial[3 * a + b], -(energies[0] - energies[1]) / (2.0 * step), 10.0 * difference_tolerance);
      }
  }
}

TEST(sums_over_atoms_are_the_totals) {
  const Edges edges = edges_of(lattice(3, 3), reach, 2);
  Sums sums(edges);
  Run run;
  run(edges, sums);
  double energy = 0.0, force[3] = {0.0, 0.0, 0.0};
  std::array<double, 9> halves{}, centroid{};
  for (std::size_t i = 0; i < edges.types.size(); ++i) {
    energy += sums.energies[i];
    for (int d = 0; d < 3; ++d) force[d] += sums.forces[3 * i + d];
    for (int k = 0; k < 9; ++k) {
      halves[k] += sums.virials[9 * i + k];
      centroid[k] += sums.centroid[9 * i + k];
    }
  }
  CHECK_CLOSE(energy, sums.results.energy, rounding);
  for (int d = 0; d < 3; ++d) CHECK_CLOSE(force[d], 0.0, rounding);
  for (int k = 0; k < 9; ++k) {
    CHECK_CLOSE(halves[k], sums.results.virial[k], rounding);
    CHECK_CLOSE(centroid[k], sums.results.virial[k], rounding);
  }
  CHECK(std::abs(sums.virials[0] - sums.centroid[0]) > 1e-6);  // the two conventions differ on each atom
}

TEST(per_atom_virials_follow_their_conventions) {
  const Edges edges = three_atoms();
  Sums sums(edges);
  Run run;
  run(edges, sums);
  const double *g = sums.gradients.data();  // edges 0 -> 1 and 1 -> 0, along x
  CHECK(std::abs(g[0] + g[3]) > 1e-3);
  CHECK_CLOSE(sums.forces[0], g[0] - g[3], rounding);
  CHECK_CLOSE(sums.forces[3], g[3] - g[0], rounding);
  CHECK_CLOSE(sums.virials[0], 0.5 * (-2.0 * g[0] + 2.0 * g[3]), rounding);
  CHECK_CLOSE(sums.virials[9], sums.virials[0], rounding);
  CHECK_CLOSE(sums.centroid[0], 2.0 * g[3], rounding);   // edge 1 -> 0 belongs to atom 0
  CHECK_CLOSE(sums.centroid[9], -2.0 * g[0], rounding);  // edge 0 -> 1 belongs to atom 1
}

TEST(any_blocking_gives_the_same_numbers) {
  const Edges edges = edges_of(lattice(3, 5), reach, 2);
  Sums reference(edges);
  Run whole(1 << 20);
  whole(edges, reference);
  for (const std::int64_t slots : {1, 7, 50, 100, 333}) {
    Sums sums(edges);
    Run run(slots);
    run(edges, sums);
    CHECK(run.engine->calls > whole.engine->calls);
    CHECK(run.engine->sizes_were_legal && run.engine->padding_was_legal);
    check_same(sums.energies, reference.energies);
    check_same(sums.forces, reference.forces);
    check_same(sums.gradients, reference.gradients);
    check_same(sums.virials, reference.virials);
    check_same(sums.centroid, reference.centroid);
    CHECK_CLOSE(sums.results.energy, reference.results.energy, rounding);
    if (slots >= 100) CHECK(run.engine->largest_block <= slots);
  }
}

TEST(accumulators_are_added_to) {
  const Edges edges = edges_of(lattice(2, 5), reach, 2);
  Sums once(edges), twice(edges);
  Run run;
  run(edges, once);
  run(edges, twice);
  run(edges, twice);
  CHECK(twice.results.energy == once.results.energy);
  CHECK(twice.results.virial == once.results.virial);
  CHECK(twice.gradients == once.gradients);
  for (std::size_t k = 0; k < once.forces.size(); ++k) CHECK_CLOSE(twice.forces[k], 2.0 * once.forces[k], rounding);
  for (std::size_t k = 0; k < once.energies.size(); ++k) CHECK_CLOSE(twice.energies[k], 2.0 * once.energies[k], rounding);
}

TEST(outputs_that_are_not_wanted_may_be_null) {
  const Edges edges = edges_of(lattice(2, 5), reach, 2);
  Sums sums(edges);
  Results bare;
  Run run;
  run(edges, sums);
  run.evaluator.evaluate(edges.view(), bare);
  CHECK(bare.energy == sums.results.energy);
  CHECK(bare.virial == sums.results.virial);
}

TEST(edges_beyond_their_own_cutoff_change_nothing) {
  const PeriodicSystem system = lattice(2, 9);
  const Edges wide = edges_of(system, 6.0, 3), narrow = edges_of(system, 4.0, 3);
  Sums from_wide(wide), from_narrow(narrow);
  Run run;
  run(wide, from_wide);
  const auto counted = run.evaluator.timings().edges;
  run(narrow, from_narrow);
  CHECK(wide.neighbors.size() > narrow.neighbors.size());
  CHECK(run.evaluator.timings().edges == 2 * counted);
  check_same(from_wide.forces, from_narrow.forces);
  CHECK(std::count(from_wide.gradients.begin(), from_wide.gradients.end(), 99.0) == 0);
}

TEST(rows_and_ghosts_may_come_in_any_order) {
  // As in a domain of LAMMPS: images are atoms of their own, centers are a part of the atoms in another order.
  const PeriodicSystem system = lattice(2, 13);
  const Edges edges = edges_of(system, reach, 2);
  Sums expected(edges);
  Run run;
  run(edges, expected);
  Edges domain;
  domain.types.assign(edges.types.begin(), edges.types.end());
  std::vector<std::int32_t> origin(edges.types.size());
  for (std::size_t i = 0; i < origin.size(); ++i) origin[i] = static_cast<std::int32_t>(i);
  for (std::int32_t i = static_cast<std::int32_t>(edges.centers.size()) - 1; i >= 0; --i) {
    domain.centers.push_back(i);
    for (std::int64_t e = edges.first_edge[i]; e < edges.first_edge[i + 1]; ++e) {
      const bool image = edges.shifts[3 * e] || edges.shifts[3 * e + 1] || edges.shifts[3 * e + 2];
      domain.neighbors.push_back(image ? static_cast<std::int32_t>(domain.types.size()) : edges.neighbors[e]);
      if (image) {
        domain.types.push_back(edges.types[edges.neighbors[e]]);
        origin.push_back(edges.neighbors[e]);
      }
      domain.vectors.insert(domain.vectors.end(), edges.vectors.begin() + 3 * e, edges.vectors.begin() + 3 * e + 3);
    }
    domain.first_edge.push_back(static_cast<std::int64_t>(domain.neighbors.size()));
  }
  Sums sums(domain);
  run(domain, sums);
  std::vector<double> folded(expected.forces.size());
  for (std::size_t i = 0; i < origin.size(); ++i)
    for (int d = 0; d < 3; ++d) folded[3 * origin[i] + d] += sums.forces[3 * i + d];
  check_same(folded, expected.forces);
  CHECK_CLOSE(sums.results.energy, expected.results.energy, rounding);
}

TEST(rows_with_gaps_between_them_give_the_same) {
  const Edges edges = edges_of(lattice(2, 13), reach, 2);
  Sums expected(edges);
  Run run;
  run(edges, expected);
  // Behind every row three slots that nobody may look at.
  Edges spaced;
  spaced.types = edges.types;
  spaced.centers = edges.centers;
  std::vector<std::int64_t> counts;
  for (std::size_t row = 0; row < edges.centers.size(); ++row) {
    const std::int64_t begin = edges.first_edge[row], end = edges.first_edge[row + 1];
    spaced.neighbors.insert(spaced.neighbors.end(), edges.neighbors.begin() + begin, edges.neighbors.begin() + end);
    spaced.neighbors.insert(spaced.neighbors.end(), 3, -99);
    spaced.vectors.insert(spaced.vectors.end(), edges.vectors.begin() + 3 * begin, edges.vectors.begin() + 3 * end);
    spaced.vectors.insert(spaced.vectors.end(), 9, std::numeric_limits<double>::quiet_NaN());
    spaced.first_edge.push_back(static_cast<std::int64_t>(spaced.neighbors.size()));
    counts.push_back(end - begin);
  }
  Sums sums(spaced);
  EdgeList view = spaced.view();
  view.edge_counts = counts.data();
  run.evaluator.evaluate(view, sums.results);
  CHECK(sums.results.energy == expected.results.energy);
  CHECK(sums.forces == expected.forces && sums.virials == expected.virials);
  counts[1] += 4;
  CHECK_ERROR(run.evaluator.evaluate(view, sums.results), "`edge_counts` must lie between 0 and the length of the row, that of row 1 is");
}

TEST(isolated_atoms_and_empty_systems_work) {
  Edges edges = three_atoms();
  Sums sums(edges);
  Run run;
  run(edges, sums);
  CHECK_CLOSE(sums.energies[2], -1.0, rounding);
  for (int d = 0; d < 3; ++d) CHECK(sums.forces[6 + d] == 0.0);

  Edges alone;
  alone.types = {1};
  alone.centers = {0};
  alone.first_edge = {0, 0};
  Sums one(alone);
  run(alone, one);
  CHECK_CLOSE(one.results.energy, -1.37, rounding);
  CHECK(run.engine->sizes_were_legal && run.engine->padding_was_legal);

  const int calls = run.engine->calls;
  Edges empty;
  empty.types = {0, 1};  // atoms, but none of them a centre: a rank without atoms of its own
  Sums nothing(empty);
  nothing.results.energy = 5.0;
  run(empty, nothing);
  CHECK(nothing.results.energy == 0.0);
  Results none;
  run.evaluator.evaluate(EdgeList{}, none);
  CHECK(none.energy == 0.0);
  CHECK(run.engine->calls == calls);
}

TEST(every_rule_of_the_edges_is_kept) {
  struct Case {
    void (*spoil)(Edges &);
    const char *words;
    std::array<std::int32_t, 2> atoms;
  };
  const Case cases[] = {
      {[](Edges &e) { e.centers[1] = 3; }, "`centers` must lie in 0 .. 2, one is 3", {-1, -1}},
      {[](Edges &e) { e.centers[1] = -1; }, "`centers` must lie in 0 .. 2, one is -1", {-1, -1}},
      {[](Edges &e) { e.neighbors[1] = 3; }, "`neighbors` must lie in 0 .. 2, one is 3", {-1, -1}},
      {[](Edges &e) { e.neighbors[0] = -5; }, "`neighbors`", {-1, -1}},
      {[](Edges &e) { e.types[1] = 2; }, "`atom_types` must lie in 0 .. 1, atom 1 has 2", {1, -1}},
      {[](Edges &e) { e.types[2] = -1; }, "`atom_types` must lie in 0 .. 1, atom 2 has -1", {2, -1}},
      {[](Edges &e) { e.first_edge[0] = 1; }, "`first_edge` must start at 0", {-1, -1}},
      {[](Edges &e) { e.first_edge[1] = -7; }, "`first_edge` must not fall", {-1, -1}},
      {[](Edges &e) { e.vectors[4] = std::numeric_limits<double>::quiet_NaN(); }, "must be finite, that between atom 1 and atom 0", {1, 0}},
      {[](Edges &e) { e.vectors[2] = -std::numeric_limits<double>::infinity(); }, "must be finite, that between atom 0 and atom 1", {0, 1}},
      {[](Edges &e) { e.vectors[0] = 5e-7; }, "atoms lie on top of one another", {0, 1}},
      {[](Edges &e) { e.vectors[3] = 0.0; }, "that between atom 1 and atom 0", {1, 0}},
  };
  for (const Case &entry : cases) {
    Edges edges = three_atoms();
    Sums sums(edges);
    entry.spoil(edges);
    Run run;
    CHECK_ERROR(run(edges, sums), entry.words);
    try {
      run(edges, sums);
    } catch (const Error &error) {
      CHECK(error.atoms() == entry.atoms);
    }
  }
  // The type of an atom that no edge names does not matter: a face may leave atoms out.
  Edges edges = three_atoms();
  edges.centers = {0, 1};
  edges.first_edge = {0, 1, 2};
  edges.types[2] = -1;
  Sums sums(edges);
  Run run;
  run(edges, sums);
}

TEST(numbers_that_are_not_finite_name_the_atom) {
  for (const bool energy : {true, false}) {
    const Edges edges = three_atoms();
    Sums sums(edges);
    Run run;
    (energy ? run.engine->nan_energy_type : run.engine->nan_gradient_type) = 1;
    CHECK_ERROR(run(edges, sums), "those of atom 1 (`Li`, 1 neighbors)");
    try {
      run(edges, sums);
    } catch (const Error &error) {
      CHECK((error.atoms() == std::array<std::int32_t, 2>{1, -1}));
    }
  }
}

TEST(a_run_in_its_stride_allocates_nothing) {
  const Edges small = edges_of(lattice(2, 5), reach, 2), large = edges_of(lattice(3, 5), reach, 2);
  Sums small_sums(small), large_sums(large);
  Run run(200);
  run(large, large_sums);
  const long before = allocations();
  run(small, small_sums);
  run(large, large_sums);
  const long after = allocations();
  CHECK(after == before);
}

TEST(timings_count_and_reset) {
  const Edges edges = edges_of(lattice(2, 5), reach, 2);
  Sums sums(edges);
  Run run;
  run(edges, sums);
  run(edges, sums);
  const Timings &timings = run.evaluator.timings();
  CHECK(timings.evaluations == 2);
  CHECK(timings.edges > 0 && timings.edges < 2 * static_cast<std::int64_t>(edges.neighbors.size()));
  CHECK(timings.slots >= timings.edges);
  CHECK(timings.pack > 0.0 && timings.engine > 0.0 && timings.scatter > 0.0);
  run.evaluator.reset_timings();
  CHECK(timings.evaluations == 0 && timings.pack == 0.0);
}

int main() { return check::run(); }
