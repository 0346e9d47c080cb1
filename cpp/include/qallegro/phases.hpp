// The phases of a step of a simulation, whoever measures them.
#pragma once

#include <array>

namespace qallegro {

/// Where the time of a step goes. A phase that an engine does not have, or cannot tell from others, stays at zero.
enum class Phase {
  neighbor_list,   ///< LAMMPS's own list, or the calculator's in ASE
  pack,            ///< from the list to blocks of edges
  copy_in,         ///< to a device
  radial_angular,  ///< lengths and directions, radial embedding, spherical harmonics
  tensor_product,  ///< environments and tensor products
  mlp,             ///< latents and readout
  surrogate,       ///< the classical form of a quantum layer
  backward,        ///< the adjoint of all of these
  network,         ///< forward and backward of an engine that cannot be looked into
  copy_out,        ///< from a device
  scatter,         ///< forces and virials back to atoms
  communication,   ///< between MPI ranks
  other            ///< what is left of the step: integration, fixes, output
};

inline constexpr std::array<const char *, 13> phase_names = {"neighbor_list", "pack",     "copy_in", "radial_angular", "tensor_product",
                                                             "mlp",           "surrogate", "backward", "network",        "copy_out",
                                                             "scatter",       "communication", "other"};
inline constexpr int phase_count = static_cast<int>(phase_names.size());

/// Seconds by phase.
struct PhaseTimes : std::array<double, phase_count> {
  PhaseTimes() : std::array<double, phase_count>{} {}
  using std::array<double, phase_count>::operator[];
  double &operator[](Phase phase) { return (*this)[static_cast<std::size_t>(phase)]; }
  double operator[](Phase phase) const { return (*this)[static_cast<std::size_t>(phase)]; }
};

}  // namespace qallegro
