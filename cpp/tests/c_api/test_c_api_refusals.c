/* What the C interface refuses, and how it says so. */
#define _GNU_SOURCE /* setenv */
#include <limits.h>
#include <stdlib.h>

#include "check.h"
#include "example_files.h"
#include "qallegro.h"

void test_refusals(void);

static int load_with(const char *path, const char *engine, const char *device, int threads, int local_rank) {
  qallegro_options options = QALLEGRO_OPTIONS_INIT;
  qallegro_potential *potential = (qallegro_potential *)&options;
  options.engine = engine;
  options.device = device;
  options.threads = threads;
  options.local_rank = local_rank;
  const int code = qallegro_load(path, &options, &potential);
  CHECK((code == QALLEGRO_OK) == (potential != NULL));
  qallegro_free(potential);
  return code;
}

static void test_loading(void) {
  qallegro_potential *potential = NULL;
  qallegro_options uninitialised = {0, NULL, NULL, 0, 0};
  CHECK(load_with(example_file(), "auto", "cpu", 1, 0) == QALLEGRO_OK);
  CHECK_REFUSED(load_with(NULL, NULL, NULL, 0, 0), QALLEGRO_INVALID_ARGUMENT, qallegro_error(NULL), "`path` must point to something");
  CHECK_REFUSED(qallegro_load(example_file(), NULL, NULL), QALLEGRO_INVALID_ARGUMENT, qallegro_error(NULL), "`potential` must point");
  CHECK_REFUSED(qallegro_load(example_file(), &uninitialised, &potential), QALLEGRO_INVALID_ARGUMENT, qallegro_error(NULL),
                "`struct_size` of `options` must be its sizeof, it is 0 and not");
  uninitialised.struct_size = SIZE_MAX;
  CHECK_REFUSED(qallegro_load(example_file(), &uninitialised, &potential), QALLEGRO_INVALID_ARGUMENT, qallegro_error(NULL),
                "start from QALLEGRO_OPTIONS_INIT");
  CHECK_REFUSED(load_with("/nonexistent/model.pth", NULL, NULL, 0, 0), QALLEGRO_ERROR, qallegro_error(NULL), "/nonexistent/model.pth");
  CHECK_REFUSED(load_with(damaged_file(), NULL, NULL, 0, 0), QALLEGRO_ERROR, qallegro_error(NULL), "checksum");
  CHECK_REFUSED(load_with(example_file(), "libtorch", NULL, 0, 0), QALLEGRO_ERROR, qallegro_error(NULL), "it is `libtorch`");
  CHECK_REFUSED(load_with(example_file(), NULL, "gpu", 0, 0), QALLEGRO_ERROR, qallegro_error(NULL), "`device` must be");
  CHECK_REFUSED(load_with(example_file(), NULL, NULL, -1, 0), QALLEGRO_ERROR, qallegro_error(NULL), "`threads`");
  CHECK_REFUSED(load_with(example_file(), NULL, NULL, 0, -1), QALLEGRO_ERROR, qallegro_error(NULL), "`local_rank`");
  CHECK_REFUSED(load_with(example_file(), NULL, "cuda:9", 3, 0), QALLEGRO_ERROR, qallegro_error(NULL), "from the library: threads 3");
  qallegro_free(NULL);
}

static void test_no_potential(void) {
  qallegro_edges edges = QALLEGRO_EDGES_INIT;
  qallegro_pairs pairs = QALLEGRO_PAIRS_INIT;
  qallegro_results results = QALLEGRO_RESULTS_INIT;
  qallegro_timings timings = QALLEGRO_TIMINGS_INIT;
  int32_t atoms[2] = {5, 5};
  const char *words = "`potential` must point to something";
  CHECK_REFUSED(qallegro_evaluate(NULL, &edges, &results), QALLEGRO_INVALID_ARGUMENT, qallegro_error(NULL), words);
  CHECK_REFUSED(qallegro_evaluate_pairs(NULL, &pairs, &results), QALLEGRO_INVALID_ARGUMENT, qallegro_error(NULL), words);
  CHECK_REFUSED(qallegro_get_timings(NULL, &timings), QALLEGRO_INVALID_ARGUMENT, qallegro_error(NULL), words);
  CHECK_REFUSED(qallegro_reset_timings(NULL), QALLEGRO_INVALID_ARGUMENT, qallegro_error(NULL), words);
  qallegro_error_atoms(NULL, atoms);
  CHECK(atoms[0] == -1 && atoms[1] == -1);
  CHECK(qallegro_r_max(NULL) == -1.0 && qallegro_n_types(NULL) == -1 && qallegro_cutoff(NULL, 0, 0) == -1.0);
  CHECK(!qallegro_type_symbol(NULL, 0) && qallegro_type_index(NULL, "Cu") == -1);
  CHECK(!qallegro_dtype(NULL) && !qallegro_description(NULL) && !qallegro_record_json(NULL));
}

