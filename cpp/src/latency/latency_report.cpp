#include "qallegro/latency_report.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <thread>

#include "latency/latency_json.hpp"

namespace qallegro {

namespace {

using Json = nlohmann::ordered_json;

// Extremes and mean over ranks of the seconds that each spent in a phase.
Json over_ranks(const std::vector<RankLatency> &ranks, Phase phase) {
  double least = ranks.front().totals[phase], most = least, sum = 0.0;
  for (const RankLatency &rank : ranks) {
    least = std::min(least, rank.totals[phase]);
    most = std::max(most, rank.totals[phase]);
    sum += rank.totals[phase];
  }
  return {{"min", least}, {"avg", sum / static_cast<double>(ranks.size())}, {"max", most}};
}

Json rank_rows(const std::vector<RankLatency> &ranks) {
  Json rows = Json::array();
  for (std::size_t r = 0; r < ranks.size(); ++r)
    rows.push_back({{"rank", r},
                    {"atoms", ranks[r].atoms},
                    {"ghosts", ranks[r].ghosts},
                    {"edges", ranks[r].edges},
                    {"peak_memory_bytes", ranks[r].peak_memory},
                    {"phases", by_name(ranks[r].totals)}});
  return rows;
}

// "native on cpu, avx512, ..." -> native and cpu
std::pair<std::string, std::string> engine_and_device(const std::string &description) {
  const std::size_t on = description.find(" on "), end = description.find(',');
  if (on == std::string::npos || end == std::string::npos || end < on) return {description, ""};
  return {description.substr(0, on), description.substr(on + 4, end - on - 4)};
}

}  // namespace

double RunLatency::atom_steps_per_second() const {
  return wall_seconds > 0.0 ? static_cast<double>(counts.atom_steps) / wall_seconds : 0.0;
}

double RunLatency::edges_per_second() const { return wall_seconds > 0.0 ? static_cast<double>(counts.edges) / wall_seconds : 0.0; }

std::optional<double> RunLatency::ns_per_day(const RunDescription &run) const {
  if (!run.timestep_fs || wall_seconds <= 0.0) return std::nullopt;
  return 86400.0 * 1e-6 * *run.timestep_fs * static_cast<double>(steps) / wall_seconds;
}

std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.rfind("model name", 0) == 0) return line.substr(std::min(line.size(), line.find(':') + 2));
  return "unknown";
}

RunLatency run_of(const Latency &latency) {
  RunLatency run;
  run.steps = latency.steps();
  run.wall_seconds = latency.total().total();
  run.step = latency.total();
  run.counts = latency.counts();
  run.warmup_steps = latency.warmup_steps();
  run.warmup_seconds = latency.warmup_seconds();
  run.warmup_phases = latency.warmup_phases();
  RankLatency rank;
  const auto mean = [&run](std::int64_t sum) { return run.steps > 0 ? std::llround(static_cast<double>(sum) / static_cast<double>(run.steps)) : 0; };
  rank.atoms = mean(run.counts.atom_steps);
  rank.ghosts = mean(run.counts.ghost_steps);
  rank.edges = mean(run.counts.edges);
  rank.peak_memory = peak_memory();
  for (int p = 0; p < phase_count; ++p) {
    const auto phase = static_cast<Phase>(p);
    run.phases[p] = latency.phase(phase);
    rank.totals[phase] = run.phases[p].total();
  }
  run.ranks = {rank};
  return run;
}

std::optional<std::string> surrogate_form(const Record &record) {
  const auto parsed = nlohmann::json::parse(record.json, nullptr, false);
  const auto surrogate = parsed.find("surrogate");
  if (surrogate == parsed.end() || !surrogate->is_object() || !surrogate->contains("form") || !surrogate->at("form").is_string()) return std::nullopt;
  return surrogate->at("form").get<std::string>();
}

std::string latency_report(const RunLatency &latency, const RunDescription &run, const Record &record) {
  const auto [engine, device] = engine_and_device(run.description);
  const auto form = surrogate_form(record);
  const auto speed = latency.ns_per_day(run);
  Json report{{"format", "qallegro-latency"},
              {"format_version", 1},
              {"source", run.source},
              {"model", record.path},
              {"engine", engine},
              {"device", device},
              {"description", run.description},
              {"surrogate", form ? Json(*form) : Json()},
              {"dtype", record.dtype},
              {"r_max", record.r_max},
              {"skin", run.skin ? Json(*run.skin) : Json()},
              {"ranks", latency.ranks.size()},
              {"threads", run.threads},
              {"atoms", run.atoms},
              {"timestep_fs", run.timestep_fs ? Json(*run.timestep_fs) : Json()},
              {"run", run.run},
              {"first_step", run.first_step},
              {"last_step", run.last_step},
              {"wall_seconds", latency.wall_seconds},
              {"atom_steps_per_second", latency.atom_steps_per_second()},
              {"edges_per_second", latency.edges_per_second()},
              {"ns_per_day", speed ? Json(*speed) : Json()},
              {"steps", latency.steps},
              {"step", described(latency.step)},
              {"phases", Json::object()}};
  std::int64_t peak = 0;
  for (const RankLatency &rank : latency.ranks) peak = std::max(peak, rank.peak_memory);
  for (int p = 0; p < phase_count; ++p) {
    report["phases"][phase_names[p]] = described(latency.phases[p]);
    if (!latency.ranks.empty()) report["phases"][phase_names[p]]["ranks"] = over_ranks(latency.ranks, static_cast<Phase>(p));
  }
  report["counts"] = described(latency.counts);
  report["warmup"] = {{"steps", latency.warmup_steps}, {"seconds", latency.warmup_seconds}, {"phases", by_name(latency.warmup_phases)}};
  report["peak_memory_bytes"] = peak;
  report["per_rank"] = rank_rows(latency.ranks);
  report["versions"] = {{"qallegro", QALLEGRO_VERSION}, {run.source, run.program_version}};
  report["machine"] = {{"processor", processor()}, {"cores", std::thread::hardware_concurrency()}};
  return report.dump(1) + "\n";
}

}  // namespace qallegro
