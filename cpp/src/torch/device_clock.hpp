// How long the parts of an evaluation take on the device that does them.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/Event.h>

#include <array>
#include <chrono>
#include <optional>

namespace qallegro {

/// Marks points in time. On a GPU these are events of its stream, which nobody waits for until the results have arrived anyway.
class DeviceClock {
 public:
  static constexpr int points = 4;

  explicit DeviceClock(const c10::Device &device) : device_(device) { mark(); }

  /// The work that was given to the device so far ends here.
  void mark();

  /// Seconds between the marks `part` and `part + 1`. All of the work must be done.
  double seconds(int part) const;

 private:
  c10::Device device_;
  int marked_ = 0;
  std::array<std::chrono::steady_clock::time_point, points> times_;
  std::array<std::optional<c10::Event>, points> events_;
};

}  // namespace qallegro
