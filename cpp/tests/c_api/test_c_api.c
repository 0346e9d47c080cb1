/* The C interface as a C99 program uses it: what it computes, against the formula of the fake engine (fake_engine.hpp). */
#define _GNU_SOURCE /* feenableexcept, setenv */
#include <fenv.h>
#include <stdlib.h>

#include "check.h"
#include "example_files.h"
#include "qallegro.h"

int failures = 0;

void test_refusals(void);

/* A few roundings of numbers of order one. */
static const double rounding = 1e-14;
/* Central differences of step 1e-4 Å: h^2 E''' / 6 and rounding are both below 1e-8. */
static const double difference_tolerance = 1e-7, step = 1e-4;

static qallegro_potential *loaded(void) {
  qallegro_potential *potential = NULL;
  CHECK(qallegro_load(example_file(), NULL, &potential) == QALLEGRO_OK);
  if (!potential) {
    printf("%s\n", qallegro_error(NULL));
    exit(1);
  }
  return potential;
}

/* Cu at the origin, Li at (x, 0.5, 0) and Li out of reach; neighbors of the first two in both directions. */
typedef struct {
  int32_t centers[3], neighbors[2], types[3];
  int64_t first_edge[4];
  double vectors[6];
  qallegro_edges view;
} Dimer;

static void make_dimer(Dimer *dimer, double x) {
  const Dimer values = {{0, 1, 2}, {1, 0}, {0, 1, 1}, {0, 1, 2, 2}, {x, 0.5, 0.0, -x, -0.5, 0.0}, QALLEGRO_EDGES_INIT};
  *dimer = values;
  dimer->view.n_atoms = dimer->view.n_centers = 3;
  dimer->view.centers = dimer->centers;
  dimer->view.first_edge = dimer->first_edge;
  dimer->view.neighbors = dimer->neighbors;
  dimer->view.edge_vectors = dimer->vectors;
  dimer->view.atom_types = dimer->types;
}

/* E = -1 - 0.37 a + c u + 0.08 (q u r)^2 of a center of type a with a neighbor of type b at the distance r. */
static double center_energy(int a, int b, double r, double cutoff) {
  const double w = 1.0 - r * r / (cutoff * cutoff), u = w * w * w;
  const double dipole = (0.5 + 0.4 * b) * u * r;
  return -1.0 - 0.37 * a + (0.3 + 0.07 * a + 0.05 * b) * u + 0.08 * dipole * dipole;
}

static double dimer_energy(double x) {
  const double r = sqrt(x * x + 0.25);
  return center_energy(0, 1, r, 3.5) + center_energy(1, 0, r, 3.2) - 1.37;
}

static void test_versions_and_sizes(void) {
  CHECK(qallegro_api_version() == QALLEGRO_API_VERSION);
  CHECK(strlen(qallegro_version()) >= 5);
  if (sizeof(void *) != 8) return;
  /* Programs were compiled with these: a change of one needs another QALLEGRO_API_MAJOR, growth of the last member's end does not. */
  CHECK(sizeof(qallegro_options) == 32 && offsetof(qallegro_options, local_rank) == 28);
  CHECK(sizeof(qallegro_edges) == 64 && offsetof(qallegro_edges, atom_types) == 56);
  CHECK(sizeof(qallegro_pairs) == 72 && offsetof(qallegro_pairs, first_edge) == 64);
  CHECK(sizeof(qallegro_results) == 136 && offsetof(qallegro_results, energy) == 16 && offsetof(qallegro_results, edge_gradients) == 128);
  CHECK(sizeof(qallegro_timings) == 56 && offsetof(qallegro_timings, slots) == 48);
}

