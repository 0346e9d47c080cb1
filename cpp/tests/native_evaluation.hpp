// A small native potential and what it finds for a structure.
#pragma once

#include <string>
#include <vector>

#include "native_file.hpp"
#include "periodic_system.hpp"
#include "qallegro/potential.hpp"

namespace qallegro {

inline Options native(int threads = 1) {
  Options options;
  options.engine = "native";
  options.threads = threads;
  return options;
}

struct Evaluated {
  Results results;
  std::vector<double> per_atom_energy, forces, novelty;
};

inline Evaluated evaluate(Potential &potential, const Edges &edges) {
  Evaluated out;
  out.per_atom_energy.assign(edges.types.size(), 0.0);
  out.forces.assign(3 * edges.types.size(), 0.0);
  out.results.per_atom_energy = out.per_atom_energy.data();
  out.results.forces = out.forces.data();
  if (potential.knows_novelty()) {
    out.novelty.assign(edges.types.size(), -1.0);
    out.results.novelty = out.novelty.data();
  }
  potential.evaluate(edges.view(), out.results);
  return out;
}

inline std::string file_bytes(const std::string &dtype) {
  return native_file::bytes_of(native_file::record(dtype), native_file::safetensors(native_file::tensors(), 5),
                               native_file::safetensors(native_file::novelty_tensors(), 3));
}

}  // namespace qallegro
