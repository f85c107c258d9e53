/* check.h - the few words our plain C tests need.
 *
 * A test program is a list of functions run by CHECK_MAIN; a failed check prints where and what and
 * fails the program at its end, so that one run shows everything that is wrong. */
#pragma once
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_failures __attribute__ ((unused));

#define CHECK(claim)                                                                               \
  do {                                                                                             \
    if (!(claim)) {                                                                                \
      fprintf (stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #claim);                       \
      check_failures++;                                                                            \
    }                                                                                              \
  } while (0)

#define CHECK_INT(got, want)                                                                       \
  do {                                                                                             \
    long long got_ = (long long) (got), want_ = (long long) (want);                                \
    if (got_ != want_) {                                                                           \
      fprintf (stderr, "%s:%d: %s is %lld, expected %lld\n", __FILE__, __LINE__, #got, got_,       \
               want_);                                                                             \
      check_failures++;                                                                            \
    }                                                                                              \
  } while (0)

#define CHECK_NEAR(got, want, tolerance)                                                           \
  do {                                                                                             \
    double got_ = (double) (got), want_ = (double) (want);                                         \
    if (!(fabs (got_ - want_) <= (tolerance))) {                                                   \
      fprintf (stderr, "%s:%d: %s is %.9g, expected %.9g\n", __FILE__, __LINE__, #got, got_,       \
               want_);                                                                             \
      check_failures++;                                                                            \
    }                                                                                              \
  } while (0)

#define CHECK_TEXT(got, want)                                                                      \
  do {                                                                                             \
    const char *got_ = (got), *want_ = (want);                                                     \
    if (!got_ || strcmp (got_, want_) != 0) {                                                      \
      fprintf (stderr, "%s:%d: %s is \"%s\", expected \"%s\"\n", __FILE__, __LINE__, #got,         \
               got_ ? got_ : "(null)", want_);                                                     \
      check_failures++;                                                                            \
    }                                                                                              \
  } while (0)

/* Repeatable noise for tests: the same seed, the same numbers. */
static inline uint32_t
check_random (uint64_t *state)
{
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t) (*state >> 33);
}

#define CHECK_MAIN(...)                                                                            \
  int main (void)                                                                                  \
  {                                                                                                \
    void (*tests[]) (void) = { __VA_ARGS__ };                                                      \
    int n = (int) (sizeof tests / sizeof *tests);                                                  \
    for (int i = 0; i < n; i++)                                                                    \
      tests[i]();                                                                                  \
    fprintf (stderr, "%d tests, %d checks failed\n", n, check_failures);                           \
    return check_failures != 0;                                                                    \
  }
