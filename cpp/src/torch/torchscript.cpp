#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

#include "torch/engines.hpp"

namespace qallegro {

namespace {

class TorchScriptEngine final : public TorchEngine {
 public:
  explicit TorchScriptEngine(const EngineRequest &request) : TorchEngine(request) {
    translated("`" + request.record.path + "` cannot be loaded as TorchScript", [&] {
      module_ = torch::jit::load(request.record.path, device());
      module_.eval();
    });
    if (!module_.find_method("forward"))
      throw Error("`" + request.record.path + "` must have a method `forward` and has none; export the model again");
  }

 private:
  std::vector<at::Tensor> run(std::vector<at::Tensor> inputs) override {
    // The profiling executor compiles for the shapes that it has seen; in MD they change from call to call.
    const torch::jit::GraphOptimizerEnabledGuard no_profiling(false);
    const c10::IValue result = module_.forward({inputs[0], inputs[1], inputs[2]});
    std::vector<at::Tensor> outputs;
    for (const c10::IValue &value : result.toTupleRef().elements()) outputs.push_back(value.toTensor());
    return outputs;
  }

  torch::jit::Module module_;
};

}  // namespace

std::unique_ptr<Engine> make_torchscript_engine(const EngineRequest &request) { return std::make_unique<TorchScriptEngine>(request); }

}  // namespace qallegro
