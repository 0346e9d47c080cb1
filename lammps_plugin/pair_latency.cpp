#include "pair_latency.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "force.h"
#include "neighbor.h"
#include "timer.h"
#include "update.h"

using namespace LAMMPS_NS;
using qallegro::Phase;
using qallegro::phase_count;

namespace {

constexpr std::array<const char *, phase_count> kLabels = {"Neighbor list", "Edge packing", "Copy to device",  "Radial+angular", "Tensor product",
                                                           "MLPs",          "Surrogate",    "Backward",        "Network",        "Copy back",
                                                           "Force scatter", "Communication", "Everything else"};

std::string formatted(const char *format, double value) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, value);
  return text.data();
}

double wall() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// In the units that the number has few digits in.
std::string with_prefix(double value) {
  const char *prefix = "";
  for (const char *next : {"k", "M", "G", "T"}) {
    if (value < 1000.0) break;
    value /= 1000.0;
    prefix = next;
  }
  return formatted("%.4g", value) + " " + prefix;
}

}  // namespace

PairLatency::PairLatency(LAMMPS *lmp, const LatencyOptions &options) : Pointers(lmp), options_(options) {
  if (options_.file.empty()) return;
  if (comm->me == 0) qallegro::check_writable(options_.file);
  if (options_.trace)
    trace_ = std::make_unique<qallegro::TraceFile>(options_.file + ".trace.rank" + std::to_string(comm->me) + ".jsonl", comm->me);
  trace_start_ = wall();
}

void PairLatency::begins() { started_ = collected_ = wall(); }

void PairLatency::has_edges() { collected_ = wall(); }

// What a timer of LAMMPS has gained since the last call. They start anew with every run.
double PairLatency::grown(int which, double &seen) const {
  const double now = timer->get_wall(static_cast<Timer::ttype>(which));
  const double gained = now >= seen ? now - seen : now;
  seen = now;
  return gained;
}

void PairLatency::ends(const qallegro::Committee &potential, std::int64_t edges) {
  const double now = wall();
  const qallegro::Timings timings = potential.timings();
  const double neighbor_seconds = grown(Timer::NEIGH, neighbor_seen_), communication_seconds = grown(Timer::COMM, communication_seen_);
  // The forces before the first step belong to no step.
  if (!update->setupflag && options_.measured) {
    qallegro::StepLatency step;
    step.step = update->ntimestep;
    for (int p = 0; p < phase_count; ++p) {
      const auto phase = static_cast<Phase>(p);
      step.seconds[phase] = timings.phases[phase] - seen_.phases[phase];
    }
    step.seconds[Phase::pack] += collected_ - started_;
    // What is left of the call goes from and to the arrays of atoms too.
    double known = 0.0;
    for (const double seconds : step.seconds) known += seconds;
    step.seconds[Phase::scatter] += std::max(now - started_ - known, 0.0);
    step.seconds[Phase::neighbor_list] = neighbor_seconds;
    step.seconds[Phase::communication] = communication_seconds;
    // The first step of a run began when its clock was started.
    step.total = ended_ < 0.0 ? timer->elapsed(Timer::TOTAL) : now - ended_;
    step.atoms = atom->nlocal;
    step.ghosts = atom->nghost;
    step.edges = edges;
    step.rebuilt = neighbor->ago == 0;
    step.grew = timings.growths > seen_.growths;
    watch(step);
    statistics_.add(step);
    if (trace_ && !trace_->write(statistics_.last(), now - trace_start_)) {
      error->warning(FLERR, "pair_style qallegro: " + trace_->problem());
      trace_.reset();
    }
  }
  seen_ = timings;
  ended_ = update->setupflag ? -1.0 : now;
}

void PairLatency::watch(const qallegro::StepLatency &step) {
  if (options_.warn <= 0.0) return;
  const auto slow = statistics_.slow(step, options_.warn);
  if (!slow) return;
  error->warning(FLERR, "pair_style qallegro: step " + std::to_string(step.step) + " took " + formatted("%.1f", slow->ratio) +
                            " times the median on rank " + std::to_string(comm->me) + "; `" + kLabels[static_cast<int>(slow->phase)] + "` took " +
                            formatted("%.3g", 1e3 * slow->excess) + " ms more than usual");
}

qallegro::PhaseTimes PairLatency::last_phases() const {
  qallegro::PhaseTimes mean = statistics_.last().seconds;
  MPI_Allreduce(MPI_IN_PLACE, mean.data(), phase_count, MPI_DOUBLE, MPI_SUM, world);
  for (double &seconds : mean) seconds /= comm->nprocs;
  return mean;
}

