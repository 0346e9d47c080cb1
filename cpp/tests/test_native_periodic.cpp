// The periodic layer of the native engine: hand-made forms against plain loops, derivatives, exact zeros; damaged records are errors.
#include <cmath>
#include <cstdio>
#include <random>

#include "allocations.hpp"
#include "check.hpp"
#include "mutations.hpp"
#include "native_layer.hpp"
#include "periodic_example.hpp"

using namespace periodic_example;
using qallegro::native::LayerArrays;
using qallegro::native::PeriodicLayer;

namespace {

// Outputs are sums of some hundred products of order one, of up to some ten amplitudes in size.
constexpr double double_rounding = 1e-12, single_rounding = 2e-4;
// Central differences: rounding over the step, and the square of the step times third derivatives of order 100.
constexpr double step = 1e-5, difference_error = 1e-7;

struct Evaluated {
  Vector x, out, g_out, g_x;
};

// Edges with random features, of which every third has none, and random gradients by the outputs.
Evaluated evaluate(const PeriodicLayer &layer, bool single, int edges) {
  Maker maker(11);
  const std::size_t in = static_cast<std::size_t>(edges) * layer.num_features, out = static_cast<std::size_t>(edges) * layer.num_outputs;
  Evaluated e{maker.numbers(in), Vector(out), maker.numbers(out), Vector(in)};
  for (std::size_t k = 0; k < in; ++k) e.x[k] = k / layer.num_features % 3 == 0 ? 0.0 : static_cast<float>(3.1 * e.x[k]);
  for (double &value : e.g_out) value = static_cast<float>(value);
  LayerArrays arrays;
  arrays.edges = edges;
  arrays.x = e.x.data();
  arrays.g_out = e.g_out.data();
  arrays.out = e.out.data();
  arrays.g_x = e.g_x.data();
  qallegro::native::plain::evaluate_layer(layer, single, arrays, 1);
  return e;
}

double contracted(const Case &item, Vector x, const double *g_out, std::size_t feature, double shift) {
  x[feature] += shift;
  double sum = 0.0;
  for (const double value : item.outputs(item.example, x)) sum += *g_out++ * value;
  return sum;
}

void check_case(const Case &item, bool single, int edges) {
  const PeriodicLayer layer = item.example.read();
  const Evaluated e = evaluate(layer, single, edges);
  const double rounding = single ? single_rounding : double_rounding;
  for (int edge = 0; edge < edges; ++edge) {
    const Vector x(e.x.begin() + edge * layer.num_features, e.x.begin() + (edge + 1) * layer.num_features);
    const Vector expected = item.outputs(item.example, x);
    double scale = 1.0;
    for (const double value : expected) scale = std::max(scale, std::abs(value));
    for (int o = 0; o < layer.num_outputs; ++o) {
      const double found = e.out[edge * layer.num_outputs + o];
      CHECK_CLOSE(found, expected[o], rounding * scale);
      if (edge % 3 == 0) CHECK(found == 0.0);
    }
    const double *g_out = e.g_out.data() + edge * layer.num_outputs;
    for (int f = 0; f < layer.num_features; ++f) {
      const double slope = (contracted(item, x, g_out, f, step) - contracted(item, x, g_out, f, -step)) / (2.0 * step);
      CHECK_CLOSE(e.g_x[edge * layer.num_features + f], slope, (rounding + difference_error) * scale * 10.0);
    }
  }
}

std::string error_of(const Example &example) {
  try {
    example.read();
  } catch (const qallegro::Error &error) {
    return error.what();
  }
  return "no error";
}

void check_refused(Example example, const std::string &words) { check::contains(__FILE__, __LINE__, error_of(example), words); }

}  // namespace

TEST(values_and_derivatives_are_those_of_the_formulas) {
  // Tiles of one vector, two and three, padded and not.
  for (const Case &item : cases())
    for (const bool single : {false, true})
      for (const int edges : {1, 4, 7, 12, 29}) check_case(item, single, edges);
}

