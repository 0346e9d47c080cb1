#include "qallegro/latency.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <numeric>

#include "latency/latency_json.hpp"

namespace qallegro {

namespace {

double rest_of(const StepLatency &step) {
  const double known = std::accumulate(step.seconds.begin(), step.seconds.end(), 0.0) - step.seconds[Phase::other];
  return std::max(step.total - known, 0.0);
}

}  // namespace

void Latency::add(StepLatency step) {
  step.seconds[Phase::other] = rest_of(step);
  last_ = step;
  if (warmup_.count() < warmup_steps_) {
    warmup_.add(step.total);
    for (int p = 0; p < phase_count; ++p) warmup_phases_[static_cast<Phase>(p)] += step.seconds[static_cast<Phase>(p)];
    return;
  }
  total_.add(step.total);
  for (int p = 0; p < phase_count; ++p) phases_[p].add(step.seconds[static_cast<Phase>(p)]);
  counts_.atom_steps += step.atoms;
  counts_.ghost_steps += step.ghosts;
  counts_.edges += step.edges;
  counts_.rebuilds += step.rebuilt;
  counts_.growths += step.grew;
}

std::optional<SlowStep> Latency::slow(const StepLatency &step, double factor) const {
  if (total_.count() < enough_steps) return std::nullopt;
  const double median = total_.quantile(0.5);
  if (median <= 0.0 || step.total < factor * median) return std::nullopt;
  StepLatency whole = step;
  whole.seconds[Phase::other] = rest_of(step);
  SlowStep found{step.total / median, Phase::other, 0.0};
  for (int p = 0; p < phase_count; ++p) {
    const double excess = whole.seconds[static_cast<Phase>(p)] - phases_[p].quantile(0.5);
    if (excess > found.excess) found = {found.ratio, static_cast<Phase>(p), excess};
  }
  return found;
}

void Latency::reset(bool warm) { *this = Latency(warm ? 0 : warmup_steps_); }

std::string Latency::json() const {
  nlohmann::ordered_json report{{"steps", steps()}, {"step", described(total_)}, {"phases", nlohmann::ordered_json::object()}};
  for (int p = 0; p < phase_count; ++p) report["phases"][phase_names[p]] = described(phases_[p]);
  report["counts"] = described(counts_);
  report["warmup"] = {{"steps", warmup_steps()}, {"seconds", warmup_seconds()}, {"phases", by_name(warmup_phases_)}};
  report["peak_memory_bytes"] = peak_memory();
  return report.dump();
}

std::int64_t peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::int64_t>(usage.ru_maxrss) * 1024;  // Linux counts in kB
}

}  // namespace qallegro
