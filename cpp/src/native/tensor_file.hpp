// Tensors of a safetensors file, read without trusting a single number in it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace qallegro::native {

/// A tensor of any stored precision as float64, row-major.
struct Tensor {
  std::vector<std::int64_t> shape;
  std::vector<double> values;

  /// Length of an axis, counted from 0. Throws `Error` where there is no such axis.
  std::int64_t size(int axis) const;
};

/// All tensors of the bytes of a safetensors file (https://huggingface.co/docs/safetensors, "Format"): types F64, F32, F16, BF16, I64, I32.
///
/// Every length, shape and offset is checked before it is used, so that no damaged file can crash the reader or make it allocate more
/// than a small multiple of the file's own size. Every method throws `Error`.
class TensorFile {
 public:
  /// Parses all of `bytes`; `path` is what error texts call the file.
  TensorFile(const std::string &bytes, const std::string &path);

  bool has(const std::string &name) const;

  const Tensor &get(const std::string &name) const;

  /// The tensor `name`, whose shape must be `shape`; -1 there matches any length.
  const Tensor &get(const std::string &name, const std::vector<std::int64_t> &shape) const;

  /// In alphabetical order.
  std::vector<std::string> names() const;

 private:
  std::string path_;
  std::map<std::string, Tensor> tensors_;
};

}  // namespace qallegro::native
