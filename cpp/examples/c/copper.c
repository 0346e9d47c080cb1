/* Copper from C: loads an exported file, evaluates a periodic cell whose atoms are off their sites, and checks a force.
 *
 *   copper FILE [ENGINE] > copper.xyz         extended XYZ with energy, forces and virial; what was found goes to stderr
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <qallegro.h>

enum { CELLS = 3, ATOMS = 4 * CELLS * CELLS * CELLS };
static const double lattice_constant = 3.615; /* Å */
static const double skin = 0.5;               /* Å: atoms may move half as far before the pairs must be found anew */

typedef struct {
  double positions[3 * ATOMS], cell[9], forces[3 * ATOMS];
  int32_t types[ATOMS], *pairs, *shifts;
  int64_t n_pairs, room;
} System;

static void build_copper(System *system, int32_t type) {
  static const double sites[4][3] = {{0, 0, 0}, {0, 0.5, 0.5}, {0.5, 0, 0.5}, {0.5, 0.5, 0}};
  for (int atom = 0; atom < ATOMS; ++atom) {
    const int at = atom / 4, cells[3] = {at % CELLS, at / CELLS % CELLS, at / CELLS / CELLS};
    for (int a = 0; a < 3; ++a)
      system->positions[3 * atom + a] = lattice_constant * (cells[a] + sites[atom % 4][a]) + 0.08 * sin(7.0 * atom + 2.0 * a);
    system->types[atom] = type;
  }
  system->positions[0] += 0.4; /* a force worth checking */
  for (int a = 0; a < 3; ++a) system->cell[4 * a] = CELLS * lattice_constant;
}

static int add_pair(System *system, int i, int j, const int shift[3]) {
  if (system->n_pairs == system->room) {
    const int64_t room = 2 * system->room + 1024;
    int32_t *pairs = realloc(system->pairs, 2 * sizeof(int32_t) * (size_t)room);
    if (pairs) system->pairs = pairs;
    int32_t *shifts = realloc(system->shifts, 3 * sizeof(int32_t) * (size_t)room);
    if (shifts) system->shifts = shifts;
    if (!pairs || !shifts) return 0;
    system->room = room;
  }
  system->pairs[2 * system->n_pairs] = i;
  system->pairs[2 * system->n_pairs + 1] = j;
  for (int a = 0; a < 3; ++a) system->shifts[3 * system->n_pairs + a] = shift[a];
  ++system->n_pairs;
  return 1;
}

/* Every pair closer than `reach` in both directions, by trying all images. An MD code has a neighbor list of its own. */
static int find_pairs(System *system, double reach) {
  const double length = system->cell[0];
  const int images = (int)ceil(reach / length) + 1;
  for (int i = 0; i < ATOMS; ++i)
    for (int j = 0; j < ATOMS; ++j)
      for (int x = -images; x <= images; ++x)
        for (int y = -images; y <= images; ++y)
          for (int z = -images; z <= images; ++z) {
            const int shift[3] = {x, y, z};
            double square = 0.0;
            for (int a = 0; a < 3; ++a) {
              const double v = system->positions[3 * j + a] - system->positions[3 * i + a] + shift[a] * length;
              square += v * v;
            }
            const int itself = i == j && x == 0 && y == 0 && z == 0;
            if (!itself && square < reach * reach && !add_pair(system, i, j, shift)) return 0;
          }
  return 1;
}

static int evaluate(qallegro_potential *potential, System *system, qallegro_results *results) {
  qallegro_pairs pairs = QALLEGRO_PAIRS_INIT;
  pairs.n_atoms = ATOMS;
  pairs.n_pairs = system->n_pairs;
  pairs.positions = system->positions;
  pairs.cell = system->cell;
  pairs.pairs = system->pairs;
  pairs.shifts = system->shifts;
  pairs.atom_types = system->types;
  return qallegro_evaluate_pairs(potential, &pairs, results);
}

