// The engines of this runtime: one row of a table each.
#pragma once

#include <memory>

#include "qallegro/engine.hpp"

namespace qallegro {

/// Starts the engine that `options` ask for, or with "auto" the first that runs the file's kind. Throws `Error`.
std::unique_ptr<Engine> make_engine(const Record &record, const Options &options);

/// The CPU threads that `options` ask for. Throws `Error`.
int threads_for(const Options &options);

}  // namespace qallegro
