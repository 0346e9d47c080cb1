// The one exception that leaves the qallegro runtime.
#pragma once

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace qallegro {

/// Text: quantity, rule, value, remedy; lower case, names in backticks.
class __attribute__((visibility("default"))) Error : public std::runtime_error {
 public:
  explicit Error(const std::string &what, std::int32_t atom = -1, std::int32_t neighbor = -1)
      : std::runtime_error(what), atoms_{atom, neighbor} {}

  /// Atom indices of the EdgeList that the error is about, -1 where none: a face can add the caller's own names of them.
  const std::array<std::int32_t, 2> &atoms() const noexcept { return atoms_; }

 private:
  std::array<std::int32_t, 2> atoms_;
};

}  // namespace qallegro