/* The first component of the first force against a central difference of energies: QALLEGRO_OK, and whether they agree. */
static int check_force(qallegro_potential *potential, System *system, int *agree) {
  const double step = 2e-3, tolerance = 5e-3, x = system->positions[0]; /* a float32 network rounds energies to some 1e-6 eV */
  double energies[2];
  for (int k = 0; k < 2; ++k) {
    qallegro_results results = QALLEGRO_RESULTS_INIT;
    system->positions[0] = x + (k == 0 ? -step : step);
    const int code = evaluate(potential, system, &results);
    if (code != QALLEGRO_OK) return code;
    energies[k] = results.energy;
  }
  system->positions[0] = x;
  const double difference = -(energies[1] - energies[0]) / (2.0 * step);
  fprintf(stderr, "force on the first atom %.6f, by differences of energies %.6f eV/Å\n", system->forces[0], difference);
  *agree = fabs(system->forces[0] - difference) <= tolerance * (1.0 + fabs(difference));
  return QALLEGRO_OK;
}

static void print_xyz(const System *system, const qallegro_results *results) {
  printf("%d\nLattice=\"", ATOMS);
  for (int k = 0; k < 9; ++k) printf("%s%.10g", k ? " " : "", system->cell[k]);
  printf("\" Properties=species:S:1:pos:R:3:forces:R:3 energy=%.12g virial=\"", results->energy);
  for (int k = 0; k < 9; ++k) printf("%s%.12g", k ? " " : "", results->virial[k]);
  printf("\" pbc=\"T T T\"\n");
  for (int i = 0; i < ATOMS; ++i) {
    const double *r = system->positions + 3 * i, *f = system->forces + 3 * i;
    printf("Cu %.12f %.12f %.12f %.12g %.12g %.12g\n", r[0], r[1], r[2], f[0], f[1], f[2]);
  }
}

/* Exit code: 0 where the force is right, 1 where it is not, 2 where something failed. */
static int run(qallegro_potential *potential, System *system) {
  qallegro_results results = QALLEGRO_RESULTS_INIT;
  qallegro_timings timings = QALLEGRO_TIMINGS_INIT;
  int right = 0;
  const int32_t copper = qallegro_type_index(potential, "Cu");
  if (copper < 0) {
    fprintf(stderr, "the potential must know Cu, its first type is %s\n", qallegro_type_symbol(potential, 0));
    return 2;
  }
  fprintf(stderr, "%s\nr_max %.3f Å\n", qallegro_description(potential), qallegro_r_max(potential));
  build_copper(system, copper);
  if (!find_pairs(system, qallegro_r_max(potential) + skin)) {
    fprintf(stderr, "no memory for the pairs\n");
    return 2;
  }
  results.forces = system->forces;
  if (evaluate(potential, system, &results) != QALLEGRO_OK) {
    fprintf(stderr, "%s\n", qallegro_error(potential));
    return 2;
  }
  const double volume = pow(CELLS * lattice_constant, 3.0), trace = results.virial[0] + results.virial[4] + results.virial[8];
  fprintf(stderr, "%d atoms: %.6f eV, %.4f GPa\n", ATOMS, results.energy, 160.21766208 * trace / (3.0 * volume));
  print_xyz(system, &results);
  if (check_force(potential, system, &right) != QALLEGRO_OK || qallegro_get_timings(potential, &timings) != QALLEGRO_OK) {
    fprintf(stderr, "%s\n", qallegro_error(potential));
    return 2;
  }
  fprintf(stderr, "%lld evaluations, %.3f ms each\n", (long long)timings.evaluations,
          1e3 * (timings.pack + timings.engine + timings.scatter) / (double)timings.evaluations);
  return right ? 0 : 1;
}

int main(int argc, char **argv) {
  static System system;
  qallegro_options options = QALLEGRO_OPTIONS_INIT;
  qallegro_potential *potential = NULL;
  int code = 2;
  if (argc < 2 || argc > 3) {
    fprintf(stderr, "usage: copper FILE [ENGINE] > copper.xyz\n");
    return code;
  }
  if (argc == 3) options.engine = argv[2];
  options.device = "cpu";
  if (qallegro_load(argv[1], &options, &potential) == QALLEGRO_OK)
    code = run(potential, &system);
  else
    fprintf(stderr, "%s\n", qallegro_error(NULL));
  qallegro_free(potential);
  free(system.pairs);
  free(system.shifts);
  return code;
}
