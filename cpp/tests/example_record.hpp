// A record that a runtime must accept, as text, so that the tests do not compile a JSON library.
#pragma once

#include <map>
#include <string>

/// The record's keys and their values as JSON text; an empty value leaves the key out.
inline std::string example_record(const std::map<std::string, std::string> &changes = {}) {
  std::map<std::string, std::string> keys = {
      {"format", "\"qallegro\""},
      {"format_version", "1"},
      {"kind", "\"torchscript\""},
      {"atom_types", "[\"Cu\", \"Li\"]"},
      {"r_max", "4.0"},
      {"cutoffs", "[[4.0, 3.5], [3.2, 3.8]]"},
      {"dtype", "\"float32\""},
      {"device", "\"cpu\""},
      {"units", R"({"energy": "eV", "length": "angstrom", "force": "eV/angstrom"})"},
  };
  for (const auto &[key, value] : changes) keys[key] = value;
  std::string text;
  for (const auto &[key, value] : keys)
    if (!value.empty()) text += (text.empty() ? "{\"" : ", \"") + key + "\": " + value;
  return text + "}";
}
