// The network of an exported file in float64: hyperparameters and linear maps with their normalisation multiplied in.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "native/matrix.hpp"
#include "native/periodic_layer.hpp"
#include "native/tensor_file.hpp"

namespace qallegro::native {

enum class Activation { identity, silu, mish, gelu };

/// Linear maps with `activation` between them (not after the last).
struct Perceptron {
  std::vector<Matrix> linears;
  Activation activation = Activation::identity;
};

/// Functions of x = r / cutoff, and the embedding h0 that is linear in them for each pair of types.
struct RadialEmbedding {
  enum class Kind { bessel, spline } kind = Kind::bessel;
  int count = 0;                    ///< functions
  std::vector<double> frequencies;  ///< bessel: f_n
  double envelope_p = 6.0;          ///< bessel
  int span = 0;                     ///< spline: width in grid steps
  std::vector<Matrix> pairs;        ///< (count, C) for each type_i nt + type_j
};

/// Screened nuclear repulsion, for each pair of types.
struct Zbl {
  std::vector<double> charges;    ///< eV Å, half of q Zi Zj
  std::vector<double> screening;  ///< 1/Å
};

/// What a head does after its first linear map of the scalars.
struct Stage {
  enum class Kind { activation, linear, pi_tanh, periodic } kind = Kind::activation;
  Activation activation = Activation::identity;
  Matrix linear;
};

struct Layer {
  Matrix path_weights;  ///< (paths, channels)
  Perceptron latent;    ///< of (s_0 .. s_k, t)
};

struct Network {
  int num_types = 0, l_max = 0, channels = 0, features = 0;
  bool parity = true;
  std::vector<double> cutoffs;           ///< (nt, nt) Å
  std::vector<double> environment_norm;  ///< (nt) 1/sqrt(avg_num_neighbors)
  std::vector<double> scales, shifts;    ///< (nt) eV
  RadialEmbedding radial;
  Perceptron scalar_embed;
  Matrix tensor_embed;      ///< (S, R U), columns (degree, channel)
  Matrix first_projection;  ///< (S, S + R U)
  std::vector<Layer> layers;
  Matrix head;  ///< of (s_0 .. s_L)
  std::vector<Stage> stages;
  std::optional<PeriodicLayer> periodic;
  std::optional<Zbl> zbl;
};

/// Throws `Error` where the record and the weights do not fit together, or name something this engine does not know.
Network read_network(const nlohmann::json &record, const TensorFile &weights, const std::string &path);

}  // namespace qallegro::native
