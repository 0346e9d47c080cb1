// The C interface over `Potential`: checks what a C caller can get wrong, and turns every exception into a code and a text.
#include "qallegro.h"

#include <algorithm>
#include <cfenv>
#include <cstring>
#include <limits>
#include <mutex>
#include <new>
#include <string>
#include <vector>

#include "qallegro/potential.hpp"
#include "runtime/pairs.hpp"

namespace {

using qallegro::EdgeList;
using qallegro::Error;
using qallegro::PairList;

/// A mistake in the calling program.
class InvalidArgument : public Error {
  using Error::Error;
};

// The text of the last failure. Keeping one may itself run out of memory, so there is a literal to fall back on.
class LastError {
 public:
  void set(const char *text, const std::array<std::int32_t, 2> &atoms = {-1, -1}) noexcept {
    const std::lock_guard lock(mutex_);
    atoms_ = atoms;
    try {
      text_ = text;
      literal_ = nullptr;
    } catch (...) {
      literal_ = "out of memory, and so was the text of the error";
    }
  }

  /// A copy that another thread's failure leaves alone; it lives until the next one in this thread.
  const char *copy() const noexcept {
    thread_local std::string copied;
    const std::lock_guard lock(mutex_);
    if (literal_) return literal_;
    try {
      copied = text_;
      return copied.c_str();
    } catch (...) {
      return "out of memory, and so was the text of the error";
    }
  }

  std::array<std::int32_t, 2> atoms() const noexcept {
    const std::lock_guard lock(mutex_);
    return atoms_;
  }

 private:
  mutable std::mutex mutex_;
  std::string text_;
  const char *literal_ = nullptr;
  std::array<std::int32_t, 2> atoms_{-1, -1};
};

LastError &load_error() {
  thread_local LastError error;
  return error;
}

// Host programs may trap on overflow or NaN; engines find a NaN by its value, and their padded lanes may make some that nobody reads.
class NoTraps {
 public:
  NoTraps() noexcept { std::feholdexcept(&environment_); }
  ~NoTraps() { std::fesetenv(&environment_); }
  NoTraps(const NoTraps &) = delete;
  NoTraps &operator=(const NoTraps &) = delete;

 private:
  std::fenv_t environment_;
};

template <class Call>
int guarded(LastError &error, Call &&call) noexcept {
  const NoTraps no_traps;
  try {
    call();
    return QALLEGRO_OK;
  } catch (const InvalidArgument &failure) {
    error.set(failure.what());
    return QALLEGRO_INVALID_ARGUMENT;
  } catch (const Error &failure) {
    error.set(failure.what(), failure.atoms());
    return QALLEGRO_ERROR;
  } catch (const std::bad_alloc &) {
    error.set("there must be memory for this call, there is none left; use fewer atoms a process, or more memory");
    return QALLEGRO_OUT_OF_MEMORY;
  } catch (const std::exception &failure) {
    error.set(failure.what());
    return QALLEGRO_INTERNAL_ERROR;
  } catch (...) {
    error.set("an exception of an unknown type came from the engine; please report it");
    return QALLEGRO_INTERNAL_ERROR;
  }
}

void require(bool condition, const std::string &text) {
  if (!condition) throw InvalidArgument(text);
}

void require_pointer(const void *pointer, const std::string &name) {
  require(pointer, "`" + name + "` must point to something, it is NULL");
}

// Structs of a program that was compiled with a later header are longer: what this library does not know there must not be asked for.
// Shorter ones do not exist yet; when a struct grows, the first version's size is the least one, and missing members are zero.
template <class Struct>
void check_struct(const Struct *given, const std::string &name, const std::string &initialiser) {
  constexpr std::size_t longest = 4096;  // so that a struct without an initialiser is not read far beyond its end
  require_pointer(given, name);
  const std::size_t size = given->struct_size;
  require(size >= sizeof(Struct) && size <= longest, "`struct_size` of `" + name + "` must be its sizeof, it is " + std::to_string(size) +
                                                         " and not " + std::to_string(sizeof(Struct)) + "; start from " + initialiser);
  const auto *bytes = reinterpret_cast<const unsigned char *>(given);
  require(std::all_of(bytes + sizeof(Struct), bytes + size, [](unsigned char byte) { return byte == 0; }),
          "`" + name + "` must have zeros where this library, version " QALLEGRO_VERSION ", knows no member; install a later library");
}

void check_count(std::int64_t count, std::int64_t most, const std::string &name) {
  require(count >= 0 && count <= most, "`" + name + "` must lie in 0 .. " + std::to_string(most) + ", it is " + std::to_string(count));
}

// 0, 1, 2, ... of at least `count` entries.
const std::int32_t *identity(std::vector<std::int32_t> &numbers, std::int64_t count) {
  while (static_cast<std::int64_t>(numbers.size()) < count) numbers.push_back(static_cast<std::int32_t>(numbers.size()));
  return numbers.data();
}

constexpr std::int64_t most_atoms = std::numeric_limits<std::int32_t>::max();

}  // namespace

