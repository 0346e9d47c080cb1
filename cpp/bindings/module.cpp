// qallegro_ase._runtime: arrays in, arrays out. The Python signatures are in `_runtime.pyi`.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <mutex>
#include <optional>

#include "qallegro/potential.hpp"
#include "runtime/pairs.hpp"

namespace py = pybind11;

namespace {

// Without forcecast, an array whose values could change (int64 to int32, float to int) is refused by pybind11.
template <class T>
using Array = py::array_t<T, py::array::c_style>;

template <class T>
void check_shape(const Array<T> &array, const std::vector<std::int64_t> &shape, const char *name) {
  const std::vector<std::int64_t> actual(array.shape(), array.shape() + array.ndim());
  if (actual == shape) return;
  const auto shown = [](const std::vector<std::int64_t> &sizes) {
    std::string text;
    for (const auto size : sizes) text += (text.empty() ? "" : ", ") + std::to_string(size);
    return "(" + text + ")";
  };
  throw qallegro::Error(std::string("`") + name + "` must have the shape " + shown(shape) + ", it has " + shown(actual));
}

template <class T>
std::int64_t rows(const Array<T> &array, const char *name) {
  if (array.ndim() == 0) throw qallegro::Error(std::string("`") + name + "` must be an array, it is a number");
  return array.shape(0);
}

py::object parsed(const qallegro::Record &record) { return py::module_::import("json").attr("loads")(record.json); }

Array<double> zeros(std::vector<py::ssize_t> shape) {
  Array<double> array(std::move(shape));
  std::fill_n(array.mutable_data(), array.size(), 0.0);
  return array;
}

struct Wanted {
  bool per_atom_virial = false;
  bool per_atom_virial_centroid = false;
  bool edge_gradients = false;
};

// The arrays that one evaluation fills, and the dictionary that Python gets.
class Output {
 public:
  Output(std::int64_t n_atoms, std::int64_t n_edges, const Wanted &wanted) {
    results_.per_atom_energy = add("per_atom_energy", {n_atoms});
    results_.forces = add("forces", {n_atoms, 3});
    if (wanted.per_atom_virial) results_.per_atom_virial = add("per_atom_virial", {n_atoms, 3, 3});
    if (wanted.per_atom_virial_centroid) results_.per_atom_virial_centroid = add("per_atom_virial_centroid", {n_atoms, 3, 3});
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
    Array<double> array = zeros(std::move(shape));
    arrays_[name] = array;
    return array.mutable_data();
  }

  py::dict arrays_;
  qallegro::Results results_;
};

class PyPotential {
 public:
  PyPotential(const std::string &path, const std::string &engine, const std::string &device, int threads, int local_rank)
      : potential_(path, options(engine, device, threads, local_rank)) {}

  py::object record() const { return parsed(potential_.record()); }
  const std::string &description() const { return potential_.description(); }

  py::dict timings() const {
    const qallegro::Timings &t = potential_.timings();
    py::dict result;
    result["pack"] = t.pack;
    result["engine"] = t.engine;
    result["scatter"] = t.scatter;
    result["evaluations"] = t.evaluations;
    result["edges"] = t.edges;
    result["slots"] = t.slots;
    return result;
  }

  void reset_timings() { potential_.reset_timings(); }

  py::dict evaluate(const Array<std::int32_t> &centers, const Array<std::int64_t> &first_edge, const Array<std::int32_t> &neighbors,
                    const Array<double> &edge_vectors, const Array<std::int32_t> &atom_types, std::int64_t n_atoms, bool per_atom_virial,
                    bool per_atom_virial_centroid, bool edge_gradients) {
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
    Output output(n_atoms, n_edges, {per_atom_virial, per_atom_virial_centroid, edge_gradients});
    {
      const py::gil_scoped_release no_gil;
      const std::lock_guard lock(mutex_);
      potential_.evaluate(edges, output.results());
    }
    return output.finished();
  }

