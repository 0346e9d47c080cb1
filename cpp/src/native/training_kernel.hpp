// What training asks of a kernel; there is one for each instruction set and precision.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "native/plan.hpp"
#include "qallegro/engine.hpp"

namespace qallegro::native {

/// A network whose weights change from step to step. The weights are one list of numbers: frequencies of Bessel functions; for each pair
/// of types the map of its radial functions; the linear maps of the plan in its order, with the path weights of a layer before the maps
/// of its scalars; coefficients of a circuit where its stage stands; scales; shifts. Matrices are (in, out) row-major.
class TrainingKernel {
 public:
  virtual ~TrainingKernel();
  virtual std::int64_t num_weights() const = 0;
  /// The part of one of `shares` threads, which may run at once.
  virtual void assign(const double *weights, int share, int shares) = 0;
  /// As `Kernel::evaluate`, without latents.
  virtual void evaluate(const Block &block, std::int64_t first, std::int64_t last, int thread) = 0;
  /// Adds, in the memory of `thread`, the gradient by the weights of sum_i energy_gradient[i] E_i + sum_e direction[e] . dE/dv_e over the
  /// centers first .. last - 1. energy_gradient: (n_centers). direction: (n_centers, n_slots, 3), or null for none.
  virtual void differentiate(const Block &block, const double *energy_gradient, const double *direction, std::int64_t first, std::int64_t last,
                             int thread) = 0;
  /// Of a network that ends at the features of its head (TrainingNetwork): features (n_centers, n_slots, num_features), zero in unused slots.
  virtual int num_features() const = 0;
  virtual void features(const Block &block, double *features, std::int64_t first, std::int64_t last, int thread) = 0;
  /// Sets block.edge_gradients to those of sum feature_gradient . features.
  virtual void pull_back(const Block &block, const double *feature_gradient, std::int64_t first, std::int64_t last, int thread) = 0;
  /// Adds the gradient by the weights of sum_e direction[e] . d(sum feature_gradient . features)/dv_e, and sets feature_slopes
  /// (n_centers, n_slots, num_features), the derivatives of the features along `direction`. Without a direction, and without slopes: of
  /// sum feature_gradient . features itself.
  virtual void differentiate_features(const Block &block, const double *feature_gradient, const double *direction, double *feature_slopes,
                                      std::int64_t first, std::int64_t last, int thread) = 0;
  /// Sets `out` (num_weights) to the sum over threads, in their order, and starts again from zero: the part of one of `shares` threads.
  virtual void take_gradient(double *out, int share, int shares) = 0;
};

/// For the instruction set that `instruction_set()` names.
std::unique_ptr<TrainingKernel> make_training_kernel(const std::string &isa, const Plan &plan, bool single, int threads, bool train_frequencies);

}  // namespace qallegro::native
