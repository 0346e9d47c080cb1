// An engine library whose exceptions are none that the runtime expects: at the start by `device`, in an evaluation by `local_rank`.
#include <new>
#include <stdexcept>

#include "qallegro/engine.hpp"

namespace {

void fail(int how) {
  if (how == 1) throw std::bad_alloc();
  if (how == 2) throw std::runtime_error("from an engine");
  if (how == 3) throw 3;
}

class FailingEngine final : public qallegro::Engine {
 public:
  explicit FailingEngine(int how) : how_(how) {}
  void evaluate(const qallegro::Block &, int) override { fail(how_); }
  std::string description() const override { return "failing"; }
  std::int64_t slots_per_block() const override { return 4096; }

 private:
  int how_;
};

}  // namespace

extern "C" __attribute__((visibility("default"))) qallegro::Engine *qallegro_make_engine_v4(const qallegro::EngineRequest &request) {
  if (request.options.device.starts_with("cuda:")) fail(request.options.device.back() - '0');
  return new FailingEngine(request.options.local_rank);
}