static void test_what_a_file_says(void) {
  qallegro_potential *potential = loaded();
  CHECK(qallegro_r_max(potential) == 4.0 && qallegro_n_types(potential) == 2);
  CHECK(strcmp(qallegro_type_symbol(potential, 0), "Cu") == 0 && strcmp(qallegro_type_symbol(potential, 1), "Li") == 0);
  CHECK(!qallegro_type_symbol(potential, 2) && !qallegro_type_symbol(potential, -1));
  CHECK(qallegro_type_index(potential, "Li") == 1 && qallegro_type_index(potential, "Cu") == 0);
  CHECK(qallegro_type_index(potential, "L") == -1 && qallegro_type_index(potential, NULL) == -1);
  CHECK(qallegro_cutoff(potential, 0, 1) == 3.5 && qallegro_cutoff(potential, 1, 0) == 3.2);
  CHECK(qallegro_cutoff(potential, 0, 2) == -1.0 && qallegro_cutoff(potential, -1, 0) == -1.0);
  CHECK(strcmp(qallegro_dtype(potential), "float32") == 0 && strcmp(qallegro_description(potential), "fake") == 0);
  CHECK(strstr(qallegro_record_json(potential), "\"r_max\": 4.0") != NULL);
  qallegro_free(potential);
}

static void test_energies_forces_and_virials_of_a_dimer(void) {
  qallegro_potential *potential = loaded();
  Dimer dimer;
  qallegro_results results = QALLEGRO_RESULTS_INIT;
  double forces[9], energies[3], virials[27], centroid[27], gradients[6];
  for (int k = 0; k < 27; ++k) virials[k] = centroid[k] = 99.0;
  for (int k = 0; k < 9; ++k) forces[k] = 99.0;
  for (int k = 0; k < 3; ++k) energies[k] = 99.0;
  results.forces = forces;
  results.per_atom_energy = energies;
  results.per_atom_virial = virials;
  results.per_atom_virial_centroid = centroid;
  results.edge_gradients = gradients;
  make_dimer(&dimer, 2.0);
  CHECK(qallegro_evaluate(potential, &dimer.view, &results) == QALLEGRO_OK);
  CHECK_CLOSE(results.energy, dimer_energy(2.0), rounding);
  CHECK_CLOSE(energies[0], center_energy(0, 1, sqrt(4.25), 3.5), rounding);
  CHECK_CLOSE(energies[2], -1.37, rounding);
  CHECK_CLOSE(forces[3], -(dimer_energy(2.0 + step) - dimer_energy(2.0 - step)) / (2.0 * step), difference_tolerance);
  CHECK(fabs(forces[3]) > 0.01);
  for (int a = 0; a < 3; ++a) {
    CHECK_CLOSE(forces[a], gradients[a] - gradients[3 + a], rounding);
    CHECK_CLOSE(forces[a] + forces[3 + a], 0.0, rounding);
    CHECK(forces[6 + a] == 0.0);
    for (int b = 0; b < 3; ++b) {
      const int k = 3 * a + b;
      CHECK_CLOSE(results.virial[k], -dimer.vectors[a] * (gradients[b] - gradients[3 + b]), rounding);
      CHECK_CLOSE(virials[k] + virials[9 + k] + virials[18 + k], results.virial[k], rounding);
      CHECK_CLOSE(centroid[9 + k], -dimer.vectors[a] * gradients[b], rounding);
    }
  }
  /* Once more, added to what is there, with the rows in the order of the atoms as the default. */
  results.accumulate = 1;
  dimer.view.centers = NULL;
  const double force = forces[3], virial = virials[9];
  CHECK(qallegro_evaluate(potential, &dimer.view, &results) == QALLEGRO_OK);
  CHECK_CLOSE(results.energy, dimer_energy(2.0), rounding);
  CHECK_CLOSE(energies[2], -2.74, rounding);
  CHECK_CLOSE(forces[3], 2.0 * force, rounding);
  CHECK_CLOSE(virials[9], 2.0 * virial, rounding);
  CHECK_CLOSE(gradients[0] - gradients[3], forces[0] / 2.0, rounding);
  qallegro_free(potential);
}

