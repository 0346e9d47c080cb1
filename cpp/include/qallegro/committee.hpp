// Several potentials of the same species on one list of edges: their mean, and how far their forces lie apart.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "qallegro/potential.hpp"

namespace qallegro {

/// The record of the first file; cutoffs are the largest of all files. Throws `Error` unless all know the same species in the same order.
Record joint_record(const std::vector<std::string> &paths);

/// One potential is a committee of one, and runs as it would alone.
class Committee {
 public:
  /// Throws `Error` as `Potential` and `joint_record` do.
  Committee(const std::vector<std::string> &paths, const Options &options);

  std::size_t size() const { return members_.size(); }
  const Record &record() const { return record_; }
  /// One line: engine, device, dtype, threads, and how many members there are.
  const std::string &description() const { return description_; }
  int threads() const { return members_.front().threads(); }
  /// Of a committee of one: members have scales of their own.
  bool knows_novelty() const { return size() == 1 && members_.front().knows_novelty(); }

  /// Means over members; arrays are set, not added to. `forces` must be given. Throws `Error` as `Potential::evaluate` does.
  void evaluate(const EdgeList &edges, Results &results);

  /// (n_atoms, 3) eV/Å of each member in the last evaluation, ghosts too; empty for a committee of one.
  std::vector<std::vector<double>> &member_forces() { return member_forces_; }

  /// Sums over members.
  Timings timings() const;

 private:
  Record record_;
  std::string description_;
  std::vector<Potential> members_;
  std::vector<std::vector<double>> member_forces_;
};

/// sqrt(mean over members of |F - <F>|^2) of each of the first n atoms, eV/Å.
void force_deviations(const std::vector<std::vector<double>> &member_forces, std::int64_t n, double *deviations);

}  // namespace qallegro
