// A record that a runtime must accept.
#pragma once

#include <nlohmann/json.hpp>

inline nlohmann::json example_record() {
  return {{"format", "qallegro"},
          {"format_version", 1},
          {"kind", "torchscript"},
          {"atom_types", {"Cu", "Li"}},
          {"r_max", 4.0},
          {"cutoffs", {{4.0, 3.5}, {3.2, 3.8}}},
          {"dtype", "float32"},
          {"device", "cpu"},
          {"units", {{"energy", "eV"}, {"length", "angstrom"}, {"force", "eV/angstrom"}}}};
}
