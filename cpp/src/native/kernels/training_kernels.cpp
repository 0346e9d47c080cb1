// The training kernels of one instruction set; this file is compiled once for each.
#include "native/kernels/folding_kernel.hpp"
#include "native/kernels/make_kernel.hpp"
#include "native/kernels/training_kernel.hpp"

namespace qallegro::native::QALLEGRO_ISA {

TrainingKernel *make_training_kernel(const Plan &plan, bool single, int threads, bool train_frequencies) {
  if (single) return new TrainingBlockKernel<float>(plan, threads, train_frequencies);
  return new TrainingBlockKernel<double>(plan, threads, train_frequencies);
}

FoldingKernel *make_folding_kernel(const FoldingPlan &plan, bool single) {
  if (single) return new FoldingProgramKernel<float>(plan);
  return new FoldingProgramKernel<double>(plan);
}

}  // namespace qallegro::native::QALLEGRO_ISA
