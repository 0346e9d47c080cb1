// What the kernels do for each edge: the network with every chain of linear maps folded into one.
//
// No linear map has a bias, so a scalar s_k is a linear function of what came out of activations before it ("sources": the radial network, t_k,
// the last hidden features of each latent perceptron). Every input of an activation, and every tensor weight, is therefore a sum of one
// matrix product for each source; the scalars themselves are never formed.
#pragma once

#include <optional>
#include <vector>

#include "native/couplings.hpp"
#include "native/network.hpp"

namespace qallegro::native {

/// rows[target ..] = or += source W.
struct LinearOp {
  int target = 0;
  bool add = false;
  Matrix weights;
};

/// Input -> activation -> (linear -> activation) for each of `hidden`; the last features are a source.
struct Chain {
  Activation activation = Activation::identity;
  std::vector<Matrix> hidden;
  int input = 0;           ///< width
  int width() const { return hidden.empty() ? input : hidden.back().out; }
};

struct LatentPlan {
  std::optional<Chain> chain;         ///< of the rows `pre`; none where the perceptron has no activation
  int pre = 0;                        ///< first row
  std::vector<LinearOp> tensor_ops;   ///< of t_k
  std::vector<LinearOp> hidden_ops;   ///< of the chain's features
};

struct Plan {
  int num_types = 0, l_max = 0, channels = 0;
  std::vector<double> cutoffs, environment_norm, scales, shifts;
  std::vector<Coupling> couplings;
  std::vector<std::vector<HarmonicEntry>> harmonics;  ///< of degree 2, 3, ..
  std::vector<Matrix> path_weights;                   ///< of each layer (paths, channels)

  // Rows of the block: tensor weights (degree, channel), inputs of activations.
  int rows = 0;
  int tensor_weights = 0;
  std::vector<int> environment_weights;  ///< of each layer
  int head = 0, head_width = 0;

  RadialEmbedding radial;           ///< `pairs` lead to the chain's input
  Chain radial_chain;               ///< identity without hidden maps where the embedding has no activation
  std::vector<LinearOp> radial_ops;
  std::vector<LatentPlan> latents;
  std::vector<Stage> stages;        ///< from the rows `head` to one energy; neighboring linear maps merged
  std::optional<PeriodicLayer> periodic;
  std::optional<Zbl> zbl;

  /// The rows that follow from a distance and a pair of types alone, in the order of `radial_ops`.
  int radial_functions() const;
};

Plan make_plan(Network network);

}  // namespace qallegro::native
