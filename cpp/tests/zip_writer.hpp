// Zip files for the tests, with every number of their headers open to tampering.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <unistd.h>

namespace zip_writer {

template <class T>
std::string little_endian(T value) {
  std::string text;
  for (std::size_t k = 0; k < sizeof(T); ++k) text += static_cast<char>(value >> (8 * k));
  return text;
}

// Bit by bit, so that it shares nothing with the table of the reader.
inline std::uint32_t crc32(const std::string &text) {
  std::uint32_t crc = 0xffffffff;
  for (const char byte : text) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1)));
  }
  return ~crc;
}

struct Member {
  std::string name, data;
  std::uint16_t method = 0;
  std::uint16_t flags = 0;
  bool zip64 = false;
};

struct End {
  std::uint64_t count, size, offset;
};

/// `tamper` may change what the end record says of the directory.
template <class Tamper>
std::string zip(const std::vector<Member> &members, Tamper tamper, bool zip64_end = false, const std::string &comment = "") {
  const std::string none16 = little_endian<std::uint16_t>(0), none32 = little_endian<std::uint32_t>(0);
  std::string body, directory;
  for (const Member &member : members) {
    const auto crc = little_endian(crc32(member.data));
    const auto size = static_cast<std::uint64_t>(member.data.size()), offset = static_cast<std::uint64_t>(body.size());
    const std::string name_size = little_endian(static_cast<std::uint16_t>(member.name.size()));
    const std::string start = little_endian<std::uint16_t>(20) + little_endian(member.flags) + little_endian(member.method) + none32 + crc;
    const std::string sizes = little_endian(static_cast<std::uint32_t>(size)) + little_endian(static_cast<std::uint32_t>(size));
    std::string extra;
    if (member.zip64)
      extra = little_endian<std::uint16_t>(1) + little_endian<std::uint16_t>(24) + little_endian(size) + little_endian(size) +
              little_endian(offset);
    const std::string full = little_endian<std::uint32_t>(0xffffffff);
    body += little_endian<std::uint32_t>(0x04034b50) + start + sizes + name_size + none16 + member.name + member.data;
    directory += little_endian<std::uint32_t>(0x02014b50) + none16 + start + (member.zip64 ? full + full : sizes) + name_size +
                 little_endian(static_cast<std::uint16_t>(extra.size())) + none16 + none16 + none16 + none32 +
                 (member.zip64 ? full : little_endian(static_cast<std::uint32_t>(offset))) + member.name + extra;
  }
  End end{members.size(), directory.size(), body.size()};
  tamper(end);
  std::string tail;
  if (zip64_end) {
    const auto end64 = static_cast<std::uint64_t>(body.size() + directory.size());
    tail = little_endian<std::uint32_t>(0x06064b50) + little_endian<std::uint64_t>(44) + none16 + none16 + none32 + none32 +
           little_endian(end.count) + little_endian(end.count) + little_endian(end.size) + little_endian(end.offset) +
           little_endian<std::uint32_t>(0x07064b50) + none32 + little_endian(end64) + little_endian<std::uint32_t>(1);
    end = {0xffff, 0xffffffff, 0xffffffff};
  }
  const std::string count = little_endian(static_cast<std::uint16_t>(end.count));
  return body + directory + tail + little_endian<std::uint32_t>(0x06054b50) + none16 + none16 + count + count +
         little_endian(static_cast<std::uint32_t>(end.size)) + little_endian(static_cast<std::uint32_t>(end.offset)) +
         little_endian(static_cast<std::uint16_t>(comment.size())) + comment;
}

inline std::string zip(const std::vector<Member> &members) {
  return zip(members, [](End &) {});
}

/// A file of the given bytes that is gone when the object is.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string &bytes) {
    static int number = 0;
    const auto name = "qallegro_test_" + std::to_string(getpid()) + "_" + std::to_string(number++) + ".pth";
    path_ = (std::filesystem::temp_directory_path() / name).string();
    std::ofstream(path_, std::ios::binary) << bytes;
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  TemporaryFile(const TemporaryFile &) = delete;
  TemporaryFile &operator=(const TemporaryFile &) = delete;

  const std::string &path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace zip_writer
