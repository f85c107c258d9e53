/* time_axis.h - which moment lies under which pixel of the timeline.
 *
 * Plain arithmetic, like viewport.h in one dimension: the caller sets width and duration, the rest
 * goes through the functions. Nanoseconds on the media clock. Time runs left to right in every
 * language. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef struct {
  double width; /* pixels of the time area */
  int64_t duration_ns;
  double start_ns;  /* at pixel 0 */
  double ns_per_px; /* 0: the whole clip fits */
} EmAxis;

double em_axis_scale (const EmAxis *a); /* ns per pixel, > 0 */
double em_axis_to_x (const EmAxis *a, int64_t t_ns);
int64_t em_axis_to_time (const EmAxis *a, double x); /* clamped to the clip */
/* The moment at `x` stays there; factor > 1 shows less time. */
void em_axis_zoom (EmAxis *a, double factor, double x);
void em_axis_pan (EmAxis *a, double dx);
void em_axis_fit (EmAxis *a);
/* Pages so that `t_ns` is in view; false if it was. */
bool em_axis_reveal (EmAxis *a, int64_t t_ns);
/* A step for tick labels, at least `min_px` pixels apart: 1, 2, 5 x 10^n s below a minute, then
 * 10, 15, 30 s, 1, 2, 5, 10 ... min. */
int64_t em_axis_tick (const EmAxis *a, double min_px);
/* "0:08.480", hours where there are any. `digits` after the point, 0 to 3. Caller has 32 bytes. */
void em_time_text (int64_t t_ns, int digits, char *text);
