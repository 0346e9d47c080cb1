// Layout and numbers: PKWARE APPNOTE.TXT 6.3, sections 4.3.7 (local header), 4.3.12 (directory), 4.3.14-16 (end records), 4.5.3 (zip64).
#include "artefact/zip_file.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

#include "qallegro/error.hpp"

namespace qallegro {

namespace {

constexpr std::uint32_t local_signature = 0x04034b50;
constexpr std::uint32_t directory_signature = 0x02014b50;
constexpr std::uint32_t end_signature = 0x06054b50;
constexpr std::uint32_t zip64_end_signature = 0x06064b50;
constexpr std::uint32_t zip64_locator_signature = 0x07064b50;
constexpr std::uint64_t local_size = 30, directory_size = 46, end_size = 22, zip64_end_size = 56, zip64_locator_size = 20;
constexpr std::uint64_t longest_comment = 65535;
constexpr std::uint16_t zip64_extra_id = 1;
constexpr std::uint32_t in_zip64_extra = 0xffffffff;
constexpr std::uint16_t encrypted_flag = 1;

// The callers have made sure that `at + sizeof(T)` lies inside `text`.
template <class T>
T little_endian(const std::string &text, std::uint64_t at) {
  T value = 0;
  for (std::size_t k = 0; k < sizeof(T); ++k)
    value = static_cast<T>(value | static_cast<T>(static_cast<T>(static_cast<unsigned char>(text[at + k])) << (8 * k)));
  return value;
}

std::uint32_t crc32(const std::string &text, std::uint32_t crc) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> entries{};
    for (std::uint32_t n = 0; n < 256; ++n) {
      std::uint32_t c = n;
      for (int bit = 0; bit < 8; ++bit) c = (c >> 1) ^ ((c & 1) ? 0xedb88320u : 0u);
      entries[n] = c;
    }
    return entries;
  }();
  crc = ~crc;
  for (const char byte : text) crc = (crc >> 8) ^ table[(crc ^ static_cast<unsigned char>(byte)) & 0xff];
  return ~crc;
}

// Replaces the fields that say "see the zip64 extra" by the values found there, in the order that the standard fixes.
bool apply_zip64_extra(const std::string &extra, ZipMember &member) {
  std::uint64_t at = 0;
  while (at + 4 <= extra.size()) {
    const auto id = little_endian<std::uint16_t>(extra, at);
    const std::uint64_t end = at + 4 + little_endian<std::uint16_t>(extra, at + 2);
    if (end > extra.size()) return false;
    at += 4;
    if (id == zip64_extra_id) {
      for (std::uint64_t *field : {&member.size, &member.compressed_size, &member.header_offset}) {
        if (*field != in_zip64_extra) continue;
        if (at + 8 > end) return false;
        *field = little_endian<std::uint64_t>(extra, at);
        at += 8;
      }
      return true;
    }
    at = end;
  }
  return true;
}

}  // namespace

ZipFile::ZipFile(const std::string &path) : path_(path) {
  std::error_code failure;
  const auto status = std::filesystem::status(path, failure);
  if (!std::filesystem::exists(status)) throw Error("`" + path + "` does not exist; give the path of a file written by `qallegro export`");
  if (!std::filesystem::is_regular_file(status))
    throw Error("`" + path + "` is not a file; give the path of a file written by `qallegro export`");
  file_size_ = std::filesystem::file_size(path, failure);
  if (failure || !std::ifstream(path, std::ios::binary)) throw Error("`" + path + "` cannot be read; check its permissions");
  read_directory();
}

void ZipFile::damaged(const std::string &how) const {
  throw Error("`" + path_ + "` is damaged or truncated: " + how + "; copy or export it again");
}

