// Safetensors bytes: good ones are read, damaged ones are errors and never crash or allocate wildly.
#include "native/tensor_file.hpp"

#include <bit>
#include <cstdint>
#include <limits>
#include <random>

#include "allocations.hpp"
#include "check.hpp"
#include "mutations.hpp"

using qallegro::native::Tensor;
using qallegro::native::TensorFile;

namespace {

template <class T>
std::string little_endian(std::initializer_list<T> values) {
  std::string text;
  for (const T value : values)
    for (std::size_t k = 0; k < sizeof(T); ++k) text += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * k));
  return text;
}

std::string bytes_of(const std::string &header, const std::string &data) {
  return little_endian<std::uint64_t>({header.size()}) + header + data;
}

struct Piece {
  std::string name, dtype, shape, data;
};

std::string file_of(const std::vector<Piece> &pieces, const std::string &metadata = "") {
  std::string header = metadata, data;
  for (const Piece &piece : pieces) {
    header += (header.empty() ? "\"" : ",\"") + piece.name + "\":{\"dtype\":\"" + piece.dtype + "\",\"shape\":" + piece.shape +
              ",\"data_offsets\":[" + std::to_string(data.size()) + "," + std::to_string(data.size() + piece.data.size()) + "]}";
    data += piece.data;
  }
  return bytes_of("{" + header + "}", data);
}

std::uint64_t bits(double value) { return std::bit_cast<std::uint64_t>(value); }
std::uint32_t bits32(float value) { return std::bit_cast<std::uint32_t>(value); }

// One tensor of each type, a scalar, an empty one, metadata.
std::string example() {
  const double whole = 9007199254740992.0;
  return file_of({{"f64", "F64", "[2,1]", little_endian<std::uint64_t>({bits(0.1), bits(-2.25)})},
                  {"f32", "F32", "[3]", little_endian<std::uint32_t>({bits32(1.5f), bits32(-0.1f), bits32(1e-40f)})},
                  // 1, -2, the largest, the smallest, the smallest normal, one third
                  {"f16", "F16", "[2,3]", little_endian<std::uint16_t>({0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0x3555})},
                  {"bf16", "BF16", "[2]", little_endian<std::uint16_t>({0x3f80, 0xc020})},
                  {"i64", "I64", "[2]", little_endian<std::int64_t>({-3, static_cast<std::int64_t>(whole)})},
                  {"i32", "I32", "[1,1,1]", little_endian<std::int32_t>({std::numeric_limits<std::int32_t>::min()})},
                  {"scalar", "F64", "[]", little_endian<std::uint64_t>({bits(7.0)})},
                  {"empty", "F32", "[0,4]", ""}},
                 "\"__metadata__\":{\"format\":\"pt\"}");
}

// Bytes are either parsed, to tensors whose sizes fit together, or refused; memory stays within a multiple of the bytes.
bool parsed(const std::string &bytes) {
  bool good = false;
  reset_peak_bytes();
  try {
    const TensorFile file(bytes, "model.pth");
    for (const std::string &name : file.names()) {
      const Tensor &tensor = file.get(name);
      std::uint64_t product = 1;
      for (const std::int64_t length : tensor.shape) product *= static_cast<std::uint64_t>(length);
      if (product != tensor.values.size()) check::fail(__FILE__, __LINE__, "shape and values of `" + name + "` do not fit");
    }
    good = true;
  } catch (const qallegro::Error &) {
  }
  // Values of 2 bytes become 8; an entry of a header takes some 60 bytes there, and some 500 in the maps of the reader.
  if (const std::size_t most = 12 * bytes.size() + 4096; peak_bytes() > most)
    check::fail(__FILE__, __LINE__, std::to_string(bytes.size()) + " bytes took " + std::to_string(peak_bytes()));
  return good;
}

}  // namespace

