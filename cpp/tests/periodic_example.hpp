// Small periodic layers made by hand, and what the formulas of docs/file-format.md give for them in plain loops.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "native/periodic_layer.hpp"
#include "tensor_writer.hpp"

namespace periodic_example {

using Json = nlohmann::json;
using Vector = std::vector<double>;

struct Example {
  Json record;
  WrittenTensors tensors;

  const Vector &values(const std::string &name) const { return tensors.at("readout.layer." + name).values; }
  const std::vector<std::int64_t> &shape(const std::string &name) const { return tensors.at("readout.layer." + name).shape; }

  qallegro::native::PeriodicLayer read() const {
    return qallegro::native::read_periodic_layer(record, qallegro::native::TensorFile(safetensors_bytes(tensors), "model.pth"));
  }
};

class Maker {
 public:
  explicit Maker(unsigned seed) : generator_(seed) {}

  double number() { return 2.0 * static_cast<double>(generator_()) / static_cast<double>(generator_.max()) - 1.0; }

  Vector numbers(std::size_t count) {
    Vector result(count);
    for (double &value : result) value = number();
    return result;
  }

  /// Numbers between -1 and 1.
  void random(Example &example, const std::string &name, const std::vector<std::int64_t> &shape) {
    std::size_t count = 1;
    for (const std::int64_t length : shape) count *= static_cast<std::size_t>(length);
    example.tensors["readout.layer." + name] = {shape, numbers(count)};
  }

 private:
  std::mt19937 generator_;
};

inline Example start(const std::string &form, int features, int outputs, int qubits) {
  Example example;
  example.record["model"]["variant"] = "allegro_qdi";
  example.record["surrogate"] = {{"module", "readout.layer"},
                                 {"form", form},
                                 {"degrees", std::vector<int>(features, 1)},
                                 {"observables", std::vector<std::string>(outputs, "Z")},
                                 {"circuit", {{"num_qubits", qubits}, {"num_features", features}}}};
  return example;
}

/// Two groups that share features, functions out of order and left out, products left out, an output in no group.
inline Example fourier(int multiplied_features) {
  Maker maker(1);
  Example example = start("fourier", 5, 5, 3);
  const std::vector<std::vector<int>> functions = {{0, 1, 2}, {3, 0, 2}, {0, 5, 1}, {0, 4}};
  example.record["surrogate"]["groups"] = {
      {{"features", {0, 3, 2, 4}}, {"functions", functions}, {"outputs", {3, 0}}, {"multiplied_features", multiplied_features}},
      {{"features", {3}}, {"functions", {{0, 2, 1}}}, {"outputs", {1}}, {"multiplied_features", 1}}};
  std::int64_t products = 1, sums = 2;
  for (std::size_t k = 0; k < functions.size(); ++k) {
    std::int64_t &count = static_cast<int>(k) < multiplied_features ? products : sums;
    count *= static_cast<std::int64_t>(functions[k].size());
  }
  Vector picked;
  for (std::int64_t p = 0; p < products; ++p)
    if (products < 4 || p % 4 != 1) picked.push_back(static_cast<double>(p));
  example.tensors["readout.layer.groups.0.products"] = {{static_cast<std::int64_t>(picked.size())}, picked};
  maker.random(example, "groups.0.coefficients", {sums, static_cast<std::int64_t>(picked.size())});
  // The constant has number 1 among the functions of the second feature, 0 among those of the others.
  const std::size_t column = multiplied_features == 1 ? 0 : 2, row = multiplied_features == 1 ? 3 * 2 * 2 : 0;
  for (std::size_t o = 0; o < 2; ++o) example.tensors["readout.layer.groups.0.coefficients"].values[(row + o) * picked.size() + column] = 0.0;
  example.tensors["readout.layer.groups.1.products"] = {{3}, {0, 1, 2}};
  example.tensors["readout.layer.groups.1.coefficients"] = {{1, 3}, {0.0, 0.7, -0.4}};
  return example;
}

inline Vector fourier_outputs(const Example &example, const Vector &x) {
  Vector outputs(example.record["surrogate"]["observables"].size(), 0.0);
  std::size_t number = 0;
  for (const Json &group : example.record["surrogate"]["groups"]) {
    std::vector<Vector> tables;
    for (std::size_t k = 0; k < group["features"].size(); ++k) {
      const double feature = x[group["features"][k].get<std::size_t>()];
      tables.emplace_back();
      for (const int a : group["functions"][k].get<std::vector<int>>()) {
        const double half = (a + 1) / 2 * feature / 2;
        tables.back().push_back(a == 0 ? 1.0 : std::sin(half) * (a % 2 == 1 ? std::sin(half) : std::cos(half)));
      }
    }
    const auto multiplied = group["multiplied_features"].get<std::size_t>(), count = group["outputs"].size();
    const std::string name = "groups." + std::to_string(number++);
    const Vector &products = example.values(name + ".products"), &coefficients = example.values(name + ".coefficients");
    // Every coefficient with its functions by the digits of row and column.
    for (std::size_t at = 0; at < coefficients.size(); ++at) {
      double term = coefficients[at];
      auto column = static_cast<std::size_t>(products[at % products.size()]);
      std::size_t row = at / products.size();
      const std::size_t output = row % count;
      row /= count;
      for (std::size_t k = 0; k < multiplied; ++k) {
        term *= tables[k][column % tables[k].size()];
        column /= tables[k].size();
      }
      for (std::size_t k = tables.size(); k-- > multiplied;) {
        term *= tables[k][row % tables[k].size()];
        row /= tables[k].size();
      }
      outputs[group["outputs"][output].get<std::size_t>()] += term;
    }
  }
  return outputs;
}

inline Vector product(const double *matrix, std::size_t rows, const Vector &x) {
  Vector result(rows, 0.0);
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < x.size(); ++c) result[r] += matrix[r * x.size() + c] * x[c];
  return result;
}

