// Statistics of steps: quantiles against sorted numbers, the rest of a step, slow steps, files.
#include "qallegro/latency.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <vector>

#include "check.hpp"
#include "qallegro/latency_files.hpp"
#include "qallegro/latency_report.hpp"

using namespace qallegro;

namespace {

StepLatency step_of(double engine, double total, std::int64_t number = 0) {
  StepLatency step;
  step.step = number;
  step.seconds[Phase::mlp] = engine;
  step.total = total;
  step.atoms = 10;
  step.edges = 400;
  return step;
}

double sum_of_phases(const Latency &latency) {
  double sum = 0.0;
  for (int p = 0; p < phase_count; ++p) sum += latency.phase(static_cast<Phase>(p)).total();
  return sum;
}

std::string text_of(const std::string &path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Folder {
  Folder() {
    char name[] = "/tmp/qallegro_latency_XXXXXX";
    path = mkdtemp(name);
  }
  ~Folder() { (void)std::system(("rm -rf " + path).c_str()); }
  std::string path;
};

// A sum of a few hundred numbers in another order.
constexpr double rounding = 1e-12;

}  // namespace

TEST(quantiles_lie_within_the_promised_accuracy) {
  std::mt19937_64 generator(3);
  for (const double spread : {0.01, 0.5, 3.0}) {
    std::lognormal_distribution<double> draw(-7.0, spread);
    StreamingStatistics statistics;
    std::vector<double> all;
    for (int k = 0; k < 5000; ++k) {
      all.push_back(draw(generator));
      statistics.add(all.back());
    }
    std::sort(all.begin(), all.end());
    for (const double q : {0.0, 0.05, 0.5, 0.95, 0.99, 1.0}) {
      const double truth = all[static_cast<std::size_t>(q * 4999.0)];
      CHECK(std::abs(statistics.quantile(q) - truth) <= StreamingStatistics::relative_accuracy * truth * (1.0 + rounding));
    }
    CHECK(statistics.count() == 5000 && statistics.min() == all.front() && statistics.max() == all.back());
  }
}

TEST(merged_statistics_are_those_of_the_whole_stream) {
  std::mt19937_64 generator(4);
  std::lognormal_distribution<double> draw(-9.0, 1.0);
  StreamingStatistics whole, parts[4];  // the last one stays empty, as on a rank that has taken no step
  for (int k = 0; k < 900; ++k) {
    const double value = k % 50 == 0 ? 0.0 : draw(generator);
    whole.add(value);
    parts[k % 3].add(value);
  }
  // As ranks do it: sums are added, extremes compared among those that have any.
  std::vector<double> sums(whole.sums().size(), 0.0);
  double least = std::numeric_limits<double>::max(), most = 0.0;
  for (const StreamingStatistics &part : parts) {
    const std::vector<double> own = part.sums();
    for (std::size_t k = 0; k < sums.size(); ++k) sums[k] += own[k];
    if (part.count() > 0) least = std::min(least, part.min());
    most = std::max(most, part.max());
  }
  const StreamingStatistics merged = StreamingStatistics::merged(sums, least, most);
  CHECK(merged.count() == whole.count() && merged.min() == whole.min() && merged.max() == whole.max());
  CHECK_CLOSE(merged.total(), whole.total(), rounding);
  for (const double q : {0.0, 0.01, 0.3, 0.5, 0.9, 1.0}) CHECK(merged.quantile(q) == whole.quantile(q));
}

TEST(values_at_the_ends_of_the_range_are_kept) {
  StreamingStatistics statistics;
  CHECK(statistics.quantile(0.5) == 0.0 && statistics.mean() == 0.0 && statistics.min() == 0.0);
  statistics.add(std::numeric_limits<double>::quiet_NaN());
  CHECK(statistics.count() == 0);
  for (const double value : {0.0, 1e-12, 1e9}) statistics.add(value);
  CHECK(statistics.quantile(0.0) == 0.0 && statistics.quantile(1.0) > 1e3 && statistics.max() == 1e9);
}

TEST(what_no_phase_took_is_other) {
  Latency latency(2);
  for (int k = 0; k < 12; ++k) latency.add(step_of(0.003, 0.004 + 0.001 * k, k));
  CHECK(latency.steps() == 10 && latency.warmup_steps() == 2);
  CHECK_CLOSE(latency.warmup_seconds(), 0.009, rounding);
  CHECK_CLOSE(sum_of_phases(latency), latency.total().total(), rounding);
  CHECK_CLOSE(latency.last().seconds[Phase::other], 0.012, rounding);
  CHECK(latency.counts().atom_steps == 100 && latency.counts().edges == 4000);
  // A clock that disagrees with itself gives no negative time.
  latency.add(step_of(0.003, 0.002));
  CHECK(latency.last().seconds[Phase::other] == 0.0);
}

TEST(a_slow_step_names_the_phase_that_grew) {
  Latency latency(0);
  const StepLatency slow = step_of(0.001, 0.009);
  for (int k = 0; k < Latency::enough_steps; ++k) {
    CHECK(!latency.slow(slow, 3.0));
    latency.add(step_of(0.001, 0.002));
  }
  CHECK(!latency.slow(step_of(0.001, 0.0055), 3.0));
  const auto found = latency.slow(slow, 3.0);
  CHECK(found && found->phase == Phase::other);
  CHECK_CLOSE(found->ratio, 4.5, 2.0 * StreamingStatistics::relative_accuracy * 4.5);
  CHECK(latency.slow(step_of(0.008, 0.009), 3.0)->phase == Phase::mlp);
}

TEST(a_reset_forgets_and_warms_up_again) {
  Latency latency(3);
  for (int k = 0; k < 5; ++k) latency.add(step_of(0.001, 0.002));
  latency.reset();
  latency.add(step_of(0.001, 0.002));
  CHECK(latency.steps() == 0 && latency.warmup_steps() == 1);
  latency.reset(true);
  latency.add(step_of(0.001, 0.002));
  CHECK(latency.steps() == 1 && latency.warmup_steps() == 0);
}

TEST(the_report_is_json_and_whole) {
  Latency latency(1);
  for (int k = 0; k < 4; ++k) latency.add(step_of(0.001, 0.002, k));
  const auto report = nlohmann::json::parse(latency.json());
  CHECK(report["steps"] == 3 && report["warmup"]["steps"] == 1 && report["counts"]["atom_steps"] == 30);
  CHECK(report["phases"].size() == phase_names.size());
  CHECK_CLOSE(report["phases"]["mlp"]["median"].get<double>(), 0.001, StreamingStatistics::relative_accuracy * 0.001);
  CHECK(report["peak_memory_bytes"].get<std::int64_t>() > 1000000);
}

TEST(a_report_of_one_rank_is_that_of_its_steps) {
  Latency latency(1);
  for (int k = 0; k < 4; ++k) latency.add(step_of(0.001, 0.002, k));
  qallegro::RunDescription run;
  run.source = "ase";
  run.description = "native on cpu, plain";
  run.skin = 1.5;
  qallegro::Record record;
  record.r_max = 4.0;
  record.json = "{}";
  const auto report = nlohmann::json::parse(qallegro::latency_report(qallegro::run_of(latency), run, record));
  CHECK(report["steps"] == 3 && report["ranks"] == 1 && report["per_rank"][0]["atoms"] == 10);
  CHECK(report["r_max"] == 4.0 && report["skin"] == 1.5 && report["engine"] == "native" && report["device"] == "cpu");
  CHECK(report["timestep_fs"].is_null() && report["ns_per_day"].is_null() && report["surrogate"].is_null());
  CHECK(report["phases"]["mlp"]["ranks"]["max"] == report["phases"]["mlp"]["total"]);
  CHECK(report["wall_seconds"] == report["step"]["total"]);
}

TEST(files_are_whole_or_not_there) {
  const Folder folder;
  const std::string path = folder.path + "/report.json";
  check_writable(path);
  CHECK(access(path.c_str(), F_OK) != 0);
  write_report(path, "one");
  write_report(path, "two");
  CHECK(text_of(path) == "two");
  CHECK_ERROR(check_writable(folder.path + "/missing/report.json"), "must be writable: No such file or directory; choose another");
  CHECK_ERROR(write_report(folder.path + "/missing/report.json", "x"), "must be writable");
  CHECK_ERROR(TraceFile(folder.path + "/missing/trace.jsonl", 0), "must be writable");
}

TEST(a_trace_is_one_object_a_line_at_any_time) {
  const Folder folder;
  const std::string path = folder.path + "/trace.jsonl";
  TraceFile trace(path, 3);
  for (int k = 0; k < 3; ++k) CHECK(trace.write(step_of(0.001, 0.002, 10 + k), 0.5 * k));
  std::ifstream file(path);  // while the trace is still open
  int lines = 0;
  for (std::string line; std::getline(file, line); ++lines) {
    const auto entry = nlohmann::json::parse(line);
    CHECK(entry["rank"] == 3 && entry["step"] == 10 + lines && entry["phases"]["mlp"] == 0.001);
    CHECK(!entry["phases"].contains("scatter"));
  }
  CHECK(lines == 3);
}

TEST(a_full_disk_ends_the_trace_and_nothing_else) {
  if (access("/dev/full", W_OK) != 0) return;
  TraceFile trace("/dev/full", 0);
  CHECK(!trace.write(step_of(0.001, 0.002), 0.0));
  CHECK(trace.problem().find("No space left on device; the simulation goes on without it") != std::string::npos);
  const std::string first = trace.problem();
  CHECK(!trace.write(step_of(0.001, 0.002), 0.0) && trace.problem() == first);
}

int main() { return check::run(); }
