#include "qallegro/committee.hpp"

#include <algorithm>
#include <cmath>

namespace qallegro {

namespace {

std::string listed(const std::vector<std::string> &words) {
  std::string line;
  for (const std::string &word : words) line += (line.empty() ? "" : " ") + word;
  return line;
}

void scale(double *values, std::int64_t count, double factor) {
  if (!values) return;
  for (std::int64_t k = 0; k < count; ++k) values[k] *= factor;
}

void clear(double *values, std::int64_t count) {
  if (values) std::fill_n(values, count, 0.0);
}

void add(Timings &sum, const Timings &one) {
  sum.pack += one.pack;
  sum.engine += one.engine;
  sum.scatter += one.scatter;
  sum.evaluations += one.evaluations;
  sum.edges += one.edges;
  sum.slots += one.slots;
  sum.growths += one.growths;
  for (int p = 0; p < phase_count; ++p) sum.phases[static_cast<Phase>(p)] += one.phases[static_cast<Phase>(p)];
}

}  // namespace

Record joint_record(const std::vector<std::string> &paths) {
  if (paths.empty()) throw Error("a committee must have at least one file, received none");
  Record joint = read_record(paths.front());
  for (std::size_t m = 1; m < paths.size(); ++m) {
    const Record record = read_record(paths[m]);
    if (record.atom_types != joint.atom_types)
      throw Error("all files of a committee must know the same species in the same order, `" + paths.front() + "` knows " +
                  listed(joint.atom_types) + " and `" + paths[m] + "` knows " + listed(record.atom_types) +
                  "; train its members on the same data");
    for (std::size_t k = 0; k < joint.cutoffs.size(); ++k) joint.cutoffs[k] = std::max(joint.cutoffs[k], record.cutoffs[k]);
    joint.r_max = std::max(joint.r_max, record.r_max);
  }
  return joint;
}

Committee::Committee(const std::vector<std::string> &paths, const Options &options) : record_(joint_record(paths)) {
  for (const std::string &path : paths) members_.emplace_back(path, options);
  description_ = members_.front().description();
  if (size() > 1) {
    description_ += ", committee of " + std::to_string(size());
    member_forces_.resize(size());
  }
}

void Committee::evaluate(const EdgeList &edges, Results &results) {
  const std::int64_t n = edges.n_atoms;
  clear(results.forces, 3 * n);
  clear(results.per_atom_energy, n);
  clear(results.per_atom_virial, 9 * n);
  clear(results.per_atom_virial_centroid, 9 * n);
  if (size() == 1) {
    members_.front().evaluate(edges, results);
    return;
  }
  double energy = 0.0;
  std::array<double, 9> virial{};
  for (std::size_t m = 0; m < size(); ++m) {
    Results one = results;  // the arrays but forces are added to in turn
    member_forces_[m].assign(3 * n, 0.0);
    one.forces = member_forces_[m].data();
    members_[m].evaluate(edges, one);
    energy += one.energy;
    for (int k = 0; k < 9; ++k) virial[k] += one.virial[k];
    for (std::int64_t k = 0; k < 3 * n; ++k) results.forces[k] += one.forces[k];
  }
  const double share = 1.0 / static_cast<double>(size());
  results.energy = share * energy;
  for (int k = 0; k < 9; ++k) results.virial[k] = share * virial[k];
  scale(results.forces, 3 * n, share);
  scale(results.per_atom_energy, n, share);
  scale(results.per_atom_virial, 9 * n, share);
  scale(results.per_atom_virial_centroid, 9 * n, share);
}

Timings Committee::timings() const {
  Timings sum;
  for (const Potential &member : members_) add(sum, member.timings());
  return sum;
}

void force_deviations(const std::vector<std::vector<double>> &member_forces, std::int64_t n, double *deviations) {
  const auto size = static_cast<double>(member_forces.size());
  for (std::int64_t i = 0; i < n; ++i) {
    double sum = 0.0;
    for (std::int64_t k = 3 * i; k < 3 * i + 3; ++k) {
      // Against the first member, so that members that agree deviate by exactly nothing.
      const double first = member_forces.front()[k];
      double mean = 0.0;
      for (const std::vector<double> &forces : member_forces) mean += (forces[k] - first) / size;
      for (const std::vector<double> &forces : member_forces) {
        const double difference = forces[k] - first - mean;
        sum += difference * difference / size;
      }
    }
    deviations[i] = std::sqrt(sum);
  }
}

}  // namespace qallegro
