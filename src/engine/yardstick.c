/* yardstick.c - what this machine can do. */
#include "engine/yardstick.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#ifdef _OPENMP
#include <omp.h>
#endif
#include "base/error.h"
#include "engine/cpu/gemm.h"

#define FLUSH_BYTES ((size_t) 96 << 20)
#define COPY_BYTES  ((size_t) 64 << 20)
#define RUNS        41
#define SECONDS     0.3 /* after which fewer runs do */

double
em_yardstick_clock (void)
{
  struct timespec t;
  bool alone = true;

#ifdef _OPENMP
  alone = omp_get_max_threads () == 1;
#endif
  clock_gettime (alone ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static void *
room_for (size_t bytes)
{
  void *p = calloc (1, bytes);

  EM_BUG_UNLESS (p);
  return p;
}

void
em_yardstick_flush (void)
{
  static char *junk;

  if (!junk)
    junk = room_for (FLUSH_BYTES);
  memset (junk, junk[7] + 1, FLUSH_BYTES);
}

static int
by_value (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

double
em_yardstick_median (double *times, int n)
{
  qsort (times, (size_t) n, sizeof *times, by_value);
  return times[n / 2];
}

double
em_yardstick_product (int64_t m, int64_t n, int64_t k, bool tb, bool cold)
{
  EmGemm gemm = em_gemm_library ();
  double times[RUNS], sum = 0;
  int runs = 0;

  if (!gemm || m * n * k == 0)
    return 0;
  float *a = room_for ((size_t) (m * k) * sizeof *a), *b = room_for ((size_t) (n * k) * sizeof *b);
  float *c = room_for ((size_t) (m * n) * sizeof *c);
  for (int64_t i = 0; i < m * k; i++)
    a[i] = (float) (i % 17) - 8;
  for (int64_t i = 0; i < n * k; i++)
    b[i] = (float) (i % 19) - 9;
  for (int i = -1; i < RUNS && (runs < 3 || sum < SECONDS); i++) { /* the first warms up */
    if (cold)
      em_yardstick_flush ();
    double start = em_yardstick_clock ();
    gemm (false, tb, m, n, k, 1, a, k, b, tb ? k : n, 0, c, n);
    if (i < 0)
      continue;
    sum += times[runs++] = em_yardstick_clock () - start;
  }
  free (a);
  free (b);
  free (c);
  return em_yardstick_median (times, runs);
}

double
em_yardstick_copy (void)
{
  char *from = room_for (COPY_BYTES), *to = room_for (COPY_BYTES);
  double times[9];

  for (int i = -1; i < 9; i++) {
    from[i + 1]++;
    double start = em_yardstick_clock ();
#pragma omp parallel for
    for (size_t at = 0; at < COPY_BYTES; at += 65536)
      memcpy (to + at, from + at, 65536);
    if (i >= 0)
      times[i] = em_yardstick_clock () - start;
  }
  free (from);
  free (to);
  return 2.0 * (double) COPY_BYTES / em_yardstick_median (times, 9);
}

int64_t
em_yardstick_resident (void)
{
  FILE *f = fopen ("/proc/self/statm", "r");
  long pages = 0;

  if (f && fscanf (f, "%*s %ld", &pages) != 1)
    pages = 0;
  if (f)
    fclose (f);
  return (int64_t) pages * sysconf (_SC_PAGESIZE);
}
