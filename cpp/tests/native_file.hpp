// A small Allegro as an exported file: record and safetensors in a zip, with random weights.
#pragma once

#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "example_record.hpp"
#include "zip_writer.hpp"

namespace native_file {

struct Named {
  std::string name;
  std::vector<int> shape;
};

/// Tensors of a model with two types, l_max 2, two layers, 5 scalars and 3 tensors.
inline std::vector<Named> tensors() {
  return {{"scales", {2}},
          {"shifts", {2}},
          {"radial_embed.frequencies", {4}},
          {"radial_embed.center_embed", {2, 3}},
          {"radial_embed.neighbor_embed", {2, 3}},
          {"radial_embed.basis_linear.weight", {4, 6}},
          {"scalar_embed.first.weight", {6, 7}},
          {"scalar_embed.rest.0.weight", {7, 5}},
          {"tensor_embed.weight", {5, 9}},
          {"first_projection.weight", {5, 14}},
          {"layers.0.path_weights", {3, 11}},
          {"layers.0.latent.first.weight", {8, 7}},
          {"layers.0.latent.rest.0.weight", {7, 14}},
          {"layers.1.path_weights", {3, 3}},
          {"layers.1.latent.first.weight", {13, 7}},
          {"layers.1.latent.rest.0.weight", {7, 5}},
          {"readout.first.weight", {15, 6}},
          {"readout.rest.0.weight", {6, 1}}};
}

inline const char *model_record() {
  return R"({"variant": "allegro", "l_max": 2, "parity": true, "num_layers": 2, "num_scalar_features": 5, "num_tensor_features": 3,
    "radial_embedding": {"kind": "bessel", "num_bessels": 4, "trainable": false, "polynomial_cutoff_p": 6.0}, "radial_embedding_dim": 6,
    "scalar_embed_mlp": {"depth": 1, "width": 7, "nonlinearity": "silu"}, "latent_mlp": {"depth": 1, "width": 7, "nonlinearity": "silu"},
    "readout_mlp": {"depth": 1, "width": 6, "nonlinearity": "mish"}, "tp_path_channel_coupling": true, "forward_normalize": true,
    "avg_num_neighbors": {"Cu": 20.0, "Li": 12.5}, "pair_potential": null})";
}

inline std::string safetensors(const std::vector<Named> &tensors, unsigned seed) {
  std::mt19937_64 random(seed);
  std::string header = "{", data;
  for (const Named &tensor : tensors) {
    std::size_t count = 1;
    std::string shape;
    for (const int size : tensor.shape) {
      count *= size;
      shape += (shape.empty() ? "" : ",") + std::to_string(size);
    }
    const std::size_t begin = data.size();
    for (std::size_t k = 0; k < count; ++k) {
      // Frequencies 1, 2, ..; everything else evenly in (-1.7, 1.7), the same on every platform.
      const double value =
          tensor.name == "radial_embed.frequencies" ? static_cast<double>(k + 1) : 3.4 * (static_cast<double>(random() >> 11) * 0x1p-53 - 0.5);
      char bytes[sizeof(value)];
      std::memcpy(bytes, &value, sizeof(value));
      data.append(bytes, sizeof(value));
    }
    header += std::string(header.size() > 1 ? "," : "") + "\"" + tensor.name + "\":{\"dtype\":\"F64\",\"shape\":[" + shape +
              "],\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(data.size()) + "]}";
  }
  header += "}";
  return zip_writer::little_endian(static_cast<std::uint64_t>(header.size())) + header + data;
}

inline std::string record(const std::string &dtype, const std::string &model = model_record()) {
  return example_record({{"dtype", '"' + dtype + '"'}, {"model", model}});
}

/// What novelty is measured with in six latent features.
inline std::vector<Named> novelty_tensors() { return {{"mean", {2, 6}}, {"whitening", {2, 6, 6}}, {"reach", {2}}}; }

inline std::string bytes_of(const std::string &record, const std::string &weights, const std::string &novelty = "") {
  std::vector<zip_writer::Member> members = {{"m/extra/qallegro.json", record}, {"m/extra/weights.safetensors", weights}};
  if (!novelty.empty()) members.push_back({"m/extra/novelty.safetensors", novelty});
  return zip_writer::zip(members);
}

}  // namespace native_file