double PairLatency::last_total() const {
  double total = statistics_.last().total;
  MPI_Allreduce(MPI_IN_PLACE, &total, 1, MPI_DOUBLE, MPI_SUM, world);
  return total / comm->nprocs;
}

qallegro::RunLatency PairLatency::merged() const {
  const auto merge = [this](const qallegro::StreamingStatistics &own) {
    std::vector<double> sums = own.sums();
    double least = own.count() > 0 ? own.min() : std::numeric_limits<double>::max(), most = own.max();
    MPI_Allreduce(MPI_IN_PLACE, sums.data(), static_cast<int>(sums.size()), MPI_DOUBLE, MPI_SUM, world);
    MPI_Allreduce(MPI_IN_PLACE, &least, 1, MPI_DOUBLE, MPI_MIN, world);
    MPI_Allreduce(MPI_IN_PLACE, &most, 1, MPI_DOUBLE, MPI_MAX, world);
    return qallegro::StreamingStatistics::merged(sums, least, most);
  };
  const auto over_ranks = [this](std::int64_t value, MPI_Op operation) {
    auto number = static_cast<double>(value);
    MPI_Allreduce(MPI_IN_PLACE, &number, 1, MPI_DOUBLE, operation, world);
    return static_cast<std::int64_t>(number);
  };
  qallegro::RunLatency run;
  run.steps = statistics_.steps();
  run.step = merge(statistics_.total());
  run.wall_seconds = statistics_.total().total();
  MPI_Allreduce(MPI_IN_PLACE, &run.wall_seconds, 1, MPI_DOUBLE, MPI_MAX, world);
  for (int p = 0; p < phase_count; ++p) run.phases[p] = merge(statistics_.phase(static_cast<Phase>(p)));
  const qallegro::Latency::Counts &own = statistics_.counts();
  run.counts.atom_steps = over_ranks(own.atom_steps, MPI_SUM);
  run.counts.ghost_steps = over_ranks(own.ghost_steps, MPI_SUM);
  run.counts.edges = over_ranks(own.edges, MPI_SUM);
  run.counts.rebuilds = over_ranks(own.rebuilds, MPI_MAX);
  run.counts.growths = over_ranks(own.growths, MPI_MAX);
  run.warmup_steps = statistics_.warmup_steps();
  run.warmup_seconds = statistics_.warmup_seconds();
  MPI_Allreduce(MPI_IN_PLACE, &run.warmup_seconds, 1, MPI_DOUBLE, MPI_MAX, world);
  run.warmup_phases = statistics_.warmup_phases();
  MPI_Allreduce(MPI_IN_PLACE, run.warmup_phases.data(), phase_count, MPI_DOUBLE, MPI_SUM, world);
  for (double &seconds : run.warmup_phases) seconds /= comm->nprocs;

  // A row a rank: four numbers and the phases.
  constexpr int width = 4 + phase_count;
  const double steps = std::max<double>(1.0, static_cast<double>(run.steps));
  std::array<double, width> row{static_cast<double>(own.atom_steps) / steps, static_cast<double>(own.ghost_steps) / steps,
                                static_cast<double>(own.edges) / steps, static_cast<double>(qallegro::peak_memory())};
  for (int p = 0; p < phase_count; ++p) row[4 + p] = statistics_.phase(static_cast<Phase>(p)).total();
  std::vector<double> rows(comm->me == 0 ? static_cast<std::size_t>(width) * comm->nprocs : 0);
  MPI_Gather(row.data(), width, MPI_DOUBLE, rows.data(), width, MPI_DOUBLE, 0, world);
  for (std::size_t r = 0; r * width < rows.size(); ++r) {
    const double *values = rows.data() + r * width;
    qallegro::RankLatency rank;
    rank.atoms = std::llround(values[0]);
    rank.ghosts = std::llround(values[1]);
    rank.edges = std::llround(values[2]);
    rank.peak_memory = std::llround(values[3]);
    for (int p = 0; p < phase_count; ++p) rank.totals[static_cast<Phase>(p)] = values[4 + p];
    run.ranks.push_back(rank);
  }
  return run;
}

