/* avs.c - the scores of audio-visual segmentation.
 *
 * A frame's 255 precisions come from one pass: every pixel falls into the bin of the highest
 * threshold it reaches, and sums from the top give the counts of all thresholds at once. */
#include "metrics/avs.h"
#include <math.h>
#include <string.h>

double
em_avs_jaccard (const float *logits, const uint8_t *target, int64_t n)
{
  int64_t both = 0, either = 0, wanted = 0, predicted = 0;

  for (int64_t i = 0; i < n; i++) {
    bool p = logits[i] > 0, g = target[i] != 0;

    both += p && g;
    either += p || g;
    wanted += g;
    predicted += p;
  }
  if (!wanted)
    return (double) (n - predicted) / (n + 1e-7);
  return both / (either + 1e-7);
}

/* The reference compares in float: both sides are rounded so. Half of the steps are counted from
 * the upper end there, which matters in the last bit. */
static float
threshold_at (int k)
{
  const float step = (float) (1.0 / (EM_AVS_N_THRESHOLDS - 1));

  if (k < EM_AVS_N_THRESHOLDS / 2)
    return step * k;
  return 1 - step * (EM_AVS_N_THRESHOLDS - 1 - k);
}

/* The highest k with p >= threshold k. NaN reaches the first only, as every comparison with it
 * fails but the mask it stands for is background. */
static int
bin_of (float logit)
{
  float p = (float) (1 / (1 + exp (-(double) logit)));
  int k;

  if (!(p > 0))
    return 0;
  k = (int) (p * (EM_AVS_N_THRESHOLDS - 1));
  while (k + 1 < EM_AVS_N_THRESHOLDS && p >= threshold_at (k + 1))
    k++;
  while (k > 0 && p < threshold_at (k))
    k--;
  return k;
}

bool
em_avs_f_curve (const float *logits, const uint8_t *target, int64_t n,
                double precision[EM_AVS_N_THRESHOLDS], double recall[EM_AVS_N_THRESHOLDS],
                double f[EM_AVS_N_THRESHOLDS])
{
  int64_t hits[EM_AVS_N_THRESHOLDS] = { 0 }, all[EM_AVS_N_THRESHOLDS] = { 0 };
  int64_t wanted = 0, n_hits = 0, n_all = 0;

  for (int64_t i = 0; i < n; i++) {
    int k = bin_of (logits[i]);

    all[k]++;
    hits[k] += target[i] != 0;
    wanted += target[i] != 0;
  }
  for (int k = EM_AVS_N_THRESHOLDS - 1; k >= 0; k--) {
    double p, r;

    n_hits += hits[k];
    n_all += all[k];
    p = wanted ? n_hits / (n_all + 1e-20) : 0;
    r = wanted ? n_hits / (wanted + 1e-20) : 0;
    if (precision)
      precision[k] = p;
    if (recall)
      recall[k] = r;
    if (f)
      f[k] = n_hits && wanted ? 1.3 * p * r / (0.3 * p + r) : 0;
  }
  return wanted > 0;
}

void
em_avs_add (EmAvsGroup *group, const float *logits, const uint8_t *target, int64_t n)
{
  double f[EM_AVS_N_THRESHOLDS];

  group->n_frames++;
  group->jaccard += em_avs_jaccard (logits, target, n);
  if (!em_avs_f_curve (logits, target, n, NULL, NULL, f))
    return;
  group->n_targets++;
  for (int k = 0; k < EM_AVS_N_THRESHOLDS; k++)
    group->f[k] += f[k];
}

double
em_avs_mj (const EmAvsGroup *group)
{
  return group->n_frames ? group->jaccard / group->n_frames : 0;
}

void
em_avs_mean_curve (const EmAvsGroup *group, double f[EM_AVS_N_THRESHOLDS])
{
  for (int k = 0; k < EM_AVS_N_THRESHOLDS; k++)
    f[k] = group->n_targets ? group->f[k] / group->n_targets : 0;
}

double
em_avs_mf (const EmAvsGroup *group)
{
  double f[EM_AVS_N_THRESHOLDS], best = 0;

  em_avs_mean_curve (group, f);
  for (int k = 0; k < EM_AVS_N_THRESHOLDS; k++)
    best = f[k] > best ? f[k] : best;
  return best;
}

void
em_avs_null_add (EmAvsNull *null, const float *logits, int64_t n)
{
  for (int64_t i = 0; i < n; i++)
    null->foreground += logits[i] > 0;
  null->pixels += n;
}

double
em_avs_null_share (const EmAvsNull *null)
{
  return null->pixels ? (double) null->foreground / null->pixels : 0;
}

double
em_avs_null_root (const EmAvsNull *null)
{
  return sqrt (em_avs_null_share (null));
}
