// The periodic layer as each instruction set evaluates it, for native_layer.cpp and test_native_periodic.cpp.
#pragma once

#include <cstdint>

#include "native/periodic_layer.hpp"

namespace qallegro::native {

/// Rows are edges: x (edges, features), g_out (edges, outputs) to out (edges, outputs) and the gradient g_x (edges, features).
struct LayerArrays {
  std::int64_t edges = 0;
  const double *x = nullptr, *g_out = nullptr;
  double *out = nullptr, *g_x = nullptr;
};

/// Evaluates in float64, or in float32 if `single`, `repeats` times one after the other. Returns the seconds that took.
using EvaluateLayer = double(const PeriodicLayer &layer, bool single, const LayerArrays &arrays, int repeats);

namespace plain {
EvaluateLayer evaluate_layer;
}
namespace avx2 {
EvaluateLayer evaluate_layer;
}
namespace avx512 {
EvaluateLayer evaluate_layer;
}

}  // namespace qallegro::native
