// The one name that libqallegro_torch exports.
#include <c10/core/InferenceMode.h>

#include "torch/engines.hpp"

extern "C" __attribute__((visibility("default"))) qallegro::Engine *qallegro_make_engine_v1(const qallegro::EngineRequest &request) {
  // Weights that are loaded under a Python caller's inference mode could not be differentiated through, ever.
  const c10::InferenceMode no_inference(false);
  if (request.engine == "torchscript") return qallegro::make_torchscript_engine(request).release();
  if (request.engine == "aoti") return qallegro::make_aoti_engine(request).release();
  throw qallegro::Error("`libqallegro_torch` has no engine `" + request.engine + "`; use `torchscript` or `aoti`");
}