struct qallegro_potential {
  qallegro_potential(const char *path, const qallegro::Options &options) : potential(path, options) {}

  EdgeList edges_of(const qallegro_edges &given);
  EdgeList edges_of(const qallegro_pairs &given);
  void evaluate(const EdgeList &edges, qallegro_results &given);

  qallegro::Potential potential;
  mutable std::mutex evaluation;  // the buffers below and those of the runtime serve one evaluation at a time
  qallegro::PairEdges pair_edges;
  std::vector<std::int32_t> rows, no_shifts;
  mutable LastError error;
};

EdgeList qallegro_potential::edges_of(const qallegro_edges &given) {
  check_count(given.n_atoms, most_atoms, "n_atoms");
  check_count(given.n_centers, given.n_atoms, "n_centers");
  if (given.n_centers == 0) return {given.n_atoms, 0, nullptr, nullptr, nullptr, nullptr, given.atom_types};
  require_pointer(given.first_edge, "first_edge");
  require_pointer(given.atom_types, "atom_types");
  if (given.first_edge[given.n_centers] > 0) {
    require_pointer(given.neighbors, "neighbors");
    require_pointer(given.edge_vectors, "edge_vectors");
  }
  return {given.n_atoms,    given.n_centers, given.centers ? given.centers : identity(rows, given.n_centers),
          given.first_edge, given.neighbors, given.edge_vectors,
          given.atom_types};
}

EdgeList qallegro_potential::edges_of(const qallegro_pairs &given) {
  constexpr double no_cell[9] = {};
  check_count(given.n_atoms, most_atoms, "n_atoms");
  check_count(given.n_pairs, std::numeric_limits<std::int64_t>::max() / 64, "n_pairs");
  if (given.n_atoms > 0) {
    require_pointer(given.positions, "positions");
    require_pointer(given.atom_types, "atom_types");
  }
  if (given.n_pairs > 0) require_pointer(given.pairs, "pairs");
  require(given.cell || !given.shifts, "`cell` must point to three lattice vectors where there are `shifts`, it is NULL");
  const std::int32_t *shifts = given.shifts;
  if (!shifts) {
    no_shifts.resize(std::max(no_shifts.size(), static_cast<std::size_t>(3 * given.n_pairs)));
    shifts = no_shifts.data();
  }
  return pair_edges.make({given.n_atoms, given.n_pairs, given.positions, given.cell ? given.cell : no_cell, given.pairs, shifts,
                          given.atom_types, given.first_edge},
                         potential.record().r_max);
}

void qallegro_potential::evaluate(const EdgeList &edges, qallegro_results &given) {
  require(given.accumulate == 0 || given.accumulate == 1, "`accumulate` must be 0 or 1, it is " + std::to_string(given.accumulate));
  qallegro::Results results;
  const auto array = [&](double *values, std::int64_t width) {
    if (values && !given.accumulate) std::fill_n(values, width * edges.n_atoms, 0.0);
    return values;
  };
  results.forces = array(given.forces, 3);
  results.per_atom_energy = array(given.per_atom_energy, 1);
  results.per_atom_virial = array(given.per_atom_virial, 9);
  results.per_atom_virial_centroid = array(given.per_atom_virial_centroid, 9);
  results.edge_gradients = given.edge_gradients;
  potential.evaluate(edges, results);
  given.energy = results.energy;
  std::copy(results.virial.begin(), results.virial.end(), given.virial);
}

int qallegro_api_version(void) { return QALLEGRO_API_VERSION; }

const char *qallegro_version(void) { return QALLEGRO_VERSION; }

