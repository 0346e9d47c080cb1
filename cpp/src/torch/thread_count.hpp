// The number of CPU threads inside one call of libtorch, without touching the settings of a process that uses torch itself.
#pragma once

namespace qallegro {

/// Sets the calling thread's number of OpenMP and MKL threads and restores both on leaving.
///
/// torch.set_num_threads would be wrong here: it changes a number of the whole process and rebuilds a thread pool on every change.
/// The OpenMP and MKL limits that libtorch reads before each parallel region belong to the calling thread, so that setting them
/// for the time of the call is neither seen by other threads nor left behind.
class ThreadCount {
 public:
  explicit ThreadCount(int threads);
  ~ThreadCount();
  ThreadCount(const ThreadCount &) = delete;
  ThreadCount &operator=(const ThreadCount &) = delete;

 private:
  int earlier_;
  int earlier_mkl_ = 0;
};

}  // namespace qallegro
