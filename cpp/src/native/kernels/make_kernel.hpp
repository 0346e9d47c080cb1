// Makers of kernels, one for each instruction set that the build has.
#pragma once

#include "native/folding.hpp"
#include "native/kernel.hpp"
#include "native/training_kernel.hpp"

namespace qallegro::native {

#define QALLEGRO_DECLARE_MAKER(isa)                                                                           \
  namespace isa {                                                                                             \
  Kernel *make_kernel(const Plan &plan, const RadialTable *table, bool single, int threads, int sampling);    \
  TrainingKernel *make_training_kernel(const Plan &plan, bool single, int threads, bool train_frequencies);   \
  FoldingKernel *make_folding_kernel(const FoldingPlan &plan, bool single);                                   \
  }
QALLEGRO_DECLARE_MAKER(avx512)
QALLEGRO_DECLARE_MAKER(avx2)
QALLEGRO_DECLARE_MAKER(plain)
#undef QALLEGRO_DECLARE_MAKER

}  // namespace qallegro::native
