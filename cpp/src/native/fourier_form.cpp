#include "native/fourier_form.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

namespace qallegro::native {

namespace {

using Json = nlohmann::json;
using Whole = std::int64_t;

constexpr Whole highest_frequency = 1 << 12;
constexpr Whole most_products = Whole(1) << 53;  // indices come as float64

// (feature, frequency) -> entry of the table.
using Places = std::map<std::pair<int, int>, int>;

int frequency_of(int function) { return (function + 1) / 2; }

class GroupReader {
 public:
  GroupReader(const SurrogateReader &reader, const Json &group, std::size_t number)
      : reader_(reader), where_("groups." + std::to_string(number)) {
    features_ = reader.indices(group.at("features"), where_ + ".features", reader.num_features());
    outputs_ = reader.indices(group.at("outputs"), where_ + ".outputs", reader.num_outputs());
    const auto lists = reader.list(group.at("functions"), where_ + ".functions");
    if (lists.size() != features_.size()) reader.refuse(where_ + ".functions", "must have a list for each of `features`");
    for (const Json &list : lists) functions_.push_back(reader.indices(list, where_ + ".functions", 2 * highest_frequency + 1));
    multiplied_ = reader.integer(group.at("multiplied_features"), where_ + ".multiplied_features", 1, static_cast<Whole>(features_.size()));
  }

  void add_frequencies(Places &places) const {
    for (std::size_t k = 0; k < features_.size(); ++k)
      for (const int function : functions_[k])
        if (function > 0) places[{features_[k], frequency_of(function)}] = 0;
  }

  const std::vector<int> &outputs() const { return outputs_; }

  FourierGroup read(const Places &places) const {
    FourierGroup group;
    const auto products = read_products(places, group);
    Whole sums = static_cast<Whole>(outputs_.size());
    std::vector<ConstantArray<int>> contracted;
    for (std::size_t k = multiplied_; k < features_.size(); ++k) {
      sums = multiplied(sums, functions_[k].size());
      contracted.push_back(rows_of(places, k));
    }
    group.num_products = static_cast<int>(products.size());
    const Tensor &coefficients = reader_.tensor(where_ + ".coefficients", {sums, group.num_products});
    group.num_sums = static_cast<int>(sums);
    refuse_constant(coefficients.values, products, sums);
    group.coefficients = coefficients.values;
    group.contracted = contracted;
    group.outputs = outputs_;
    return group;
  }

 private:
  Whole multiplied(Whole a, std::size_t b) const {
    if (a > most_products / static_cast<Whole>(b)) reader_.refuse(where_ + ".functions", "must not have more combinations than a file holds");
    return a * static_cast<Whole>(b);
  }

  std::vector<int> rows_of(const Places &places, std::size_t feature) const {
    std::vector<int> rows;
    for (const int function : functions_[feature]) {
      const int entry = function == 0 ? 0 : places.at({features_[feature], frequency_of(function)});
      rows.push_back(function == 0 ? 0 : 1 + 2 * entry + (function % 2 == 0));
    }
    return rows;
  }

  // The products that the coefficients are for. Level by level only those that a later one needs are formed.
  std::vector<Whole> read_products(const Places &places, FourierGroup &group) const {
    std::vector<Whole> sizes = {1};
    for (Whole k = 0; k < multiplied_; ++k) sizes.push_back(multiplied(sizes.back(), functions_[k].size()));
    const Whole count = reader_.tensor(where_ + ".products", {-1}).size(0);
    const auto products = reader_.whole_numbers(where_ + ".products", count, sizes.back());
    if (products.empty() || !std::is_sorted(products.begin(), products.end(), std::less_equal<>()))
      reader_.refuse(where_, "must come with a tensor `products` of growing numbers");
    std::vector<ProductLevel> levels;
    std::vector<Whole> needed = products;
    for (Whole k = multiplied_ - 1; k > 0; --k) {
      std::vector<Whole> below;
      for (const Whole number : needed) below.push_back(number % sizes[k]);
      std::sort(below.begin(), below.end());
      below.erase(std::unique(below.begin(), below.end()), below.end());
      if (k == 1) {
        // The functions of the first feature are rows of the table.
        const auto first = rows_of(places, 0);
        levels.push_back(level(needed, sizes[1], rows_of(places, 1), [&](Whole n) { return first[n]; }));
      } else {
        levels.push_back(level(needed, sizes[k], rows_of(places, k), [&](Whole n) {
          return static_cast<int>(std::lower_bound(below.begin(), below.end(), n) - below.begin());
        }));
      }
      needed = below;
    }
    if (multiplied_ == 1) levels.push_back(level(needed, 1, rows_of(places, 0), [](Whole) { return 0; }));
    std::reverse(levels.begin(), levels.end());
    group.levels = levels;
    return products;
  }

