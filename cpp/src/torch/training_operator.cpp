// The network under training as a class of torch: `torch.classes.qallegro.TrainingNetwork`.
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/custom_class.h>

#include "native/training_network.hpp"
#include "qallegro/error.hpp"

namespace qallegro {

namespace {

class TrainingOperator final : public torch::CustomClassHolder {
 public:
  TrainingOperator(const std::string &record, const at::Tensor &weights, std::int64_t threads, bool train_frequencies)
      : network_(record, std::string(static_cast<const char *>(weights.const_data_ptr()), static_cast<std::size_t>(weights.nbytes())),
                 static_cast<int>(threads), train_frequencies) {}

  std::int64_t num_weights() const { return network_.num_weights(); }

  std::tuple<at::Tensor, at::Tensor> evaluate(const at::Tensor &weights, const at::Tensor &center_types, const at::Tensor &neighbor_types,
                                              const at::Tensor &edge_vectors) {
    const native::TrainingBatch batch = batch_of(weights, center_types, neighbor_types, edge_vectors);
    at::Tensor energy = at::empty({batch.n_centers}, edge_vectors.options()), gradients = at::empty_like(edge_vectors);
    network_.evaluate(weights.const_data_ptr<double>(), batch, energy.mutable_data_ptr<double>(), gradients.mutable_data_ptr<double>());
    return {energy, gradients};
  }

  at::Tensor differentiate(const at::Tensor &weights, const at::Tensor &center_types, const at::Tensor &neighbor_types,
                           const at::Tensor &edge_vectors, const at::Tensor &energy_gradient, const std::optional<at::Tensor> &direction) {
    const native::TrainingBatch batch = batch_of(weights, center_types, neighbor_types, edge_vectors);
    check(energy_gradient, "energy_gradient", at::kDouble, {batch.n_centers});
    if (direction) check(*direction, "direction", at::kDouble, edge_vectors.sizes());
    at::Tensor gradient = at::empty({network_.num_weights()}, weights.options());
    network_.differentiate(weights.const_data_ptr<double>(), batch, energy_gradient.const_data_ptr<double>(),
                           direction ? direction->const_data_ptr<double>() : nullptr, gradient.mutable_data_ptr<double>());
    return gradient;
  }

  std::int64_t num_features() const { return network_.num_features(); }

  at::Tensor features(const at::Tensor &weights, const at::Tensor &center_types, const at::Tensor &neighbor_types, const at::Tensor &edge_vectors) {
    const native::TrainingBatch batch = batch_of(weights, center_types, neighbor_types, edge_vectors);
    at::Tensor features = at::empty({batch.n_centers, batch.n_slots, network_.num_features()}, edge_vectors.options());
    network_.features(weights.const_data_ptr<double>(), batch, features.mutable_data_ptr<double>());
    return features;
  }

  at::Tensor pull_back(const at::Tensor &weights, const at::Tensor &center_types, const at::Tensor &neighbor_types,
                       const at::Tensor &edge_vectors, const at::Tensor &feature_gradient) {
    const native::TrainingBatch batch = batch_of(weights, center_types, neighbor_types, edge_vectors);
    check(feature_gradient, "feature_gradient", at::kDouble, {batch.n_centers, batch.n_slots, network_.num_features()});
    at::Tensor gradients = at::empty_like(edge_vectors);
    network_.pull_back(weights.const_data_ptr<double>(), batch, feature_gradient.const_data_ptr<double>(), gradients.mutable_data_ptr<double>());
    return gradients;
  }

  std::tuple<at::Tensor, std::optional<at::Tensor>> differentiate_features(const at::Tensor &weights, const at::Tensor &center_types,
                                                                           const at::Tensor &neighbor_types, const at::Tensor &edge_vectors,
                                                                           const at::Tensor &feature_gradient,
                                                                           const std::optional<at::Tensor> &direction) {
    const native::TrainingBatch batch = batch_of(weights, center_types, neighbor_types, edge_vectors);
    check(feature_gradient, "feature_gradient", at::kDouble, {batch.n_centers, batch.n_slots, network_.num_features()});
    at::Tensor gradient = at::empty({network_.num_weights()}, weights.options());
    std::optional<at::Tensor> slopes;
    if (direction) {
      check(*direction, "direction", at::kDouble, edge_vectors.sizes());
      slopes = at::empty_like(feature_gradient);
    }
    network_.differentiate_features(weights.const_data_ptr<double>(), batch, feature_gradient.const_data_ptr<double>(),
                                    direction ? direction->const_data_ptr<double>() : nullptr,
                                    slopes ? slopes->mutable_data_ptr<double>() : nullptr, gradient.mutable_data_ptr<double>());
    return {gradient, slopes};
  }

 private:
  native::TrainingBatch batch_of(const at::Tensor &weights, const at::Tensor &center_types, const at::Tensor &neighbor_types,
                                 const at::Tensor &edge_vectors) const {
    check(weights, "weights", at::kDouble, {network_.num_weights()});
    check(center_types, "center_types", at::kLong, {center_types.numel()});
    TORCH_CHECK(neighbor_types.dim() == 2, "`neighbor_types` must have two axes, it has ", neighbor_types.dim());
    const std::int64_t n = center_types.size(0), k = neighbor_types.size(1);
    check(neighbor_types, "neighbor_types", at::kLong, {n, k});
    check(edge_vectors, "edge_vectors", at::kDouble, {n, k, 3});
    return {n, k, center_types.const_data_ptr<std::int64_t>(), neighbor_types.const_data_ptr<std::int64_t>(), edge_vectors.const_data_ptr<double>()};
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
      .def("num_weights", &TrainingOperator::num_weights)
      .def("evaluate", &TrainingOperator::evaluate)
      .def("differentiate", &TrainingOperator::differentiate)
      .def("num_features", &TrainingOperator::num_features)
      .def("features", &TrainingOperator::features)
      .def("pull_back", &TrainingOperator::pull_back)
      .def("differentiate_features", &TrainingOperator::differentiate_features);
}

}  // namespace qallegro
