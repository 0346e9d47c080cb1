// The latencies of all ranks of a run as one report.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "qallegro/latency.hpp"
#include "qallegro/potential.hpp"

namespace qallegro {

/// What one rank contributes besides its statistics.
struct RankLatency {
  std::int64_t atoms = 0, ghosts = 0, edges = 0;  ///< means over steps
  std::int64_t peak_memory = 0;                   ///< bytes
  PhaseTimes totals;                              ///< s, after the warmup
};

/// What a run is, for the report.
struct RunDescription {
  std::string source, program_version;  ///< "lammps" or another program, and its release
  std::string description;              ///< `Potential::description`
  std::int64_t atoms = 0, first_step = 0, last_step = 0;
  int run = 1, threads = 1;
  std::optional<double> timestep_fs;  ///< none where steps are not steps in time
  std::optional<double> skin;         ///< Å, that the neighbor list reaches beyond `r_max`
};

/// The statistics of all ranks. Every rank takes every step, so that a step of the merged stream is a rank's step.
struct RunLatency {
  std::int64_t steps = 0;       ///< of a rank, after the warmup
  double wall_seconds = 0.0;    ///< of these steps, the slowest rank
  std::vector<StreamingStatistics> phases{phase_count};
  StreamingStatistics step;
  Latency::Counts counts;  ///< sums over ranks; rebuilds and growths: the most of any rank
  std::int64_t warmup_steps = 0;
  double warmup_seconds = 0.0;
  PhaseTimes warmup_phases;  ///< mean over ranks
  std::vector<RankLatency> ranks;

  double atom_steps_per_second() const;
  double edges_per_second() const;
  /// ns of the simulated time in a day; none without a time step.
  std::optional<double> ns_per_day(const RunDescription &run) const;
};

/// Of a program that runs on one rank.
RunLatency run_of(const Latency &latency);

/// The report in format "qallegro-latency" (docs/latency.md), a JSON text that ends in a newline.
std::string latency_report(const RunLatency &latency, const RunDescription &run, const Record &record);

/// What the machine calls its processor, or "unknown".
std::string processor();

/// The form of the quantum surrogate of a file, if it has one.
std::optional<std::string> surrogate_form(const Record &record);

}  // namespace qallegro
