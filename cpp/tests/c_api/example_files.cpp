#include "example_files.h"

#include "example_record.hpp"
#include "zip_writer.hpp"

namespace {

std::string bytes() { return zip_writer::zip({{"model/data.pkl", "weights"}, {"model/extra/qallegro.json", example_record()}}); }

std::string damaged() {
  std::string text = bytes();
  text[text.find("weights")] ^= 1;
  return text;
}

}  // namespace

const char *example_file(void) {
  static const zip_writer::TemporaryFile file(bytes());
  return file.path().c_str();
}

const char *damaged_file(void) {
  static const zip_writer::TemporaryFile file(damaged());
  return file.path().c_str();
}
