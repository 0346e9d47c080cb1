// What an engine must do. Engines that need a heavy library live in a shared library of their own that
// `Potential` opens only when such an engine is asked for.
#pragma once

#include <cstdint>
#include <string>

#include "qallegro/potential.hpp"

namespace qallegro {

/// A rectangular block of centre atoms. Strict locality makes every centre an independent problem, so a
/// system of any size is a sequence of blocks. Unused slots carry a vector of length 2 r_max and type 0:
/// the model is exactly zero there.
struct Block {
  std::int64_t n_filled = 0;                     ///< centers that are atoms; the rest is padding
  std::int64_t n_centers = 0;                    ///< >= 2 (padding rows are isolated atoms of type 0)
  std::int64_t n_slots = 0;                      ///< neighbors a centre, >= 2
  const std::int64_t *n_neighbors = nullptr;     ///< (n_centers) slots in use, from the first one on
  const std::int64_t *center_types = nullptr;    ///< (n_centers)
  const std::int64_t *neighbor_types = nullptr;  ///< (n_centers, n_slots)
  const double *edge_vectors = nullptr;          ///< (n_centers, n_slots, 3) Å
  double *per_atom_energy = nullptr;             ///< out (n_centers) eV
  double *edge_gradients = nullptr;              ///< out (n_centers, n_slots, 3) dE/dv eV/Å
  double *novelty = nullptr;                     ///< out (n_centers), see `Results`; or null, as for engines that do not know it
};

class Engine {
 public:
  virtual ~Engine() = default;
  /// Calls at the same time differ in `thread`, which is below `concurrent_blocks`.
  virtual void evaluate(const Block &block, int thread) = 0;
  virtual std::string description() const = 0;
  /// Slots (centres times neighbors) that one block should hold at most on this engine and device.
  virtual std::int64_t slots_per_block() const = 0;
  /// Blocks that may be evaluated at the same time, each by a thread of its own; 1 for engines with threads inside.
  virtual int concurrent_blocks() const { return 1; }
  virtual bool knows_novelty() const { return false; }
  virtual std::vector<StageTime> stage_times() const { return {}; }
  virtual void reset_stage_times() {}
  /// Seconds by phase so far, in the samples that were taken, of all threads together: their ratios tell how `evaluate` spends its time.
  virtual PhaseTimes sampled_phases() const { return {}; }
};

/// What a factory gets: the file, what it says of itself, and how to run it.
struct EngineRequest {
  std::string engine;  ///< "native", "torchscript" or "aoti", never "auto"
  Record record;
  Options options;  ///< `threads` is at least 1, the form of `device` has been checked
};

/// Every engine library exports a function of this type; it throws `Error`, and the caller owns the engine.
/// The name carries the version of this header, so that libraries of different versions never meet.
using EngineFactory = Engine *(const EngineRequest &);
inline constexpr const char *engine_factory_name = "qallegro_make_engine_v4";

}  // namespace qallegro
