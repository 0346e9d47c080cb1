// The record of a circuit's classical form and its constants, every number checked before it is used.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "native/tensor_file.hpp"

namespace qallegro::native {

/// Every method throws `Error`.
class SurrogateReader {
 public:
  /// `surrogate` is that key of the file's record.
  SurrogateReader(const nlohmann::json &surrogate, const TensorFile &weights);

  const nlohmann::json &surrogate() const { return surrogate_; }
  int num_features() const { return num_features_; }
  int num_outputs() const { return num_outputs_; }

  /// A whole number in low .. high; `what` is its place in `surrogate`.
  std::int64_t integer(const nlohmann::json &value, const std::string &what, std::int64_t low, std::int64_t high) const;

  /// Different whole numbers in 0 .. count - 1, at least one of them.
  std::vector<int> indices(const nlohmann::json &values, const std::string &what, std::int64_t count) const;

  /// The elements of a list; anything else is an error.
  std::vector<nlohmann::json> list(const nlohmann::json &values, const std::string &what) const;

  /// Constant `name` of the form; -1 in `shape` matches any length.
  const Tensor &tensor(const std::string &name, const std::vector<std::int64_t> &shape) const;

  /// A constant of `count` whole numbers in 0 .. limit - 1.
  std::vector<std::int64_t> whole_numbers(const std::string &name, std::int64_t count, std::int64_t limit) const;

  /// `what` must be as `rule` says.
  [[noreturn]] void refuse(const std::string &what, const std::string &rule) const;

 private:
  const nlohmann::json &surrogate_;
  const TensorFile &weights_;
  std::string prefix_;
  int num_features_ = 0, num_outputs_ = 0;
};

}  // namespace qallegro::native
