/* frame.c - Pillow's bicubic on the way in, bilinear signs on the way out. */
#include "predict/frame.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* GCC picks by cpuid at load time; elsewhere the plain loop serves. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define EM_CLONES __attribute__ ((target_clones ("avx2", "default")))
#else
#define EM_CLONES
#endif

#define PRECISION 22 /* bits of a weight after the point */

/* One axis: output i is the sum of taps[i] weights over inputs first[i].. */
typedef struct {
  int in, out, room; /* room: weights per output */
  int *first, *taps;
  int32_t *weight; /* [out, room] */
} Axis;

struct EmStretch {
  int width, height, side;
  Axis x, y;
  uint8_t *rows; /* [height, side, 3]: after the horizontal pass */
  int32_t *sums; /* [side * 3] */
};

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

/* The window grows with the reduction, so that shrinking averages; weights are made to sum to one
 * in double and then rounded, half away from zero. */
static void
axis_init (Axis *axis, int in, int out)
{
  double scale = (double) in / out, wide = scale < 1 ? 1 : scale, support = 2 * wide;
  double *w;

  *axis = (Axis){ .in = in, .out = out, .room = (int) ceil (support) * 2 + 1 };
  axis->first = need ((size_t) out * sizeof (int));
  axis->taps = need ((size_t) out * sizeof (int));
  axis->weight = need ((size_t) out * axis->room * sizeof (int32_t));
  w = need ((size_t) axis->room * sizeof (double));
  for (int i = 0; i < out; i++) {
    double centre = (i + 0.5) * scale, sum = 0;
    int begin = (int) (centre - support + 0.5), end = (int) (centre + support + 0.5);

    begin = begin < 0 ? 0 : begin;
    end = end > in ? in : end;
    for (int j = begin; j < end; j++)
      sum += w[j - begin] = bicubic ((j - centre + 0.5) * (1 / wide));
    for (int j = 0; j < end - begin; j++) {
      double q = (sum != 0 ? w[j] / sum : w[j]) * (1 << PRECISION);

      axis->weight[(size_t) i * axis->room + j] = (int32_t) (q < 0 ? q - 0.5 : q + 0.5);
    }
    axis->first[i] = begin;
    axis->taps[i] = end - begin;
  }
  free (w);
}

static void
axis_clear (Axis *axis)
{
  free (axis->first);
  free (axis->taps);
  free (axis->weight);
}

EmStretch *
em_stretch_new (int width, int height, int side)
{
  EmStretch *s = need (sizeof *s);

  EM_BUG_UNLESS (width > 0 && height > 0 && side > 0);
  *s = (EmStretch){ .width = width, .height = height, .side = side };
  axis_init (&s->x, width, side);
  axis_init (&s->y, height, side);
  s->rows = need ((size_t) height * side * 3);
  s->sums = need ((size_t) side * 3 * sizeof (int32_t));
  return s;
}

void
em_stretch_free (EmStretch *s)
{
  if (!s)
    return;
  axis_clear (&s->x);
  axis_clear (&s->y);
  free (s->rows);
  free (s->sums);
  free (s);
}

static inline uint8_t
clamp8 (int32_t sum)
{
  int32_t v = sum >> PRECISION;

  return (uint8_t) (v < 0 ? 0 : v > 255 ? 255 : v);
}

static void
row_horizontal (const Axis *axis, const uint8_t *in, uint8_t *out)
{
  for (int i = 0; i < axis->out; i++) {
    const int32_t *w = axis->weight + (size_t) i * axis->room;
    const uint8_t *p = in + (size_t) axis->first[i] * 3;
    int32_t r = 1 << (PRECISION - 1), g = r, b = r;

    for (int j = 0; j < axis->taps[i]; j++, p += 3) {
      r += w[j] * p[0];
      g += w[j] * p[1];
      b += w[j] * p[2];
    }
    out[3 * i] = clamp8 (r);
    out[3 * i + 1] = clamp8 (g);
    out[3 * i + 2] = clamp8 (b);
  }
}

