/* The C interface of the qallegro runtime: load an exported potential, evaluate edges or pairs, from any MD code.
 *
 * Units     eV, Å, eV/Å. Indices and types start at 0. Matrices are row-major: a shape (n, 3) is x, y, z of one row after the other.
 * Sign      virial = -sum over edges of v (x) dE/dv; stress = -virial / volume, tensile positive; pressure = trace(virial) / (3 volume).
 * Errors    Functions that return int return QALLEGRO_OK (0) or one of the codes below; `qallegro_error` has the text. No C++ exception
 *           leaves the library. Floating-point traps of the calling thread are off during a call and as before after it.
 * Memory    Every array belongs to the caller, who may free or change it after the call. Strings that a function returns belong to the
 *           library: those of a potential live until `qallegro_free`, others as their comment says. All text is UTF-8.
 * Threads   Any function may be called from any thread. Calls that evaluate one potential wait for one another; potentials of their own
 *           run side by side. `qallegro_free` must be the last call on its potential.
 * MPI       The library does no communication. Each rank loads the file, hands in the edges of the atoms that it owns (ghosts are
 *           neighbors only), and adds the forces on ghosts to their owners.
 * Growth    Structs start with their size and may get new members at their end: start from the QALLEGRO_..._INIT macros. Members of zero
 *           mean the default. A program runs with any later library of the same QALLEGRO_API_MAJOR (the soname).
 */
#ifndef QALLEGRO_H
#define QALLEGRO_H

#include <stddef.h>
#include <stdint.h>

#define QALLEGRO_API_MAJOR 1 /* changes when a program must be changed or compiled anew */
#define QALLEGRO_API_MINOR 0 /* changes when something is added */
#define QALLEGRO_API_VERSION (1000 * QALLEGRO_API_MAJOR + QALLEGRO_API_MINOR)

#if defined(__GNUC__)
#define QALLEGRO_API __attribute__((visibility("default")))
#else
#define QALLEGRO_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Return codes. */
#define QALLEGRO_OK 0
#define QALLEGRO_INVALID_ARGUMENT 1 /* a null pointer, a wrong size or count: a mistake in the calling code */
#define QALLEGRO_ERROR 2            /* the file, the options, the structure or the model: the text says which, and what to do */
#define QALLEGRO_OUT_OF_MEMORY 3
#define QALLEGRO_INTERNAL_ERROR 4 /* anything else; please report it */

/* A loaded potential. */
typedef struct qallegro_potential qallegro_potential;

/* How a file is run. */
typedef struct qallegro_options {
  size_t struct_size;
  const char *engine; /* NULL or "auto": the first that runs the file; or the name of one */
  const char *device; /* NULL or "auto": a GPU if there is one; "cpu", "cuda", "cuda:N" */
  int32_t threads;    /* CPU threads inside the engine; 0: OMP_NUM_THREADS, else 1 */
  int32_t local_rank; /* node-local MPI rank: "cuda" means device local_rank % count */
} qallegro_options;
#define QALLEGRO_OPTIONS_INIT {sizeof(qallegro_options), NULL, NULL, 0, 0}

/* Directed edges center -> neighbor. Row c has the edges first_edge[c] .. first_edge[c + 1] - 1 of atom centers[c].
 * An edge vector is r_neighbor - r_center, any image; every neighbor closer than the cutoff must be there, longer edges contribute
 * exactly zero. */
typedef struct qallegro_edges {
  size_t struct_size;
  int64_t n_atoms;             /* owned atoms and ghosts */
  int64_t n_centers;           /* rows */
  const int32_t *centers;      /* (n_centers) atom of each row; NULL: row c is atom c */
  const int64_t *first_edge;   /* (n_centers + 1), from 0, never falling */
  const int32_t *neighbors;    /* (n_edges) atom */
  const double *edge_vectors;  /* (n_edges, 3) Å */
  const int32_t *atom_types;   /* (n_atoms) in 0 .. qallegro_n_types - 1; looked at only for atoms that occur in edges or rows */
} qallegro_edges;
#define QALLEGRO_EDGES_INIT {sizeof(qallegro_edges), 0, 0, NULL, NULL, NULL, NULL, NULL}

/* Directed pairs (i, j) with the vector positions[j] - positions[i] + shift . cell: a neighbor list that may be older than the
 * positions. Each pair stands there in both directions; every atom is a center. */
typedef struct qallegro_pairs {
  size_t struct_size;
  int64_t n_atoms;
  int64_t n_pairs;
  const double *positions;    /* (n_atoms, 3) Å */
  const double *cell;         /* (3, 3) Å, rows are the lattice vectors; NULL only where shifts is NULL */
  const int32_t *pairs;       /* (n_pairs, 2) */
  const int32_t *shifts;      /* (n_pairs, 3) lattice vectors to add; NULL: none */
  const int32_t *atom_types;  /* (n_atoms) */
  const int64_t *first_edge;  /* (n_atoms + 1) where the pairs are sorted by i; NULL: any order, which costs a sort */
} qallegro_pairs;
#define QALLEGRO_PAIRS_INIT {sizeof(qallegro_pairs), 0, 0, NULL, NULL, NULL, NULL, NULL, NULL}

