// A fixed number of pieces of work on a thread each.
#pragma once

#include <omp.h>

#include <thread>
#include <vector>

namespace qallegro {

/// Runs work(k) for k = 0 .. count - 1 on a thread each. Exceptions are the work's affair.
template <class Work>
void on_threads(int count, Work &&work) {
  if (count == 1) {
    work(0);
    return;
  }
#if defined(__SANITIZE_THREAD__)
  // ThreadSanitizer cannot see the barriers of an OpenMP runtime that was compiled without it, and would report each of them.
  std::vector<std::thread> threads;
  for (int k = 0; k < count; ++k) threads.emplace_back([&work, k] { work(k); });
  for (std::thread &thread : threads) thread.join();
#else
#pragma omp parallel num_threads(count)
  // Fewer threads than asked for is what OpenMP may give: each then takes every n-th share.
  for (int k = omp_get_thread_num(); k < count; k += omp_get_num_threads()) work(k);
#endif
}

}  // namespace qallegro