inline Vector encoded(const Vector &delta, const double *twice_reference, const Vector &h) {
  Vector result = delta;
  const std::size_t states = h.size();
  for (std::size_t b = 0; b < states; ++b) {
    const double re = twice_reference[b] + 2 * delta[b], im = twice_reference[states + b] + 2 * delta[states + b];
    result[b] -= std::sin(h[b]) * (std::sin(h[b]) * re + std::cos(h[b]) * im);
    result[states + b] -= std::sin(h[b]) * (std::sin(h[b]) * im - std::cos(h[b]) * re);
  }
  return result;
}

inline Vector measured(const Example &example, Vector delta, const double *twice_reference) {
  for (std::size_t r = 0; r < delta.size(); ++r) delta[r] *= delta[r] + twice_reference[r];
  return product(example.values("signs").data(), example.shape("signs")[0], delta);
}

inline void add_state(Maker &maker, Example &example, int encodings, int references, int states, int features, int outputs) {
  // The first encoding has phases that are linear in the bits, the second one none of the kind, others repeat them.
  Vector half(static_cast<std::size_t>(encodings) * states * features, 0.0);
  for (int k = 0; k < encodings; ++k)
    for (int b = 0; b < states; ++b)
      for (int f = 0; f < features; ++f)
        half[(k * states + b) * features + f] = k % 2 == 1 ? 0.25 * ((b * 5 + f * 3) % 7 - 2) : (b >> (f % 3) & 1) / 2.0;
  example.tensors["readout.layer.half_phases"] = {{encodings, states, features}, half};
  maker.random(example, "twice_references", {references, 2 * states, 1});
  Vector signs;
  for (int o = 0; o < outputs; ++o)
    for (int b = 0; b < 2 * states; ++b) signs.push_back((b % states) * (o + 3) % 5 < 2 ? -1.0 : 1.0);
  example.tensors["readout.layer.signs"] = {{outputs, 2 * states}, signs};
}

/// On two qubits; matrices are no unitaries, which changes nothing in the formulas.
inline Example unitary(int encodings) {
  Maker maker(2);
  Example example = start("unitary", 3, 2, 2);
  add_state(maker, example, encodings - 1, encodings, 4, 3, 2);
  example.tensors["readout.layer.first_half_phases"] = {{3, 3}, {0.5, 0, 0, 0, 0.5, 0, 0.5, 0.5, 0}};
  maker.random(example, "first_squares", {8, 3});
  maker.random(example, "first_products", {8, 3});
  maker.random(example, "unitaries", {encodings - 1, 8, 8});
  return example;
}

inline Vector unitary_outputs(const Example &example, const Vector &x) {
  const auto later = static_cast<std::size_t>(example.shape("unitaries")[0]);
  Vector squares = product(example.values("first_half_phases").data(), 3, x), products = squares;
  for (double &h : squares) h = std::sin(h) * std::sin(h);
  for (double &h : products) h = std::sin(h) * std::cos(h);
  Vector delta = product(example.values("first_squares").data(), 8, squares);
  const Vector rest = product(example.values("first_products").data(), 8, products);
  for (std::size_t r = 0; r < 8; ++r) delta[r] += rest[r];
  const double *references = example.values("twice_references").data();
  for (std::size_t k = 0; k < later; ++k) {
    delta = encoded(delta, references + 8 * k, product(example.values("half_phases").data() + k * 4 * x.size(), 4, x));
    delta = product(example.values("unitaries").data() + 64 * k, 8, delta);
  }
  return measured(example, delta, references + 8 * later);
}

