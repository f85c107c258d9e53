/* avs.h - the scores of audio-visual segmentation: MJ, MF and null S.
 *
 * All three compare logits, thresholded here, with a target of bytes (non-zero is in), of the same
 * n pixels. A group is what is averaged before the maximum of MF is taken: a clip in AVSBench.
 * Plain values; nothing here allocates or fails. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define EM_AVS_N_THRESHOLDS 255 /* k / 254 on the sigmoid, prediction >= threshold */

/* |P and G| / (|P or G| + 1e-7), P where logit > 0; an empty target turns the question round: the
 * share of pixels that stayed background. */
double em_avs_jaccard (const float *logits, const uint8_t *target, int64_t n);

/* Precision, recall and F (beta^2 = 0.3; 0/0 is 0) at every threshold. False, with all zero, if the
 * target is empty. Any of the three may be NULL. */
bool em_avs_f_curve (const float *logits, const uint8_t *target, int64_t n,
                     double precision[EM_AVS_N_THRESHOLDS], double recall[EM_AVS_N_THRESHOLDS],
                     double f[EM_AVS_N_THRESHOLDS]);

typedef struct {
  int n_frames, n_targets; /* handed in; of those, frames with a target */
  double jaccard;          /* sums over frames */
  double f[EM_AVS_N_THRESHOLDS];
} EmAvsGroup; /* begins as zero */

void em_avs_add (EmAvsGroup *group, const float *logits, const uint8_t *target, int64_t n);
double em_avs_mj (const EmAvsGroup *group); /* 0 of no frames */
void em_avs_mean_curve (const EmAvsGroup *group, double f[EM_AVS_N_THRESHOLDS]);
double em_avs_mf (const EmAvsGroup *group); /* the curve's maximum; 0 if no frame has a target */

/* Null S over predictions that should be empty: the share of foreground pixels, and its root. The
 * published definition has the root, the published code prints the share. */
typedef struct {
  int64_t foreground, pixels;
} EmAvsNull; /* begins as zero */

void em_avs_null_add (EmAvsNull *null, const float *logits, int64_t n);
double em_avs_null_share (const EmAvsNull *null); /* 0 of no pixels */
double em_avs_null_root (const EmAvsNull *null);
