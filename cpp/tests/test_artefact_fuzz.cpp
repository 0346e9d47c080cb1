// Damaged archives by the thousand: each is read right or refused, and none crashes the reader or makes it allocate wildly.
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "allocations.hpp"
#include "artefact/zip_file.hpp"
#include "check.hpp"
#include "example_record.hpp"
#include "mutations.hpp"
#include "qallegro/potential.hpp"
#include "zip_writer.hpp"

using namespace zip_writer;
using qallegro::ZipFile;
using qallegro::ZipMember;

namespace {

const std::string weights = "weights that a flipped bit would make other weights";

std::string example(bool zip64) {
  const std::vector<Member> members = {{"model/data.pkl", std::string(200, '\x80'), 0, 0, zip64},
                                       {"model/code/model.py", "compressed", 8, 0, zip64},
                                       {"model/extra/weights.safetensors", weights, 0, 0, zip64},
                                       {"model/extra/qallegro.json", example_record(), 0, 0, zip64}};
  return zip(members, [](End &) {}, zip64, zip64 ? "a comment" : "");
}

// Whether `body` went through; an `Error` is the only other way out, and memory must stay within a multiple of the file.
template <class Body>
bool accepted(std::size_t file_size, Body body) {
  bool good = false;
  reset_peak_bytes();
  try {
    body();
    good = true;
  } catch (const qallegro::Error &) {
  }
  // The buffers of a file stream and the record as a JSON document, which takes up to 60 bytes for one of text, have a room of their own.
  if (const std::size_t most = 4 * file_size + 60 * example_record().size(); peak_bytes() > most)
    check::fail(__FILE__, __LINE__, std::to_string(file_size) + " bytes took " + std::to_string(peak_bytes()));
  return good;
}

struct Outcome {
  int opened = 0, verified = 0, records = 0, weights = 0;
};

// Everything that the runtime does with a file before an engine sees it.
void read_all(const std::string &bytes, Outcome &outcome) {
  const TemporaryFile file(bytes);
  outcome.opened += accepted(bytes.size(), [&] { ZipFile opened(file.path()); });
  outcome.verified += accepted(bytes.size(), [&] { ZipFile(file.path()).verify(); });
  outcome.records += accepted(bytes.size(), [&] { CHECK(qallegro::read_record(file.path()).json == example_record()); });
  outcome.weights += accepted(bytes.size(), [&] {
    const ZipFile opened(file.path());
    const ZipMember *member = opened.find_suffix("/extra/weights.safetensors");
    if (!member) throw qallegro::Error("no weights");
    CHECK(opened.read(*member) == weights);
  });
  // Members that nobody asks for by name, too.
  accepted(bytes.size(), [&] {
    const ZipFile opened(file.path());
    for (const ZipMember &member : opened.members()) accepted(bytes.size(), [&] { opened.read(member); });
  });
}

}  // namespace

TEST(truncated_archives_are_errors) {
  for (const bool zip64 : {false, true}) {
    const std::string whole = example(zip64);
    Outcome outcome;
    for (std::size_t size = 0; size < whole.size(); ++size) read_all(whole.substr(0, size), outcome);
    CHECK(outcome.opened == 0);
    read_all(whole, outcome);
    CHECK(outcome.verified == 1);
    CHECK(outcome.records == 1);
    CHECK(outcome.weights == 1);
  }
}

TEST(no_flipped_bit_of_the_directory_does_harm) {
  for (const bool zip64 : {false, true}) {
    const std::string whole = example(zip64);
    Outcome outcome;
    for (std::size_t k = 8 * whole.find("PK\1\2"); k < 8 * whole.size(); ++k) {
      std::string flipped = whole;
      flipped[k / 8] = static_cast<char>(flipped[k / 8] ^ (1 << (k % 8)));
      read_all(flipped, outcome);
    }
    CHECK(outcome.verified > 0);  // a date, a letter in a name
    CHECK(outcome.records > outcome.verified);
  }
}

TEST(no_random_damage_does_harm) {
  std::mt19937_64 generator(20240702);
  constexpr int trials = 4000;
  Outcome outcome;
  for (int trial = 0; trial < trials; ++trial) read_all(mutations::mutated(example(trial % 2 == 1), generator), outcome);
  CHECK(outcome.opened > outcome.verified);
  CHECK(outcome.verified > 0);
  CHECK(outcome.records > trials / 100);
  CHECK(outcome.records < trials / 2);
}

TEST(random_tails_behind_a_signature_do_no_harm) {
  std::mt19937_64 generator(11);
  Outcome outcome;
  for (int trial = 0; trial < 500; ++trial) {
    std::string bytes = "PK\3\4" + std::string(mutations::below(generator, 300), '\0') + "PK\5\6" + std::string(18, '\0');
    for (std::size_t k = 4; k < bytes.size() - 22; ++k) bytes[k] = static_cast<char>(generator());
    for (std::size_t k = bytes.size() - 14; k < bytes.size() - 2; ++k) bytes[k] = static_cast<char>(mutations::below(generator, 4));
    read_all(bytes, outcome);
  }
  CHECK(outcome.records == 0);
}

// A small file would otherwise cost the square of its size to check.
TEST(members_that_share_their_bytes_are_an_error) {
  constexpr std::uint32_t length = 1000, copies = 50;
  const std::string data(length, 'x');
  std::string bytes = zip({{"a", data}});
  const std::size_t start = bytes.find("PK\1\2"), size = bytes.find("PK\5\6") - start;
  const std::string entry = bytes.substr(start, size);
  bytes.resize(start);
  for (std::uint32_t k = 0; k < copies; ++k) bytes += entry;
  const auto count = zip_writer::little_endian(static_cast<std::uint16_t>(copies));
  const auto none = zip_writer::little_endian<std::uint16_t>(0);
  bytes += zip_writer::little_endian<std::uint32_t>(0x06054b50) + none + none + count + count +
           zip_writer::little_endian(static_cast<std::uint32_t>(copies * size)) +
           zip_writer::little_endian(static_cast<std::uint32_t>(start)) + none;
  const TemporaryFile file(bytes);
  CHECK_ERROR(ZipFile(file.path()), "is damaged or truncated: its members together are longer than the file");
}

int main() { return check::run(); }
