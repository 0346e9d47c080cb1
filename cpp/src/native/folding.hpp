// Products of weights that are worked out anew at every step of a training.
#pragma once

#include <cstdint>
#include <memory>

#include "native/constant_array.hpp"

namespace qallegro::native {

/// How a matrix comes from others; `numbers` of a node are given in brackets.
enum class FoldingKind {
  parameter,       ///< a parameter [its place in the list], times a factor
  product,         ///< (m, k) and (k, n) to (m, n)
  columns,         ///< some columns [first]
  rows,            ///< some rows [first]
  sum,             ///< of two
  joined,          ///< columns of several, side by side
  scaled_columns,  ///< (m, n) and (1, n): each column times its number
  spread,          ///< (channels or 1, paths) to (paths, channels)
  pairs,           ///< (N, C), and (nt, C/2) of centers and of neighbors, to (nt nt N, C): the first times the vectors of a pair of types
  splines          ///< (nt nt, C K) to (nt nt K, C) [C, K]
};

/// One matrix of a program, made of others before it.
struct FoldingNode {
  FoldingKind kind;
  std::int64_t rows, columns;
  ConstantArray<std::int64_t> inputs, numbers;
  double scale;
};

struct FoldingPlan {
  ConstantArray<FoldingNode> nodes;
  ConstantArray<std::int64_t> outputs;
};

/// A list of numbers in one of two precisions; exactly one pointer is set.
struct Numbers {
  float *single = nullptr;
  double *twice = nullptr;
};

/// Runs a program forward and backward.
class FoldingKernel {
 public:
  virtual ~FoldingKernel();
  /// Numbers in all outputs.
  virtual std::int64_t size() const = 0;
  /// The outputs (size), row-major, one after the other.
  virtual void run(const Numbers *parameters, double *outputs) = 0;
  /// Sets gradients by the parameters, those of the last `run`, from that by the outputs.
  virtual void backward(const double *gradient, const Numbers *gradients) = 0;
};

/// For the best instruction set here (instruction_set.hpp). The plan, whose nodes must fit each other, must outlive the kernel.
std::unique_ptr<FoldingKernel> make_folding_kernel(const FoldingPlan &plan, bool single);

}  // namespace qallegro::native
