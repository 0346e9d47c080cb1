// The JSON record inside an exported file (docs/architecture.md, "The exported file").
#pragma once

#include <string>

#include "qallegro/potential.hpp"

namespace qallegro {

/// The checked record of the JSON text `json` that came from the file `path`. Throws `Error`.
Record parse_record(const std::string &json, const std::string &path);

}  // namespace qallegro
