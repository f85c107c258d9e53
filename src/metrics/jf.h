/* jf.h - region similarity J and boundary accuracy F of two masks, as in DAVIS.
 *
 * Masks have the same size. Pixels of `ignore` (NULL: none) count for neither side. */
#pragma once
#include "base/rle.h"

/* |P and G| / |P or G|; both empty: 1. */
double em_region_j (const EmRle *prediction, const EmRle *truth, const EmRle *ignore);

/* Two contours agree where they are at most `tolerance` pixels apart; -1: the usual share of the
 * diagonal, em_boundary_tolerance. Precision is that of the prediction's contour, recall of the
 * truth's; F their harmonic mean, 0 if both are 0, 1 if neither has a contour. Either pointer may
 * be NULL. */
double em_boundary_f (const EmRle *prediction, const EmRle *truth, const EmRle *ignore,
                      int tolerance, double *precision, double *recall);
/* ceil (0.008 diagonal): 3 at 256 x 256, 8 at 854 x 480. */
int em_boundary_tolerance (int width, int height);