/* What to compute: arrays that are NULL are not. After an error their content is undefined. */
typedef struct qallegro_results {
  size_t struct_size;
  int32_t accumulate;       /* 0: arrays are set; 1: the per-atom arrays are added to */
  double energy;            /* out: eV, sum over the centers */
  double virial[9];         /* out: eV */
  double *forces;           /* (n_atoms, 3) eV/Å, on ghosts too */
  double *per_atom_energy;  /* (n_atoms) eV, zero where an atom is no center */
  double *per_atom_virial;  /* (n_atoms, 9) eV, half of each edge's virial to each of its two atoms (LAMMPS stress/atom) */
  double *per_atom_virial_centroid; /* (n_atoms, 9) eV, all of it to the neighbor, for heat fluxes (LAMMPS centroid/stress/atom) */
  double *edge_gradients;   /* (n_edges, 3) or (n_pairs, 3), in the caller's order: dE/dv, eV/Å; set, never added to */
} qallegro_results;
#define QALLEGRO_RESULTS_INIT \
  {sizeof(qallegro_results), 0, 0.0, {0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0}, NULL, NULL, NULL, NULL, NULL}

/* Seconds and counts summed since loading or the last reset. */
typedef struct qallegro_timings {
  size_t struct_size;
  double pack;     /* s, edges into blocks */
  double engine;   /* s, inside the engine, copies to and from a device included */
  double scatter;  /* s, forces and virials back to atoms */
  int64_t evaluations;
  int64_t edges;  /* shorter than their cutoff */
  int64_t slots;  /* edges and padding that the engine was given */
} qallegro_timings;
#define QALLEGRO_TIMINGS_INIT {sizeof(qallegro_timings), 0.0, 0.0, 0.0, 0, 0, 0}

/* QALLEGRO_API_VERSION of the library that runs, next to the macro of the header that was compiled. */
QALLEGRO_API int qallegro_api_version(void);

/* Release of the library, such as "0.1.0"; lives forever. */
QALLEGRO_API const char *qallegro_version(void);

/* Reads, checks and starts the exported file `path`; `options` may be NULL. On failure *potential is NULL, and
 * qallegro_error(NULL) in the same thread has the text. */
QALLEGRO_API int qallegro_load(const char *path, const qallegro_options *options, qallegro_potential **potential);

/* Ends a potential; NULL is allowed. */
QALLEGRO_API void qallegro_free(qallegro_potential *potential);

/* Text of the last call on `potential` that failed, or with NULL of the last call in this thread that failed without a potential, such
 * as qallegro_load: quantity, rule, value, remedy. Empty where none has failed. Lives until the next qallegro_error in this thread. */
QALLEGRO_API const char *qallegro_error(const qallegro_potential *potential);

/* Atoms of the caller's arrays that qallegro_error(potential) is about, -1 where none, so that a program can add its own names of them. */
QALLEGRO_API void qallegro_error_atoms(const qallegro_potential *potential, int32_t atoms[2]);

/* Energy, forces and virials of the centers in `edges`. */
QALLEGRO_API int qallegro_evaluate(qallegro_potential *potential, const qallegro_edges *edges, qallegro_results *results);

/* The same for a periodic system or a cluster, from positions, cell and pairs. */
QALLEGRO_API int qallegro_evaluate_pairs(qallegro_potential *potential, const qallegro_pairs *pairs, qallegro_results *results);

/* Å, the largest cutoff; -1 for NULL. */
QALLEGRO_API double qallegro_r_max(const qallegro_potential *potential);

/* Number of atom types; -1 for NULL. */
QALLEGRO_API int32_t qallegro_n_types(const qallegro_potential *potential);

/* Chemical symbol of a type; NULL where there is no such type. */
QALLEGRO_API const char *qallegro_type_symbol(const qallegro_potential *potential, int32_t type);

/* Type of a chemical symbol; -1 where the potential has none. */
QALLEGRO_API int32_t qallegro_type_index(const qallegro_potential *potential, const char *symbol);

/* Å, the cutoff for a center and a neighbor of these types, which may depend on the order; -1 where there is no such type. */
QALLEGRO_API double qallegro_cutoff(const qallegro_potential *potential, int32_t center_type, int32_t neighbor_type);

/* Precision of the network, "float32" or "float64"; geometry and sums are double in either case. */
QALLEGRO_API const char *qallegro_dtype(const qallegro_potential *potential);

/* One line for a log: engine, device, precision, threads. */
QALLEGRO_API const char *qallegro_description(const qallegro_potential *potential);

/* The whole record of the file, JSON: hyperparameters, provenance of the training data, versions, verification. */
QALLEGRO_API const char *qallegro_record_json(const qallegro_potential *potential);

/* Fills `timings`, whose struct_size is set. */
QALLEGRO_API int qallegro_get_timings(const qallegro_potential *potential, qallegro_timings *timings);

/* Sets all timings to zero. */
QALLEGRO_API int qallegro_reset_timings(qallegro_potential *potential);

#ifdef __cplusplus
}
#endif

#endif