TEST(examples_hide_nothing) {
  // Of form fourier two outputs and one feature are in no group; a single encoding of form unitary leaves a feature out.
  for (const Case &item : cases()) {
    const PeriodicLayer layer = item.example.read();
    const Evaluated e = evaluate(layer, false, 30);
    const bool fourier = layer.fourier() != nullptr;
    for (int o = 0; o < layer.num_outputs; ++o) {
      double largest = 0.0;
      for (int edge = 0; edge < 30; ++edge) largest = std::max(largest, std::abs(e.out[edge * layer.num_outputs + o]));
      CHECK((largest > 0.05) == !(fourier && (o == 2 || o == 4)));
    }
    if (layer.unitary()) continue;
    for (int f = 0; f < layer.num_features; ++f) {
      double largest = 0.0;
      for (int edge = 0; edge < 30; ++edge) largest = std::max(largest, std::abs(e.g_x[edge * layer.num_features + f]));
      CHECK((largest > 0.01) == !(fourier && f == 1));
    }
  }
}

TEST(equal_encodings_share_their_phases) {
  CHECK(gates().read().gates()->state.phases.size() == 2);
  CHECK(gates().read().gates()->state.encodings.size() == 4);
  // The first one, which is stored apart, has those of the second and the fourth.
  CHECK(unitary(4).read().unitary()->state.phases.size() == 2);
  CHECK(unitary(4).read().unitary()->state.encodings.size() == 4);
}

TEST(entanglers_join_the_matrix_before_them) {
  const PeriodicLayer layer = gates().read();
  const auto &blocks = layer.gates()->blocks;
  CHECK(blocks[0].size() == 3 && blocks[1].size() == 1 && blocks[2].size() == 0 && blocks[3].size() == 2);
}

TEST(bad_records_of_form_fourier_are_refused) {
  const auto change = [](const std::string &at, const Json &value) {
    Example example = fourier(2);
    example.record["surrogate"][Json::json_pointer(at)] = value;
    return example;
  };
  check_refused(change("/form", "laplace"), "`surrogate.form` in the record must be fourier, unitary or gates");
  check_refused(change("/degrees", {1, 1}), "`surrogate.circuit.num_features` in the record must be a whole number in 2 .. 2, it is 5");
  check_refused(change("/degrees", Json::array()), "`surrogate.degrees` in the record must have 1 to 4096 entries, it has 0");
  check_refused(change("/observables", "ZZ"), "`surrogate.observables` in the record must be a list");
  check_refused(change("/groups/0/features", {0, 3, 2, 5}), "must be a whole number in 0 .. 4, it is 5");
  check_refused(change("/groups/0/features", {0, 3, 2, -1}), "it is -1");
  check_refused(change("/groups/0/features", {0, 3, 2, 1.5}), "it is 1.5");
  check_refused(change("/groups/0/features/3", 18446744073709551615u), "it is 18446744073709551615");
  check_refused(change("/groups/0/features", {0, 3, 2, 0}), "`surrogate.groups.0.features` in the record must be different numbers, 0 occurs");
  check_refused(change("/groups/0/features", Json::array()), "must not be empty");
  check_refused(change("/groups/0/functions", {{0, 1}}), "must have a list for each of `features`");
  check_refused(change("/groups/0/functions/1", {3, 0, 3}), "3 occurs twice");
  check_refused(change("/groups/0/functions/1", {0, 3, 1 << 20}), "must be a whole number in 0 .. 8192");
  check_refused(change("/groups/0/outputs", {0, 5}), "it is 5");
  check_refused(change("/groups/0/outputs", {0, 1}), "`surrogate.groups` in the record must not share outputs, 1 is in two");
  check_refused(change("/groups/0/multiplied_features", 0), "must be a whole number in 1 .. 4, it is 0");
  check_refused(change("/groups/0/multiplied_features", 5), "it is 5");
  check_refused(change("/groups/0/multiplied_features", 3), "readout.layer.groups.0.coefficients");
  check_refused(change("/groups", 3), "must be a list");
  check_refused(change("/module", "elsewhere"), "elsewhere.groups.0.products");
  check_refused(change("/module", nullptr), "it cannot be read");
  Example example = fourier(2);
  example.tensors["readout.layer.groups.0.products"].values[0] = 1;
  example.tensors["readout.layer.groups.0.products"].values[1] = 0;
  check_refused(example, "must come with a tensor `products` of growing numbers");
  for (const double wrong : {9.0, -1.0, 0.5}) {
    example.tensors["readout.layer.groups.0.products"].values[0] = wrong;
    check_refused(example, "must hold whole numbers in 0 .. 8");
  }
  example = fourier(2);
  example.tensors["readout.layer.groups.1.coefficients"].values[0] = 1e-20;
  check_refused(example, "`coefficients` that is zero for the constant");
  example.record["surrogate"].erase("groups");
  check_refused(example, "it cannot be read");
}

