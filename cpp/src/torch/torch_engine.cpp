#include "torch/torch_engine.hpp"

#include <c10/core/InferenceMode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <c10/util/Exception.h>
#include <torch/cuda.h>
#include <torch/version.h>

#include <sstream>

#include "torch/device_clock.hpp"
#include "torch/thread_count.hpp"

namespace qallegro {

namespace {

// Slots at once. On a CPU a few thousand a thread hide the cost of a call (about 1 ms); on a GPU a block should fill the device
// and still leave the memory bounded for a system of any size.
constexpr std::int64_t cpu_slots = 4096;
constexpr std::int64_t cuda_slots = 131072;

at::Device device_for(const EngineRequest &request) {
  std::string wish = request.options.device;
  const bool fixed = request.record.format == "aoti";  // compiled for one kind of device
  const int count = static_cast<int>(torch::cuda::device_count());
  if (wish == "auto") wish = fixed ? request.record.device : (count > 0 ? "cuda" : "cpu");
  if (fixed && wish.substr(0, wish.find(':')) != request.record.device)
    throw Error("`device` is `" + wish + "`, but `" + request.record.path + "` was compiled for `" + request.record.device +
                "`; use that device or export on the other one");
  if (wish == "cpu") return at::kCPU;
  if (count == 0)
    throw Error("`device` is `" + wish +
                "`, but libtorch " TORCH_VERSION " finds no CUDA device; use device `cpu`, or install a driver and a " +
                "torch that is built for CUDA");
  int index = request.options.local_rank % count;
  if (wish.starts_with("cuda:")) index = std::stoi(wish.substr(5));
  if (index >= count)
    throw Error("`device` is `" + wish + "`, but there are only " + std::to_string(count) + " CUDA devices, numbered from 0");
  return {at::kCUDA, static_cast<c10::DeviceIndex>(index)};
}

// TorchScript puts a traceback of the script first and the reason last; a c10 error starts with its reason.
std::string useful_line(const std::string &text) {
  std::istringstream lines(text);
  std::string first, reason;
  for (std::string line; std::getline(lines, line);) {
    if (first.empty()) first = line;
    if (line.starts_with("RuntimeError: ") || line.starts_with("torch.")) reason = line.substr(line.find(": ") + 2);
  }
  return reason.empty() ? first : reason;
}

void check_output(const at::Tensor &tensor, at::IntArrayRef shape, const char *name, const std::string &path) {
  if (tensor.sizes() == shape && tensor.scalar_type() == at::kDouble) return;
  std::ostringstream text;
  text << "`" << name << "` from `" << path << "` must be float64 of shape " << shape << ", it is " << toString(tensor.scalar_type())
       << " of shape " << tensor.sizes() << "; the file is broken, export the model again";
  throw Error(text.str());
}

}  // namespace

void rethrow_as_error(const std::string &what) {
  std::string reason;
  try {
    throw;
  } catch (const Error &) {
    throw;
  } catch (const c10::Error &error) {
    reason = useful_line(error.what_without_backtrace());
  } catch (const std::exception &error) {
    reason = useful_line(error.what());
  }
  std::string remedy;
  if (reason.find("out of memory") != std::string::npos) remedy = "; spread the atoms over more devices, or let fewer ranks share one";
  throw Error(what + ": " + reason + remedy);
}

TorchEngine::TorchEngine(const EngineRequest &request)
    : request_(request),
      device_(translated("the device of `" + request.record.path + "` cannot be chosen", [&] { return device_for(request); })) {}

std::string TorchEngine::description() const {
  std::string text = request_.engine + " on " + device_.str() + ", " + request_.record.dtype + " network";
  if (device_.is_cpu()) text += ", " + std::to_string(request_.options.threads) + (request_.options.threads == 1 ? " thread" : " threads");
  return text + ", libtorch " TORCH_VERSION;
}

std::int64_t TorchEngine::slots_per_block() const { return device_.is_cpu() ? cpu_slots * request_.options.threads : cuda_slots; }

void TorchEngine::evaluate(const Block &block, int) {
  translated("`" + request_.record.path + "` failed in " + request_.engine, [&] {
    // The caller may be Python code under no_grad, inference_mode or autocast: all three are states of the thread, and a
    // model that differentiates inside, or relies on its dtypes, must see none of them.
    const c10::InferenceMode no_inference(false);
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    const ThreadCount threads(request_.options.threads);
    const std::int64_t n = block.n_centers, k = block.n_slots;
    // The tensors view the block's memory; libtorch has no const view, and models do not write to their inputs.
    const auto view = [](const auto *data, at::IntArrayRef shape, at::ScalarType type) {
      return at::from_blob(const_cast<void *>(static_cast<const void *>(data)), shape, at::TensorOptions().dtype(type));
    };
    DeviceClock clock(device_);
    std::vector<at::Tensor> inputs{view(block.center_types, {n}, at::kLong).to(device_), view(block.neighbor_types, {n, k}, at::kLong).to(device_),
                                   view(block.edge_vectors, {n, k, 3}, at::kDouble).to(device_)};
    clock.mark();
    const auto outputs = run(std::move(inputs));
    clock.mark();
    if (outputs.size() != 2)
      throw Error("`" + request_.record.path + "` must return energies and gradients, it returns " + std::to_string(outputs.size()) +
                  " tensors; export the model again");
    check_output(outputs[0], {n}, "per_atom_energy", request_.record.path);
    check_output(outputs[1], {n, k, 3}, "edge_gradients", request_.record.path);
    view(block.per_atom_energy, {n}, at::kDouble).copy_(outputs[0].detach());
    view(block.edge_gradients, {n, k, 3}, at::kDouble).copy_(outputs[1].detach());
    clock.mark();
    // On a CPU the tensors are views, and what `to` and `copy_` take is the engine's own.
    const bool copies = !device_.is_cpu();
    phases_[copies ? Phase::copy_in : Phase::network] += clock.seconds(0);
    phases_[Phase::network] += clock.seconds(1);
    phases_[copies ? Phase::copy_out : Phase::network] += clock.seconds(2);
  });
}

}  // namespace qallegro
