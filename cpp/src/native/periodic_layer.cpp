#include "native/periodic_layer.hpp"

#include <nlohmann/json.hpp>

#include "qallegro/error.hpp"

namespace qallegro::native {

using Json = nlohmann::json;

PeriodicLayer::PeriodicLayer() = default;
PeriodicLayer::PeriodicLayer(const PeriodicLayer &) = default;
PeriodicLayer::PeriodicLayer(PeriodicLayer &&) noexcept = default;
PeriodicLayer &PeriodicLayer::operator=(const PeriodicLayer &) = default;
PeriodicLayer &PeriodicLayer::operator=(PeriodicLayer &&) noexcept = default;
PeriodicLayer::~PeriodicLayer() = default;

const FourierForm *PeriodicLayer::fourier() const { return std::get_if<FourierForm>(&form); }
const UnitaryForm *PeriodicLayer::unitary() const { return std::get_if<UnitaryForm>(&form); }
const GatesForm *PeriodicLayer::gates() const { return std::get_if<GatesForm>(&form); }
const RandomFourierForm *PeriodicLayer::random_fourier() const { return std::get_if<RandomFourierForm>(&form); }

namespace {

PeriodicLayer read_random_fourier(const TensorFile &weights) {
  const Tensor &frequencies = weights.get("readout.layer.frequencies", {-1, -1});
  const std::int64_t features = frequencies.size(0), outputs = frequencies.size(1);
  const Tensor &phases = weights.get("readout.layer.phases", {outputs});
  if (features < 1 || outputs < 1)
    throw Error("tensor `readout.layer.frequencies` must have features and outputs, its shape is (" + std::to_string(features) + ", " +
                std::to_string(outputs) + "); export the model again");
  PeriodicLayer layer;
  layer.num_features = static_cast<int>(features);
  layer.num_outputs = static_cast<int>(outputs);
  layer.form = RandomFourierForm{frequencies.values, phases.values};
  return layer;
}

PeriodicLayer read_surrogate(const Json &surrogate, const TensorFile &weights) {
  const SurrogateReader reader(surrogate, weights);
  PeriodicLayer layer;
  layer.num_features = reader.num_features();
  layer.num_outputs = reader.num_outputs();
  const Json &form = surrogate.at("form");
  if (form == "fourier")
    layer.form = read_fourier_form(reader);
  else if (form == "unitary")
    layer.form = read_unitary_form(reader);
  else if (form == "gates")
    layer.form = read_gates_form(reader);
  else
    reader.refuse("form", "must be fourier, unitary or gates for engine `native`, it is " + form.dump() + "; use engine `torchscript`, or");
  return layer;
}

}  // namespace

PeriodicLayer read_periodic_layer(const Json &record, const TensorFile &weights) {
  try {
    const Json &variant = record.at("model").at("variant");
    if (variant == "allegro_rff") return read_random_fourier(weights);
    if (variant == "allegro_qdi") return read_surrogate(record.at("surrogate"), weights);
    throw Error("`model.variant` in the record must be allegro_qdi or allegro_rff for a periodic layer, it is " + variant.dump());
  } catch (const nlohmann::json::exception &error) {
    throw Error(std::string("`surrogate` in the record must describe the classical form of the circuit, it cannot be read: ") +
                error.what() + "; export the model again");
  }
}

}  // namespace qallegro::native
