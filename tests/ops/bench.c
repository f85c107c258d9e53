/* bench.c - medians, and the share of what this machine can do, measured in the same run. Inputs
 * are cold: what a model finds in the caches is what the op before it left. */
#include <stdio.h>
#include "checkops.h"
#include "engine/yardstick.h"

#define SECONDS 0.6 /* a median is taken over */
#define LEAST   3

bool
bench_next (Check *k, BenchTimer *t)
{
  if (!check_benching (k) || t->n < 0)
    return false;
  em_yardstick_flush ();
  t->mark = em_ctx_mark (check_ctx (k));
  check_finish (k);
  t->start = em_yardstick_clock ();
  return true;
}

/* Records one run and gives the median once there were enough, else 0. The first warms up. */
static double
done (Check *k, BenchTimer *t)
{
  double sum = 0;

  check_finish (k);
  t->times[t->n++] = em_yardstick_clock () - t->start;
  em_ctx_release (check_ctx (k), t->mark);
  for (int i = 1; i < t->n; i++)
    sum += t->times[i];
  if (t->n < 64 && (t->n <= LEAST || sum < SECONDS))
    return 0;
  sum = em_yardstick_median (t->times + 1, t->n - 1);
  t->n = -1;
  return sum;
}

void
bench_gemm_done (Check *k, BenchTimer *t, EmTensor *y, const char *name, const BenchGemm *gemms)
{
  double time = done (k, t), best = 0, flop = 0;

  EM_BUG_UNLESS (!em_is_nil (y));
  if (time == 0)
    return;
  for (const BenchGemm *g = gemms; g->m; g++) {
    flop += 2.0 * (double) (g->m * g->n * g->k * g->count);
    best += (double) g->count * em_yardstick_product (g->m, g->n, g->k, g->tb, true);
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
  static double copy;
  double time = done (k, t);

  EM_BUG_UNLESS (!em_is_nil (y));
  if (time == 0)
    return;
  copy = copy > 0 ? copy : em_yardstick_copy ();
  printf ("  %-16s %-34s %9.3f ms %7.1f GB/s     %3.0f%% of a copy's %.1f\n", check_op_name (k),
          name, 1e3 * time, 1e-9 * bytes / time, 100 * bytes / time / copy, 1e-9 * copy);
}
