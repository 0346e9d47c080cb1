// Damage to the bytes of a file, drawn from a seeded generator: what a disk, a copy, or somebody who wants a crash would do.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <random>
#include <string>

namespace mutations {

/// A number below `count`; 0 where that is 0. The same on every platform, which std::uniform_int_distribution is not.
inline std::size_t below(std::mt19937_64 &generator, std::size_t count) { return count == 0 ? 0 : generator() % count; }

/// One damage somewhere in `bytes`.
inline void mutate_once(std::string &bytes, std::mt19937_64 &generator) {
  static constexpr std::uint64_t numbers[] = {0,          1,          7,          8,          0x7f,       0x80,       0xff,
                                              0xffff,     0x10000,    0x7fffffff, 0x80000000, 0xffffffff, 1ull << 32, 1ull << 53,
                                              1ull << 62, 1ull << 63, ~0ull - 64, ~0ull - 8,  ~0ull - 1,  ~0ull};
  static const std::string texts[] = {
      "{", "}", "[", "]", ",", ":", "\"", "-1", "1e999", "18446744073709551615", "9223372036854775807", "null", "\\u0000", "\xff"};
  const std::size_t at = below(generator, bytes.size()), length = 1 + below(generator, 16);
  switch (below(generator, 8)) {
    case 0:  // a bit
      if (!bytes.empty()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(generator, 8)));
      break;
    case 1:  // a byte
      if (!bytes.empty()) bytes[at] = static_cast<char>(generator());
      break;
    case 2: {  // a number of 2, 4 or 8 bytes
      const std::uint64_t number = numbers[below(generator, std::size(numbers))];
      const std::size_t size = std::size_t{2} << below(generator, 3);
      for (std::size_t k = 0; k < size && at + k < bytes.size(); ++k) bytes[at + k] = static_cast<char>(number >> (8 * k));
      break;
    }
    case 3:  // a digit of a number that is written out
      for (std::size_t k = at; k < bytes.size(); ++k)
        if (bytes[k] >= '0' && bytes[k] <= '9') {
          bytes[k] = static_cast<char>('0' + below(generator, 10));
          break;
        }
      break;
    case 4:
      bytes.erase(at, length);
      break;
    case 5:
      bytes.insert(at, texts[below(generator, std::size(texts))]);
      break;
    case 6:
      bytes.insert(at, bytes.substr(below(generator, bytes.size()), length));
      break;
    default:
      bytes.resize(at);
      break;
  }
}

/// `bytes` with one to four damages.
inline std::string mutated(std::string bytes, std::mt19937_64 &generator) {
  for (std::size_t n = 1 + below(generator, 4); n > 0; --n) mutate_once(bytes, generator);
  return bytes;
}

}  // namespace mutations
