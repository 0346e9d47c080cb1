#include "native/surrogate_reader.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "qallegro/error.hpp"

namespace qallegro::native {

using Json = nlohmann::json;

namespace {

// More features or outputs than this are no circuit but a damaged record.
constexpr std::int64_t most_columns = 1 << 12;

}  // namespace

SurrogateReader::SurrogateReader(const Json &surrogate, const TensorFile &weights)
    : surrogate_(surrogate), weights_(weights), prefix_(surrogate.at("module").get<std::string>() + ".") {
  num_features_ = static_cast<int>(list(surrogate.at("degrees"), "degrees").size());
  num_outputs_ = static_cast<int>(list(surrogate.at("observables"), "observables").size());
  if (num_features_ < 1 || num_features_ > most_columns)
    refuse("degrees", "must have 1 to " + std::to_string(most_columns) + " entries, it has " + std::to_string(num_features_));
  if (num_outputs_ < 1 || num_outputs_ > most_columns)
    refuse("observables", "must have 1 to " + std::to_string(most_columns) + " entries, it has " + std::to_string(num_outputs_));
  integer(surrogate.at("circuit").at("num_features"), "circuit.num_features", num_features_, num_features_);
}

std::int64_t SurrogateReader::integer(const Json &value, const std::string &what, std::int64_t low, std::int64_t high) const {
  // Beyond 2^63 a conversion would wrap.
  const bool huge = value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(high);
  if (!value.is_number_integer() || huge || value.get<std::int64_t>() < low || value.get<std::int64_t>() > high)
    refuse(what, "must be a whole number in " + std::to_string(low) + " .. " + std::to_string(high) + ", it is " + value.dump());
  return value.get<std::int64_t>();
}

std::vector<int> SurrogateReader::indices(const Json &values, const std::string &what, std::int64_t count) const {
  std::vector<int> result;
  std::vector<bool> seen(static_cast<std::size_t>(count), false);
  for (const Json &value : list(values, what)) {
    const std::int64_t index = integer(value, what, 0, count - 1);
    if (seen[index]) refuse(what, "must be different numbers, " + std::to_string(index) + " occurs twice");
    seen[index] = true;
    result.push_back(static_cast<int>(index));
  }
  if (result.empty()) refuse(what, "must not be empty");
  return result;
}

std::vector<Json> SurrogateReader::list(const Json &values, const std::string &what) const {
  if (!values.is_array()) refuse(what, "must be a list");
  return values.get<std::vector<Json>>();
}

const Tensor &SurrogateReader::tensor(const std::string &name, const std::vector<std::int64_t> &shape) const {
  return weights_.get(prefix_ + name, shape);
}

std::vector<std::int64_t> SurrogateReader::whole_numbers(const std::string &name, std::int64_t count, std::int64_t limit) const {
  std::vector<std::int64_t> result;
  for (const double value : tensor(name, {count}).values) {
    if (value < 0.0 || value >= static_cast<double>(limit) || value != std::floor(value))
      throw Error("tensor `" + prefix_ + name + "` must hold whole numbers in 0 .. " + std::to_string(limit - 1) + ", it holds " +
                  std::to_string(value) + "; export the model again");
    result.push_back(static_cast<std::int64_t>(value));
  }
  return result;
}

void SurrogateReader::refuse(const std::string &what, const std::string &rule) const {
  throw Error("`surrogate." + what + "` in the record " + rule + "; export the model again");
}

}  // namespace qallegro::native