/* Each change of a right input alone, and the words that name it. */
#define REFUSED_EDGES(change, code, words)                                                             \
  do {                                                                                                 \
    qallegro_edges edges = right;                                                                      \
    change;                                                                                            \
    CHECK_REFUSED(qallegro_evaluate(potential, &edges, &results), code, qallegro_error(potential), words); \
  } while (0)

static void test_edges(qallegro_potential *potential) {
  const int64_t first_edge[] = {0, 1, 2}, falling[] = {0, 2, 1};
  const int32_t neighbors[] = {1, 0}, types[] = {0, 1}, far[] = {1, 7}, strange[] = {0, 2};
  const double vectors[] = {2.0, 0.0, 0.0, -2.0, 0.0, 0.0}, coincident[] = {2.0, 0.0, 0.0, 0.0, 0.0, 0.0};
  const double infinite[] = {2.0, 0.0, 0.0, -2.0, 0.0, INFINITY};
  qallegro_results results = QALLEGRO_RESULTS_INIT;
  qallegro_edges right = QALLEGRO_EDGES_INIT;
  int32_t atoms[2];
  right.n_atoms = right.n_centers = 2;
  right.first_edge = first_edge;
  right.neighbors = neighbors;
  right.edge_vectors = vectors;
  right.atom_types = types;
  CHECK(strcmp(qallegro_error(potential), "") == 0);
  CHECK(qallegro_evaluate(potential, &right, &results) == QALLEGRO_OK);
  REFUSED_EDGES(edges.struct_size = 8, QALLEGRO_INVALID_ARGUMENT, "start from QALLEGRO_EDGES_INIT");
  REFUSED_EDGES(edges.n_atoms = -1, QALLEGRO_INVALID_ARGUMENT, "`n_atoms` must lie in 0 .. 2147483647, it is -1");
  REFUSED_EDGES(edges.n_atoms = INT64_MAX, QALLEGRO_INVALID_ARGUMENT, "`n_atoms` must lie in");
  REFUSED_EDGES(edges.n_centers = 3, QALLEGRO_INVALID_ARGUMENT, "`n_centers` must lie in 0 .. 2, it is 3");
  REFUSED_EDGES(edges.first_edge = NULL, QALLEGRO_INVALID_ARGUMENT, "`first_edge` must point");
  REFUSED_EDGES(edges.neighbors = NULL, QALLEGRO_INVALID_ARGUMENT, "`neighbors` must point");
  REFUSED_EDGES(edges.edge_vectors = NULL, QALLEGRO_INVALID_ARGUMENT, "`edge_vectors` must point");
  REFUSED_EDGES(edges.atom_types = NULL, QALLEGRO_INVALID_ARGUMENT, "`atom_types` must point");
  REFUSED_EDGES(edges.first_edge = falling, QALLEGRO_ERROR, "`first_edge` must not fall");
  REFUSED_EDGES(edges.neighbors = far, QALLEGRO_ERROR, "`neighbors` must lie in 0 .. 1, one is 7");
  REFUSED_EDGES(edges.atom_types = strange, QALLEGRO_ERROR, "atom 1 has 2");
  REFUSED_EDGES(edges.edge_vectors = infinite, QALLEGRO_ERROR, "`edge_vectors` must be finite");
  REFUSED_EDGES(edges.edge_vectors = coincident, QALLEGRO_ERROR, "on top of one another");
  qallegro_error_atoms(potential, atoms);
  CHECK(atoms[0] == 1 && atoms[1] == 0);
  REFUSED_EDGES(edges.n_atoms = -1, QALLEGRO_INVALID_ARGUMENT, "`n_atoms`");
  qallegro_error_atoms(potential, atoms);
  CHECK(atoms[0] == -1 && atoms[1] == -1);
  results.accumulate = 7;
  CHECK_REFUSED(qallegro_evaluate(potential, &right, &results), QALLEGRO_INVALID_ARGUMENT, qallegro_error(potential), "`accumulate`");
  CHECK_REFUSED(qallegro_evaluate(potential, &right, NULL), QALLEGRO_INVALID_ARGUMENT, qallegro_error(potential), "`results` must point");
  CHECK_REFUSED(qallegro_evaluate(potential, NULL, &results), QALLEGRO_INVALID_ARGUMENT, qallegro_error(potential), "`edges` must point");
  CHECK_REFUSED(qallegro_get_timings(potential, NULL), QALLEGRO_INVALID_ARGUMENT, qallegro_error(potential), "`timings` must point");
}

#define REFUSED_PAIRS(change, code, words)                                                                   \
  do {                                                                                                       \
    qallegro_pairs pairs = right;                                                                            \
    change;                                                                                                  \
    CHECK_REFUSED(qallegro_evaluate_pairs(potential, &pairs, &results), code, qallegro_error(potential), words); \
  } while (0)

