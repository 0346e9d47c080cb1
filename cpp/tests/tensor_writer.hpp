// Safetensors bytes of named float64 tensors, for tests of what reads them.
#pragma once

#include <bit>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

struct WrittenTensor {
  std::vector<std::int64_t> shape;
  std::vector<double> values;
};

using WrittenTensors = std::map<std::string, WrittenTensor>;

inline std::string safetensors_bytes(const WrittenTensors &tensors) {
  std::string header, data;
  const auto append = [](std::string &text, std::uint64_t number) {
    for (int k = 0; k < 8; ++k) text += static_cast<char>(number >> (8 * k));
  };
  for (const auto &[name, tensor] : tensors) {
    std::string shape, begin = std::to_string(data.size());
    for (const std::int64_t length : tensor.shape) shape.append(shape.empty() ? "" : ",").append(std::to_string(length));
    for (const double value : tensor.values) append(data, std::bit_cast<std::uint64_t>(value));
    header.append(header.empty() ? "{" : ",").append("\"").append(name).append("\":{\"dtype\":\"F64\",\"shape\":[").append(shape);
    header.append("],\"data_offsets\":[").append(begin).append(",").append(std::to_string(data.size())).append("]}");
  }
  header.append(header.empty() ? "{}" : "}");
  std::string bytes;
  append(bytes, header.size());
  return bytes + header + data;
}
