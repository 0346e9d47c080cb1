// The kernels of one instruction set; this file is compiled once for each.
#include "native/kernels/block_kernel.hpp"
#include "native/kernels/make_kernel.hpp"

namespace qallegro::native::QALLEGRO_ISA {

QALLEGRO_NETWORK_ON_VALUES(, float)
QALLEGRO_NETWORK_ON_VALUES(, double)

Kernel *make_kernel(const Plan &plan, const RadialTable *table, bool single, int threads, int sampling) {
  if (single) return new BlockKernel<float>(plan, table, threads, sampling);
  return new BlockKernel<double>(plan, table, threads, sampling);
}

}  // namespace qallegro::native::QALLEGRO_ISA
