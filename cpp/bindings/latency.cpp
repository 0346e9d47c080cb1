#include "latency.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <optional>
#include <string>

#include "qallegro/latency_files.hpp"
#include "qallegro/latency_report.hpp"

namespace py = pybind11;

namespace {

using qallegro::Phase;

qallegro::StepLatency step_from(std::int64_t step, const py::dict &seconds, double total, std::int64_t atoms, std::int64_t edges, bool rebuilt,
                                bool grew) {
  qallegro::StepLatency latency;
  latency.step = step;
  for (int p = 0; p < qallegro::phase_count; ++p)
    if (seconds.contains(qallegro::phase_names[p])) latency.seconds[static_cast<Phase>(p)] = seconds[qallegro::phase_names[p]].cast<double>();
  latency.total = total;
  latency.atoms = atoms;
  latency.edges = edges;
  latency.rebuilt = rebuilt;
  latency.grew = grew;
  return latency;
}

// The report of a run on one rank, a JSON text.
std::string report(const qallegro::Latency &latency, const std::string &source, const std::string &program_version, const std::string &description,
                   int threads, const std::string &model, const std::string &dtype, double r_max, const std::string &record_json,
                   std::optional<double> skin, std::optional<double> timestep_fs, std::int64_t atoms, std::int64_t last_step) {
  qallegro::RunDescription run;
  run.source = source;
  run.program_version = program_version;
  run.description = description;
  run.threads = threads;
  run.skin = skin;
  run.timestep_fs = timestep_fs;
  run.atoms = atoms;
  run.first_step = std::max<std::int64_t>(last_step - latency.steps(), 0);
  run.last_step = last_step;
  qallegro::Record record;
  record.path = model;
  record.dtype = dtype;
  record.r_max = r_max;
  record.json = record_json;
  return qallegro::latency_report(qallegro::run_of(latency), run, record);
}

}  // namespace

py::object add_step(qallegro::Latency &latency, const qallegro::StepLatency &step, double warn) {
  const auto slow = warn > 0.0 ? latency.slow(step, warn) : std::nullopt;
  latency.add(step);
  if (!slow) return py::none();
  py::dict result;
  result["ratio"] = slow->ratio;
  result["phase"] = qallegro::phase_names[static_cast<std::size_t>(slow->phase)];
  result["excess"] = slow->excess;
  return result;
}

void bind_latency(py::module_ &module) {
  py::tuple names(qallegro::phase_count);
  for (int p = 0; p < qallegro::phase_count; ++p) names[p] = qallegro::phase_names[p];
  module.attr("phase_names") = names;
  module.def("processor", &qallegro::processor);
  module.def("write_report", &qallegro::write_report, py::arg("path"), py::arg("text"));

  py::class_<qallegro::Latency>(module, "Latency")
      .def(py::init<int>(), py::arg("warmup_steps") = qallegro::Latency::default_warmup)
      .def(
          "add",
          [](qallegro::Latency &self, std::int64_t step, const py::dict &seconds, double total, std::int64_t atoms, std::int64_t edges, bool rebuilt,
             bool grew, double warn) { return add_step(self, step_from(step, seconds, total, atoms, edges, rebuilt, grew), warn); },
          py::arg("step"), py::arg("seconds"), py::arg("total"), py::arg("atoms"), py::arg("edges"), py::arg("rebuilt") = false,
          py::arg("grew") = false, py::arg("warn") = 0.0)
      .def("summary", [](const qallegro::Latency &self) { return py::module_::import("json").attr("loads")(self.json()); })
      .def("report", report, py::kw_only(), py::arg("source"), py::arg("program_version"), py::arg("description"), py::arg("threads"),
           py::arg("model"), py::arg("dtype"), py::arg("r_max"), py::arg("record"), py::arg("skin"), py::arg("timestep_fs"), py::arg("atoms"),
           py::arg("last_step"))
      .def("reset", &qallegro::Latency::reset, py::arg("warm") = false)
      .def_property_readonly("steps", &qallegro::Latency::steps);

  py::class_<qallegro::TraceFile>(module, "TraceFile")
      .def(py::init<const std::string &, int>(), py::arg("path"), py::arg("rank") = 0)
      .def(
          "write", [](qallegro::TraceFile &self, const qallegro::Latency &latency, double end) { return self.write(latency.last(), end); },
          py::arg("latency"), py::arg("end"))
      .def_property_readonly("problem", &qallegro::TraceFile::problem);
}
