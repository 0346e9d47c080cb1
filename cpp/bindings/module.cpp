// qallegro_ase._runtime: arrays in, arrays out. The Python signatures are in `_runtime.pyi`.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>

#include "latency.hpp"
#include "qallegro/potential.hpp"
#include "runtime/pairs.hpp"
#include "runtime/sort_pairs.hpp"

namespace py = pybind11;

namespace {

template <class T>
using Array = py::array_t<T, py::array::c_style | py::array::forcecast>;

// Real numbers of any width become float64; whole numbers are never converted, since a narrower type could change them.
template <class T>
Array<T> array(const py::object &value, const char *name) {
  const py::array given = py::array::ensure(value);
  if (!given) PyErr_Clear();
  const bool number = given && std::string("fiu").find(given.dtype().kind()) != std::string::npos;
  if (!number || (std::is_integral_v<T> && !given.dtype().equal(py::dtype::of<T>())))
    throw qallegro::Error(std::string("`") + name + "` must be an array of " +
                          std::string(py::str(static_cast<py::object>(py::dtype::of<T>()))) + ", it is " +
                          (given ? "one of " + std::string(py::str(static_cast<py::object>(given.dtype()))) : std::string("none")));
  return Array<T>(given);
}

template <class T>
void check_shape(const Array<T> &checked, const std::vector<std::int64_t> &shape, const char *name) {
  const std::vector<std::int64_t> actual(checked.shape(), checked.shape() + checked.ndim());
  if (actual == shape) return;
  const auto shown = [](const std::vector<std::int64_t> &sizes) {
    std::string text;
    for (const auto size : sizes) text += (text.empty() ? "" : ", ") + std::to_string(size);
    return "(" + text + ")";
  };
  throw qallegro::Error(std::string("`") + name + "` must have the shape " + shown(shape) + ", it has " + shown(actual));
}

template <class T>
std::int64_t rows(const Array<T> &counted, const char *name) {
  if (counted.ndim() == 0) throw qallegro::Error(std::string("`") + name + "` must be an array, it is a number");
  return counted.shape(0);
}

py::object parsed(const qallegro::Record &record) { return py::module_::import("json").attr("loads")(record.json); }

Array<double> zeros(std::vector<py::ssize_t> shape) {
  Array<double> filled(std::move(shape));
  std::fill_n(filled.mutable_data(), filled.size(), 0.0);
  return filled;
}

// The vector's memory under a new shape, without a copy.
template <class T>
Array<T> moved(std::vector<T> &&values, std::vector<py::ssize_t> shape) {
  auto *kept = new std::vector<T>(std::move(values));
  const py::capsule owner(kept, [](void *memory) { delete static_cast<std::vector<T> *>(memory); });
  return Array<T>(std::move(shape), kept->data(), owner);
}

py::tuple sorted_pairs(const py::object &given_pairs, const py::object &given_shifts, std::int64_t n_atoms) {
  const auto pairs = array<std::int32_t>(given_pairs, "pairs");
  const auto shifts = array<std::int32_t>(given_shifts, "shifts");
  const std::int64_t n_pairs = rows(pairs, "pairs");
  check_shape(pairs, {n_pairs, 2}, "pairs");
  check_shape(shifts, {n_pairs, 3}, "shifts");
  qallegro::SortedPairs sorted;
  {
    const py::gil_scoped_release no_gil;
    sorted = qallegro::sort_pairs(n_atoms, n_pairs, pairs.data(), shifts.data());
  }
  return py::make_tuple(moved(std::move(sorted.pairs), {n_pairs, 2}), moved(std::move(sorted.shifts), {n_pairs, 3}),
                        moved(std::move(sorted.first_edge), {n_atoms + 1}));
}

struct Wanted {
  bool per_atom_virial = false;
  bool per_atom_virial_centroid = false;
  bool edge_gradients = false;
  bool novelty = false;
};

// The arrays that one evaluation fills, and the dictionary that Python gets.
class Output {
 public:
  Output(std::int64_t n_atoms, std::int64_t n_edges, const Wanted &wanted) {
    results_.per_atom_energy = add("per_atom_energy", {n_atoms});
    results_.forces = add("forces", {n_atoms, 3});
    if (wanted.per_atom_virial) results_.per_atom_virial = add("per_atom_virial", {n_atoms, 3, 3});
    if (wanted.per_atom_virial_centroid) results_.per_atom_virial_centroid = add("per_atom_virial_centroid", {n_atoms, 3, 3});
    if (wanted.novelty) results_.novelty = add("novelty", {n_atoms});
    if (wanted.edge_gradients) results_.edge_gradients = add("edge_gradients", {n_edges, 3});
  }

  qallegro::Results &results() { return results_; }

  py::dict finished() {
    arrays_["energy"] = results_.energy;
    Array<double> virial({3, 3});
    std::copy(results_.virial.begin(), results_.virial.end(), virial.mutable_data());
    arrays_["virial"] = virial;
    return arrays_;
  }

