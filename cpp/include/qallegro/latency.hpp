// Where the time of a running simulation goes: what every step adds up to.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "qallegro/phases.hpp"
#include "qallegro/streaming_statistics.hpp"

namespace qallegro {

/// One step of a simulation on one rank. Units: s.
struct StepLatency {
  std::int64_t step = 0;  ///< the simulation's own number
  PhaseTimes seconds;     ///< without `other`, which is what they leave of `total`
  double total = 0.0;     ///< the whole step
  std::int64_t atoms = 0, ghosts = 0, edges = 0;
  bool rebuilt = false;  ///< a new neighbor list
  bool grew = false;     ///< memory was allocated
};

/// A step that took long, and the phase that took more than usual.
struct SlowStep {
  double ratio = 0.0;   ///< to the median step
  Phase phase{};        ///< with the largest excess over its own median
  double excess = 0.0;  ///< s
};

/// Statistics over steps on one rank, in memory that does not grow. The first steps are kept apart.
class Latency {
 public:
  explicit Latency(int warmup_steps = default_warmup) : warmup_steps_(warmup_steps) {}

  /// Takes a step in; `other` is set to the rest of the total.
  void add(StepLatency step);

  /// Whether a step, not yet taken in, takes at least `factor` times the median; never before `enough_steps` of them.
  std::optional<SlowStep> slow(const StepLatency &step, double factor) const;

  /// Forget all; the next steps are a warmup again unless `warm`.
  void reset(bool warm = false);

  std::int64_t steps() const { return total_.count(); }
  const StreamingStatistics &phase(Phase phase) const { return phases_[static_cast<std::size_t>(phase)]; }
  const StreamingStatistics &total() const { return total_; }
  const StepLatency &last() const { return last_; }

  /// Sums over the steps after the warmup.
  struct Counts {
    std::int64_t atom_steps = 0, ghost_steps = 0, edges = 0, rebuilds = 0, growths = 0;
  };
  const Counts &counts() const { return counts_; }
  std::int64_t warmup_steps() const { return warmup_.count(); }
  double warmup_seconds() const { return warmup_.total(); }
  const PhaseTimes &warmup_phases() const { return warmup_phases_; }

  /// A JSON object: `steps`, `step`, `phases`, `counts`, `warmup`, `peak_memory_bytes`; see docs/latency.md.
  std::string json() const;

  static constexpr int default_warmup = 3;
  static constexpr std::int64_t enough_steps = 20;

 private:
  int warmup_steps_;
  std::array<StreamingStatistics, phase_count> phases_;
  StreamingStatistics total_, warmup_;
  PhaseTimes warmup_phases_;
  Counts counts_;
  StepLatency last_;
};

/// The most memory that this process has held so far, bytes.
std::int64_t peak_memory();

}  // namespace qallegro
