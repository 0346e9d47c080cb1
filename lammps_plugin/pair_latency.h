// Where the time of the steps of one pair style goes: measured on every rank, told once a run.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "pointers.h"

#include "qallegro/committee.hpp"
#include "qallegro/latency_files.hpp"
#include "qallegro/latency_report.hpp"

namespace LAMMPS_NS {

/// What `pair_style qallegro ... latency ...` asks for.
struct LatencyOptions {
  bool measured = true;  ///< `latency off` turns it off
  bool trace = false;    ///< `latency trace`: one JSON line for every step and rank
  double warn = 0.0;     ///< `latency warn X`: tell of steps of X times the median; 0: never
  std::string file;      ///< `latency FILE`: a report for every run

  /// One in so many groups of centers is measured stage by stage; the clock then costs a part in a thousand.
  int stage_sampling() const { return measured ? 16 : 0; }
};

class PairLatency : protected Pointers {
 public:
  /// Throws `qallegro::Error` where a file cannot be written.
  PairLatency(LAMMPS *lmp, const LatencyOptions &options);

  /// Around `Pair::compute`: its beginning, the end of the collection of edges, its end.
  void begins();
  void has_edges();
  void ends(const qallegro::Committee &potential, std::int64_t edges);

  /// At the end of a run: the table, the report, and everything forgotten. Every rank must call it.
  void finish(const qallegro::Committee &potential);

  /// Of the last step, s, the mean over ranks. Every rank must call it.
  qallegro::PhaseTimes last_phases() const;
  double last_total() const;

 private:
  double grown(int timer, double &seen) const;
  void watch(const qallegro::StepLatency &step);
  qallegro::RunLatency merged() const;
  void print(const qallegro::RunLatency &latency, const qallegro::RunDescription &run, const qallegro::Record &record) const;
  void print_rows(const qallegro::RunLatency &latency, std::string &text) const;
  std::string report_path() const;

  LatencyOptions options_;
  qallegro::Latency statistics_;
  std::unique_ptr<qallegro::TraceFile> trace_;
  qallegro::Timings seen_;
  double started_ = 0.0, collected_ = 0.0, ended_ = -1.0;
  double neighbor_seen_ = 0.0, communication_seen_ = 0.0;
  double trace_start_ = 0.0;
  int runs_ = 0;
};

}  // namespace LAMMPS_NS
