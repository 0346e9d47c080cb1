// Products of weights, recorded once and run at every step, forward and backward: `torch.classes.qallegro.FoldingProgram`.
//
// potential/qallegro/native/folding.py says what is folded, and why. A step folds some forty small matrices; autograd would spend more
// time on its books than on the products.
#include <ATen/ATen.h>
#include <torch/custom_class.h>

namespace qallegro {

namespace {

enum class Kind { parameter, product, columns, rows, sum, joined, scaled_columns, spread, pairs, splines };

Kind kind_of(const std::string &name) {
  static const std::pair<const char *, Kind> names[] = {{"parameter", Kind::parameter}, {"product", Kind::product}, {"columns", Kind::columns},
                                                        {"rows", Kind::rows}, {"sum", Kind::sum}, {"joined", Kind::joined},
                                                        {"scaled_columns", Kind::scaled_columns}, {"spread", Kind::spread},
                                                        {"pairs", Kind::pairs}, {"splines", Kind::splines}};
  for (const auto &[known, kind] : names)
    if (name == known) return kind;
  TORCH_CHECK(false, "`kind` of an instruction must be a known one, it is `", name, "`");
}

struct Instruction {
  Kind kind;
  std::vector<std::int64_t> inputs, numbers;
  double scale;
};

class FoldingProgram final : public torch::CustomClassHolder {
 public:
  /// One entry a node: its kind, the nodes it is made of (of a parameter its number), whole numbers, and a factor.
  FoldingProgram(const std::vector<std::string> &kinds, const std::vector<std::vector<std::int64_t>> &inputs,
                 const std::vector<std::vector<std::int64_t>> &numbers, const std::vector<double> &scales, std::vector<std::int64_t> outputs)
      : outputs_(std::move(outputs)) {
    for (std::size_t k = 0; k < kinds.size(); ++k) program_.push_back({kind_of(kinds[k]), inputs.at(k), numbers.at(k), scales.at(k)});
  }

  /// The outputs, flattened one after the other, float64.
  at::Tensor run(const std::vector<at::Tensor> &parameters) {
    const at::NoGradGuard no_grad;
    values_.assign(program_.size(), {});
    for (std::size_t k = 0; k < program_.size(); ++k) values_[k] = value_of(program_[k], parameters);
    std::vector<at::Tensor> flat;
    for (const std::int64_t output : outputs_) flat.push_back(values_[output].reshape(-1));
    return at::cat(flat).to(at::kDouble);
  }

  /// Gradients by the parameters, the same as in the last `run`, from that by its result.
  std::vector<at::Tensor> backward(const at::Tensor &gradient, const std::vector<at::Tensor> &parameters) {
    const at::NoGradGuard no_grad;
    TORCH_CHECK(values_.size() == program_.size(), "`backward` must come after `run`");
    const at::Tensor flat = gradient.to(values_[outputs_.front()].scalar_type());
    gradients_.assign(program_.size(), {});
    std::vector<at::Tensor> result(parameters.size());
    std::int64_t at = 0;
    for (const std::int64_t output : outputs_) {
      const at::Tensor &value = values_[output];
      add(output, flat.narrow(0, at, value.numel()).view(value.sizes()));
      at += value.numel();
    }
    for (std::size_t k = program_.size(); k-- > 0;)
      if (gradients_[k].defined()) pass_on(program_[k], k, parameters, result);
    for (std::size_t p = 0; p < parameters.size(); ++p)
      if (!result[p].defined()) result[p] = at::zeros_like(parameters[p]);
    gradients_.clear();
    return result;
  }

 private:
  at::Tensor value_of(const Instruction &i, const std::vector<at::Tensor> &parameters) const {
    const auto input = [&](std::size_t k) -> const at::Tensor & { return values_[i.inputs[k]]; };
    switch (i.kind) {
      case Kind::parameter: {
        const at::Tensor &parameter = parameters.at(i.inputs[0]);
        return i.scale == 1.0 ? parameter : parameter * i.scale;
      }
      case Kind::product:
        return at::mm(input(0), input(1));
      case Kind::columns:
        return input(0).narrow(1, i.numbers[0], i.numbers[1]);
      case Kind::rows:
        return input(0).narrow(0, i.numbers[0], i.numbers[1]);
      case Kind::sum:
        return input(0) + input(1);
      case Kind::joined: {
        std::vector<at::Tensor> parts;
        for (std::size_t k = 0; k < i.inputs.size(); ++k) parts.push_back(input(k));
        return at::cat(parts, 1);
      }
      case Kind::scaled_columns:
        return input(0) * input(1);
      case Kind::spread:  // (rows, paths) to (paths, channels)
        return input(0).t().expand({input(0).size(1), i.numbers[0]}).contiguous();
      case Kind::pairs: {  // basis (N, C), center and neighbor (nt, C/2) to (nt nt N, C)
        const at::Tensor table = pair_table(input(1), input(2));
        return (input(0).unsqueeze(0) * table.unsqueeze(1)).flatten(0, 1);
      }
      case Kind::splines:  // (nt nt, C K) to (nt nt K, C)
        // Splines are float64 in any network; the first parameter tells the network's precision.
        return input(0).view({-1, i.numbers[0], i.numbers[1]}).transpose(1, 2).reshape({-1, i.numbers[0]}).to(parameters.front().scalar_type());
    }
    return {};
  }

