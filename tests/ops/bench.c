/* bench.c - medians, and the share of what this machine can do, measured in the same run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef _OPENMP
#include <omp.h>
#endif
#include "checkops.h"
#include "engine/cpu/gemm.h"

#define FLUSH_BYTES ((size_t) 96 << 20)
#define SECONDS     0.6 /* a median is taken over */
#define LEAST       3

/* One thread is measured by the processor time it got, which a busy machine leaves alone. */
double
bench_clock (void)
{
  struct timespec t;
  bool alone = true;

#ifdef _OPENMP
  alone = omp_get_max_threads () == 1;
#endif
  clock_gettime (alone ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

/* What a model finds in the caches is what the op before it left, not this op's inputs. */
static void
flush_caches (void)
{
  static char *junk;

  if (!junk)
    EM_BUG_UNLESS (junk = malloc (FLUSH_BYTES));
  memset (junk, (int) junk[7] + 1, FLUSH_BYTES);
}

static int
by_value (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

static double
median (double *times, int n)
{
  qsort (times, (size_t) n, sizeof *times, by_value);
  return times[n / 2];
}

static bool
enough (const BenchTimer *t)
{
  double sum = 0;

  for (int i = 1; i < t->n; i++)
    sum += t->times[i];
  return t->n == 64 || (t->n > LEAST && sum > SECONDS);
}

bool
bench_next (Check *k, BenchTimer *t)
{
  if (!check_benching (k) || t->n < 0)
    return false;
  flush_caches ();
  t->mark = em_ctx_mark (check_ctx (k));
  t->start = bench_clock ();
  return true;
}

/* Records one run; true once, when there were enough. The first warms up. */
static bool
done (Check *k, BenchTimer *t)
{
  t->times[t->n++] = bench_clock () - t->start;
  em_ctx_release (check_ctx (k), t->mark);
  return enough (t);
}

static double
gemm_time (const BenchGemm *g)
{
  BenchTimer t = { 0 };
  EmGemm gemm = em_gemm_library ();
  int64_t m = g->m, n = g->n, k = g->k;
  float *a = calloc ((size_t) (m * k), sizeof *a), *b = calloc ((size_t) (n * k), sizeof *b);
  float *c = calloc ((size_t) (m * n), sizeof *c);

  EM_BUG_UNLESS (a && b && c);
  for (int64_t i = 0; i < m * k; i++)
    a[i] = (float) (i % 17) - 8;
  for (int64_t i = 0; i < n * k; i++)
    b[i] = (float) (i % 19) - 9;
  while (!enough (&t)) {
    flush_caches ();
    t.start = bench_clock ();
    gemm (false, g->tb, m, n, k, 1, a, k, b, g->tb ? k : n, 0, c, n);
    t.times[t.n++] = bench_clock () - t.start;
  }
  free (a);
  free (b);
  free (c);
  return median (t.times + 1, t.n - 1);
}

static double
copy_rate (void) /* bytes read and written per second, all threads */
{
  static double rate;
  size_t bytes = (size_t) 64 << 20;
  BenchTimer t = { 0 };

  if (rate > 0)
    return rate;
  char *from = calloc (bytes, 1), *to = calloc (bytes, 1);
  EM_BUG_UNLESS (from && to);
  while (!enough (&t)) {
    from[t.n]++;
    t.start = bench_clock ();
#pragma omp parallel for
    for (size_t i = 0; i < bytes; i += 65536)
      memcpy (to + i, from + i, 65536);
    t.times[t.n++] = bench_clock () - t.start;
  }
  rate = 2.0 * (double) bytes / median (t.times + 1, t.n - 1);
  free (from);
  free (to);
  return rate;
}

void
bench_gemm_done (Check *k, BenchTimer *t, EmTensor *y, const char *name, const BenchGemm *gemms)
{
  double time, best = 0, flop = 0;

  EM_BUG_UNLESS (!em_is_nil (y));
  if (!done (k, t))
    return;
  time = median (t->times + 1, t->n - 1);
  t->n = -1;
  for (const BenchGemm *g = gemms; g->m; g++) {
    flop += 2.0 * (double) (g->m * g->n * g->k * g->count);
    best += em_gemm_library () ? (double) g->count * gemm_time (g) : 0;
  }
  printf ("  %-16s %-34s %9.3f ms %7.1f GFLOP/s", check_op_name (k), name, 1e3 * time,
          1e-9 * flop / time);
  if (best > 0)
    printf ("  %3.0f%% of the library's %.1f", 100 * best / time, 1e-9 * flop / best);
  printf ("\n");
}

void
bench_bytes_done (Check *k, BenchTimer *t, EmTensor *y, const char *name, double bytes)
{
  double time;

  EM_BUG_UNLESS (!em_is_nil (y));
  if (!done (k, t))
    return;
  time = median (t->times + 1, t->n - 1);
  t->n = -1;
  printf ("  %-16s %-34s %9.3f ms %7.1f GB/s     %3.0f%% of a copy's %.1f\n", check_op_name (k),
          name, 1e3 * time, 1e-9 * bytes / time, 100 * bytes / time / copy_rate (),
          1e-9 * copy_rate ());
}
