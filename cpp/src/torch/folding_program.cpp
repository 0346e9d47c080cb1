// Products of weights, recorded once and run at every step, forward and backward: `torch.classes.qallegro.FoldingProgram`.
//
// potential/qallegro/native/folding.py says what is folded, and why. A step folds some forty small matrices; torch would spend more time on
// its books than on the products.
#include "native/folding.hpp"

#include <ATen/ATen.h>
#include <torch/custom_class.h>

namespace qallegro {

namespace {

using native::ConstantArray, native::FoldingKind, native::FoldingNode, native::Numbers;

FoldingKind kind_of(const std::string &name) {
  static const std::pair<const char *, FoldingKind> names[] = {
      {"parameter", FoldingKind::parameter}, {"product", FoldingKind::product}, {"columns", FoldingKind::columns},
      {"rows", FoldingKind::rows},           {"sum", FoldingKind::sum},         {"joined", FoldingKind::joined},
      {"spread", FoldingKind::spread},       {"pairs", FoldingKind::pairs},     {"splines", FoldingKind::splines},
      {"scaled_columns", FoldingKind::scaled_columns}};
  for (const auto &[known, kind] : names)
    if (name == known) return kind;
  TORCH_CHECK(false, "`kind` of an instruction must be a known one, it is `", name, "`");
}

Numbers numbers_of(const at::Tensor &tensor) {
  if (tensor.scalar_type() == at::kFloat) return {tensor.data_ptr<float>(), nullptr};
  return {nullptr, tensor.data_ptr<double>()};
}

class FoldingProgram final : public torch::CustomClassHolder {
 public:
  /// One entry a node: its kind, the nodes it is made of (of a parameter its number), whole numbers, a factor, rows and columns.
  FoldingProgram(const std::vector<std::string> &kinds, const std::vector<std::vector<std::int64_t>> &inputs,
                 const std::vector<std::vector<std::int64_t>> &numbers, const std::vector<double> &scales,
                 const std::vector<std::vector<std::int64_t>> &shapes, const std::vector<std::int64_t> &outputs, bool single) {
    std::vector<FoldingNode> nodes;
    for (std::size_t k = 0; k < kinds.size(); ++k) {
      const FoldingKind kind = kind_of(kinds[k]);
      const std::int64_t rows = shapes.at(k).at(0), columns = shapes.at(k).at(1);
      nodes.push_back({kind, rows, columns, inputs.at(k), numbers.at(k), scales.at(k)});
      if (kind == FoldingKind::parameter) sizes_.push_back(rows * columns);
    }
    plan_ = {std::move(nodes), outputs};
    kernel_ = native::make_folding_kernel(plan_, single);
  }

  /// The outputs, flattened one after the other, float64.
  at::Tensor run(const std::vector<at::Tensor> &parameters) {
    const at::NoGradGuard no_grad;
    std::vector<Numbers> numbers;
    std::vector<at::Tensor> whole;
    for (std::size_t p = 0; p < parameters.size(); ++p) {
      TORCH_CHECK(p < sizes_.size() && parameters[p].numel() == sizes_[p], "`parameters` must be those that were recorded, number ", p, " is another");
      whole.push_back(parameters[p].contiguous());
      numbers.push_back(numbers_of(whole.back()));
    }
    at::Tensor result = at::empty({kernel_->size()}, at::kDouble);
    kernel_->run(numbers.data(), result.data_ptr<double>());
    return result;
  }

  /// Gradients by the parameters, the same as in the last `run`, from that by its result.
  std::vector<at::Tensor> backward(const at::Tensor &gradient, const std::vector<at::Tensor> &parameters) {
    const at::NoGradGuard no_grad;
    const at::Tensor whole = gradient.contiguous();
    std::vector<Numbers> numbers;
    std::vector<at::Tensor> result;
    for (const at::Tensor &parameter : parameters) {
      result.push_back(at::empty(parameter.sizes(), parameter.options()));
      numbers.push_back(numbers_of(result.back()));
    }
    kernel_->backward(whole.data_ptr<double>(), numbers.data());
    return result;
  }

 private:
  native::FoldingPlan plan_;
  std::unique_ptr<native::FoldingKernel> kernel_;
  std::vector<std::int64_t> sizes_;
};

}  // namespace

TORCH_LIBRARY_FRAGMENT(qallegro, library) {
  library.class_<FoldingProgram>("FoldingProgram")
      .def(torch::init<std::vector<std::string>, std::vector<std::vector<std::int64_t>>, std::vector<std::vector<std::int64_t>>,
                       std::vector<double>, std::vector<std::vector<std::int64_t>>, std::vector<std::int64_t>, bool>())
      .def("run", &FoldingProgram::run)
      .def("backward", &FoldingProgram::backward);
}

}  // namespace qallegro
