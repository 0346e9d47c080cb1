#include "allocations.hpp"

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace {

std::atomic<long> count{0};
std::atomic<std::size_t> held{0}, peak{0}, held_at_reset{0};

// The size of each piece stands in front of it, in as many bytes as keep the alignment that operator new promises.
constexpr std::size_t front = __STDCPP_DEFAULT_NEW_ALIGNMENT__;
static_assert(front >= sizeof(std::size_t));

}  // namespace

long allocations() { return count; }

void reset_peak_bytes() {
  held_at_reset = held.load();
  peak = held.load();
}

std::size_t peak_bytes() { return peak - held_at_reset; }

void *operator new(std::size_t size) {
  ++count;
  void *memory = size > SIZE_MAX - front ? nullptr : std::malloc(front + size);
  if (!memory) throw std::bad_alloc();
  *static_cast<std::size_t *>(memory) = size;
  const std::size_t now = held += size;
  for (std::size_t before = peak; before < now && !peak.compare_exchange_weak(before, now);) {
  }
  return static_cast<char *>(memory) + front;
}

void operator delete(void *memory) noexcept {
  if (!memory) return;
  void *start = static_cast<char *>(memory) - front;
  held -= *static_cast<std::size_t *>(start);
  std::free(start);
}

void operator delete(void *memory, std::size_t) noexcept { operator delete(memory); }