  template <class Parent>
  static ProductLevel level(const std::vector<Whole> &numbers, Whole size, const std::vector<int> &rows, Parent parent) {
    std::vector<int> functions, starts, parents;
    Whole before = -1;
    for (const Whole number : numbers) {
      if (number / size != before) {
        before = number / size;
        functions.push_back(rows[before]);
        starts.push_back(static_cast<int>(parents.size()));
      }
      parents.push_back(parent(number % size));
    }
    starts.push_back(static_cast<int>(parents.size()));
    return {functions, starts, parents};
  }

  // Outputs are zero at x = 0 because the product of constants alone has no coefficient.
  void refuse_constant(const std::vector<double> &coefficients, const std::vector<Whole> &products, Whole sums) const {
    Whole product = 0, row = 0, size = 1;
    for (std::size_t k = 0; k < features_.size(); ++k) {
      const auto place = std::find(functions_[k].begin(), functions_[k].end(), 0);
      if (place == functions_[k].end()) return;
      const Whole a = place - functions_[k].begin(), count = static_cast<Whole>(functions_[k].size());
      if (static_cast<Whole>(k) < multiplied_) {
        product += a * size;
        size *= count;
      } else {
        row = row * count + a;
      }
    }
    const auto found = std::lower_bound(products.begin(), products.end(), product);
    if (found == products.end() || *found != product) return;
    const Whole outputs = static_cast<Whole>(outputs_.size()), column = found - products.begin();
    for (Whole o = 0; o < outputs; ++o)
      if (coefficients[(row * outputs + o) * (static_cast<Whole>(coefficients.size()) / sums) + column] != 0.0)
        reader_.refuse(where_, "must come with a tensor `coefficients` that is zero for the constant");
  }

  const SurrogateReader &reader_;
  std::string where_;
  std::vector<int> features_, outputs_;
  std::vector<std::vector<int>> functions_;
  Whole multiplied_ = 0;
};

}  // namespace

FourierForm read_fourier_form(const SurrogateReader &reader) {
  std::vector<GroupReader> readers;
  Places places;
  std::vector<bool> used(static_cast<std::size_t>(reader.num_outputs()), false);
  for (const Json &group : reader.list(reader.surrogate().at("groups"), "groups")) {
    readers.emplace_back(reader, group, readers.size());
    readers.back().add_frequencies(places);
    for (const int output : readers.back().outputs()) {
      if (used[output]) reader.refuse("groups", "must not share outputs, " + std::to_string(output) + " is in two");
      used[output] = true;
    }
  }
  FourierForm form;
  std::vector<TableEntry> table;
  for (auto &[place, entry] : places) {
    entry = static_cast<int>(table.size());
    table.push_back({place.first, place.second});
  }
  std::vector<FourierGroup> groups;
  for (const GroupReader &group : readers) groups.push_back(group.read(places));
  std::vector<int> zero;
  for (int output = 0; output < reader.num_outputs(); ++output)
    if (!used[output]) zero.push_back(output);
  form.table = table;
  form.groups = groups;
  form.zero_outputs = zero;
  return form;
}

}  // namespace qallegro::native
