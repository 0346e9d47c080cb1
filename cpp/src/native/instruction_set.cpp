#include "native/instruction_set.hpp"

#include <cstdlib>

#include "native/kernels/make_kernel.hpp"
#include "qallegro/error.hpp"

namespace qallegro::native {

namespace {

using Maker = Kernel *(const Plan &, const RadialTable *, bool, int, int);
using TrainingMaker = TrainingKernel *(const Plan &, bool, int, bool);
using FoldingMaker = FoldingKernel *(const FoldingPlan &, bool);

struct Isa {
  const char *name;
  bool (*present)();
  Maker *make;
  TrainingMaker *make_training;
  FoldingMaker *make_folding;
};

#if defined(QALLEGRO_X86_KERNELS)
bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd");
}
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
#endif
bool always() { return true; }

// The best one first.
constexpr Isa isas[] = {
#if defined(QALLEGRO_X86_KERNELS)
    {"avx512", has_avx512, avx512::make_kernel, avx512::make_training_kernel, avx512::make_folding_kernel},
    {"avx2", has_avx2, avx2::make_kernel, avx2::make_training_kernel, avx2::make_folding_kernel},
#endif
    {"plain", always, plain::make_kernel, plain::make_training_kernel, plain::make_folding_kernel},
};

const Isa &isa_of(const std::string &name) {
  for (const Isa &known : isas)
    if (name == known.name) return known;
  throw Error("`QALLEGRO_ISA` is `" + name + "`, which this build does not have");
}

}  // namespace

Kernel::~Kernel() = default;
TrainingKernel::~TrainingKernel() = default;
FoldingKernel::~FoldingKernel() = default;

std::string instruction_set() {
  const char *given = std::getenv("QALLEGRO_ISA");
  std::string names;
  for (const Isa &isa : isas) {
    names += std::string(names.empty() ? "`" : ", `") + isa.name + "`";
    if (given && *given && std::string(given) != isa.name) continue;
    if (isa.present()) return isa.name;
    if (given && *given)
      throw Error("`QALLEGRO_ISA` is `" + std::string(given) + "`, which this processor does not have; unset it, or take a lesser one");
  }
  throw Error("`QALLEGRO_ISA` must be one of " + names + ", it is `" + std::string(given) + "`; unset it for the best one");
}

std::unique_ptr<Kernel> make_kernel(const std::string &isa, const Plan &plan, const RadialTable *table, bool single, int threads, int sampling) {
  return std::unique_ptr<Kernel>(isa_of(isa).make(plan, table, single, threads, sampling));
}

std::unique_ptr<TrainingKernel> make_training_kernel(const std::string &isa, const Plan &plan, bool single, int threads, bool train_frequencies) {
  return std::unique_ptr<TrainingKernel>(isa_of(isa).make_training(plan, single, threads, train_frequencies));
}

std::unique_ptr<FoldingKernel> make_folding_kernel(const FoldingPlan &plan, bool single) {
  return std::unique_ptr<FoldingKernel>(isa_of(instruction_set()).make_folding(plan, single));
}

}  // namespace qallegro::native