static void test_centers_are_a_part_of_the_atoms(void) {
  qallegro_potential *potential = loaded();
  Dimer dimer;
  qallegro_results results = QALLEGRO_RESULTS_INIT;
  double forces[9];
  results.forces = forces;
  make_dimer(&dimer, 2.0);
  dimer.view.n_centers = 1;
  CHECK(qallegro_evaluate(potential, &dimer.view, &results) == QALLEGRO_OK);
  CHECK_CLOSE(results.energy, center_energy(0, 1, sqrt(4.25), 3.5), rounding);
  CHECK_CLOSE(forces[0] + forces[3], 0.0, rounding);
  CHECK(forces[3] != 0.0);
  /* A rank without atoms, and one without any array. */
  qallegro_edges nothing = QALLEGRO_EDGES_INIT;
  CHECK(qallegro_evaluate(potential, &nothing, &results) == QALLEGRO_OK);
  CHECK(results.energy == 0.0 && results.virial[0] == 0.0);
  qallegro_results sums = QALLEGRO_RESULTS_INIT;
  CHECK(qallegro_evaluate(potential, &dimer.view, &sums) == QALLEGRO_OK);
  CHECK_CLOSE(sums.energy, center_energy(0, 1, sqrt(4.25), 3.5), rounding);
  qallegro_free(potential);
}

/* Cu and Li in a cubic cell of 3 Å: each pair of atoms along x, directly and through the border, listed in two orders. */
static void test_pairs_are_edges_in_any_order(void) {
  qallegro_potential *potential = loaded();
  const double positions[] = {0.1, 0.2, 0.3, 1.9, 0.4, 0.3}, cell[] = {3.0, 0.0, 0.0, 0.0, 9.0, 0.0, 0.0, 0.0, 9.0};
  const int32_t types[] = {0, 1}, sorted[] = {0, 1, 0, 1, 1, 0, 1, 0}, sorted_shifts[] = {0, 0, 0, -1, 0, 0, 0, 0, 0, 1, 0, 0};
  const int32_t mixed[] = {1, 0, 0, 1, 1, 0, 0, 1}, mixed_shifts[] = {1, 0, 0, 0, 0, 0, 0, 0, 0, -1, 0, 0};
  const int place[] = {3, 0, 2, 1}; /* of the mixed pairs among the sorted ones */
  const int64_t first_edge[] = {0, 2, 4};
  double forces[6], gradients[12], mixed_forces[6], mixed_gradients[12];
  qallegro_pairs pairs = QALLEGRO_PAIRS_INIT;
  pairs.n_atoms = 2;
  pairs.n_pairs = 4;
  pairs.positions = positions;
  pairs.cell = cell;
  pairs.pairs = sorted;
  pairs.shifts = sorted_shifts;
  pairs.atom_types = types;
  pairs.first_edge = first_edge;
  qallegro_results results = QALLEGRO_RESULTS_INIT;
  results.forces = forces;
  results.edge_gradients = gradients;
  CHECK(qallegro_evaluate_pairs(potential, &pairs, &results) == QALLEGRO_OK);

  const int32_t neighbors[] = {1, 1, 0, 0};
  const double vectors[] = {1.8, 0.2, 0.0, -1.2, 0.2, 0.0, -1.8, -0.2, 0.0, 1.2, -0.2, 0.0};
  qallegro_edges edges = QALLEGRO_EDGES_INIT;
  edges.n_atoms = edges.n_centers = 2;
  edges.first_edge = first_edge;
  edges.neighbors = neighbors;
  edges.edge_vectors = vectors;
  edges.atom_types = types;
  qallegro_results expected = QALLEGRO_RESULTS_INIT;
  double expected_forces[6];
  expected.forces = expected_forces;
  CHECK(qallegro_evaluate(potential, &edges, &expected) == QALLEGRO_OK);
  CHECK_CLOSE(results.energy, expected.energy, rounding);
  for (int k = 0; k < 6; ++k) CHECK_CLOSE(forces[k], expected_forces[k], rounding);
  for (int k = 0; k < 9; ++k) CHECK_CLOSE(results.virial[k], expected.virial[k], rounding);

  pairs.pairs = mixed;
  pairs.shifts = mixed_shifts;
  pairs.first_edge = NULL;
  results.forces = mixed_forces;
  results.edge_gradients = mixed_gradients;
  CHECK(qallegro_evaluate_pairs(potential, &pairs, &results) == QALLEGRO_OK);
  for (int k = 0; k < 6; ++k) CHECK_CLOSE(mixed_forces[k], forces[k], rounding);
  for (int k = 0; k < 12; ++k) CHECK_CLOSE(mixed_gradients[k], gradients[3 * place[k / 3] + k % 3], rounding);

  /* A cluster: neither cell nor shifts. */
  pairs.cell = NULL;
  pairs.shifts = NULL;
  pairs.n_pairs = 2;
  CHECK(qallegro_evaluate_pairs(potential, &pairs, &results) == QALLEGRO_OK);
  CHECK_CLOSE(results.energy, center_energy(0, 1, sqrt(3.28), 3.5) + center_energy(1, 0, sqrt(3.28), 3.2), rounding);
  qallegro_free(potential);
}

