// A small test runner: TEST(name) { CHECK(...); CHECK_CLOSE(a, b, tolerance); CHECK_ERROR(expression, "words in the text"); }
#pragma once

#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "qallegro/error.hpp"

namespace check {

struct Test {
  const char *name;
  void (*body)();
};

inline std::vector<Test> &tests() {
  static std::vector<Test> all;
  return all;
}

inline int failures = 0;

struct Registered {
  Registered(const char *name, void (*body)()) { tests().push_back({name, body}); }
};

inline void fail(const char *file, int line, const std::string &what) {
  ++failures;
  std::printf("%s:%d: %s\n", file, line, what.c_str());
}

inline void contains(const char *file, int line, const std::string &text, const std::string &words) {
  if (text.find(words) == std::string::npos) fail(file, line, "expected `" + words + "` in: " + text);
}

inline int run() {
  for (const Test &test : tests()) {
    std::printf("%s\n", test.name);
    try {
      test.body();
    } catch (const std::exception &error) {
      fail(__FILE__, __LINE__, std::string(test.name) + " threw: " + error.what());
    }
  }
  std::printf("%zu tests, %d failures\n", tests().size(), failures);
  return failures == 0 && !tests().empty() ? 0 : 1;
}

}  // namespace check

#define TEST(name)                                               \
  static void name();                                            \
  static const check::Registered registered_##name(#name, name); \
  static void name()

#define CHECK(condition)                                                        \
  do {                                                                          \
    if (!(condition)) check::fail(__FILE__, __LINE__, "not true: " #condition); \
  } while (false)

// Written so that a NaN fails.
#define CHECK_CLOSE(value, expected, tolerance)                                                                            \
  do {                                                                                                                     \
    const double value_ = (value), expected_ = (expected);                                                                 \
    if (!(std::abs(value_ - expected_) <= (tolerance)))                                                                    \
      check::fail(__FILE__, __LINE__, #value " is " + std::to_string(value_) + ", expected " + std::to_string(expected_)); \
  } while (false)

#define CHECK_ERROR(expression, words)                               \
  do {                                                               \
    try {                                                            \
      expression;                                                    \
      check::fail(__FILE__, __LINE__, "no error from " #expression); \
    } catch (const qallegro::Error &error) {                         \
      check::contains(__FILE__, __LINE__, error.what(), words);      \
    }                                                                \
  } while (false)
