/* bootstrap.h - how far a mean would move with other clips.
 *
 * Scores of frames of one clip go together: what is drawn again and again, with replacement, are
 * whole groups (clips), and the mean is that of all their values. The draws depend on the seed
 * alone. */
#pragma once
#include <stdint.h>

typedef struct {
  double mean, low, high; /* NAN without values */
  int n;                  /* values */
} EmInterval;

#define EM_BOOTSTRAP_ROUNDS 2000

/* values[i] belongs to group[i], any numbers; the middle `level` (0.95) of the drawn means. */
EmInterval em_bootstrap_mean (const double *values, const int *group, int n, double level,
                              uint64_t seed);
