// The network under training as a class of torch: `torch.classes.qallegro.TrainingNetwork`.
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <torch/custom_class.h>

#include "native/training_network.hpp"
#include "qallegro/error.hpp"

namespace qallegro {

namespace {

/// types (N), neighbors (N, K), edge_vectors (N, K, 3), frame (N), as in native::TrainingBatch; indices are the caller's affair.
using Structure = std::vector<at::Tensor>;

class TrainingOperator final : public torch::CustomClassHolder {
 public:
  TrainingOperator(const std::string &record, const at::Tensor &weights, std::int64_t threads, bool train_frequencies)
      : network_(record, std::string(static_cast<const char *>(weights.const_data_ptr()), static_cast<std::size_t>(weights.nbytes())),
                 static_cast<int>(threads), train_frequencies) {}

  /// per_atom_energy, and with `derivatives` forces and virial.
  std::tuple<at::Tensor, std::optional<at::Tensor>, std::optional<at::Tensor>> evaluate(const at::Tensor &weights, const Structure &structure,
                                                                                        std::int64_t n_frames, bool derivatives) {
    const native::TrainingBatch batch = batch_of(weights, structure, n_frames);
    const at::TensorOptions options = weights.options();
    at::Tensor energy = at::empty({batch.n_atoms}, options);
    if (!derivatives) {
      network_.evaluate(weights.const_data_ptr<double>(), batch, energy.mutable_data_ptr<double>(), nullptr, nullptr);
      return {energy, std::nullopt, std::nullopt};
    }
    at::Tensor forces = at::empty({batch.n_atoms, 3}, options), virial = at::empty({n_frames, 3, 3}, options);
    network_.evaluate(weights.const_data_ptr<double>(), batch, energy.mutable_data_ptr<double>(), forces.mutable_data_ptr<double>(),
                      virial.mutable_data_ptr<double>());
    return {energy, forces, virial};
  }

  at::Tensor differentiate(const at::Tensor &weights, const Structure &structure, std::int64_t n_frames, const std::optional<at::Tensor> &by_energy,
                           const std::optional<at::Tensor> &by_forces, const std::optional<at::Tensor> &by_virial) {
    const native::TrainingBatch batch = batch_of(weights, structure, n_frames);
    const at::Tensor a = by_energy ? *by_energy : at::zeros({batch.n_atoms}, weights.options());
    check(a, "by_energy", at::kDouble, {batch.n_atoms});
    if (by_forces) check(*by_forces, "by_forces", at::kDouble, {batch.n_atoms, 3});
    if (by_virial) check(*by_virial, "by_virial", at::kDouble, {n_frames, 3, 3});
    at::Tensor gradient = at::empty({network_.num_weights()}, weights.options());
    network_.differentiate(weights.const_data_ptr<double>(), batch, a.const_data_ptr<double>(),
                           by_forces ? by_forces->const_data_ptr<double>() : nullptr, by_virial ? by_virial->const_data_ptr<double>() : nullptr,
                           gradient.mutable_data_ptr<double>());
    return gradient;
  }

  at::Tensor features(const at::Tensor &weights, const Structure &structure) {
    const native::TrainingBatch batch = batch_of(weights, structure, 0);
    at::Tensor features = at::empty({batch.n_atoms, batch.n_slots, network_.num_features()}, weights.options());
    network_.features(weights.const_data_ptr<double>(), batch, features.mutable_data_ptr<double>());
    return features;
  }

  at::Tensor pull_back(const at::Tensor &weights, const Structure &structure, const at::Tensor &feature_gradient) {
    const native::TrainingBatch batch = batch_of(weights, structure, 0);
    check(feature_gradient, "feature_gradient", at::kDouble, {batch.n_atoms, batch.n_slots, network_.num_features()});
    at::Tensor gradients = at::empty({batch.n_atoms, batch.n_slots, 3}, weights.options());
    network_.pull_back(weights.const_data_ptr<double>(), batch, feature_gradient.const_data_ptr<double>(), gradients.mutable_data_ptr<double>());
    return gradients;
  }

  std::tuple<at::Tensor, std::optional<at::Tensor>> differentiate_features(const at::Tensor &weights, const Structure &structure,
                                                                           const at::Tensor &feature_gradient,
                                                                           const std::optional<at::Tensor> &direction) {
    const native::TrainingBatch batch = batch_of(weights, structure, 0);
    check(feature_gradient, "feature_gradient", at::kDouble, {batch.n_atoms, batch.n_slots, network_.num_features()});
    at::Tensor gradient = at::empty({network_.num_weights()}, weights.options());
    std::optional<at::Tensor> slopes;
    if (direction) {
      check(*direction, "direction", at::kDouble, {batch.n_atoms, batch.n_slots, 3});
      slopes = at::empty_like(feature_gradient);
    }
    network_.differentiate_features(weights.const_data_ptr<double>(), batch, feature_gradient.const_data_ptr<double>(),
                                    direction ? direction->const_data_ptr<double>() : nullptr,
                                    slopes ? slopes->mutable_data_ptr<double>() : nullptr, gradient.mutable_data_ptr<double>());
    return {gradient, slopes};
  }

 private:
  native::TrainingBatch batch_of(const at::Tensor &weights, const Structure &structure, std::int64_t n_frames) const {
    check(weights, "weights", at::kDouble, {network_.num_weights()});
    TORCH_CHECK(structure.size() == 4, "`structure` must be types, neighbors, edge_vectors and frame, it has ", structure.size(), " tensors");
    const at::Tensor &types = structure[0], &neighbors = structure[1];
    TORCH_CHECK(neighbors.dim() == 2, "`neighbors` must have two axes, it has ", neighbors.dim());
    const std::int64_t n = types.numel(), k = neighbors.size(1);
    check(types, "types", at::kLong, {n});
    check(neighbors, "neighbors", at::kLong, {n, k});
    check(structure[2], "edge_vectors", at::kDouble, {n, k, 3});
    check(structure[3], "frame", at::kLong, {n});
    const auto whole = [](const at::Tensor &tensor) { return tensor.const_data_ptr<std::int64_t>(); };
    return {n, k, n_frames, whole(types), whole(neighbors), structure[2].const_data_ptr<double>(), whole(structure[3])};
  }

  static void check(const at::Tensor &tensor, const char *name, at::ScalarType type, at::IntArrayRef shape) {
    TORCH_CHECK(tensor.scalar_type() == type && tensor.sizes() == shape && tensor.is_contiguous() && tensor.is_cpu(), "`", name,
                "` must be a contiguous tensor of ", type, " and shape ", shape, " on the CPU, it is of ", tensor.scalar_type(), " and shape ",
                tensor.sizes());
  }

  native::TrainingNetwork network_;
};

}  // namespace

TORCH_LIBRARY(qallegro, library) {
  library.class_<TrainingOperator>("TrainingNetwork")
      .def(torch::init<std::string, at::Tensor, std::int64_t, bool>())
      .def("evaluate", &TrainingOperator::evaluate)
      .def("differentiate", &TrainingOperator::differentiate)
      .def("features", &TrainingOperator::features)
      .def("pull_back", &TrainingOperator::pull_back)
      .def("differentiate_features", &TrainingOperator::differentiate_features);
}

}  // namespace qallegro
