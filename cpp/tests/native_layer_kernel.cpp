// Compiled once for each instruction set, with QALLEGRO_ISA and QALLEGRO_VECTOR_BYTES.
#include <ctime>

#include "native/kernels/periodic_kernel.hpp"
#include "native_layer.hpp"

namespace qallegro::native::QALLEGRO_ISA {

namespace {

double now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

template <class Real>
double evaluate(const PeriodicLayer &layer, const LayerArrays &arrays, int repeats) {
  const PeriodicKernel<Real> kernel(layer);
  const std::int64_t lanes = (arrays.edges + width<Real> - 1) / width<Real> * width<Real>;
  const int features = kernel.num_features(), outputs = kernel.num_outputs();
  Buffer<Real> x, out, kept, g_out, g_x;
  x.at_least(static_cast<std::size_t>(features * lanes));
  out.at_least(static_cast<std::size_t>(outputs * lanes));
  g_out.at_least(static_cast<std::size_t>(outputs * lanes));
  g_x.at_least(static_cast<std::size_t>(features * lanes));
  kept.at_least(static_cast<std::size_t>(kernel.kept_rows() * lanes));
  // What the layer does not set must not happen to be right.
  std::memset(out.data(), 255, out.size() * sizeof(Real));
  std::memset(g_x.data(), 255, g_x.size() * sizeof(Real));
  std::memset(kept.data(), 255, kept.size() * sizeof(Real));
  for (std::int64_t e = 0; e < arrays.edges; ++e) {
    for (int f = 0; f < features; ++f) x.data()[f * lanes + e] = static_cast<Real>(arrays.x[e * features + f]);
    for (int o = 0; o < outputs; ++o) g_out.data()[o * lanes + e] = static_cast<Real>(arrays.g_out[e * outputs + o]);
  }
  const double start = now();
  for (int k = 0; k < repeats; ++k) {
    kernel.template forward<Values<Real>>(x.data(), out.data(), kept.data(), lanes);
    kernel.template adjoint<Values<Real>>(x.data(), kept.data(), g_out.data(), g_x.data(), lanes);
  }
  const double seconds = now() - start;
  for (std::int64_t e = 0; e < arrays.edges; ++e) {
    for (int f = 0; f < features; ++f) arrays.g_x[e * features + f] = static_cast<double>(g_x.data()[f * lanes + e]);
    for (int o = 0; o < outputs; ++o) arrays.out[e * outputs + o] = static_cast<double>(out.data()[o * lanes + e]);
  }
  return seconds;
}

}  // namespace

double evaluate_layer(const PeriodicLayer &layer, bool single, const LayerArrays &arrays, int repeats) {
  return single ? evaluate<float>(layer, arrays, repeats) : evaluate<double>(layer, arrays, repeats);
}

}  // namespace qallegro::native::QALLEGRO_ISA
