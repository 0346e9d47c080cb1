// What the engine asks of a kernel; there is one for each instruction set and precision.
#pragma once

#include <cstdint>

#include "native/plan.hpp"
#include "native/radial_table.hpp"
#include "qallegro/engine.hpp"

namespace qallegro::native {

class Kernel {
 public:
  virtual ~Kernel();
  /// Fills energies and gradients of the centers first .. last - 1 of a block. Threads must differ in `thread`, below the number
  /// that the kernel was made for.
  virtual void evaluate(const Block &block, std::int64_t first, std::int64_t last, int thread) = 0;
};

}  // namespace qallegro::native
