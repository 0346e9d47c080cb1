// Counts the allocations of this program.
#pragma once

#include <cstddef>

/// Calls of operator new since the start.
long allocations();

/// Counts `peak_bytes` from now on.
void reset_peak_bytes();

/// Bytes of operator new held at once, beyond those held at the last reset, at the worst moment since then.
std::size_t peak_bytes();
