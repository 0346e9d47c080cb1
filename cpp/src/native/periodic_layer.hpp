// The layer of a readout head that is periodic in its features: a circuit's classical form, or random cosines.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <variant>

#include "native/constant_array.hpp"
#include "native/fourier_form.hpp"
#include "native/state_vector_form.hpp"
#include "native/tensor_file.hpp"

namespace qallegro::native {

/// cos(x @ frequencies + phases) - cos(phases).
struct RandomFourierForm {
  ConstantArray<double> frequencies;  ///< (features, outputs)
  ConstantArray<double> phases;       ///< (outputs) rad
};

/// Features x in rad to outputs, zero at x = 0.
struct PeriodicLayer {
  int num_features = 0, num_outputs = 0;
  std::variant<FourierForm, UnitaryForm, GatesForm, RandomFourierForm> form;

  // Not inline, nor are the functions below: kernels call them (constant_array.hpp).
  PeriodicLayer();
  PeriodicLayer(const PeriodicLayer &);
  PeriodicLayer(PeriodicLayer &&) noexcept;
  PeriodicLayer &operator=(const PeriodicLayer &);
  PeriodicLayer &operator=(PeriodicLayer &&) noexcept;
  ~PeriodicLayer();

  /// The form if it is this one, otherwise null.
  const FourierForm *fourier() const;
  const UnitaryForm *unitary() const;
  const GatesForm *gates() const;
  const RandomFourierForm *random_fourier() const;
};

/// The layer of a file with the record `record`; variant `allegro_qdi` or `allegro_rff`. Throws `Error`.
PeriodicLayer read_periodic_layer(const nlohmann::json &record, const TensorFile &weights);

}  // namespace qallegro::native