  py::dict evaluate_pairs(const Array<double> &positions, const Array<double> &cell, const Array<std::int32_t> &pairs,
                          const Array<std::int32_t> &shifts, const Array<std::int32_t> &atom_types,
                          const std::optional<Array<std::int64_t>> &first_edge, bool per_atom_virial, bool per_atom_virial_centroid,
                          bool edge_gradients) {
    const std::int64_t n_atoms = rows(positions, "positions"), n_pairs = rows(pairs, "pairs");
    check_shape(positions, {n_atoms, 3}, "positions");
    check_shape(cell, {3, 3}, "cell");
    check_shape(pairs, {n_pairs, 2}, "pairs");
    check_shape(shifts, {n_pairs, 3}, "shifts");
    check_shape(atom_types, {n_atoms}, "atom_types");
    if (first_edge) check_shape(*first_edge, {n_atoms + 1}, "first_edge");
    const qallegro::PairList list{n_atoms,       n_pairs,           positions.data(),
                                  cell.data(),   pairs.data(),      shifts.data(),
                                  atom_types.data(), first_edge ? first_edge->data() : nullptr};
    Output output(n_atoms, n_pairs, {per_atom_virial, per_atom_virial_centroid, edge_gradients});
    {
      const py::gil_scoped_release no_gil;
      const std::lock_guard lock(mutex_);
      const qallegro::EdgeList edges = pair_edges_.make(list);
      potential_.evaluate(edges, output.results());
      if (edge_gradients && !first_edge) to_pair_order(output.results().edge_gradients);
    }
    return output.finished();
  }

 private:
  static qallegro::Options options(const std::string &engine, const std::string &device, int threads, int local_rank) {
    qallegro::Options result;
    result.engine = engine;
    result.device = device;
    result.threads = threads;
    result.local_rank = local_rank;
    return result;
  }

  void to_pair_order(double *gradients) {
    const auto &pair_of_edge = pair_edges_.pair_of_edge();
    const std::vector<double> by_edge(gradients, gradients + 3 * pair_of_edge.size());
    for (std::size_t edge = 0; edge < pair_of_edge.size(); ++edge) std::copy_n(by_edge.data() + 3 * edge, 3, gradients + 3 * pair_of_edge[edge]);
  }

  qallegro::Potential potential_;
  qallegro::PairEdges pair_edges_;
  std::mutex mutex_;  // the buffers serve one evaluation at a time, and the interpreter lock is released during it
};

}  // namespace

PYBIND11_MODULE(_runtime, module) {
  module.doc() = "The qallegro C++ runtime: read an exported file, evaluate edges.";
  py::register_exception<qallegro::Error>(module, "Error", PyExc_RuntimeError);
  module.def(
      "read_record", [](const std::string &path) { return parsed(qallegro::read_record(path)); }, py::arg("path"));
  py::class_<PyPotential>(module, "Potential")
      .def(py::init<const std::string &, const std::string &, const std::string &, int, int>(), py::arg("path"), py::arg("engine") = "auto",
           py::arg("device") = "cpu", py::arg("threads") = 0, py::arg("local_rank") = 0, py::call_guard<py::gil_scoped_release>())
      .def_property_readonly("record", &PyPotential::record)
      .def_property_readonly("description", &PyPotential::description)
      .def_property_readonly("timings", &PyPotential::timings)
      .def("reset_timings", &PyPotential::reset_timings)
      .def("evaluate", &PyPotential::evaluate, py::arg("centers"), py::arg("first_edge"), py::arg("neighbors"), py::arg("edge_vectors"),
           py::arg("atom_types"), py::arg("n_atoms"), py::arg("want_per_atom_virial") = false,
           py::arg("want_per_atom_virial_centroid") = false, py::arg("want_edge_gradients") = false)
      .def("evaluate_pairs", &PyPotential::evaluate_pairs, py::arg("positions"), py::arg("cell"), py::arg("pairs"), py::arg("shifts"),
           py::arg("atom_types"), py::arg("first_edge") = py::none(), py::arg("want_per_atom_virial") = false,
           py::arg("want_per_atom_virial_centroid") = false, py::arg("want_edge_gradients") = false);
}
