// A network under training: its energies, forces and weight gradients on batches of structures.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "qallegro/engine.hpp"

namespace qallegro::native {

class TrainingKernel;

/// Frames laid end to end: N atoms with K neighbor slots each. Slots beyond the cutoff of their types are not in use.
struct TrainingBatch {
  std::int64_t n_atoms = 0, n_slots = 0, n_frames = 0;
  const std::int64_t *types = nullptr;      ///< (N)
  const std::int64_t *neighbors = nullptr;  ///< (N, K) atoms of the batch
  const double *edge_vectors = nullptr;     ///< (N, K, 3) Å
  const std::int64_t *frame = nullptr;      ///< (N)
};

class TrainingNetwork {
 public:
  /// What the network is like follows from the record of an exported file and from tensors of the shapes of its weights, as the bytes of a
  /// safetensors file (docs/file-format.md); `threads` >= 1. With `"ends_at": "features"` in the record the network ends before the angles
  /// of a periodic head, and the second set of functions below serves it instead of the first. Throws `Error` for what the kernels cannot train.
  TrainingNetwork(const std::string &record, const std::string &weights, int threads, bool train_frequencies);
  ~TrainingNetwork();

  /// Numbers in the list of weights (training_kernel.hpp).
  std::int64_t num_weights() const;

  /// per_atom_energy (N) eV, forces (N, 3) eV/Å, virial (n_frames, 3, 3) eV, -dE/d(strain). Without forces and virial (both null) energies
  /// alone are computed, in half the time.
  void evaluate(const double *weights, const TrainingBatch &batch, double *per_atom_energy, double *forces, double *virial);

  /// gradient (num_weights) of a . per_atom_energy + b . forces + c . virial; b and c may both be null.
  void differentiate(const double *weights, const TrainingBatch &batch, const double *a, const double *b, const double *c, double *gradient);

  int num_features() const;

  /// features (N, K, num_features), zero in unused slots.
  void features(const double *weights, const TrainingBatch &batch, double *features);

  /// edge_gradients (N, K, 3) of sum feature_gradient . features, 1/Å.
  void pull_back(const double *weights, const TrainingBatch &batch, const double *feature_gradient, double *edge_gradients);

  /// gradient (num_weights) of sum_e direction[e] . pull_back[e], and feature_slopes (N, K, num_features), the features' derivatives along
  /// `direction`. Where these two are null: gradient of sum feature_gradient . features.
  void differentiate_features(const double *weights, const TrainingBatch &batch, const double *feature_gradient, const double *direction,
                              double *feature_slopes, double *gradient);

 private:
  void assign(const double *weights);
  void take_gradient(double *gradient);
  Block block_of(const TrainingBatch &batch);
  void set_directions(const TrainingBatch &batch, const double *b, const double *c);
  template <class Work>
  void share(const Block &block, Work &&work);

  int num_types_, threads_;
  std::vector<double> squared_cutoffs_, assigned_;
  std::vector<double> edges_;  ///< gradients or directions (N, K, 3)
  std::vector<std::int64_t> n_neighbors_, neighbor_types_;
  std::unique_ptr<TrainingKernel> kernel_;
};

}  // namespace qallegro::native
