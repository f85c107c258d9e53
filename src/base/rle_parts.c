/* rle_parts.c - what of a mask needs its picture: connected parts and the deepest pixel. */
#include "base/rle.h"
#include <stdlib.h>

static void *
take (size_t n, size_t bytes)
{
  void *p = calloc (n ? n : 1, bytes);

  EM_BUG_UNLESS (p);
  return p;
}

typedef struct {
  EmRle mask;
  int64_t area;
} Part;

static int
by_area (const void *a, const void *b)
{
  const Part *p = a, *q = b;

  if (p->area != q->area)
    return p->area > q->area ? -1 : 1;
  /* Equal areas: the one farther left first, so that numbering never depends on qsort. */
  if (p->mask.counts[0] != q->mask.counts[0])
    return p->mask.counts[0] < q->mask.counts[0] ? -1 : 1;
  return 0;
}

/* Marks the part that holds `start` with 2 by flooding over eight neighbours. */
static int64_t
flood (uint8_t *pixels, int *stack, int start, int width, int height)
{
  int64_t area = 0;
  int depth = 0;

  stack[depth++] = start;
  pixels[start] = 2;
  while (depth) {
    int at = stack[--depth], x = at % width, y = at / width;

    area++;
    for (int j = y > 0 ? y - 1 : 0; j <= y + 1 && j < height; j++)
      for (int i = x > 0 ? x - 1 : 0; i <= x + 1 && i < width; i++)
        if (pixels[j * width + i] == 1) {
          pixels[j * width + i] = 2;
          stack[depth++] = j * width + i;
        }
  }
  return area;
}

EmRle *
em_rle_parts (const EmRle *a, int *n)
{
  int size = a->width * a->height, room = 0;
  uint8_t *pixels = take ((size_t) size, 1), *one = take ((size_t) size, 1);
  int *stack = take ((size_t) size, sizeof *stack);
  Part *parts = NULL;
  EmRle *out;

  *n = 0;
  em_rle_decode (a, pixels, 1);
  for (int start = 0; start < size; start++) {
    if (pixels[start] != 1)
      continue;
    if (*n == room) {
      room = room ? 2 * room : 8;
      parts = realloc (parts, (size_t) room * sizeof *parts);
      EM_BUG_UNLESS (parts);
    }
    parts[*n].area = flood (pixels, stack, start, a->width, a->height);
    for (int i = 0; i < size; i++) {
      one[i] = pixels[i] == 2;
      pixels[i] = pixels[i] == 2 ? 3 : pixels[i];
    }
    parts[(*n)++].mask = em_rle_encode (one, a->width, a->height);
  }
  if (*n)
    qsort (parts, (size_t) *n, sizeof *parts, by_area);
  out = take ((size_t) *n, sizeof *out);
  for (int i = 0; i < *n; i++)
    out[i] = parts[i].mask;
  free (parts);
  free (stack);
  free (one);
  free (pixels);
  return out;
}

/* One pass of the exact Euclidean distance transform along a line: the lower envelope of the
 * parabolas f[q] + (p - q)^2, sampled at every p. */
static void
envelope (const double *f, double *d, int *v, double *z, int n)
{
  int k = 0;

  v[0] = 0;
  z[0] = -1e30;
  z[1] = 1e30;
  for (int q = 1; q < n; q++) {
    double s;

    while ((s = ((f[q] + (double) q * q) - (f[v[k]] + (double) v[k] * v[k])) / (2.0 * (q - v[k])))
           <= z[k])
      k--;
    v[++k] = q;
    z[k] = s;
    z[k + 1] = 1e30;
  }
  k = 0;
  for (int q = 0; q < n; q++) {
    while (z[k + 1] < q)
      k++;
    d[q] = (double) (q - v[k]) * (q - v[k]) + f[v[k]];
  }
}

bool
em_rle_deepest (const EmRle *a, int *x, int *y)
{
  /* A frame of outside pixels around the mask makes the border count. */
  int w = a->width + 2, h = a->height + 2, longest = w > h ? w : h;
  uint8_t *pixels = take ((size_t) a->width * (size_t) a->height, 1);
  double *grid = take ((size_t) w * (size_t) h, sizeof *grid);
  double *f = take ((size_t) longest, sizeof *f), *d = take ((size_t) longest, sizeof *d);
  double *z = take ((size_t) longest + 1, sizeof *z), best = 0;
  int *v = take ((size_t) longest, sizeof *v);

  em_rle_decode (a, pixels, 1);
  for (int j = 0; j < a->height; j++)
    for (int i = 0; i < a->width; i++)
      grid[(j + 1) * w + i + 1] = pixels[j * a->width + i] ? 1e12 : 0;
  for (int i = 0; i < w; i++) {
    for (int j = 0; j < h; j++)
      f[j] = grid[j * w + i];
    envelope (f, d, v, z, h);
    for (int j = 0; j < h; j++)
      grid[j * w + i] = d[j];
  }
  for (int j = 0; j < h; j++) {
    for (int i = 0; i < w; i++)
      f[i] = grid[j * w + i];
    envelope (f, d, v, z, w);
    for (int i = 0; i < w; i++)
      if (d[i] > best) {
        best = d[i];
        *x = i - 1;
        *y = j - 1;
      }
  }
  free (v);
  free (z);
  free (d);
  free (f);
  free (grid);
  free (pixels);
  return best > 0;
}