TEST(every_type_is_read) {
  const TensorFile file(example(), "model.pth");
  CHECK((file.names() == std::vector<std::string>{"bf16", "empty", "f16", "f32", "f64", "i32", "i64", "scalar"}));
  CHECK((file.get("f64").values == std::vector<double>{0.1, -2.25}));
  CHECK((file.get("f32").values == std::vector<double>{1.5, -0.1f, 1e-40f}));
  CHECK((file.get("f16").values == std::vector<double>{1.0, -2.0, 65504.0, 0x1p-24, 0x1p-14, 0x1.554p-2}));
  CHECK((file.get("bf16").values == std::vector<double>{1.0, -2.5}));
  CHECK((file.get("i64").values == std::vector<double>{-3.0, 9007199254740992.0}));
  CHECK((file.get("i32").values == std::vector<double>{-2147483648.0}));
  CHECK((file.get("scalar", {}).values == std::vector<double>{7.0}));
  CHECK(file.get("empty", {0, 4}).values.empty());
  CHECK(file.has("i32"));
  CHECK(!file.has("__metadata__"));
}

TEST(shapes_are_checked) {
  const TensorFile file(example(), "model.pth");
  CHECK((file.get("f16", {2, -1}).shape == std::vector<std::int64_t>{2, 3}));
  CHECK(file.get("f16").size(1) == 3);
  CHECK_ERROR(file.get("f16").size(2), "a tensor of shape (2, 3) has no axis 2");
  CHECK_ERROR(file.get("f16").size(-1), "has no axis -1");
  CHECK_ERROR(file.get("f16", {3, -1}), "tensor `f16` in `model.pth` must have the shape (3, any), it has (2, 3); export the model again");
  CHECK_ERROR(file.get("f16", {6}), "must have the shape (6)");
  CHECK_ERROR(file.get("scalar", {-1}), "must have the shape (any), it has ()");
  CHECK_ERROR(file.get("other"), "the weights in `model.pth` lack the tensor `other`; export the model again");
  CHECK_ERROR(file.get("other", {1}), "lack the tensor `other`");
}