/// On three qubits: rotations of one, two and three, entanglers with and without signs, first, last and in a row, a block without steps.
inline Example gates() {
  Maker maker(3);
  Example example = start("gates", 4, 3, 3);
  add_state(maker, example, 4, 5, 8, 4, 3);
  example.record["surrogate"]["steps"] = std::vector<std::vector<std::string>>{
      {"entanglers", "rotations", "entanglers", "entanglers", "rotations"}, {"rotations"}, {}, {"rotations", "rotations", "entanglers"}};
  const int sizes[4][5] = {{0, 4, 0, 0, 2}, {8}, {}, {2, 4, 0}};
  int shift = 1;
  for (std::size_t k = 0; k < 4; ++k)
    for (std::size_t i = 0; i < example.record["surrogate"]["steps"][k].size(); ++i) {
      const std::string name = "blocks." + std::to_string(k) + ".steps." + std::to_string(i);
      if (sizes[k][i] > 0) {
        maker.random(example, name + ".matrix", {2 * sizes[k][i], 2 * sizes[k][i]});
        continue;
      }
      Vector source, sign;
      for (int r = 0; r < 16; ++r) {
        source.push_back((5 * r + shift) % 16);
        sign.push_back(shift % 2 == 1 && r % 3 == 0 ? -1.0 : 1.0);
      }
      ++shift;
      example.tensors["readout.layer." + name + ".source"] = {{16}, source};
      example.tensors["readout.layer." + name + ".sign"] = {{16, 1}, sign};
    }
  return example;
}

inline Vector gates_outputs(const Example &example, const Vector &x) {
  Vector delta(16, 0.0);
  const Json &steps = example.record["surrogate"]["steps"];
  const double *references = example.values("twice_references").data();
  for (std::size_t k = 0; k < steps.size(); ++k) {
    delta = encoded(delta, references + 16 * k, product(example.values("half_phases").data() + k * 8 * x.size(), 8, x));
    for (std::size_t i = 0; i < steps[k].size(); ++i) {
      const std::string name = "blocks." + std::to_string(k) + ".steps." + std::to_string(i);
      Vector next(16, 0.0);
      if (steps[k][i] == "entanglers") {
        for (std::size_t r = 0; r < 16; ++r)
          next[r] = delta[static_cast<std::size_t>(example.values(name + ".source")[r])] * example.values(name + ".sign")[r];
      } else {
        const Vector &matrix = example.values(name + ".matrix");
        const auto size = static_cast<std::size_t>(example.shape(name + ".matrix")[0]) / 2, rest = 8 / size;
        for (std::size_t r = 0; r < rest; ++r)
          for (std::size_t o = 0; o < 2 * size; ++o)
            for (std::size_t j = 0; j < 2 * size; ++j)
              next[o / size * 8 + r * size + o % size] += matrix[o * 2 * size + j] * delta[j / size * 8 + j % size * rest + r];
      }
      delta = next;
    }
  }
  return measured(example, delta, references + 16 * steps.size());
}

inline Example random_fourier() {
  Example example;
  example.record["model"]["variant"] = "allegro_rff";
  example.tensors["readout.layer.frequencies"] = {{2, 3}, {1, -2, 0, 3, 1, -1}};
  example.tensors["readout.layer.phases"] = {{3}, {0.4, -2.5, 3.0}};
  return example;
}

inline Vector random_fourier_outputs(const Example &example, const Vector &x) {
  Vector outputs;
  for (std::size_t o = 0; o < 3; ++o) {
    const double phase = example.values("phases")[o];
    const Vector &frequencies = example.values("frequencies");
    outputs.push_back(std::cos(x[0] * frequencies[o] + x[1] * frequencies[3 + o] + phase) - std::cos(phase));
  }
  return outputs;
}

struct Case {
  const char *name;
  Example example;
  Vector (*outputs)(const Example &, const Vector &);
};

inline std::vector<Case> cases() {
  return {{"fourier, 1 feature multiplied", fourier(1), fourier_outputs},
          {"fourier, 2 features multiplied", fourier(2), fourier_outputs},
          {"fourier, 3 features multiplied", fourier(3), fourier_outputs},
          {"fourier, all features multiplied", fourier(4), fourier_outputs},
          {"unitary, 1 encoding", unitary(1), unitary_outputs},
          {"unitary, 4 encodings", unitary(4), unitary_outputs},
          {"gates", gates(), gates_outputs},
          {"random Fourier", random_fourier(), random_fourier_outputs}};
}

}  // namespace periodic_example
