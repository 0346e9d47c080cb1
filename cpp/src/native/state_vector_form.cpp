#include "native/state_vector_form.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace qallegro::native {

namespace {

using Json = nlohmann::json;

// A state vector of more qubits than this is no potential but a damaged record.
constexpr std::int64_t most_qubits = 16;

int states_of(const SurrogateReader &reader) {
  return 1 << reader.integer(reader.surrogate().at("circuit").at("num_qubits"), "circuit.num_qubits", 1, most_qubits);
}

// `half_phases` (encodings, states, features), of which equal ones are kept once.
StateVector state_vector(const SurrogateReader &reader, int states, const std::vector<double> &half_phases) {
  const std::int64_t size = static_cast<std::int64_t>(states) * reader.num_features();
  const auto encodings = static_cast<std::int64_t>(half_phases.size()) / size;
  std::vector<PhaseTable> phases;
  std::vector<const double *> different;
  std::vector<int> places;
  for (std::int64_t k = 0; k < encodings; ++k) {
    const double *matrix = half_phases.data() + k * size;
    const auto same = std::find_if(different.begin(), different.end(), [&](const double *d) { return std::equal(d, d + size, matrix); });
    places.push_back(static_cast<int>(same - different.begin()));
    if (same == different.end()) {
      different.push_back(matrix);
      phases.push_back(make_phase_table(matrix, states, reader.num_features()));
    }
  }
  const std::vector<double> &both = reader.tensor("signs", {reader.num_outputs(), 2 * states}).values;
  std::vector<double> signs;
  for (std::int64_t output = 0; output < reader.num_outputs(); ++output) {
    const auto row = both.begin() + output * 2 * states;
    if (!std::equal(row, row + states, row + states)) reader.refuse("members.signs", "must be the same for real and imaginary parts");
    signs.insert(signs.end(), row, row + states);
  }
  return {states, phases, places, signs};
}

// Where a row of the amplitudes goes when the leading `size` basis states become the trailing ones.
int moved(int row, int states, int size) {
  const int rest = states / size, state = row % states;
  return row - state + (state % rest) * size + state / rest;
}

GateStep rotations(const SurrogateReader &reader, const std::string &name, int states) {
  const std::int64_t rows = reader.tensor(name + ".matrix", {-1, -1}).size(0);
  if (rows < 4 || rows > 2 * states || (rows & (rows - 1)) != 0)
    reader.refuse("members." + name + ".matrix", "must act on 1 qubit to all of them, it has " + std::to_string(rows) + " rows");
  GateStep step;
  step.size = static_cast<int>(rows / 2);
  step.matrix = reader.tensor(name + ".matrix", {rows, rows}).values;
  std::vector<int> target;
  for (int row = 0; row < 2 * states; ++row) target.push_back(moved(row, states, step.size));
  step.target = target;
  return step;
}

GateStep entanglers(const SurrogateReader &reader, const std::string &name, int states) {
  const auto source = reader.whole_numbers(name + ".source", 2 * states, 2 * states);
  const std::vector<double> &factors = reader.tensor(name + ".sign", {2 * states, 1}).values;
  std::vector<int> target(source.size(), -1);
  std::vector<double> sign(source.size(), 1.0);
  for (std::size_t row = 0; row < source.size(); ++row) {
    if (target[source[row]] >= 0) reader.refuse("members." + name + ".source", "must be a permutation");
    target[source[row]] = static_cast<int>(row);
    sign[source[row]] = factors[row];
  }
  GateStep step;
  step.target = target;
  const bool changes = std::any_of(sign.begin(), sign.end(), [](double s) { return s != 1.0; });
  if (changes) step.sign = sign;
  return step;
}

// First `one`, then the entanglers `other`, as a single step.
GateStep merged(const GateStep &one, const GateStep &other) {
  std::vector<int> target;
  std::vector<double> sign;
  for (std::int64_t row = 0; row < one.target.size(); ++row) {
    target.push_back(other.target[one.target[row]]);
    sign.push_back((one.sign.size() > 0 ? one.sign[row] : 1.0) * (other.sign.size() > 0 ? other.sign[one.target[row]] : 1.0));
  }
  GateStep step = one;
  step.target = target;
  if (one.sign.size() > 0 || other.sign.size() > 0) step.sign = sign;
  return step;
}

}  // namespace

UnitaryForm read_unitary_form(const SurrogateReader &reader) {
  const int states = states_of(reader), features = reader.num_features();
  const std::int64_t later = reader.tensor("unitaries", {-1, 2 * states, 2 * states}).size(0);
  // Before anything of that size is made, so that a wrong number of qubits is only an error.
  for (const char *name : {"first_squares", "first_products"}) reader.tensor(name, {2 * states, states - 1});
  UnitaryForm form;
  // As all others, the first encoding gets a row for state 0, which has no phase.
  std::vector<double> half_phases(features, 0.0);
  for (const auto &[name, shape] : {std::pair<std::string, std::vector<std::int64_t>>{"first_half_phases", {states - 1, features}},
                                    {"half_phases", {later, states, features}}}) {
    const std::vector<double> &values = reader.tensor(name, shape).values;
    half_phases.insert(half_phases.end(), values.begin(), values.end());
  }
  form.state = state_vector(reader, states, half_phases);
  std::vector<double> first(4 * static_cast<std::size_t>(states) * states, 0.0);
  int column = 0;
  for (const char *name : {"first_squares", "first_products"}) {
    const std::vector<double> &values = reader.tensor(name, {2 * states, states - 1}).values;
    for (int row = 0; row < 2 * states; ++row)
      for (int state = 1; state < states; ++state)
        first[static_cast<std::size_t>(row) * 2 * states + column + state] = values[static_cast<std::size_t>(row) * (states - 1) + state - 1];
    column += states;
  }
  form.first = first;
  form.unitaries = reader.tensor("unitaries", {later, 2 * states, 2 * states}).values;
  form.twice_references = reader.tensor("twice_references", {later + 1, 2 * states, 1}).values;
  return form;
}

GatesForm read_gates_form(const SurrogateReader &reader) {
  const int states = states_of(reader);
  const auto listed = reader.list(reader.surrogate().at("steps"), "steps");
  const auto encodings = static_cast<std::int64_t>(listed.size());
  if (encodings < 1) reader.refuse("steps", "must have a list for each encoding");
  GatesForm form;
  form.state = state_vector(reader, states, reader.tensor("half_phases", {encodings, states, reader.num_features()}).values);
  form.twice_references = reader.tensor("twice_references", {encodings + 1, 2 * states, 1}).values;
  std::vector<ConstantArray<GateStep>> blocks;
  for (std::size_t k = 0; k < listed.size(); ++k) {
    std::vector<GateStep> steps;
    for (const Json &kind : reader.list(listed[k], "steps")) {
      const std::string name = "blocks." + std::to_string(k) + ".steps." + std::to_string(steps.size());
      if (kind == "rotations")
        steps.push_back(rotations(reader, name, states));
      else if (kind == "entanglers")
        steps.push_back(entanglers(reader, name, states));
      else
        reader.refuse("steps", "must be `rotations` or `entanglers`, it is " + kind.dump());
    }
    // Moving rows costs nothing where a matrix product stores them anyway.
    std::vector<GateStep> fewer;
    for (const GateStep &step : steps) {
      if (step.size == 0 && !fewer.empty())
        fewer.back() = merged(fewer.back(), step);
      else
        fewer.push_back(step);
    }
    blocks.push_back(fewer);
  }
  form.blocks = blocks;
  return form;
}

}  // namespace qallegro::native
