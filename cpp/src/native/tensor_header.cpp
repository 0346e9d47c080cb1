// Parsed by events, not into a document: memory stays proportional to the names, depth to the format, and repeated keys are seen.
#include "native/tensor_header.hpp"

#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "qallegro/error.hpp"

namespace qallegro::native {

namespace {

using nlohmann::json;

class HeaderEvents : public nlohmann::json_sax<json> {
 public:
  explicit HeaderEvents(const std::string &path) : path_(path) {}

  std::map<std::string, TensorEntry> entries;

  bool start_object(std::size_t) override {
    if (place_ == Place::start) return go(Place::names);
    if (place_ != Place::names) wrong("an object");
    return go(name_ == "__metadata__" ? Place::metadata : Place::tensor);
  }

  bool end_object() override {
    if (place_ == Place::names) return go(Place::end);
    if (place_ == Place::tensor && keys_.size() != 3)
      damaged("tensor `" + shown_name(name_) + "` must have `dtype`, `shape` and `data_offsets`, one is missing");
    return go(Place::names);
  }

  bool key(json::string_t &text) override {
    if (place_ == Place::names) {
      name_ = text;
      keys_.clear();
      const bool is_new = name_ == "__metadata__" ? !std::exchange(has_metadata_, true) : entries.try_emplace(name_).second;
      if (!is_new) damaged("`" + shown_name(name_) + "` is there twice");
    } else if (place_ == Place::tensor) {
      if (text != "dtype" && text != "shape" && text != "data_offsets")
        damaged("tensor `" + shown_name(name_) + "` has the unknown key `" + shown_name(text) + "`");
      if (!keys_.insert(text).second) damaged("tensor `" + shown_name(name_) + "` has the key `" + text + "` twice");
      key_ = text;
    }
    return true;
  }

  bool start_array(std::size_t) override {
    if (place_ != Place::tensor || key_ == "dtype") wrong("a list");
    return go(key_ == "shape" ? Place::shape : Place::offsets);
  }

  bool end_array() override {
    if (place_ == Place::offsets && entries[name_].offsets.size() != 2)
      damaged("`data_offsets` of tensor `" + shown_name(name_) + "` must be two numbers");
    return go(Place::tensor);
  }

  bool number_unsigned(json::number_unsigned_t value) override {
    if (place_ != Place::shape && place_ != Place::offsets) wrong("a number");
    auto &list = place_ == Place::shape ? entries[name_].shape : entries[name_].offsets;
    const std::size_t most = place_ == Place::shape ? most_axes : 2;
    if (list.size() == most)
      damaged("`" + key_ + "` of tensor `" + shown_name(name_) + "` must have at most " + std::to_string(most) + " numbers");
    list.push_back(value);
    return true;
  }

  bool string(json::string_t &text) override {
    if (place_ == Place::metadata) return true;
    if (place_ != Place::tensor || key_ != "dtype") wrong("a text");
    entries[name_].dtype = text;
    return true;
  }

  bool null() override { wrong("null"); }
  bool boolean(bool) override { wrong("a truth value"); }
  bool number_integer(json::number_integer_t) override { wrong("a negative number"); }
  bool number_float(json::number_float_t, const json::string_t &) override { wrong("a number that is not a whole one below 2^64"); }
  bool binary(json::binary_t &) override { wrong("binary data"); }

  bool parse_error(std::size_t position, const std::string &, const json::exception &) override {
    damaged("the header is not valid JSON at byte " + std::to_string(position));
  }

 private:
  enum class Place { start, names, metadata, tensor, shape, offsets, end };

  bool go(Place place) {
    place_ = place;
    return true;
  }

  [[noreturn]] void damaged(const std::string &how) const { damaged_tensors(path_, how); }

  [[noreturn]] void wrong(const std::string &what) const {
    if (place_ == Place::start) damaged("the header must be a JSON object, it is " + what);
    if (place_ == Place::metadata) damaged("`__metadata__` in the header must hold texts, it holds " + what);
    const bool inside = place_ != Place::names;
    damaged((inside ? "`" + key_ + "` of tensor `" : "the entry `") + shown_name(name_) + "` in the header must not hold " + what);
  }

  const std::string &path_;
  Place place_ = Place::start;
  std::string name_, key_;
  std::set<std::string> keys_;
  bool has_metadata_ = false;
};

}  // namespace

std::map<std::string, TensorEntry> parse_tensor_header(const char *text, std::size_t size, const std::string &path) {
  // The parser would skip a byte order mark and white space, which the format does not allow in front.
  if (size == 0 || *text != '{') damaged_tensors(path, "the header must start with `{`");
  HeaderEvents events(path);
  json::sax_parse(text, text + size, &events);
  return std::move(events.entries);
}

std::string shown_name(const std::string &name) {
  const std::string quoted = json(name).dump(-1, ' ', true, json::error_handler_t::replace);
  const std::string text = quoted.substr(1, quoted.size() - 2);
  return text.size() > 60 ? text.substr(0, 57) + "..." : text;
}

void damaged_tensors(const std::string &path, const std::string &how) {
  throw Error("the weights in `" + path + "` are damaged: " + how + "; copy or export the file again");
}

}  // namespace qallegro::native
