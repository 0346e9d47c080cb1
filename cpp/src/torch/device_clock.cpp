#include "torch/device_clock.hpp"

#include <c10/core/impl/VirtualGuardImpl.h>

namespace qallegro {

void DeviceClock::mark() {
  if (device_.is_cpu()) {
    times_[marked_++] = std::chrono::steady_clock::now();
    return;
  }
  auto &event = events_[marked_++];
  event.emplace(device_.type(), c10::EventFlag::BACKEND_DEFAULT);  // torch's own default cannot tell times
  event->record(c10::impl::VirtualGuardImpl(device_.type()).getStream(device_));
}

double DeviceClock::seconds(int part) const {
  if (device_.is_cpu()) return std::chrono::duration<double>(times_[part + 1] - times_[part]).count();
  events_[part + 1]->synchronize();
  return 1e-3 * events_[part]->elapsedTime(*events_[part + 1]);
}

}  // namespace qallegro
