// The one name that libqallegro_torch exports.
#include <ATen/Version.h>
#include <torch/version.h>

#include "torch/engines.hpp"

namespace {

// libtorch does not promise that its C++ interface stays the same from one minor version to the next, and a class that has changed
// its layout would crash or compute nonsense. show_config is asked because it has been there, and a string, in all of them.
void check_libtorch_version() {
  const std::string built = std::to_string(TORCH_VERSION_MAJOR) + "." + std::to_string(TORCH_VERSION_MINOR) + ".";
  const std::string config = at::show_config(), key = "TORCH_VERSION=";
  const auto start = config.find(key);
  if (start == std::string::npos) return;
  const std::string loaded = config.substr(start + key.size(), config.find(',', start) - start - key.size());
  if (!loaded.starts_with(built))
    throw qallegro::Error("`libqallegro_torch` must run with the libtorch that it was built with, " TORCH_VERSION ", it has found " +
                          loaded + "; install `torch==" + built +
                          "*`, or build qallegro for the present one (`pip install --no-build-isolation`)");
}

}  // namespace

extern "C" __attribute__((visibility("default"))) qallegro::Engine *qallegro_make_engine_v4(const qallegro::EngineRequest &request) {
  check_libtorch_version();
  // Weights that are loaded under a Python caller's inference mode could not be differentiated through, ever.
  const c10::InferenceMode no_inference(false);
  if (request.engine == "torchscript") return qallegro::make_torchscript_engine(request).release();
  if (request.engine == "aoti") return qallegro::make_aoti_engine(request).release();
  throw qallegro::Error("`libqallegro_torch` has no engine `" + request.engine + "`; use `torchscript` or `aoti`");
}
