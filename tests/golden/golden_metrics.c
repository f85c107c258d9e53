/* golden_metrics.c - the audio-visual scores against the official evaluator's. */
#include <stdlib.h>
#include "inputs.h"
#include "metrics/avs.h"
#include "runners.h"

static void
compare_doubles (Golden *g, const char *key, const double *values, int n)
{
  float *rounded = malloc (sizeof *rounded * n);

  for (int i = 0; i < n; i++)
    rounded[i] = (float) values[i];
  golden_compare (g, key, rounded, n);
  free (rounded);
}

static void
compare_first_frame (Golden *g, const float *logits, const uint8_t *target, int64_t plane)
{
  double precision[EM_AVS_N_THRESHOLDS], recall[EM_AVS_N_THRESHOLDS];

  em_avs_f_curve (logits, target, plane, precision, recall, NULL);
  compare_doubles (g, "frame0.precision", precision, EM_AVS_N_THRESHOLDS);
  compare_doubles (g, "frame0.recall", recall, EM_AVS_N_THRESHOLDS);
}

bool
golden_run_metrics (Golden *g, EmError *err)
{
  int n_frames = (int) golden_meta_int (g, "T", 0), size = (int) golden_meta_int (g, "size", 0);
  int64_t empty = golden_meta_int (g, "empty_target_frame", -1), plane = (int64_t) size * size;
  EmAvsGroup group = { 0 }, all_empty = { 0 };
  EmAvsNull null = { 0 };
  double *areas, *jaccards, curve[EM_AVS_N_THRESHOLDS], null_s[2];
  uint8_t *target, *nothing;
  float *logits;

  if (n_frames < 1 || size < 1)
    return em_fail (err, EM_E_INPUT, "metadata has no T and size");
  logits = input_metric_logits (g, n_frames, size);
  target = malloc (plane);
  nothing = calloc (1, plane);
  areas = calloc (n_frames, sizeof *areas);
  jaccards = calloc (n_frames, sizeof *jaccards);
  for (int t = 0; t < n_frames; t++) {
    for (int64_t p = 0; p < plane; p++) {
      target[p]
          = t != empty && input_shape_holds ("square", size, t, (int) (p % size), (int) (p / size));
      areas[t] += target[p];
    }
    jaccards[t] = em_avs_jaccard (logits + t * plane, target, plane);
    em_avs_add (&group, logits + t * plane, target, plane);
    em_avs_add (&all_empty, logits + t * plane, nothing, plane);
    em_avs_null_add (&null, logits + t * plane, plane);
    if (t == 0)
      compare_first_frame (g, logits, target, plane);
  }
  em_avs_mean_curve (&group, curve);
  null_s[0] = em_avs_null_share (&null);
  null_s[1] = em_avs_null_root (&null);

  compare_doubles (g, "gt_area", areas, n_frames);
  compare_doubles (g, "iou_frames", jaccards, n_frames);
  compare_doubles (g, "f_curve", curve, EM_AVS_N_THRESHOLDS);
  compare_doubles (g, "null_s", null_s, 2);
  golden_compare_number (g, "iou", em_avs_mj (&group));
  golden_compare_number (g, "f_max", em_avs_mf (&group));
  golden_compare_number (g, "f_max_all_empty", em_avs_mf (&all_empty));
  free (jaccards);
  free (areas);
  free (nothing);
  free (target);
  free (logits);
  return true;
}
