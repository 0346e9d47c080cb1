#include <torch/csrc/inductor/aoti_package/model_package_loader.h>

#include "torch/engines.hpp"

namespace qallegro {

namespace {

class AotInductorEngine final : public TorchEngine {
 public:
  explicit AotInductorEngine(const EngineRequest &request) : TorchEngine(request) {
    translated("`" + request.record.path + "` cannot be loaded as an AOTInductor package", [&] {
      // Evaluations follow one another, so that one runner is enough.
      loader_ = std::make_unique<torch::inductor::AOTIModelPackageLoader>(request.record.path, "model", false, 1, device().index());
    });
  }

 private:
  std::vector<at::Tensor> run(std::vector<at::Tensor> inputs) override { return loader_->run(inputs); }

  std::unique_ptr<torch::inductor::AOTIModelPackageLoader> loader_;
};

}  // namespace

std::unique_ptr<Engine> make_aoti_engine(const EngineRequest &request) { return std::make_unique<AotInductorEngine>(request); }

}  // namespace qallegro
