// Exported files: good ones are read, damaged and foreign ones are named as such and never crash or allocate wildly.
#include <algorithm>

#include "artefact/record.hpp"
#include "artefact/zip_file.hpp"
#include "check.hpp"
#include "example_record.hpp"
#include "zip_writer.hpp"

using namespace zip_writer;
using qallegro::parse_record;
using qallegro::read_record;
using qallegro::ZipFile;

namespace {

std::vector<Member> example_members(bool zip64 = false) {
  return {{"model/data.pkl", "weights", 0, 0, zip64},
          {"model/code/model.py", "compressed", 8, 0, zip64},
          {"model/extra/qallegro.json", example_record(), 0, 0, zip64}};
}

void check_is_example(const qallegro::Record &record) {
  CHECK(record.format_version == 1);
  CHECK(record.format == "torchscript");
  CHECK(record.dtype == "float32");
  CHECK(record.device == "cpu");
  CHECK((record.atom_types == std::vector<std::string>{"Cu", "Li"}));
  CHECK(record.r_max == 4.0);
  CHECK((record.cutoffs == std::vector<double>{4.0, 3.5, 3.2, 3.8}));
  CHECK(record.json == example_record());
}

// Bytes of the file `bytes` are read as a record: either the right one or an error, nothing else.
bool reads_right_or_refuses(const std::string &bytes, const std::string &expected) {
  const TemporaryFile file(bytes);
  try {
    return read_record(file.path()).json == expected;
  } catch (const qallegro::Error &) {
    return true;
  }
}

}  // namespace

TEST(a_good_file_is_read) {
  const TemporaryFile file(zip(example_members()));
  check_is_example(read_record(file.path()));
  ZipFile(file.path()).verify();
}

TEST(a_zip64_file_and_a_comment_are_read) {
  const auto as_it_is = [](End &) {};
  // The comment holds the signature of an end record, to mislead a reader that takes the last one.
  const TemporaryFile file(zip(example_members(true), as_it_is, true, "PK\5\6 is not the end"));
  check_is_example(read_record(file.path()));
}

TEST(every_truncation_is_an_error) {
  const std::string whole = zip(example_members());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const TemporaryFile file(whole.substr(0, size));
    CHECK_ERROR(read_record(file.path()), size < 4 ? "not an exported potential" : "damaged or truncated");
  }
}

TEST(every_flipped_bit_is_harmless_or_an_error) {
  for (const bool zip64 : {false, true}) {
    const std::string whole = zip(example_members(zip64), [](End &) {}, zip64);
    for (std::size_t k = 0; k < 8 * whole.size(); ++k) {
      std::string flipped = whole;
      flipped[k / 8] = static_cast<char>(flipped[k / 8] ^ (1 << (k % 8)));
      if (!reads_right_or_refuses(flipped, example_record())) check::fail(__FILE__, __LINE__, "bit " + std::to_string(k));
    }
  }
}

TEST(a_flipped_bit_in_any_stored_member_is_found) {
  std::string bytes = zip(example_members());
  bytes[bytes.find("weights")] ^= 1;
  const TemporaryFile file(bytes);
  check_is_example(read_record(file.path()));
  CHECK_ERROR(ZipFile(file.path()).verify(), "the checksum of `model/data.pkl` does not match");
}

TEST(huge_numbers_in_headers_are_errors) {
  struct Case {
    void (*tamper)(End &);
    const char *words;
  };
  const Case cases[] = {
      {[](End &end) { end.count = ~0ull; }, "too small for"},
      {[](End &end) { end.size = ~0ull; }, "outside of the file"},
      {[](End &end) { end.offset = ~0ull; }, "outside of the file"},
      {[](End &end) { end.offset = end.size = 1ull << 63; }, "outside of the file"},
      {[](End &end) { end.count += 1; }, "directory entry 3 is broken"},
  };
  for (const Case &entry : cases) {
    const TemporaryFile file(zip(example_members(true), entry.tamper, true));
    CHECK_ERROR(read_record(file.path()), entry.words);
  }
  std::string bytes = zip(example_members(true), [](End &) {}, true);
  for (std::size_t at = 0; (at = bytes.find(std::string("\1\0\x18\0", 4), at)) != std::string::npos; ++at)
    for (int k = 0; k < 16; ++k) bytes[at + 4 + k] = '\x7f';  // both sizes of a member
  const TemporaryFile file(bytes);
  CHECK_ERROR(read_record(file.path()), "damaged or truncated");
}

