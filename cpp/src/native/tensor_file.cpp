#include "native/tensor_file.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>

#include "native/tensor_header.hpp"
#include "qallegro/error.hpp"

namespace qallegro::native {

namespace {

constexpr std::uint64_t length_size = 8;              // of the number in front of the header
constexpr double largest_whole = 9007199254740992.0;  // 2^53: float64 holds every whole number up to it

// The callers have made sure that the bytes are there.
template <class T>
T little_endian(const char *bytes) {
  T value = 0;
  for (std::size_t k = 0; k < sizeof(T); ++k)
    value = static_cast<T>(value | static_cast<T>(static_cast<T>(static_cast<unsigned char>(bytes[k])) << (8 * k)));
  return value;
}

double from_f64(const char *bytes) { return std::bit_cast<double>(little_endian<std::uint64_t>(bytes)); }
double from_f32(const char *bytes) { return std::bit_cast<float>(little_endian<std::uint32_t>(bytes)); }
double from_bf16(const char *bytes) { return std::bit_cast<float>(static_cast<std::uint32_t>(little_endian<std::uint16_t>(bytes)) << 16); }
double from_i64(const char *bytes) { return static_cast<double>(static_cast<std::int64_t>(little_endian<std::uint64_t>(bytes))); }
double from_i32(const char *bytes) { return static_cast<std::int32_t>(little_endian<std::uint32_t>(bytes)); }

// IEEE 754 binary16: 1 bit sign, 5 exponent (bias 15), 10 fraction.
double from_f16(const char *bytes) {
  const unsigned bits = little_endian<std::uint16_t>(bytes);
  const int exponent = static_cast<int>(bits >> 10 & 31), fraction = static_cast<int>(bits & 1023);
  double value = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  if (exponent == 31) value = fraction == 0 ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
  return bits >> 15 ? -value : value;
}

struct Format {
  const char *dtype;
  std::uint64_t itemsize;
  double (*convert)(const char *);
};

constexpr Format formats[] = {{"F64", 8, from_f64},   {"F32", 4, from_f32}, {"F16", 2, from_f16},
                              {"BF16", 2, from_bf16}, {"I64", 8, from_i64}, {"I32", 4, from_i32}};

std::string text_of(const std::vector<std::int64_t> &shape) {
  std::string text;
  for (const std::int64_t length : shape) text += (text.empty() ? "" : ", ") + (length < 0 ? "any" : std::to_string(length));
  return "(" + text + ")";
}

// Checks one entry of the header against a data part of `data_size` bytes.
class CheckedEntry {
 public:
  CheckedEntry(const std::string &name, const TensorEntry &entry, std::uint64_t data_size, const std::string &path)
      : path_(path), name_(shown_name(name)), format_(format_of(entry.dtype)), begin_(entry.offsets[0]), end_(entry.offsets[1]) {
    if (begin_ > end_ || end_ > data_size)
      wrong("`data_offsets` must be in order and at most " + std::to_string(data_size) + ", they are " + std::to_string(begin_) + ", " +
            std::to_string(end_));
    constexpr std::uint64_t largest = std::numeric_limits<std::int64_t>::max();
    std::uint64_t product = 1;
    for (const std::uint64_t length : entry.shape) {
      // Zeros are left out, so that no product of some of the lengths can overflow either.
      if (length > largest || (length > 0 && product > largest / length))
        wrong("the product of its shape exceeds " + std::to_string(largest));
      product *= std::max<std::uint64_t>(length, 1);
      shape_.push_back(static_cast<std::int64_t>(length));
    }
    if (std::count(shape_.begin(), shape_.end(), 0) > 0) product = 0;
    const std::uint64_t bytes = end_ - begin_;
    if (bytes % format_.itemsize != 0 || bytes / format_.itemsize != product)
      wrong("its shape " + text_of(shape_) + " of " + entry.dtype + " must fill " + std::to_string(bytes) + " bytes");
  }

  const std::string &name() const { return name_; }
  std::uint64_t begin() const { return begin_; }
  std::uint64_t end() const { return end_; }

  Tensor read(const char *data) const {
    Tensor tensor{shape_, std::vector<double>((end_ - begin_) / format_.itemsize)};
    const bool whole = format_.dtype[0] == 'I';
    for (std::size_t k = 0; k < tensor.values.size(); ++k) {
      const double value = format_.convert(data + begin_ + k * format_.itemsize);
      if (!std::isfinite(value)) wrong("element " + std::to_string(k) + " must be finite, it is " + std::to_string(value));
      if (whole && std::abs(value) > largest_whole)
        wrong("element " + std::to_string(k) + " must be at most 2^53 in size, it is " + std::to_string(value));
      tensor.values[k] = value;
    }
    return tensor;
  }

