// Members of a zip file that are stored without compression, read without trusting a single number in it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace qallegro {

/// One entry of the central directory.
struct ZipMember {
  std::string name;
  std::uint64_t header_offset = 0;
  std::uint64_t compressed_size = 0;
  std::uint64_t size = 0;
  std::uint32_t crc32 = 0;
  std::uint16_t method = 0;  ///< 0: stored
  std::uint16_t flags = 0;
};

/// A zip file's directory. Every size is checked against the file before it is used, so that no damaged file can
/// make the reader allocate more than the file's own size. Throws `Error`.
class ZipFile {
 public:
  explicit ZipFile(const std::string &path);

  const std::string &path() const { return path_; }
  const std::vector<ZipMember> &members() const { return members_; }

  /// The one member whose name ends in `suffix`, or null; two of them are an error.
  const ZipMember *find_suffix(const std::string &suffix) const;

  /// The bytes of a stored member, checked by its CRC-32. Compressed or encrypted members are refused.
  std::string read(const ZipMember &member) const;

  /// Checks the CRC-32 of every stored member: libtorch does not, and a flipped bit in a weight is a silent wrong number.
  void verify() const;

 private:
  void read_directory();
  std::uint64_t data_offset(const ZipMember &member) const;
  std::string bytes(std::uint64_t offset, std::uint64_t count, const char *what) const;
  [[noreturn]] void damaged(const std::string &how) const;

  std::string path_;
  std::uint64_t file_size_ = 0;
  std::vector<ZipMember> members_;
};

}  // namespace qallegro
