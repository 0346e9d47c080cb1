// What the engine asks of a kernel; there is one for each instruction set and precision.
#pragma once

#include <cstdint>

#include "native/plan.hpp"
#include "native/radial_table.hpp"
#include "qallegro/engine.hpp"

namespace qallegro::native {

/// Parts of the work on a block of centers, in the order of `stage_names`.
enum class KernelStage { geometry, radial, harmonics, layers, head, head_adjoint, layers_adjoint, radial_adjoint, harmonics_adjoint, gradients };
inline constexpr int stage_count = 10;
inline constexpr const char *stage_names[stage_count] = {"geometry",     "radial",         "harmonics",      "layers",            "head",
                                                         "head adjoint", "layers adjoint", "radial adjoint", "harmonics adjoint", "gradients"};

class Kernel {
 public:
  virtual ~Kernel();
  /// Fills energies and gradients of the centers first .. last - 1 of a block. Threads must differ in `thread`, below the number
  /// that the kernel was made for.
  virtual void evaluate(const Block &block, std::int64_t first, std::int64_t last, int thread) = 0;
  /// Seconds of each stage so far, for each thread (threads, stage_count); null unless the kernel was made to measure them.
  virtual double *stage_seconds() = 0;
};

}  // namespace qallegro::native