/* Row by row into sums: the inner loop runs over a whole row, which vectorises. */
EM_CLONES static void
rows_vertical (const Axis *axis, int i, const uint8_t *in, int n, int32_t *sums, uint8_t *out)
{
  const int32_t *w = axis->weight + (size_t) i * axis->room;

  for (int k = 0; k < n; k++)
    sums[k] = 1 << (PRECISION - 1);
  for (int j = 0; j < axis->taps[i]; j++) {
    const uint8_t *row = in + (size_t) (axis->first[i] + j) * n;

    for (int k = 0; k < n; k++)
      sums[k] += w[j] * row[k];
  }
  for (int k = 0; k < n; k++)
    out[k] = clamp8 (sums[k]);
}

/* An axis that already has its size is left alone: its weights are one and zeros. */
void
em_stretch_run (EmStretch *s, const uint8_t *rgb, uint8_t *out)
{
  size_t row = (size_t) s->side * 3;
  const uint8_t *rows = rgb;

  if (s->width != s->side) {
    for (int y = 0; y < s->height; y++)
      row_horizontal (&s->x, rgb + (size_t) y * s->width * 3, s->rows + y * row);
    rows = s->rows;
  }
  if (s->height == s->side) {
    memcpy (out, rows, s->side * row);
    return;
  }
  for (int y = 0; y < s->side; y++)
    rows_vertical (&s->y, y, rows, (int) row, s->sums, out + y * row);
}

void
em_normalise_pixels (const uint8_t *rgb, int64_t n, float *out)
{
  static const float mean[3] = { 0.485f, 0.456f, 0.406f }, std[3] = { 0.229f, 0.224f, 0.225f };
  float table[3][256];

  for (int c = 0; c < 3; c++)
    for (int v = 0; v < 256; v++)
      table[c][v] = ((float) (v / 255.0) - mean[c]) / std[c];
  for (int64_t i = 0; i < n; i++)
    for (int c = 0; c < 3; c++)
      out[3 * i + c] = table[c][rgb[3 * i + c]];
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

/* Runs in the making. */
typedef struct {
  EmRle rle;
  int room;
  bool value;
  uint32_t run;
} Runs;

static void
runs_add (Runs *r, bool value, uint32_t n)
{
  if (value != r->value) {
    if (r->rle.n + 2 > r->room) { /* one more for the last run */
      r->room = r->room ? 2 * r->room : 64;
      r->rle.counts = realloc (r->rle.counts, (size_t) r->room * sizeof *r->rle.counts);
      EM_BUG_UNLESS (r->rle.counts);
    }
    r->rle.counts[r->rle.n++] = r->run;
    r->value = value;
    r->run = 0;
  }
  r->run += n;
}

/* Column by column, as runs go. A column of the map is mixed once; between two of its values of one
 * sign every pixel has that sign, so pixels are computed only where the sign changes. */
EmRle
em_logits_mask (const float *logits, int side, int width, int height)
{
  Runs runs = { .rle = { .width = width, .height = height } };
  Between *down = need ((size_t) height * sizeof *down);
  float *column = need ((size_t) side * sizeof *column);

  EM_BUG_UNLESS (width > 0 && height > 0 && side > 0);
  for (int y = 0; y < height; y++)
    down[y] = between (y, side, height);
  for (int x = 0; x < width; x++) {
    Between h = between (x, side, width);

    for (int i = 0; i < side; i++)
      column[i] = mix (logits[(size_t) i * side + h.i], logits[(size_t) i * side + h.j], h.t);
    for (int y = 0, end; y < height; y = end) {
      float a = column[down[y].i], b = column[down[y].j];

      for (end = y + 1; end < height && down[end].i == down[y].i; end++)
        ;
      if ((a > 0) == (b > 0))
        runs_add (&runs, a > 0, (uint32_t) (end - y));
      else
        for (int k = y; k < end; k++)
          runs_add (&runs, mix (a, b, down[k].t) > 0, 1);
    }
  }
  runs_add (&runs, !runs.value, 0); /* writes the last run down */
  free (down);
  free (column);
  return runs.rle;
}
