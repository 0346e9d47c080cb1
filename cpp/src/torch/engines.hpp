// The engines of libqallegro_torch.
#pragma once

#include <memory>

#include "torch/torch_engine.hpp"

namespace qallegro {

std::unique_ptr<Engine> make_torchscript_engine(const EngineRequest &request);
std::unique_ptr<Engine> make_aoti_engine(const EngineRequest &request);

}  // namespace qallegro
