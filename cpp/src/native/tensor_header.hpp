// The JSON header of a safetensors file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace qallegro::native {

/// What the header says of one tensor; the numbers are not checked yet.
struct TensorEntry {
  std::string dtype;
  std::vector<std::uint64_t> shape;    ///< at most `most_axes`
  std::vector<std::uint64_t> offsets;  ///< begin and end, bytes from the start of the data
};

/// Axes that a tensor may have; what the exporter writes has at most 3.
inline constexpr std::size_t most_axes = 8;

/// The entries of the header `size` bytes from `text`, by name; throws `Error` on anything but the JSON that the format prescribes, on
/// a name or a key given twice, and on unknown keys. `path` is for error texts.
std::map<std::string, TensorEntry> parse_tensor_header(const char *text, std::size_t size, const std::string &path);

/// A name from a file as it may stand in an error text: ASCII, of bounded length.
std::string shown_name(const std::string &name);

[[noreturn]] void damaged_tensors(const std::string &path, const std::string &how);

}  // namespace qallegro::native
