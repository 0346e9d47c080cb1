#include "native/network.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "native/couplings.hpp"
#include "qallegro/error.hpp"

namespace qallegro::native {

namespace {

using Json = nlohmann::json;

// Sizes beyond these are no model but a damaged record.
constexpr int most_features = 1 << 16;
constexpr int highest_degree = 8;

class Reader {
 public:
  Reader(const Json &record, const TensorFile &weights, const std::string &path)
      : record_(record), model_(record.at("model")), weights_(weights), path_(path) {}

  Network read() {
    Network network;
    network.num_types = static_cast<int>(record_.at("atom_types").size());
    network.l_max = integer(model_, "l_max", 0, highest_degree);
    network.channels = integer(model_, "num_tensor_features", 1, most_features);
    network.features = integer(model_, "num_scalar_features", 1, most_features);
    network.parity = model_.at("parity").get<bool>();
    normalize_ = model_.at("forward_normalize").get<bool>();
    for (const Json &row : record_.at("cutoffs"))
      for (const Json &value : row) network.cutoffs.push_back(value.get<double>());
    for (const double neighbors : per_type("avg_num_neighbors")) {
      if (!(neighbors > 0.0)) refuse("avg_num_neighbors", "must be positive");
      network.environment_norm.push_back(1.0 / std::sqrt(neighbors));
    }
    network.scales = weights_.get("scales", {network.num_types}).values;
    network.shifts = weights_.get("shifts", {network.num_types}).values;
    read_radial(network);
    const int dim = network.radial.pairs.front().out, weights = network.channels * (network.l_max + 1);
    network.scalar_embed = perceptron("scalar_embed", model_.at("scalar_embed_mlp"), dim, network.features);
    network.tensor_embed = linear("tensor_embed.weight", network.features, weights, 1.0, normalize_);
    network.first_projection = linear("first_projection.weight", network.features, network.features + weights, 1.0, true);
    read_layers(network, weights);
    read_head(network);
    read_zbl(network);
    return network;
  }

 private:
  [[noreturn]] void refuse(const std::string &key, const std::string &rule) const {
    throw Error("`model." + key + "` in the record of `" + path_ + "` " + rule + "; export the model again");
  }

  int integer(const Json &section, const char *key, int low, int high) const {
    const auto value = section.at(key).get<std::int64_t>();
    if (value < low || value > high)
      refuse(key, "must lie in " + std::to_string(low) + " .. " + std::to_string(high) + ", it is " + std::to_string(value));
    return static_cast<int>(value);
  }

  std::vector<double> per_type(const char *key) const {
    const Json &value = model_.at(key);
    std::vector<double> result;
    for (const Json &symbol : record_.at("atom_types"))
      result.push_back(value.is_object() ? value.at(symbol.get<std::string>()).get<double>() : value.get<double>());
    return result;
  }

  Activation activation(const Json &name) const {
    if (name.is_null()) return Activation::identity;
    const auto text = name.get<std::string>();
    if (text == "silu") return Activation::silu;
    if (text == "mish") return Activation::mish;
    if (text == "gelu") return Activation::gelu;
    refuse("nonlinearity", "must be silu, mish, gelu or null for engine `native`, it is `" + text + "`");
  }

  Matrix matrix(const std::string &name, int in, int out) const {
    Matrix result(in, out);
    result.values = weights_.get(name, {in, out}).values;
    return result;
  }

  Matrix linear(const std::string &name, int in, int out, double gain, bool forward_normalize) const {
    return scaled(matrix(name, in, out), gain / std::sqrt(static_cast<double>(forward_normalize ? in : out)));
  }

  Perceptron perceptron(const std::string &name, const Json &config, int in, int out) const {
    Perceptron result;
    result.activation = activation(config.at("nonlinearity"));
    const int depth = integer(config, "depth", 0, 1000), width = integer(config, "width", 1, most_features);
    const double gain = result.activation == Activation::identity ? 1.0 : std::sqrt(2.0);
    for (int k = 0; k <= depth; ++k) {
      const int from = k == 0 ? in : width, to = k == depth ? out : width;
      const bool plain = normalize_ ? k == 0 : k == depth;
      const std::string weight = k == 0 ? ".first.weight" : ".rest." + std::to_string(k - 1) + ".weight";
      result.linears.push_back(linear(name + weight, from, to, plain ? 1.0 : gain, normalize_));
    }
    return result;
  }