TEST(foreign_files_are_named) {
  CHECK_ERROR(read_record("/nonexistent/model.pth"), "does not exist");
  CHECK_ERROR(read_record("/"), "is not a file");
  const TemporaryFile empty(""), text("pair_style lj/cut 5.0\n"), other(zip({{"a.txt", "a"}}));
  CHECK_ERROR(read_record(empty.path()), "not an exported potential");
  CHECK_ERROR(read_record(text.path()), "not an exported potential");
  CHECK_ERROR(read_record(other.path()), "a training checkpoint becomes one");
}

TEST(records_must_be_stored_and_single) {
  auto members = example_members();
  members[2].method = 8;
  const TemporaryFile compressed(zip(members));
  CHECK_ERROR(read_record(compressed.path()), "must be stored without compression");
  members[2].method = 0;
  members[2].flags = 1;
  const TemporaryFile encrypted(zip(members));
  CHECK_ERROR(read_record(encrypted.path()), "compression or encryption");
  members[2].flags = 0;
  members.push_back({"other/extra/qallegro.json", "{}"});
  const TemporaryFile twice(zip(members));
  CHECK_ERROR(read_record(twice.path()), "holds both");
}

TEST(every_rule_of_the_record_is_kept) {
  struct Case {
    const char *key, *value;  // an empty value: the key is missing
    const char *words;
  };
  const Case cases[] = {
      {"format", "", "`format` in the record must be `qallegro`, it is missing"},
      {"format", "\"nequip\"", "`format` in the record must be `qallegro`, it is \"nequip\""},
      {"format_version", "", "`format_version`"},
      {"format_version", "2", "`format_version` must be 1, it is 2"},
      {"format_version", "1.5", "`format_version` in the record must be a whole number, it is 1.5"},
      {"format_version", "\"1\"", "`format_version` in the record must be a whole number"},
      {"kind", "\"onnx\"", "`kind` in the record must be `aoti` or `torchscript`, it is \"onnx\""},
      {"dtype", "\"float16\"", "`dtype` in the record must be `float32` or `float64`"},
      {"dtype", "32", "`dtype`"},
      {"device", "\"tpu\"", "`device` in the record must be `cpu` or `cuda`"},
      {"units", "{\"energy\": \"kcal/mol\"}", "`units`"},
      {"units", "", "`units`"},
      {"atom_types", "", "`atom_types`"},
      {"atom_types", "[]", "`atom_types` in the record must be a list of different chemical symbols, it is []"},
      {"atom_types", "[\"Cu\", \"Cu\"]", "`atom_types`"},
      {"atom_types", "[\"Cu\", 3]", "`atom_types`"},
      {"atom_types", "[\"Cu\", \"\"]", "`atom_types`"},
      {"atom_types", "\"CuLi\"", "`atom_types`"},
      {"r_max", "", "`r_max`"},
      {"r_max", "0.0", "`r_max` in the record must be a length in Å above 0, it is 0.0"},
      {"r_max", "-1", "`r_max`"},
      {"r_max", "\"4\"", "`r_max`"},
      {"r_max", "null", "`r_max`"},
      {"r_max", "1e999", "must be a JSON object"},
      {"cutoffs", "", "`cutoffs`"},
      {"cutoffs", "[4.0, 4.0]", "`cutoffs` in the record must be a 2 x 2 table"},
      {"cutoffs", "[[4.0, 4.0]]", "`cutoffs`"},
      {"cutoffs", "[[4.0, 4.0], [4.0]]", "`cutoffs`"},
      {"cutoffs", "[[4.0, 4.0], [4.0, 0.0]]", "`cutoffs`"},
      {"cutoffs", "[[4.0, 4.0], [4.0, 4.1]]", "lengths in (0, r_max]"},
  };
  for (const Case &entry : cases) CHECK_ERROR(parse_record(example_record({{entry.key, entry.value}}), "model.pth"), entry.words);
  for (const char *text : {"", "{", "[]", "null", "\xff", "{\"format\": \"qallegro\"} x"})
    CHECK_ERROR(parse_record(text, "model.pth"), "must be a JSON object");
  CHECK_ERROR(parse_record(std::string(100000, '['), "model.pth"), "must be a JSON object");
}

int main() { return check::run(); }