int qallegro_load(const char *path, const qallegro_options *options, qallegro_potential **potential) {
  if (potential) *potential = nullptr;
  return guarded(load_error(), [&] {
    require_pointer(path, "path");
    require_pointer(potential, "potential");
    qallegro::Options how;
    if (options) {
      check_struct(options, "options", "QALLEGRO_OPTIONS_INIT");
      if (options->engine) how.engine = options->engine;
      if (options->device) how.device = options->device;
      how.threads = options->threads;
      how.local_rank = options->local_rank;
    }
    *potential = new qallegro_potential(path, how);
  });
}

void qallegro_free(qallegro_potential *potential) {
  guarded(load_error(), [&] { delete potential; });
}

const char *qallegro_error(const qallegro_potential *potential) { return potential ? potential->error.copy() : load_error().copy(); }

void qallegro_error_atoms(const qallegro_potential *potential, int32_t atoms[2]) {
  if (!atoms) return;
  const auto found = potential ? potential->error.atoms() : load_error().atoms();
  std::copy(found.begin(), found.end(), atoms);
}

int qallegro_evaluate(qallegro_potential *potential, const qallegro_edges *edges, qallegro_results *results) {
  return guarded(potential ? potential->error : load_error(), [&] {
    require_pointer(potential, "potential");
    check_struct(edges, "edges", "QALLEGRO_EDGES_INIT");
    check_struct(results, "results", "QALLEGRO_RESULTS_INIT");
    const std::lock_guard lock(potential->evaluation);
    potential->evaluate(potential->edges_of(*edges), *results);
  });
}

int qallegro_evaluate_pairs(qallegro_potential *potential, const qallegro_pairs *pairs, qallegro_results *results) {
  return guarded(potential ? potential->error : load_error(), [&] {
    require_pointer(potential, "potential");
    check_struct(pairs, "pairs", "QALLEGRO_PAIRS_INIT");
    check_struct(results, "results", "QALLEGRO_RESULTS_INIT");
    const std::lock_guard lock(potential->evaluation);
    potential->evaluate(potential->edges_of(*pairs), *results);
    if (results->edge_gradients) potential->pair_edges.to_pair_order(results->edge_gradients, pairs->n_pairs);
  });
}

double qallegro_r_max(const qallegro_potential *potential) { return potential ? potential->potential.record().r_max : -1.0; }

int32_t qallegro_n_types(const qallegro_potential *potential) {
  return potential ? static_cast<int32_t>(potential->potential.record().atom_types.size()) : -1;
}

const char *qallegro_type_symbol(const qallegro_potential *potential, int32_t type) {
  if (type < 0 || type >= qallegro_n_types(potential)) return nullptr;
  return potential->potential.record().atom_types[type].c_str();
}

int32_t qallegro_type_index(const qallegro_potential *potential, const char *symbol) {
  for (int32_t type = 0; symbol && type < qallegro_n_types(potential); ++type)
    if (std::strcmp(qallegro_type_symbol(potential, type), symbol) == 0) return type;
  return -1;
}

double qallegro_cutoff(const qallegro_potential *potential, int32_t center_type, int32_t neighbor_type) {
  const int32_t n_types = qallegro_n_types(potential);
  if (center_type < 0 || center_type >= n_types || neighbor_type < 0 || neighbor_type >= n_types) return -1.0;
  return potential->potential.record().cutoffs[static_cast<std::size_t>(center_type) * n_types + neighbor_type];
}

const char *qallegro_dtype(const qallegro_potential *potential) {
  return potential ? potential->potential.record().dtype.c_str() : nullptr;
}

const char *qallegro_description(const qallegro_potential *potential) {
  return potential ? potential->potential.description().c_str() : nullptr;
}

const char *qallegro_record_json(const qallegro_potential *potential) {
  return potential ? potential->potential.record().json.c_str() : nullptr;
}

int qallegro_get_timings(const qallegro_potential *potential, qallegro_timings *timings) {
  return guarded(potential ? potential->error : load_error(), [&] {
    require_pointer(potential, "potential");
    check_struct(timings, "timings", "QALLEGRO_TIMINGS_INIT");
    const std::lock_guard lock(potential->evaluation);
    const qallegro::Timings &sums = potential->potential.timings();
    *timings = {timings->struct_size, sums.pack, sums.engine, sums.scatter, sums.evaluations, sums.edges, sums.slots};
  });
}

int qallegro_reset_timings(qallegro_potential *potential) {
  return guarded(potential ? potential->error : load_error(), [&] {
    require_pointer(potential, "potential");
    const std::lock_guard lock(potential->evaluation);
    potential->potential.reset_timings();
  });
}
