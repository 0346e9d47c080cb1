#include "torch/thread_count.hpp"

#include <ATen/Parallel.h>

// Taken from whatever OpenMP and MKL libtorch itself was bound to: linking either by name could bring in a second copy, whose
// settings libtorch does not read. Weak, since a libtorch may have been built without them.
extern "C" {
__attribute__((weak)) void omp_set_num_threads(int);
__attribute__((weak)) int MKL_Set_Num_Threads_Local(int);
}

namespace qallegro {

namespace {

void set_threads(int threads) {
  if (omp_set_num_threads)
    omp_set_num_threads(threads);
  else if (at::get_num_threads() != threads)
    at::set_num_threads(threads);
}

}  // namespace

ThreadCount::ThreadCount(int threads) : earlier_(at::get_num_threads()) {  // also makes libtorch set this thread up, once
  set_threads(threads);
  if (MKL_Set_Num_Threads_Local) earlier_mkl_ = MKL_Set_Num_Threads_Local(threads);
}

ThreadCount::~ThreadCount() {
  set_threads(earlier_);
  if (MKL_Set_Num_Threads_Local) MKL_Set_Num_Threads_Local(earlier_mkl_);
}

}  // namespace qallegro