std::string ZipFile::bytes(std::uint64_t offset, std::uint64_t count, const char *what) const {
  if (offset > file_size_ || count > file_size_ - offset)
    damaged(std::string(what) + " would end at byte " + std::to_string(offset) + " + " + std::to_string(count) + " of " +
            std::to_string(file_size_));
  std::string text(count, '\0');
  std::ifstream file(path_, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(text.data(), static_cast<std::streamsize>(count));
  if (!file) damaged(std::string(what) + " cannot be read");
  return text;
}

void ZipFile::read_directory() {
  const std::string start = bytes(0, std::min<std::uint64_t>(4, file_size_), "the first signature");
  if (start.size() < 4 || little_endian<std::uint32_t>(start, 0) != local_signature)
    throw Error("`" + path_ +
                "` is not an exported potential (a zip file is expected, its first bytes are others); write one with `qallegro export`");

  const std::uint64_t tail_size = std::min(file_size_, end_size + longest_comment);
  const std::uint64_t tail_start = file_size_ - tail_size;
  const std::string tail = bytes(tail_start, tail_size, "the end record");
  std::uint64_t at = 0;
  bool found = false;
  for (std::uint64_t k = tail_size >= end_size ? tail_size - end_size + 1 : 0; k-- > 0 && !found;) {
    if (little_endian<std::uint32_t>(tail, k) != end_signature) continue;
    // A comment may hold the signature by chance: only a comment that ends with the file is the real one.
    found = k + end_size + little_endian<std::uint16_t>(tail, k + 20) == tail_size;
    at = k;
  }
  if (!found) damaged("it starts as a zip file but has no end record");

  std::uint64_t count = little_endian<std::uint16_t>(tail, at + 10);
  std::uint64_t size = little_endian<std::uint32_t>(tail, at + 12);
  std::uint64_t offset = little_endian<std::uint32_t>(tail, at + 16);
  std::uint64_t directory_limit = tail_start + at;
  if (directory_limit >= zip64_locator_size) {
    const std::string locator = bytes(directory_limit - zip64_locator_size, zip64_locator_size, "the zip64 locator");
    if (little_endian<std::uint32_t>(locator, 0) == zip64_locator_signature) {
      const auto end64 = little_endian<std::uint64_t>(locator, 8);
      const std::string record = bytes(end64, zip64_end_size, "the zip64 end record");
      if (little_endian<std::uint32_t>(record, 0) != zip64_end_signature) damaged("its zip64 end record is not where it should be");
      count = little_endian<std::uint64_t>(record, 32);
      size = little_endian<std::uint64_t>(record, 40);
      offset = little_endian<std::uint64_t>(record, 48);
      directory_limit = end64;
    }
  }
  if (offset > directory_limit || size > directory_limit - offset) damaged("its directory lies outside of the file");
  if (count > size / directory_size) damaged("its directory is too small for " + std::to_string(count) + " members");

  const std::string directory = bytes(offset, size, "the directory");
  members_.reserve(count);
  std::uint64_t p = 0, left = file_size_;
  for (std::uint64_t n = 0; n < count; ++n) {
    if (directory.size() - p < directory_size || little_endian<std::uint32_t>(directory, p) != directory_signature)
      damaged("directory entry " + std::to_string(n) + " is broken");
    ZipMember member;
    member.flags = little_endian<std::uint16_t>(directory, p + 8);
    member.method = little_endian<std::uint16_t>(directory, p + 10);
    member.crc32 = little_endian<std::uint32_t>(directory, p + 16);
    member.compressed_size = little_endian<std::uint32_t>(directory, p + 20);
    member.size = little_endian<std::uint32_t>(directory, p + 24);
    member.header_offset = little_endian<std::uint32_t>(directory, p + 42);
    const std::uint64_t name_size = little_endian<std::uint16_t>(directory, p + 28);
    const std::uint64_t extra_size = little_endian<std::uint16_t>(directory, p + 30);
    const std::uint64_t comment_size = little_endian<std::uint16_t>(directory, p + 32);
    p += directory_size;
    if (directory.size() - p < name_size + extra_size + comment_size) damaged("directory entry " + std::to_string(n) + " is cut off");
    member.name = directory.substr(p, name_size);
    if (!apply_zip64_extra(directory.substr(p + name_size, extra_size), member))
      damaged("the zip64 sizes of `" + member.name + "` are cut off");
    p += name_size + extra_size + comment_size;
    // Members that share bytes would make `verify` take the square of the file's size.
    if (member.compressed_size > left) damaged("its members together are longer than the file");
    left -= member.compressed_size;
    members_.push_back(std::move(member));
  }
}

const ZipMember *ZipFile::find_suffix(const std::string &suffix) const {
  const ZipMember *found = nullptr;
  for (const ZipMember &member : members_) {
    if (!member.name.ends_with(suffix)) continue;
    if (found)
      throw Error("`" + path_ + "` holds both `" + found->name + "` and `" + member.name + "`; exactly one is allowed; export it again");
    found = &member;
  }
  return found;
}

std::uint64_t ZipFile::data_offset(const ZipMember &member) const {
  const std::string header = bytes(member.header_offset, local_size, "a member's header");
  if (little_endian<std::uint32_t>(header, 0) != local_signature) damaged("`" + member.name + "` is not where the directory says");
  return member.header_offset + local_size + little_endian<std::uint16_t>(header, 26) + little_endian<std::uint16_t>(header, 28);
}

std::string ZipFile::read(const ZipMember &member) const {
  if (member.method != 0 || (member.flags & encrypted_flag))
    throw Error("`" + path_ + "`: member `" + member.name + "` must be stored without compression or encryption, its method is " +
                std::to_string(member.method) + "; do not repack the file, export it again");
  if (member.size != member.compressed_size) damaged("`" + member.name + "` has two different sizes");
  std::string text = bytes(data_offset(member), member.size, "a member");
  if (crc32(text, 0) != member.crc32) damaged("the checksum of `" + member.name + "` does not match");
  return text;
}

void ZipFile::verify() const {
  constexpr std::uint64_t chunk = 1 << 20;
  for (const ZipMember &member : members_) {
    if (member.method != 0) continue;
    if (member.size != member.compressed_size) damaged("`" + member.name + "` has two different sizes");
    const std::uint64_t start = data_offset(member);
    std::uint32_t crc = 0;
    for (std::uint64_t done = 0; done < member.size; done += chunk)
      crc = crc32(bytes(start + done, std::min(chunk, member.size - done), "a member"), crc);
    if (crc != member.crc32) damaged("the checksum of `" + member.name + "` does not match");
  }
}

}  // namespace qallegro
