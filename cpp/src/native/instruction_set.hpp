// The instruction sets that kernels were compiled for, and the best of them here.
#pragma once

#include <memory>
#include <string>

#include "native/kernel.hpp"

namespace qallegro::native {

/// "avx512", "avx2" or "plain": the best that the processor has, or what the environment variable QALLEGRO_ISA asks for.
/// Throws `Error` where that is unknown or the processor lacks it.
std::string instruction_set();

std::unique_ptr<Kernel> make_kernel(const std::string &isa, const Plan &plan, const RadialTable *table, bool single, int threads, int sampling);

}  // namespace qallegro::native
