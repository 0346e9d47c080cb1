// An engine library as `Potential` opens it, with the fake engine inside.
#include "fake_engine.hpp"

extern "C" __attribute__((visibility("default"))) qallegro::Engine *qallegro_make_engine_v4(const qallegro::EngineRequest &request) {
  if (request.options.device == "cuda:9") throw qallegro::Error("from the library: threads " + std::to_string(request.options.threads));
  return new qallegro::FakeEngine(request.record, 4096);
}