 private:
  double *add(const char *name, std::vector<py::ssize_t> shape) {
    Array<double> filled = zeros(std::move(shape));
    arrays_[name] = filled;
    return filled.mutable_data();
  }

  py::dict arrays_;
  qallegro::Results results_;
};

class PyPotential {
 public:
  PyPotential(const std::string &path, const std::string &engine, const std::string &device, int threads, int local_rank, int stage_sampling)
      : potential_(path, options(engine, device, threads, local_rank, stage_sampling)) {}

  py::object record() const { return parsed(potential_.record()); }
  const std::string &description() const { return potential_.description(); }
  bool knows_novelty() const { return potential_.knows_novelty(); }

  py::dict timings() const {
    const qallegro::Timings &t = potential_.timings();
    py::dict result;
    result["pack"] = t.pack + edges_seconds_;
    result["engine"] = t.engine;
    result["scatter"] = t.scatter;
    result["evaluations"] = t.evaluations;
    result["edges"] = t.edges;
    result["slots"] = t.slots;
    result["growths"] = t.growths;
    py::dict phases;
    for (int p = 0; p < qallegro::phase_count; ++p) phases[qallegro::phase_names[p]] = t.phases[static_cast<qallegro::Phase>(p)];
    phases["pack"] = t.phases[qallegro::Phase::pack] + edges_seconds_;
    result["phases"] = phases;
    return result;
  }

  void reset_timings() {
    potential_.reset_timings();
    edges_seconds_ = taken_edges_seconds_ = 0.0;
    taken_ = {};
  }

  // What the evaluations since the last call of this function have taken becomes one step of `latency`.
  py::object add_latency(qallegro::Latency &latency, std::int64_t number, double neighbor_list, double total, std::int64_t atoms, bool rebuilt,
                         double warn) {
    const qallegro::Timings &now = potential_.timings();
    qallegro::StepLatency step;
    step.step = number;
    for (int p = 0; p < qallegro::phase_count; ++p) {
      const auto phase = static_cast<qallegro::Phase>(p);
      step.seconds[phase] = now.phases[phase] - taken_.phases[phase];
    }
    step.seconds[qallegro::Phase::pack] += edges_seconds_ - taken_edges_seconds_;
    step.seconds[qallegro::Phase::neighbor_list] = neighbor_list;
    step.total = total;
    step.atoms = atoms;
    step.edges = now.edges - taken_.edges;
    step.rebuilt = rebuilt;
    step.grew = now.growths > taken_.growths;
    taken_ = now;
    taken_edges_seconds_ = edges_seconds_;
    return add_step(latency, step, warn);
  }

  py::dict stage_times() const {
    py::dict result;
    for (const qallegro::StageTime &stage : potential_.stage_times()) result[stage.name.c_str()] = stage.seconds;
    return result;
  }

  py::dict evaluate(const py::object &given_centers, const py::object &given_first_edge, const py::object &given_neighbors,
                    const py::object &given_edge_vectors, const py::object &given_atom_types, std::int64_t n_atoms, bool per_atom_virial,
                    bool per_atom_virial_centroid, bool edge_gradients, bool novelty) {
    const auto centers = array<std::int32_t>(given_centers, "centers");
    const auto first_edge = array<std::int64_t>(given_first_edge, "first_edge");
    const auto neighbors = array<std::int32_t>(given_neighbors, "neighbors");
    const auto edge_vectors = array<double>(given_edge_vectors, "edge_vectors");
    const auto atom_types = array<std::int32_t>(given_atom_types, "atom_types");
    const std::int64_t n_centers = rows(centers, "centers"), n_edges = rows(neighbors, "neighbors");
    check_shape(centers, {n_centers}, "centers");
    check_shape(neighbors, {n_edges}, "neighbors");
    check_shape(first_edge, {n_centers + 1}, "first_edge");
    check_shape(edge_vectors, {n_edges, 3}, "edge_vectors");
    check_shape(atom_types, {n_atoms}, "atom_types");
    if (first_edge.data()[n_centers] != n_edges)
      throw qallegro::Error("`first_edge` must end at the number of edges, " + std::to_string(n_edges) + ", it ends at " +
                            std::to_string(first_edge.data()[n_centers]));
    const qallegro::EdgeList edges{n_atoms,          n_centers,           centers.data(),   first_edge.data(),
                                   neighbors.data(), edge_vectors.data(), atom_types.data()};
    Output output(n_atoms, n_edges, {per_atom_virial, per_atom_virial_centroid, edge_gradients, novelty});
    {
      const py::gil_scoped_release no_gil;
      const std::lock_guard lock(mutex_);
      potential_.evaluate(edges, output.results());
    }
    return output.finished();
  }

