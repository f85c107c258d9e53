/* frame.c - the weights of Pillow's bicubic; bilinear on the way out. */
#include "predict/frame.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/error.h"

#define POINT 22 /* bits of a weight after the point */

static void *
need (size_t bytes)
{
  void *p = malloc (bytes ? bytes : 1);

  EM_BUG_UNLESS (p);
  return p;
}

static double
bicubic (double x)
{
  const double a = -0.5;

  x = fabs (x);
  if (x < 1)
    return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2)
    return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

/* One axis. The window of an output grows with the reduction, so that shrinking averages. */
typedef struct {
  int in, out;
  double scale, wide; /* of a pixel: 1, or the reduction */
} Axis;

typedef struct {
  double centre;
  int begin, end;
} Window;

static Window
window_of (const Axis *a, int i)
{
  double support = 2 * a->wide;
  Window w = { .centre = (i + 0.5) * a->scale };

  w.begin = (int) (w.centre - support + 0.5);
  w.end = (int) (w.centre + support + 0.5);
  w.begin = w.begin < 0 ? 0 : w.begin;
  w.end = w.end > a->in ? a->in : w.end;
  return w;
}

/* Weights are made to sum to one in double and then rounded, half away from zero. */
static void
weights_of (const Axis *a, const Window *w, double *room, int32_t *weight)
{
  double sum = 0;

  for (int j = w->begin; j < w->end; j++)
    sum += room[j - w->begin] = bicubic ((j - w->centre + 0.5) * (1 / a->wide));
  for (int j = 0; j < w->end - w->begin; j++) {
    double q = (sum != 0 ? room[j] / sum : room[j]) * (1 << POINT);

    weight[j] = (int32_t) (q < 0 ? q - 0.5 : q + 0.5);
  }
}

/* Rows are as long as the widest window; at the end of the axis zeros come first. */
int32_t *
em_stretch_table (int in, int out, int *taps)
{
  Axis axis = { in, out, (double) in / out, in > out ? (double) in / out : 1 };
  int32_t *table, *row;
  double *room;

  EM_BUG_UNLESS (in > 0 && out > 0);
  *taps = 0;
  for (int i = 0; i < out; i++) {
    Window w = window_of (&axis, i);

    *taps = w.end - w.begin > *taps ? w.end - w.begin : *taps;
  }
  row = table = need ((size_t) out * (1 + *taps) * sizeof *table);
  room = need ((size_t) *taps * sizeof *room);
  for (int i = 0; i < out; i++, row += 1 + *taps) {
    Window w = window_of (&axis, i);

    memset (row, 0, (size_t) (1 + *taps) * sizeof *row);
    row[0] = w.begin + *taps <= in ? w.begin : in - *taps;
    weights_of (&axis, &w, room, row + 1 + w.begin - row[0]);
  }
  free (room);
  return table;
}

void
em_planes_to_pixels (const float *planes, int64_t n, float *out)
{
  for (int64_t i = 0; i < n; i++)
    for (int c = 0; c < 3; c++)
      out[3 * i + c] = planes[c * n + i];
}

/* Where output d reads on an axis of n inputs: between i and j, at t. */
typedef struct {
  int i, j;
  float t;
} Between;

static Between
between (int d, int n, int out)
{
  float s = (d + 0.5f) * ((float) n / (float) out) - 0.5f;
  Between b;

  s = s < 0 ? 0 : s;
  b.i = (int) s;
  b.i = b.i > n - 1 ? n - 1 : b.i;
  b.j = b.i + 1 < n ? b.i + 1 : n - 1;
  b.t = s - b.i;
  return b;
}

static inline float
mix (float a, float b, float t)
{
  return (1 - t) * a + t * b;
}

void
em_logits_resize (const float *logits, int side, float *out, int width, int height)
{
  Between *across = need ((size_t) width * sizeof *across);

  for (int x = 0; x < width; x++)
    across[x] = between (x, side, width);
  for (int y = 0; y < height; y++) {
    Between v = between (y, side, height);
    const float *upper = logits + (size_t) v.i * side, *lower = logits + (size_t) v.j * side;

    for (int x = 0; x < width; x++) {
      Between h = across[x];

      *out++ = mix (mix (upper[h.i], upper[h.j], h.t), mix (lower[h.i], lower[h.j], h.t), v.t);
    }
  }
  free (across);
}
