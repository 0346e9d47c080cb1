#include <ATen/Version.h>
#include <torch/csrc/inductor/aoti_package/model_package_loader.h>

#include "torch/engines.hpp"

namespace qallegro {

namespace {

// A package holds machine code for the processor that compiled it; on a lesser one it would end in an illegal instruction.
void check_processor(const std::string &isa, const std::string &path) {
  const std::string here = at::get_cpu_capability();  // "AVX512", "AVX2", or another below them
  const bool lacks_avx512 = isa.find("AVX512") != std::string::npos && here != "AVX512";
  const bool lacks_avx2 = isa.find("AVX2") != std::string::npos && here != "AVX512" && here != "AVX2";
  if (lacks_avx512 || lacks_avx2)
    throw Error("`" + path + "` was compiled for a processor with " + isa + ", this one has " + here +
                "; export it on this machine, or use `--format torchscript`");
}

class AotInductorEngine final : public TorchEngine {
 public:
  explicit AotInductorEngine(const EngineRequest &request) : TorchEngine(request) {
    translated("`" + request.record.path + "` cannot be loaded as an AOTInductor package", [&] {
      // Evaluations follow one another, so that one runner is enough.
      loader_ = std::make_unique<torch::inductor::AOTIModelPackageLoader>(request.record.path, "model", false, 1, device().index());
      if (device().is_cpu()) check_processor(loader_->get_metadata()["AOTI_CPU_ISA"], request.record.path);
    });
  }

 private:
  std::vector<at::Tensor> run(std::vector<at::Tensor> inputs) override { return loader_->run(inputs); }

  std::unique_ptr<torch::inductor::AOTIModelPackageLoader> loader_;
};

}  // namespace

std::unique_ptr<Engine> make_aoti_engine(const EngineRequest &request) { return std::make_unique<AotInductorEngine>(request); }

}  // namespace qallegro