TEST(bad_records_of_the_state_vector_are_refused) {
  Example example = unitary(4);
  example.record["surrogate"]["circuit"]["num_qubits"] = 3;
  check_refused(example, "readout.layer.unitaries");
  example.record["surrogate"]["circuit"]["num_qubits"] = 60;
  check_refused(example, "`surrogate.circuit.num_qubits` in the record must be a whole number in 1 .. 16, it is 60");
  example = unitary(4);
  example.tensors["readout.layer.signs"].values[3] *= -1.0;
  check_refused(example, "must be the same for real and imaginary parts");
  example = unitary(4);
  example.tensors["readout.layer.twice_references"].shape = {2, 16, 1};
  check_refused(example, "readout.layer.twice_references");
  // No matrices, and a number of qubits whose matrices would fill the memory.
  example.record["surrogate"]["circuit"]["num_qubits"] = 16;
  example.tensors["readout.layer.unitaries"] = {{0, 1 << 17, 1 << 17}, {}};
  example.tensors["readout.layer.half_phases"] = {{0, 1 << 16, 3}, {}};
  check_refused(example, "readout.layer.first_squares");
  example = gates();
  example.record["surrogate"]["steps"][0][1] = "turns";
  check_refused(example, "`surrogate.steps` in the record must be `rotations` or `entanglers`, it is \"turns\"");
  example = gates();
  example.record["surrogate"]["steps"].push_back(Json::array());
  check_refused(example, "readout.layer.half_phases");
  example.record["surrogate"]["steps"] = Json::array();
  check_refused(example, "must have a list for each encoding");
  for (const double wrong : {16.0, -1.0, 2.5}) {
    example = gates();
    example.tensors["readout.layer.blocks.0.steps.0.source"].values[5] = wrong;
    check_refused(example, "must hold whole numbers in 0 .. 15");
  }
  example = gates();
  example.tensors["readout.layer.blocks.0.steps.0.source"].values[5] = example.values("blocks.0.steps.0.source")[6];
  check_refused(example, "must be a permutation");
  for (const std::int64_t rows : {1, 6, 32}) {
    example = gates();
    example.tensors["readout.layer.blocks.1.steps.0.matrix"] = {{rows, rows}, Vector(static_cast<std::size_t>(rows * rows))};
    check_refused(example, "must act on 1 qubit to all of them, it has " + std::to_string(rows) + " rows");
  }
}

TEST(bad_records_of_random_cosines_are_refused) {
  Example example = random_fourier();
  example.tensors["readout.layer.phases"] = {{2}, {0.1, 0.2}};
  check_refused(example, "readout.layer.phases");
  example.tensors["readout.layer.frequencies"] = {{0, 2}, {}};
  check_refused(example, "must have features and outputs, its shape is (0, 2)");
  example.record["model"]["variant"] = "allegro";
  check_refused(example, "must be allegro_qdi or allegro_rff");
  example.record.erase("model");
  check_refused(example, "it cannot be read");
}

TEST(damaged_records_are_errors_or_layers_that_run) {
  std::mt19937_64 generator(5);
  int read = 0, refused = 0;
  for (const Case &item : cases()) {
    const std::string text = item.example.record.dump();
    for (int k = 0; k < 1500; ++k) {
      Example damaged = item.example;
      damaged.record = Json::parse(mutations::mutated(text, generator), nullptr, false);
      if (damaged.record.is_discarded()) continue;
      reset_peak_bytes();
      try {
        const PeriodicLayer layer = damaged.read();
        evaluate(layer, true, 5);
        ++read;
      } catch (const qallegro::Error &) {
        ++refused;
      }
      if (peak_bytes() > (std::size_t{1} << 22)) check::fail(__FILE__, __LINE__, std::to_string(peak_bytes()) + " bytes for " + damaged.record.dump());
    }
  }
  std::printf("  %d read, %d refused\n", read, refused);
  CHECK(read > 100 && refused > 500);
}

int main() { return check::run(); }
