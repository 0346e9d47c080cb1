#include "artefact/record.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "artefact/zip_file.hpp"

namespace qallegro {

namespace {

using nlohmann::json;

constexpr int known_format_version = 1;

// Typed access to the keys of one record; every complaint names file, key, rule and value.
class Keys {
 public:
  Keys(const json &record, const std::string &path) : record_(record), path_(path) {}

  [[noreturn]] void wrong(const std::string &key, const std::string &rule, const std::string &value) const {
    throw Error("`" + path_ + "`: `" + key + "` in the record must be " + rule + ", it is " + value + "; export the model again");
  }

  const json &at(const std::string &key, const std::string &rule) const {
    const auto found = record_.find(key);
    if (found == record_.end()) wrong(key, rule, "missing");
    return *found;
  }

  std::string text(const std::string &key, const std::set<std::string> &allowed) const {
    std::string rule;
    for (const auto &word : allowed) rule += (rule.empty() ? "`" : " or `") + word + "`";
    const json &value = at(key, rule);
    if (!value.is_string() || !allowed.contains(value.get<std::string>())) wrong(key, rule, shown(value));
    return value.get<std::string>();
  }

  static std::string shown(const json &value) {
    const std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
    return text.size() > 60 ? text.substr(0, 57) + "..." : text;
  }

 private:
  const json &record_;
  const std::string &path_;
};

bool is_length(const json &value) { return value.is_number() && std::isfinite(value.get<double>()) && value.get<double>() > 0.0; }

void check_identity(const Keys &keys, const std::string &path) {
  keys.text("format", {"qallegro"});
  const json &version = keys.at("format_version", "a whole number");
  if (!version.is_number_integer()) keys.wrong("format_version", "a whole number", Keys::shown(version));
  if (version != known_format_version)
    throw Error("`" + path + "`: `format_version` must be " + std::to_string(known_format_version) + ", it is " + Keys::shown(version) +
                "; this qallegro does not know that version: install the one that wrote the file, or export the model again");
}

void check_units(const Keys &keys) {
  const json expected = {{"energy", "eV"}, {"length", "angstrom"}, {"force", "eV/angstrom"}};
  const json &units = keys.at("units", expected.dump());
  if (units != expected) keys.wrong("units", expected.dump(), Keys::shown(units));
}

std::vector<std::string> atom_types_of(const Keys &keys) {
  const std::string rule = "a list of different chemical symbols";
  const json &value = keys.at("atom_types", rule);
  std::vector<std::string> symbols;
  if (!value.is_array() || value.empty()) keys.wrong("atom_types", rule, Keys::shown(value));
  for (const json &symbol : value) {
    if (!symbol.is_string() || symbol.get<std::string>().empty()) keys.wrong("atom_types", rule, Keys::shown(value));
    symbols.push_back(symbol.get<std::string>());
  }
  if (std::set<std::string>(symbols.begin(), symbols.end()).size() != symbols.size()) keys.wrong("atom_types", rule, Keys::shown(value));
  return symbols;
}

std::vector<double> cutoffs_of(const Keys &keys, std::size_t n_types, double r_max) {
  const std::string shape = std::to_string(n_types);
  const std::string rule = "a " + shape + " x " + shape + " table of lengths in (0, r_max]";
  const json &value = keys.at("cutoffs", rule);
  std::vector<double> table;
  if (!value.is_array() || value.size() != n_types) keys.wrong("cutoffs", rule, Keys::shown(value));
  for (const json &row : value) {
    if (!row.is_array() || row.size() != n_types) keys.wrong("cutoffs", rule, Keys::shown(value));
    for (const json &entry : row) {
      if (!is_length(entry) || entry.get<double>() > r_max) keys.wrong("cutoffs", rule, Keys::shown(value));
      table.push_back(entry.get<double>());
    }
  }
  return table;
}

}  // namespace

Record parse_record(const std::string &text, const std::string &path) {
  const json parsed = json::parse(text, nullptr, false);
  if (!parsed.is_object())
    throw Error("`" + path + "`: `qallegro.json` must be a JSON object; the file is damaged, export the model again");
  const Keys keys(parsed, path);
  check_identity(keys, path);
  check_units(keys);
  Record record;
  record.format_version = known_format_version;
  record.path = path;
  record.format = keys.text("kind", {"torchscript", "aoti"});
  record.dtype = keys.text("dtype", {"float32", "float64"});
  record.device = keys.text("device", {"cpu", "cuda"});
  record.atom_types = atom_types_of(keys);
  const json &r_max = keys.at("r_max", "a length in Å above 0");
  if (!is_length(r_max)) keys.wrong("r_max", "a length in Å above 0", Keys::shown(r_max));
  record.r_max = r_max.get<double>();
  record.cutoffs = cutoffs_of(keys, record.atom_types.size(), record.r_max);
  record.json = text;
  return record;
}

Record read_record(const std::string &path) {
  const ZipFile file(path);
  const ZipMember *member = file.find_suffix("/extra/qallegro.json");
  if (!member)
    throw Error("`" + path +
                "` is a zip file without a `qallegro.json`: not an exported potential; a training checkpoint becomes one with " +
                "`qallegro export`");
  return parse_record(file.read(*member), path);
}

}  // namespace qallegro
