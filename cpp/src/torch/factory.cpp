// The one name that libqallegro_torch exports.
#include "torch/engines.hpp"

extern "C" __attribute__((visibility("default"))) qallegro::Engine *qallegro_make_engine_v1(const qallegro::EngineRequest &request) {
  if (request.engine == "torchscript") return qallegro::make_torchscript_engine(request).release();
  if (request.engine == "aoti") return qallegro::make_aoti_engine(request).release();
  throw qallegro::Error("`libqallegro_torch` has no engine `" + request.engine + "`; use `torchscript` or `aoti`");
}
