/* CHECK(...) for tests in C: a failure is printed and counted, the test goes on. */
#pragma once

#include <math.h>
#include <stdio.h>
#include <string.h>

extern int failures;

#define FAIL(...) (++failures, printf("%s:%d: ", __FILE__, __LINE__), printf(__VA_ARGS__), printf("\n"))

#define CHECK(condition)                              \
  do {                                                \
    if (!(condition)) FAIL("not true: %s", #condition);\
  } while (0)

/* Written so that a NaN fails. */
#define CHECK_CLOSE(value, expected, tolerance)                                                                          \
  do {                                                                                                                   \
    const double value_ = (value), expected_ = (expected);                                                               \
    if (!(fabs(value_ - expected_) <= (tolerance))) FAIL("%s is %.15g, expected %.15g", #value, value_, expected_); \
  } while (0)

/* The call must return `code`, and `text`, an expression evaluated after it, must contain `words`. */
#define CHECK_REFUSED(call, code, text, words)                                                   \
  do {                                                                                           \
    const int code_ = (call);                                                                    \
    if (code_ != (code)) FAIL("%s returned %d, expected %d", #call, code_, (code));\
    else if (!strstr((text), (words))) FAIL("expected `%s` in: %s", (words), (text)); \
  } while (0)