  void read_radial(Network &network) const {
    const Json &config = model_.at("radial_embedding");
    RadialEmbedding &radial = network.radial;
    const int nt = network.num_types;
    const Json &given = model_.at("radial_embedding_dim");
    const int dim = given.is_null() ? network.features : integer(model_, "radial_embedding_dim", 2, most_features);
    if (config.at("kind") == "bessel") {
      radial.kind = RadialEmbedding::Kind::bessel;
      radial.count = integer(config, "num_bessels", 1, most_features);
      radial.envelope_p = config.at("polynomial_cutoff_p").get<double>();
      radial.frequencies = weights_.get("radial_embed.frequencies", {radial.count}).values;
      if (dim % 2 != 0) refuse("radial_embedding_dim", "must be even");
      const Matrix basis = linear("radial_embed.basis_linear.weight", radial.count, dim, 1.0, normalize_);
      const Matrix center = matrix("radial_embed.center_embed", nt, dim / 2), neighbor = matrix("radial_embed.neighbor_embed", nt, dim / 2);
      for (int pair = 0; pair < nt * nt; ++pair) {
        Matrix w = basis;
        for (int n = 0; n < radial.count; ++n)
          for (int c = 0; c < dim; ++c) w(n, c) *= c < dim / 2 ? center(pair / nt, c) : neighbor(pair % nt, c - dim / 2);
        radial.pairs.push_back(std::move(w));
      }
    } else if (config.at("kind") == "spline") {
      radial.kind = RadialEmbedding::Kind::spline;
      radial.count = integer(config, "num_splines", 1, most_features);
      radial.span = integer(config, "spline_span", 0, radial.count);
      const Tensor &table = weights_.get("radial_embed.class_embed", {nt * nt, static_cast<std::int64_t>(dim) * radial.count});
      for (int pair = 0; pair < nt * nt; ++pair) {
        Matrix w(radial.count, dim);
        for (int c = 0; c < dim; ++c)
          for (int n = 0; n < radial.count; ++n)
            w(n, c) = table.values[(static_cast<std::size_t>(pair) * dim + c) * radial.count + n];
        radial.pairs.push_back(std::move(w));
      }
    } else {
      refuse("radial_embedding.kind", "must be bessel or spline for engine `native`, it is " + config.at("kind").dump());
    }
  }

  void read_layers(Network &network, int weights) const {
    const int count = integer(model_, "num_layers", 1, 1000);
    const bool coupled = model_.at("tp_path_channel_coupling").get<bool>();
    // The tensor products of many layers are many: the file must have weights for them before they are worked out.
    weights_.get("layers." + std::to_string(count - 1) + ".path_weights");
    const auto tables = couplings(network.l_max, network.parity, count);
    for (int k = 0; k < count; ++k) {
      const std::string name = "layers." + std::to_string(k);
      const int paths = tables[k].num_paths;
      const Matrix stored = matrix(name + ".path_weights", coupled ? network.channels : 1, paths);
      Layer layer;
      layer.path_weights = Matrix(paths, network.channels);
      for (int p = 0; p < paths; ++p)
        for (int u = 0; u < network.channels; ++u) layer.path_weights(p, u) = stored(coupled ? u : 0, p);
      const int in = network.features * (k + 1) + network.channels, out = network.features + (k == count - 1 ? 0 : weights);
      layer.latent = perceptron(name + ".latent", model_.at("latent_mlp"), in, out);
      network.layers.push_back(std::move(layer));
    }
  }

  // A perceptron as stages; its first linear map is returned.
  Matrix append(std::vector<Stage> &stages, const Perceptron &mlp) const {
    for (std::size_t k = 1; k < mlp.linears.size(); ++k) {
      stages.push_back({Stage::Kind::activation, mlp.activation, {}});
      stages.push_back({Stage::Kind::linear, Activation::identity, mlp.linears[k]});
    }
    return mlp.linears.front();
  }