  void pass_on(const Instruction &i, std::size_t node, const std::vector<at::Tensor> &parameters, std::vector<at::Tensor> &result) {
    const at::Tensor g = gradients_[node];
    const auto input = [&](std::size_t k) -> const at::Tensor & { return values_[i.inputs[k]]; };
    switch (i.kind) {
      case Kind::parameter: {
        at::Tensor &to = result.at(i.inputs[0]);
        const at::Tensor scaled = (i.scale == 1.0 ? g : g * i.scale).to(parameters.at(i.inputs[0]).scalar_type());
        to = to.defined() ? to + scaled : scaled;
        return;
      }
      case Kind::product:
        add(i.inputs[0], at::mm(g, input(1).t()));
        add(i.inputs[1], at::mm(input(0).t(), g));
        return;
      case Kind::columns:
        part_of(i.inputs[0], 1, i.numbers).add_(g);
        return;
      case Kind::rows:
        part_of(i.inputs[0], 0, i.numbers).add_(g);
        return;
      case Kind::sum:
        add(i.inputs[0], g);
        add(i.inputs[1], g);
        return;
      case Kind::joined: {
        std::int64_t at = 0;
        for (const std::int64_t part : i.inputs) {
          const std::int64_t width = values_[part].size(1);
          add(part, g.narrow(1, at, width));
          at += width;
        }
        return;
      }
      case Kind::scaled_columns:
        add(i.inputs[0], g * input(1));
        add(i.inputs[1], (g * input(0)).sum(0));
        return;
      case Kind::spread:
        add(i.inputs[0], input(0).size(0) == i.numbers[0] ? g.t() : g.sum(1, true).t());
        return;
      case Kind::pairs: {
        const std::int64_t nt = input(1).size(0), half = input(1).size(1);
        const at::Tensor by_pair = g.view({nt * nt, input(0).size(0), 2 * half}), table = pair_table(input(1), input(2));
        add(i.inputs[0], (by_pair * table.unsqueeze(1)).sum(0));
        const at::Tensor by_table = (by_pair * input(0).unsqueeze(0)).sum(1).view({nt, nt, 2 * half});
        add(i.inputs[1], by_table.narrow(2, 0, half).sum(1));
        add(i.inputs[2], by_table.narrow(2, half, half).sum(0));
        return;
      }
      case Kind::splines:
        add(i.inputs[0], g.view({-1, i.numbers[1], i.numbers[0]}).transpose(1, 2).reshape(input(0).sizes()));
        return;
    }
  }

  // Row type_i nt + type_j: the vectors of both types side by side.
  static at::Tensor pair_table(const at::Tensor &center, const at::Tensor &neighbor) {
    const std::int64_t nt = center.size(0);
    return at::cat({center.repeat_interleave(nt, 0), neighbor.repeat({nt, 1})}, 1);
  }

  // Gradients are shared until something is added to them.
  void add(std::int64_t node, const at::Tensor &gradient) {
    at::Tensor &to = gradients_[node];
    to = to.defined() ? to + gradient : gradient;
    owned_ = -1;
  }

  at::Tensor part_of(std::int64_t node, int axis, const std::vector<std::int64_t> &range) {
    at::Tensor &to = gradients_[node];
    if (!to.defined())
      to = at::zeros(values_[node].sizes(), values_[node].options());
    else if (owned_ != node)
      to = to.clone();
    owned_ = node;
    return to.narrow(axis, range[0], range[1]);
  }

  std::vector<Instruction> program_;
  std::vector<std::int64_t> outputs_;
  std::vector<at::Tensor> values_, gradients_;
  std::int64_t owned_ = -1;  ///< the last node whose gradient is surely not shared
};

}  // namespace

TORCH_LIBRARY_FRAGMENT(qallegro, library) {
  library.class_<FoldingProgram>("FoldingProgram")
      .def(torch::init<std::vector<std::string>, std::vector<std::vector<std::int64_t>>, std::vector<std::vector<std::int64_t>>,
                       std::vector<double>, std::vector<std::int64_t>>())
      .def("run", &FoldingProgram::run)
      .def("backward", &FoldingProgram::backward);
}

}  // namespace qallegro