static void test_timings(void) {
  qallegro_potential *potential = loaded();
  Dimer dimer;
  qallegro_results results = QALLEGRO_RESULTS_INIT;
  qallegro_timings timings = QALLEGRO_TIMINGS_INIT;
  make_dimer(&dimer, 2.0);
  for (int k = 0; k < 3; ++k) CHECK(qallegro_evaluate(potential, &dimer.view, &results) == QALLEGRO_OK);
  CHECK(qallegro_get_timings(potential, &timings) == QALLEGRO_OK);
  CHECK(timings.evaluations == 3 && timings.edges == 6 && timings.slots >= 6);
  CHECK(timings.pack > 0.0 && timings.engine > 0.0 && timings.scatter > 0.0);
  CHECK(qallegro_reset_timings(potential) == QALLEGRO_OK);
  CHECK(qallegro_get_timings(potential, &timings) == QALLEGRO_OK);
  CHECK(timings.struct_size == sizeof timings && timings.evaluations == 0 && timings.edges == 0 && timings.engine == 0.0);
  qallegro_free(potential);
}

static void test_structs_of_a_later_header(void) {
  struct {
    qallegro_results known;
    double *later;
  } longer = {QALLEGRO_RESULTS_INIT, NULL};
  qallegro_potential *potential = loaded();
  Dimer dimer;
  make_dimer(&dimer, 2.0);
  longer.known.struct_size = sizeof longer;
  CHECK(qallegro_evaluate(potential, &dimer.view, &longer.known) == QALLEGRO_OK);
  CHECK(longer.known.energy < -2.0);
  longer.later = &dimer.vectors[0];
  CHECK_REFUSED(qallegro_evaluate(potential, &dimer.view, &longer.known), QALLEGRO_INVALID_ARGUMENT, qallegro_error(potential),
                "install a later library");
  qallegro_free(potential);
}

/* A program that traps floating-point exceptions meets none of ours, and finds its traps as it left them. */
static void test_traps_are_left_alone(void) {
#ifdef __GLIBC__
  qallegro_potential *potential = loaded();
  Dimer dimer;
  qallegro_results results = QALLEGRO_RESULTS_INIT;
  make_dimer(&dimer, 1e200); /* its square overflows */
  const int traps = FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW;
  if (feenableexcept(traps) == -1) printf("no traps on this machine\n");
  const int before = fegetexcept();
  const int code = qallegro_evaluate(potential, &dimer.view, &results);
  CHECK(fegetexcept() == before);
  fedisableexcept(traps);
  CHECK(code == QALLEGRO_ERROR);
  qallegro_free(potential);
#endif
}

int main(void) {
  setenv("QALLEGRO_ENGINE_PATH", FAKE_ENGINE_FOLDER, 1);
  test_versions_and_sizes();
  test_what_a_file_says();
  test_energies_forces_and_virials_of_a_dimer();
  test_centers_are_a_part_of_the_atoms();
  test_pairs_are_edges_in_any_order();
  test_timings();
  test_structs_of_a_later_header();
  test_traps_are_left_alone();
  test_refusals();
  printf("%d failures\n", failures);
  return failures != 0;
}
