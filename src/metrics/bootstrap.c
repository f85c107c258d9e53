/* bootstrap.c - how far a mean would move with other clips. */
#include "metrics/bootstrap.h"
#include <math.h>
#include <stdlib.h>
#include "base/error.h"

typedef struct {
  int group, n;
  double sum;
} Cluster;

static int
by_group (const void *a, const void *b)
{
  const Cluster *x = a, *y = b;

  return (x->group > y->group) - (x->group < y->group);
}

static int
by_value (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

/* One entry per group; returns how many. */
static int
gather (Cluster *clusters, const double *values, const int *group, int n)
{
  int last = 0;

  for (int i = 0; i < n; i++)
    clusters[i] = (Cluster){ group[i], 1, values[i] };
  qsort (clusters, (size_t) n, sizeof *clusters, by_group);
  for (int i = 1; i < n; i++)
    if (clusters[i].group == clusters[last].group) {
      clusters[last].n += clusters[i].n;
      clusters[last].sum += clusters[i].sum;
    } else {
      clusters[++last] = clusters[i];
    }
  return last + 1;
}

/* SplitMix64 */
static uint64_t
next_bits (uint64_t *state)
{
  uint64_t z = *state += 0x9E3779B97F4A7C15u;

  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

static double
drawn_mean (const Cluster *clusters, int n, uint64_t *state)
{
  double sum = 0;
  int count = 0;

  for (int i = 0; i < n; i++) {
    const Cluster *c = &clusters[next_bits (state) % (uint64_t) n];

    sum += c->sum;
    count += c->n;
  }
  return sum / count;
}

EmInterval
em_bootstrap_mean (const double *values, const int *group, int n, double level, uint64_t seed)
{
  EmInterval out = { NAN, NAN, NAN, n };
  double *means, tail = (1 - level) / 2, sum = 0;
  Cluster *clusters;
  int n_clusters;

  if (n < 1)
    return out;
  clusters = malloc (sizeof *clusters * (size_t) n);
  means = malloc (sizeof *means * EM_BOOTSTRAP_ROUNDS);
  EM_BUG_UNLESS (clusters && means);
  for (int i = 0; i < n; i++)
    sum += values[i];
  out.mean = sum / n;
  n_clusters = gather (clusters, values, group, n);
  for (int r = 0; r < EM_BOOTSTRAP_ROUNDS; r++)
    means[r] = drawn_mean (clusters, n_clusters, &seed);
  qsort (means, EM_BOOTSTRAP_ROUNDS, sizeof *means, by_value);
  out.low = means[(int) (tail * (EM_BOOTSTRAP_ROUNDS - 1))];
  out.high = means[(int) ceil ((1 - tail) * (EM_BOOTSTRAP_ROUNDS - 1))];
  free (means);
  free (clusters);
  return out;
}