static void test_pairs(qallegro_potential *potential) {
  const double positions[] = {0.0, 0.0, 0.0, 2.0, 0.0, 0.0}, lost[] = {0.0, 0.0, 0.0, NAN, 0.0, 0.0};
  const double cell[] = {9.0, 0.0, 0.0, 0.0, 9.0, 0.0, 0.0, 0.0, 9.0};
  const int32_t list[] = {0, 1, 1, 0}, shifts[6] = {0}, types[] = {0, 1}, far[] = {0, 1, 1, 2};
  qallegro_results results = QALLEGRO_RESULTS_INIT;
  qallegro_pairs right = QALLEGRO_PAIRS_INIT;
  right.n_atoms = right.n_pairs = 2;
  right.positions = positions;
  right.cell = cell;
  right.pairs = list;
  right.shifts = shifts;
  right.atom_types = types;
  CHECK(qallegro_evaluate_pairs(potential, &right, &results) == QALLEGRO_OK);
  REFUSED_PAIRS(pairs.struct_size = 0, QALLEGRO_INVALID_ARGUMENT, "start from QALLEGRO_PAIRS_INIT");
  REFUSED_PAIRS(pairs.n_atoms = -2, QALLEGRO_INVALID_ARGUMENT, "`n_atoms`");
  REFUSED_PAIRS(pairs.n_pairs = -1, QALLEGRO_INVALID_ARGUMENT, "`n_pairs`");
  REFUSED_PAIRS(pairs.n_pairs = INT64_MAX, QALLEGRO_INVALID_ARGUMENT, "`n_pairs`");
  REFUSED_PAIRS(pairs.positions = NULL, QALLEGRO_INVALID_ARGUMENT, "`positions` must point");
  REFUSED_PAIRS(pairs.cell = NULL, QALLEGRO_INVALID_ARGUMENT, "`cell` must point to three lattice vectors");
  REFUSED_PAIRS(pairs.pairs = NULL, QALLEGRO_INVALID_ARGUMENT, "`pairs` must point");
  REFUSED_PAIRS(pairs.atom_types = NULL, QALLEGRO_INVALID_ARGUMENT, "`atom_types` must point");
  REFUSED_PAIRS(pairs.pairs = far, QALLEGRO_ERROR, "`pairs` must hold indices in 0 .. 1, one is 2");
  REFUSED_PAIRS(pairs.positions = lost, QALLEGRO_ERROR, "`positions` must be finite, a coordinate of atom 1");
}

/* Whatever an engine throws becomes a code. */
static void test_exceptions_of_an_engine(void) {
  const struct {
    int how, code;
    const char *words;
  } cases[] = {{1, QALLEGRO_OUT_OF_MEMORY, "memory"}, {2, QALLEGRO_INTERNAL_ERROR, "from an engine"}, {3, QALLEGRO_INTERNAL_ERROR, "unknown type"}};
  const int64_t first_edge[] = {0, 0};
  const int32_t types[] = {0};
  const char *fake = getenv("QALLEGRO_ENGINE_PATH");
  char kept[PATH_MAX];
  snprintf(kept, sizeof kept, "%s", fake);
  setenv("QALLEGRO_ENGINE_PATH", FAILING_ENGINE_FOLDER, 1);
  for (int k = 0; k < 3; ++k) {
    char device[] = "cuda:0";
    device[5] = (char)('0' + cases[k].how);
    CHECK_REFUSED(load_with(example_file(), NULL, device, 0, 0), cases[k].code, qallegro_error(NULL), cases[k].words);
    qallegro_potential *potential = NULL;
    qallegro_options options = QALLEGRO_OPTIONS_INIT;
    options.device = "cpu";
    options.local_rank = cases[k].how;
    CHECK(qallegro_load(example_file(), &options, &potential) == QALLEGRO_OK);
    qallegro_edges edges = QALLEGRO_EDGES_INIT;
    qallegro_results results = QALLEGRO_RESULTS_INIT;
    edges.n_atoms = edges.n_centers = 1;
    edges.first_edge = first_edge;
    edges.atom_types = types;
    CHECK_REFUSED(qallegro_evaluate(potential, &edges, &results), cases[k].code, qallegro_error(potential), cases[k].words);
    qallegro_free(potential);
  }
  setenv("QALLEGRO_ENGINE_PATH", kept, 1);
}

void test_refusals(void) {
  qallegro_potential *potential = NULL;
  test_loading();
  test_no_potential();
  if (qallegro_load(example_file(), NULL, &potential) != QALLEGRO_OK) FAIL("%s", qallegro_error(NULL));
  test_edges(potential);
  test_pairs(potential);
  /* Errors of the loader and of a potential are kept apart. */
  load_with("/nonexistent", NULL, NULL, 0, 0);
  CHECK(strstr(qallegro_error(potential), "`positions`") && strstr(qallegro_error(NULL), "/nonexistent"));
  qallegro_free(potential);
  test_exceptions_of_an_engine();
}
