// What latencies leave on disk: a report that is whole or not there, and a trace that is readable at any time.
#pragma once

#include <string>

#include "qallegro/latency.hpp"

namespace qallegro {

/// Throws `Error` unless a file can be made beside `path`, so that a run fails before its first step and not after its last.
void check_writable(const std::string &path);

/// Writes a sibling of `path` and renames it. Throws `Error`; `path` is then as it was.
void write_report(const std::string &path, const std::string &text);

/// One JSON object a line and step. Every line goes to the system as one piece: what a killed run leaves is whole but for its last line.
class TraceFile {
 public:
  /// Replaces what is there. Throws `Error` if it cannot.
  TraceFile(const std::string &path, int rank);
  ~TraceFile();
  TraceFile(const TraceFile &) = delete;
  TraceFile &operator=(const TraceFile &) = delete;

  /// False once the file cannot be written any more (`problem` says why); the simulation is worth more than its trace. `end`: seconds since the
  /// start of the trace at which the step ended.
  bool write(const StepLatency &step, double end);
  const std::string &problem() const { return problem_; }

 private:
  std::string path_, problem_;
  int rank_, descriptor_;
};

}  // namespace qallegro
