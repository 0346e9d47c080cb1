// What the engines over libtorch share: device, threads, wrapping of blocks into tensors, translation of errors.
#pragma once

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "qallegro/engine.hpp"

namespace qallegro {

class TorchEngine : public Engine {
 public:
  explicit TorchEngine(const EngineRequest &request);

  void evaluate(const Block &block, int thread) final;
  std::string description() const final;
  std::int64_t slots_per_block() const final;
  PhaseTimes sampled_phases() const final { return phases_; }

 protected:
  /// (center_types, neighbor_types, edge_vectors) -> (per_atom_energy, edge_gradients), all on `device()`.
  virtual std::vector<at::Tensor> run(std::vector<at::Tensor> inputs) = 0;

  const EngineRequest &request() const { return request_; }
  const at::Device &device() const { return device_; }

 private:
  EngineRequest request_;
  at::Device device_;
  PhaseTimes phases_;
};

/// Turns the exception that is being handled into an `Error` whose text is `what` and the reason in one line.
[[noreturn]] void rethrow_as_error(const std::string &what);

/// Calls `work`; every exception of libtorch leaves as an `Error` that starts with `what`.
template <class Work>
auto translated(const std::string &what, Work &&work) {
  try {
    return work();
  } catch (...) {
    rethrow_as_error(what);
  }
}

}  // namespace qallegro
