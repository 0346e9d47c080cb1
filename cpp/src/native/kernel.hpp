// What the engine asks of a kernel; there is one for each instruction set and precision.
#pragma once

#include <cstdint>

#include "native/plan.hpp"
#include "native/radial_table.hpp"
#include "qallegro/engine.hpp"

namespace qallegro::native {

/// Parts of the work on a block of centers, in the order of `stages`.
enum class KernelStage {
  geometry,
  radial,
  harmonics,
  tensors,
  latents,
  head,
  surrogate,
  head_adjoint,
  surrogate_adjoint,
  latents_adjoint,
  tensors_adjoint,
  radial_adjoint,
  harmonics_adjoint,
  gradients
};

/// What the stage is called, and the phase of a step that it belongs to.
struct StageRow {
  const char *name;
  Phase phase;
};
inline constexpr StageRow stages[] = {{"geometry", Phase::radial_angular},    {"radial", Phase::radial_angular},
                                      {"harmonics", Phase::radial_angular},   {"tensors", Phase::tensor_product},
                                      {"latents", Phase::mlp},                {"head", Phase::mlp},
                                      {"surrogate", Phase::surrogate},        {"head adjoint", Phase::backward},
                                      {"surrogate adjoint", Phase::backward}, {"latents adjoint", Phase::backward},
                                      {"tensors adjoint", Phase::backward},   {"radial adjoint", Phase::backward},
                                      {"harmonics adjoint", Phase::backward}, {"gradients", Phase::backward}};
inline constexpr int stage_count = sizeof(stages) / sizeof(StageRow);

class Kernel {
 public:
  virtual ~Kernel();
  /// Fills energies and gradients of the centers first .. last - 1 of a block. Threads must differ in `thread`, below the number
  /// that the kernel was made for.
  /// `latents`: out (n_centers, latent_width), or null.
  virtual void evaluate(const Block &block, std::int64_t first, std::int64_t last, int thread, double *latents) = 0;
  /// Inputs of the last linear map of the readout; 0 where it does not end with one.
  virtual int latent_width() const = 0;
  /// Seconds of each stage in the groups of centers that were measured so far, for each thread (threads, stage_count); null where none is.
  virtual double *stage_seconds() = 0;
};

}  // namespace qallegro::native