  py::dict evaluate_pairs(const py::object &given_positions, const py::object &given_cell, const py::object &given_pairs,
                          const py::object &given_shifts, const py::object &given_atom_types, const py::object &given_first_edge,
                          bool per_atom_virial, bool per_atom_virial_centroid, bool edge_gradients, bool novelty) {
    const auto positions = array<double>(given_positions, "positions");
    const auto cell = array<double>(given_cell, "cell");
    const auto pairs = array<std::int32_t>(given_pairs, "pairs");
    const auto shifts = array<std::int32_t>(given_shifts, "shifts");
    const auto atom_types = array<std::int32_t>(given_atom_types, "atom_types");
    std::optional<Array<std::int64_t>> first_edge;
    if (!given_first_edge.is_none()) first_edge = array<std::int64_t>(given_first_edge, "first_edge");
    const std::int64_t n_atoms = rows(positions, "positions"), n_pairs = rows(pairs, "pairs");
    check_shape(positions, {n_atoms, 3}, "positions");
    check_shape(cell, {3, 3}, "cell");
    check_shape(pairs, {n_pairs, 2}, "pairs");
    check_shape(shifts, {n_pairs, 3}, "shifts");
    check_shape(atom_types, {n_atoms}, "atom_types");
    if (first_edge) check_shape(*first_edge, {n_atoms + 1}, "first_edge");
    const qallegro::PairList list{n_atoms,      n_pairs,       positions.data(),  cell.data(),
                                  pairs.data(), shifts.data(), atom_types.data(), first_edge ? first_edge->data() : nullptr};
    Output output(n_atoms, n_pairs, {per_atom_virial, per_atom_virial_centroid, edge_gradients, novelty});
    {
      const py::gil_scoped_release no_gil;
      const std::lock_guard lock(mutex_);
      const auto start = std::chrono::steady_clock::now();
      const qallegro::EdgeList edges = pair_edges_.make(list, potential_.record().r_max);
      edges_seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      potential_.evaluate(edges, output.results());
      if (edge_gradients) pair_edges_.to_pair_order(output.results().edge_gradients, n_pairs);
    }
    return output.finished();
  }

 private:
  static qallegro::Options options(const std::string &engine, const std::string &device, int threads, int local_rank, int stage_sampling) {
    qallegro::Options result;
    result.engine = engine;
    result.device = device;
    result.threads = threads;
    result.local_rank = local_rank;
    result.stage_sampling = stage_sampling;
    return result;
  }

  qallegro::Potential potential_;
  qallegro::PairEdges pair_edges_;
  double edges_seconds_ = 0.0;  // packing that happens here: from pairs to edges
  qallegro::Timings taken_;     // what steps have been made of
  double taken_edges_seconds_ = 0.0;
  std::mutex mutex_;  // the buffers serve one evaluation at a time, and the interpreter lock is released during it
};

}  // namespace

PYBIND11_MODULE(_runtime, module) {
  module.doc() = "The qallegro C++ runtime: read an exported file, evaluate edges.";
  py::register_exception<qallegro::Error>(module, "Error", PyExc_RuntimeError);
  module.def("read_record", [](const std::string &path) { return parsed(qallegro::read_record(path)); }, py::arg("path"));
  bind_latency(module);
  module.def("sorted_pairs", sorted_pairs, py::arg("pairs"), py::arg("shifts"), py::arg("n_atoms"));
  py::class_<PyPotential>(module, "Potential")
      .def(py::init<const std::string &, const std::string &, const std::string &, int, int, int>(), py::arg("path"), py::arg("engine") = "auto",
           py::arg("device") = "auto", py::arg("threads") = 0, py::arg("local_rank") = 0, py::arg("stage_sampling") = 0,
           py::call_guard<py::gil_scoped_release>())
      .def_property_readonly("record", &PyPotential::record)
      .def_property_readonly("description", &PyPotential::description)
      .def_property_readonly("knows_novelty", &PyPotential::knows_novelty)
      .def_property_readonly("timings", &PyPotential::timings)
      .def_property_readonly("stage_times", &PyPotential::stage_times)
      .def("reset_timings", &PyPotential::reset_timings)
      .def("add_latency", &PyPotential::add_latency, py::arg("latency"), py::arg("step"), py::arg("neighbor_list"), py::arg("total"),
           py::arg("atoms"), py::arg("rebuilt"), py::arg("warn") = 0.0)
      .def("evaluate", &PyPotential::evaluate, py::arg("centers"), py::arg("first_edge"), py::arg("neighbors"), py::arg("edge_vectors"),
           py::arg("atom_types"), py::arg("n_atoms"), py::arg("want_per_atom_virial") = false,
           py::arg("want_per_atom_virial_centroid") = false, py::arg("want_edge_gradients") = false, py::arg("want_novelty") = false)
      .def("evaluate_pairs", &PyPotential::evaluate_pairs, py::arg("positions"), py::arg("cell"), py::arg("pairs"), py::arg("shifts"),
           py::arg("atom_types"), py::arg("first_edge") = py::none(), py::arg("want_per_atom_virial") = false,
           py::arg("want_per_atom_virial_centroid") = false, py::arg("want_edge_gradients") = false, py::arg("want_novelty") = false);
}