  void read_head(Network &network) const {
    const auto variant = model_.at("variant").get<std::string>();
    const bool only_features = record_.value("ends_at", "") == "features";
    const int scalars = network.features * (static_cast<int>(network.layers.size()) + 1);
    const Json &readout = model_.at("readout_mlp");
    const auto final_stages = [&](std::vector<Stage> &stages, int width) {
      std::vector<Stage> rest;
      const Matrix first = append(rest, perceptron("readout.final", readout, width, 1));
      stages.push_back({Stage::Kind::linear, Activation::identity, first});
      stages.insert(stages.end(), rest.begin(), rest.end());
    };
    if (variant == "allegro") {
      network.head = append(network.stages, perceptron("readout", readout, scalars, 1));
    } else if (variant == "allegro_mlp") {
      const Json &config = model_.at("hidden_mlp");
      const int width = integer(config, "num_features", 1, most_features);
      const Activation between = activation(config.at("nonlinearity"));
      const auto widths = config.at("widths").get<std::vector<int>>();
      if (widths.size() != 2 || widths[0] < 1 || widths[1] < 1) refuse("hidden_mlp.widths", "must be two positive numbers");
      network.head = product(linear("readout.project.weight", scalars, width, 1.0, normalize_),
                             linear("readout.first.weight", width, widths[0], 1.0, normalize_));
      network.stages.push_back({Stage::Kind::activation, between, {}});
      network.stages.push_back({Stage::Kind::linear, Activation::identity,
                                linear("readout.second.weight", widths[0], widths[1], std::sqrt(2.0), normalize_)});
      network.stages.push_back({Stage::Kind::activation, between, {}});
      final_stages(network.stages, widths[1]);
    } else if (variant == "allegro_qdi" || variant == "allegro_rff") {
      const Json &config = model_.at(variant == "allegro_qdi" ? "qdi" : "random_fourier");
      if (!only_features) network.periodic = read_periodic_layer(record_, weights_);
      const int in = only_features ? static_cast<int>(weights_.get("readout.feature_scale").size(0)) : network.periodic->num_features;
      const int width = integer(config, "width", 1, most_features);
      network.head = linear("readout.project.weight", scalars, in, 1.0, normalize_);
      const Tensor &scale = weights_.get("readout.feature_scale", {in});
      for (int i = 0; i < scalars; ++i)
        for (int f = 0; f < in; ++f) network.head(i, f) *= scale.values[f];
      if (only_features) return;
      const int out = network.periodic->num_outputs;
      network.stages.push_back({Stage::Kind::pi_tanh, Activation::identity, {}});
      network.stages.push_back({Stage::Kind::periodic, Activation::identity, {}});
      network.stages.push_back({Stage::Kind::linear, Activation::identity, linear("readout.expand.weight", out, width, 1.0, normalize_)});
      network.stages.push_back({Stage::Kind::activation, activation(config.at("nonlinearity")), {}});
      final_stages(network.stages, width);
    } else {
      refuse("variant", "must be one that engine `native` of this release knows, it is `" + variant + "`; use engine `torchscript`");
    }
  }

  void read_zbl(Network &network) const {
    const Json &kind = model_.at("pair_potential");
    if (kind.is_null()) return;
    if (kind != "zbl") refuse("pair_potential", "must be zbl or null for engine `native`, it is " + kind.dump() + "; use engine `torchscript`");
    const int pairs = network.num_types * network.num_types;
    network.zbl = Zbl{weights_.get("zbl.charges", {pairs}).values, weights_.get("zbl.screening", {pairs}).values};
  }

  const Json &record_, &model_;
  const TensorFile &weights_;
  const std::string &path_;
  bool normalize_ = true;
};

}  // namespace

Network read_network(const nlohmann::json &record, const TensorFile &weights, const std::string &path) {
  try {
    return Reader(record, weights, path).read();
  } catch (const nlohmann::json::exception &error) {
    throw Error("`model` in the record of `" + path + "` must describe the network, it cannot be read: " + error.what() +
                "; export the model again");
  }
}

}  // namespace qallegro::native
