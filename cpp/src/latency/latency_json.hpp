// How statistics look in reports.
#pragma once

#include <nlohmann/json.hpp>

#include "qallegro/latency.hpp"

namespace qallegro {

inline nlohmann::ordered_json by_name(const PhaseTimes &seconds) {
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  for (int p = 0; p < phase_count; ++p) object[phase_names[p]] = seconds[static_cast<Phase>(p)];
  return object;
}

inline nlohmann::ordered_json described(const StreamingStatistics &s) {
  return {{"total", s.total()},           {"mean", s.mean()},           {"min", s.min()},           {"max", s.max()},
          {"median", s.quantile(0.5)}, {"p95", s.quantile(0.95)}, {"p99", s.quantile(0.99)}};
}

inline nlohmann::ordered_json described(const Latency::Counts &counts) {
  return {{"atom_steps", counts.atom_steps},
          {"ghost_steps", counts.ghost_steps},
          {"edges", counts.edges},
          {"neighbor_list_builds", counts.rebuilds},
          {"steps_with_allocations", counts.growths}};
}

}  // namespace qallegro
