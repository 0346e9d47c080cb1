// Where the time of a group of centers goes.
#pragma once

#include <ctime>

#include "native/kernel.hpp"

namespace qallegro::native::QALLEGRO_ISA {

/// Adds the time since the last call to a stage, where somebody wants to know it.
class StageClock {
 public:
  /// seconds: (stage_count), or null to measure nothing.
  explicit StageClock(double *seconds) : seconds_(seconds) {
    if (seconds_) last_ = now();
  }
  void ends(KernelStage stage) {
    if (!seconds_) return;
    const double time = now();
    seconds_[static_cast<int>(stage)] += time - last_;
    last_ = time;
  }

 private:
  static double now() {
    timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  }
  double *seconds_, last_ = 0.0;
};

}  // namespace qallegro::native::QALLEGRO_ISA