TEST(every_truncation_is_an_error) {
  const std::string whole = example();
  CHECK(parsed(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) CHECK(!parsed(whole.substr(0, size)));
}

TEST(no_flipped_bit_does_harm) {
  const std::string whole = example();
  int good = 0;
  for (std::size_t k = 0; k < 8 * whole.size(); ++k) {
    std::string flipped = whole;
    flipped[k / 8] = static_cast<char>(flipped[k / 8] ^ (1 << (k % 8)));
    good += parsed(flipped);
  }
  CHECK(good > 0);  // a letter in a name, a bit of a value
}

TEST(no_random_damage_does_harm) {
  std::mt19937_64 generator(20240701);
  const std::string whole = example();
  int good = 0;
  constexpr int trials = 20000;
  for (int trial = 0; trial < trials; ++trial) good += parsed(mutations::mutated(whole, generator));
  CHECK(good > trials / 100);
  CHECK(good < trials / 2);
}

TEST(random_bytes_do_no_harm) {
  std::mt19937_64 generator(7);
  for (int trial = 0; trial < 2000; ++trial) {
    std::string bytes(mutations::below(generator, 200), '\0');
    for (char &byte : bytes) byte = static_cast<char>(generator());
    CHECK(!parsed(bytes));
    CHECK(!parsed(bytes_of("{" + bytes, "")));
  }
}

TEST(huge_header_lengths_are_errors) {
  const std::string whole = example();
  for (const std::uint64_t length :
       {std::uint64_t{whole.size() - 7}, std::uint64_t{1} << 32, std::uint64_t{1} << 63, ~std::uint64_t{0} - 7, ~std::uint64_t{0}}) {
    const std::string bytes = little_endian<std::uint64_t>({length}) + whole.substr(8);
    CHECK(!parsed(bytes));
    CHECK_ERROR(TensorFile(bytes, "model.pth"),
                "the weights in `model.pth` are damaged: the header of " + std::to_string(length) + " bytes must end within");
  }
}

TEST(every_rule_of_the_header_is_kept) {
  const auto entry = [](const std::string &keys) { return "{\"w\":{" + keys + "}}"; };
  const auto shaped = [&](const std::string &shape) { return entry("\"dtype\":\"F32\",\"shape\":" + shape + ",\"data_offsets\":[0,8]"); };
  const auto placed = [&](const std::string &offsets) { return entry("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":" + offsets); };
  const std::string good = "\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":";
  struct Case {
    std::string header, words;
  };
  // The data has 8 bytes.
  const Case cases[] = {
      {"", "must start with `{`"},
      {" {}", "must start with `{`"},
      {"[]", "must start with `{`"},
      {"{", "not valid JSON at byte"},
      {"{} x", "not valid JSON at byte"},
      {"{}", "the tensors must fill 8 bytes of data, they fill 0"},
      {"{\"w\":3}", "the entry `w` in the header must not hold a number"},
      {"{\"w\":[]}", "the entry `w` in the header must not hold a list"},
      {"{\"w\":null}", "must not hold null"},
      {"{\"__metadata__\":{\"a\":1}}", "`__metadata__` in the header must hold texts, it holds a number"},
      {"{\"__metadata__\":{\"a\":{}}}", "`__metadata__`"},
      {"{\"__metadata__\":{},\"__metadata__\":{}}", "`__metadata__` is there twice"},
      {entry(""), "must have `dtype`, `shape` and `data_offsets`, one is missing"},
      {entry("\"dtype\":\"F32\",\"shape\":[2]"), "one is missing"},
      {entry("\"shape\":[2],\"data_offsets\":[0,8]"), "one is missing"},
      {entry("\"dtype\":\"F32\",\"dtype\":\"F32\""), "has the key `dtype` twice"},
      {entry("\"colour\":\"red\""), "has the unknown key `colour`"},
      {entry("\"dtype\":32"), "`dtype` of tensor `w` in the header must not hold a number"},
      {entry("\"dtype\":[2]"), "`dtype` of tensor `w` in the header must not hold a list"},
      {entry("\"dtype\":\"C64\",\"shape\":[1],\"data_offsets\":[0,8]"),
       "`dtype` must be one of F64, F32, F16, BF16, I64, I32, it is `C64`"},
      {shaped("2"), "`shape` of tensor `w` in the header must not hold a number"},
      {shaped("\"2\""), "must not hold a text"},
      {shaped("[[2]]"), "must not hold a list"},
      {shaped("[{}]"), "must not hold an object"},
      {shaped("[true]"), "must not hold a truth value"},
      {shaped("[-2]"), "must not hold a negative number"},
      {shaped("[2.0]"), "must not hold a number that is not a whole one"},
      {shaped("[36893488147419103232]"), "must not hold a number that is not a whole one below 2^64"},
      {shaped("[1,1,1,1,1,1,1,1,2]"), "`shape` of tensor `w` must have at most 8 numbers"},
      {shaped("[3]"), "its shape (3) of F32 must fill 8 bytes"},
      {shaped("[0]"), "its shape (0) of F32 must fill 8 bytes"},
      {shaped("[]"), "its shape () of F32 must fill 8 bytes"},
      {shaped("[9223372036854775808]"), "the product of its shape exceeds"},
      {shaped("[4294967296,4294967296,2]"), "the product of its shape exceeds"},
      {shaped("[0,4294967296,4294967296]"), "the product of its shape exceeds"},
      {shaped("[4611686018427387906]"), "must fill 8 bytes"},  // times 4 is 8 modulo 2^64
      {placed("[0]"), "`data_offsets` of tensor `w` must be two numbers"},
      {placed("[0,8,8]"), "`data_offsets` of tensor `w` must have at most 2 numbers"},
      {placed("[0,9]"), "`data_offsets` must be in order and at most 8, they are 0, 9"},
      {placed("[8,0]"), "`data_offsets` must be in order"},
      {placed("[18446744073709551608,0]"), "`data_offsets` must be in order"},
      {placed("[0,18446744073709551615]"), "`data_offsets` must be in order"},
      {placed("[1,8]"), "must fill 7 bytes"},
      {entry(good + "[0,4]"), "the tensors must fill 8 bytes of data, they fill 4"},
      {entry(good + "[4,8]"), "tensor `w` must start at byte 0 of the data"},
      {"{\"v\":{" + good + "[0,4]},\"w\":{" + good + "[0,4]}}",
       "tensor `w` must start at byte 4 of the data, where the one before ends, it starts at 0"},
      {"{\"v\":{" + good + "[0,4]},\"w\":{" + good + "[2,6]}}", "it starts at 2"},
      {"{\"w\":{" + good + "[0,4]},\"w\":{" + good + "[4,8]}}", "`w` is there twice"},
  };
  for (const Case &item : cases) {
    const std::string bytes = bytes_of(item.header, std::string(8, '\0'));
    CHECK_ERROR(TensorFile(bytes, "model.pth"), item.words);
    CHECK(!parsed(bytes));
  }
}

TEST(values_that_are_not_finite_are_named) {
  const double infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  const Piece pieces[] = {{"w", "F64", "[2]", little_endian<std::uint64_t>({bits(1.0), bits(nan)})},
                          {"w", "F64", "[2]", little_endian<std::uint64_t>({bits(1.0), bits(-infinity)})},
                          {"w", "F32", "[2]", little_endian<std::uint32_t>({bits32(1.0f), 0x7f800000})},
                          {"w", "F32", "[2]", little_endian<std::uint32_t>({bits32(1.0f), 0xffc00000})},
                          {"w", "F16", "[2]", little_endian<std::uint16_t>({0x3c00, 0xfc00})},
                          {"w", "F16", "[2]", little_endian<std::uint16_t>({0x3c00, 0x7c01})},
                          {"w", "BF16", "[2]", little_endian<std::uint16_t>({0x3f80, 0x7f80})}};
  for (const Piece &piece : pieces) CHECK_ERROR(TensorFile(file_of({piece}), "model.pth"), "tensor `w`: element 1 must be finite, it is");
  const std::string whole = little_endian<std::int64_t>({0, 9007199254740994});
  CHECK_ERROR(TensorFile(file_of({{"w", "I64", "[2]", whole}}), "model.pth"), "element 1 must be at most 2^53 in size");
}

TEST(names_in_errors_are_short_and_printable) {
  const std::string header = "{\"" + std::string(5000, 'a') + "\\u0007\":3}";
  try {
    TensorFile(bytes_of(header, ""), "model.pth");
    CHECK(false);
  } catch (const qallegro::Error &error) {
    CHECK(std::string(error.what()).size() < 300);
  }
  CHECK_ERROR(TensorFile(bytes_of("{\"a\\u0007\xc3\xa9\":3}", ""), "model.pth"), "the entry `a\\u0007\\u00e9`");
}

TEST(hostile_headers_take_little_memory) {
  constexpr int many = 100000;
  std::string ones = "1", entries, nested;
  for (int k = 0; k < many; ++k) ones += ",1";
  for (int k = 0; k < many / 10; ++k)
    entries += (k ? ",\"" : "\"") + std::to_string(k) + "\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,0]}";
  for (int k = 0; k < many; ++k) nested += "{\"a\":";
  CHECK(!parsed(bytes_of("{\"w\":{\"dtype\":\"F32\",\"shape\":[" + ones + "],\"data_offsets\":[0,4]}}", std::string(4, '\0'))));
  CHECK(!parsed(bytes_of("{" + entries + "}", "")));
  CHECK(!parsed(bytes_of(nested, "")));
  CHECK(!parsed(bytes_of("{\"w\":" + std::string(many, '['), "")));
  CHECK(!parsed(bytes_of("{\"" + std::string(many, 'w') + "\":{\"dtype\":\"" + std::string(many, 'F') + "\"}}", "")));
  CHECK(parsed(file_of({{"w", "BF16", "[100000]", std::string(2 * many, '\0')}})));
  std::vector<Piece> empty;
  for (int k = 0; k < many / 10; ++k) empty.push_back({std::to_string(k), "F32", "[0]", ""});
  CHECK(parsed(file_of(empty)));
}

int main() { return check::run(); }
