// Engine `native`: the network in C++, without libtorch.
#pragma once

#include <memory>
#include <string>

#include "qallegro/engine.hpp"

namespace qallegro::native {

/// Why this engine cannot run a file, in words that follow "`native` "; empty where it can. Weights are not looked at.
std::string refusal(const Record &record);

/// Throws `Error` where the file is damaged, or holds a model that this engine does not know.
std::unique_ptr<Engine> make_engine(const EngineRequest &request);

}  // namespace qallegro::native