void PairLatency::finish(const qallegro::Committee &potential) {
  if (!options_.measured) return;
  ++runs_;
  const qallegro::RunLatency latency = merged();
  if (comm->me == 0) {
    qallegro::RunDescription run;
    run.source = "lammps";
    run.program_version = lmp->version;
    run.description = potential.description();
    run.atoms = static_cast<std::int64_t>(atom->natoms);
    run.first_step = update->firststep;
    run.last_step = update->ntimestep;
    run.run = runs_;
    run.threads = potential.threads();
    run.skin = neighbor->skin;
    if (update->whichflag != 2 && update->dt > 0.0) run.timestep_fs = update->dt / force->femtosecond;
    if (latency.steps > 0) print(latency, run, potential.record());
    if (!options_.file.empty()) {
      try {
        qallegro::write_report(report_path(), qallegro::latency_report(latency, run, potential.record()));
      } catch (const qallegro::Error &reason) {
        // The run is done and worth more than its report.
        error->warning(FLERR, std::string("pair_style qallegro: ") + reason.what());
      }
    }
  }
  statistics_.reset(true);
}

std::string PairLatency::report_path() const {
  if (runs_ == 1) return options_.file;
  const std::size_t slash = options_.file.find_last_of('/'), dot = options_.file.find_last_of('.');
  const bool suffix = dot != std::string::npos && (slash == std::string::npos || dot > slash + 1);
  const std::size_t at = suffix ? dot : options_.file.size();
  return options_.file.substr(0, at) + "." + std::to_string(runs_) + options_.file.substr(at);
}

void PairLatency::print_rows(const qallegro::RunLatency &latency, std::string &text) const {
  const auto row = [&](const std::string &label, double least, double mean, double most, double imbalance, const qallegro::StreamingStatistics &step) {
    std::array<char, 160> line{};
    std::snprintf(line.data(), line.size(), "%-15s | %-10.5g | %-10.5g | %-10.5g | %6.1f | %6.2f | %-9.4g | %-9.4g\n", label.c_str(), least, mean, most,
                  imbalance, latency.wall_seconds > 0.0 ? 100.0 * mean / latency.wall_seconds : 0.0, 1e3 * step.quantile(0.5), 1e3 * step.quantile(0.99));
    text += line.data();
  };
  for (int p = 0; p < phase_count; ++p) {
    if (latency.phases[p].total() <= 0.0) continue;
    double least = std::numeric_limits<double>::max(), most = 0.0, sum = 0.0;
    for (const qallegro::RankLatency &rank : latency.ranks) {
      const double seconds = rank.totals[static_cast<Phase>(p)];
      least = std::min(least, seconds);
      most = std::max(most, seconds);
      sum += seconds;
    }
    const double mean = sum / static_cast<double>(latency.ranks.size());
    row(kLabels[p], least, mean, most, mean > 0.0 ? 100.0 * (most - mean) / mean : 0.0, latency.phases[p]);
  }
}

void PairLatency::print(const qallegro::RunLatency &latency, const qallegro::RunDescription &run, const qallegro::Record &record) const {
  std::string text = "\nqallegro latency of " + std::to_string(latency.steps) + " steps on " + std::to_string(latency.ranks.size()) +
                     (latency.ranks.size() == 1 ? " rank" : " ranks");
  if (latency.warmup_steps > 0)
    text += ", after " + std::to_string(latency.warmup_steps) + " steps of warmup that took " + formatted("%.4g", latency.warmup_seconds) + " s";
  text += ":\n";
  text += "Phase           |  min time  |  avg time  |  max time  | %imbal | %total | median ms | p99 ms\n";
  text += std::string(95, '-') + "\n";
  print_rows(latency, text);
  text += "Step: median " + formatted("%.4g", 1e3 * latency.step.quantile(0.5)) + " ms, p99 " + formatted("%.4g", 1e3 * latency.step.quantile(0.99)) +
          " ms, longest " + formatted("%.4g", 1e3 * latency.step.max()) + " ms; " + std::to_string(latency.counts.rebuilds) + " neighbor lists, " +
          std::to_string(latency.counts.growths) + " steps that allocated memory\n";
  text += "Speed: " + with_prefix(latency.atom_steps_per_second()) + "atom-step/s, " + with_prefix(latency.edges_per_second()) + "edge/s";
  if (const auto speed = latency.ns_per_day(run)) text += ", " + formatted("%.4g", *speed) + " ns/day";
  text += "\nEngine: " + run.description;
  if (const auto form = qallegro::surrogate_form(record)) text += ", surrogate form " + *form;
  std::int64_t peak = 0;
  for (const qallegro::RankLatency &rank : latency.ranks) peak = std::max(peak, rank.peak_memory);
  text += "\nPeak memory: " + formatted("%.4g", 1e-6 * static_cast<double>(peak)) + " MB on the largest rank\n";
  utils::logmesg(lmp, text);
}
