// The one exception that leaves the qallegro runtime.
#pragma once

#include <stdexcept>
#include <string>

namespace qallegro {

/// Text: quantity, rule, value, remedy; lower case, names in backticks.
class __attribute__((visibility("default"))) Error : public std::runtime_error {
 public:
  explicit Error(const std::string &what) : std::runtime_error(what) {}
};

}  // namespace qallegro