 private:
  const Format &format_of(const std::string &dtype) const {
    std::string known;
    for (const Format &format : formats) {
      if (dtype == format.dtype) return format;
      known += (known.empty() ? "" : ", ") + std::string(format.dtype);
    }
    wrong("`dtype` must be one of " + known + ", it is `" + shown_name(dtype) + "`");
  }

  [[noreturn]] void wrong(const std::string &how) const { damaged_tensors(path_, "tensor `" + name_ + "`: " + how); }

  const std::string &path_;
  std::string name_;
  const Format &format_;
  std::uint64_t begin_, end_;
  std::vector<std::int64_t> shape_;
};

// The tensors must cover the data without gap or overlap, as the format demands.
void check_cover(std::vector<const CheckedEntry *> entries, std::uint64_t data_size, const std::string &path) {
  const auto earlier = [](const CheckedEntry *a, const CheckedEntry *b) {
    return a->begin() != b->begin() ? a->begin() < b->begin() : a->end() < b->end();
  };
  std::sort(entries.begin(), entries.end(), earlier);
  std::uint64_t at = 0;
  for (const CheckedEntry *entry : entries) {
    if (entry->begin() != at)
      damaged_tensors(path, "tensor `" + entry->name() + "` must start at byte " + std::to_string(at) +
                                " of the data, where the one before ends, it starts at " + std::to_string(entry->begin()));
    at = entry->end();
  }
  if (at != data_size)
    damaged_tensors(path, "the tensors must fill " + std::to_string(data_size) + " bytes of data, they fill " + std::to_string(at));
}

}  // namespace

std::int64_t Tensor::size(int axis) const {
  if (axis < 0 || static_cast<std::size_t>(axis) >= shape.size())
    throw Error("a tensor of shape " + text_of(shape) + " has no axis " + std::to_string(axis) + "; export the model again");
  return shape[axis];
}

TensorFile::TensorFile(const std::string &bytes, const std::string &path) : path_(path) {
  if (bytes.size() < length_size) damaged_tensors(path, "there must be at least 8 bytes, there are " + std::to_string(bytes.size()));
  const auto header_size = little_endian<std::uint64_t>(bytes.data());
  if (header_size > bytes.size() - length_size)
    damaged_tensors(path,
                    "the header of " + std::to_string(header_size) + " bytes must end within " + std::to_string(bytes.size()) + " bytes");
  const auto header = parse_tensor_header(bytes.data() + length_size, header_size, path);
  const char *data = bytes.data() + length_size + header_size;
  const std::uint64_t data_size = bytes.size() - length_size - header_size;

  std::vector<CheckedEntry> checked;
  checked.reserve(header.size());
  for (const auto &[name, entry] : header) checked.emplace_back(name, entry, data_size, path);
  std::vector<const CheckedEntry *> entries;
  for (const CheckedEntry &entry : checked) entries.push_back(&entry);
  check_cover(std::move(entries), data_size, path);
  auto entry = checked.begin();
  for (const auto &item : header) tensors_.emplace(item.first, (entry++)->read(data));
}

bool TensorFile::has(const std::string &name) const { return tensors_.contains(name); }

const Tensor &TensorFile::get(const std::string &name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) throw Error("the weights in `" + path_ + "` lack the tensor `" + name + "`; export the model again");
  return found->second;
}

const Tensor &TensorFile::get(const std::string &name, const std::vector<std::int64_t> &shape) const {
  const Tensor &tensor = get(name);
  const auto matches = [](std::int64_t wanted, std::int64_t there) { return wanted == -1 || wanted == there; };
  if (!std::equal(shape.begin(), shape.end(), tensor.shape.begin(), tensor.shape.end(), matches))
    throw Error("tensor `" + name + "` in `" + path_ + "` must have the shape " + text_of(shape) + ", it has " + text_of(tensor.shape) +
                "; export the model again");
  return tensor;
}

std::vector<std::string> TensorFile::names() const {
  std::vector<std::string> all;
  for (const auto &[name, tensor] : tensors_) all.push_back(name);
  return all;
}

}  // namespace qallegro::native
