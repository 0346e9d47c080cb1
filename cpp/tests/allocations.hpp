// Counts the allocations of this program.
#pragma once

/// Calls of operator new since the start.
long allocations();
