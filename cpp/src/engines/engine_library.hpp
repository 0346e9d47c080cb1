// Finds and opens the shared library of an engine.
#pragma once

#include <string>

#include "qallegro/engine.hpp"

namespace qallegro {

/// The factory of the library `name`, looked for in the folders of QALLEGRO_ENGINE_PATH (colon-separated) and beside the binary
/// that holds this code. Opened once a process and never closed. Throws `Error`.
EngineFactory *engine_factory(const std::string &name);

}  // namespace qallegro
