/* jf.c - region similarity and boundary accuracy. */
#include "metrics/jf.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

double
em_region_j (const EmRle *prediction, const EmRle *truth, const EmRle *ignore)
{
  EmRle p, g;
  double j;

  if (!ignore)
    return em_rle_iou (prediction, truth);
  p = em_rle_combine (prediction, ignore, EM_RLE_MINUS);
  g = em_rle_combine (truth, ignore, EM_RLE_MINUS);
  j = em_rle_iou (&p, &g);
  em_rle_clear (&p);
  em_rle_clear (&g);
  return j;
}

int
em_boundary_tolerance (int width, int height)
{
  return (int) ceil (0.008 * sqrt ((double) width * width + (double) height * height));
}

/* One byte per pixel; a pixel is on the contour if its right, lower or lower right neighbour
 * differs. The last row looks right only, the last column down only. */
static uint8_t *
contour (const EmRle *mask, const EmRle *ignore, int64_t *n)
{
  int w = mask->width, h = mask->height;
  uint8_t *in = malloc ((size_t) w * h), *out = calloc ((size_t) w, h);
  EmRle valid = ignore ? em_rle_combine (mask, ignore, EM_RLE_MINUS) : em_rle_copy (mask);

  EM_BUG_UNLESS (in && out);
  em_rle_decode (&valid, in, 1);
  em_rle_clear (&valid);
  *n = 0;
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      const uint8_t *p = in + (int64_t) y * w + x;
      bool right = x + 1 < w && p[0] != p[1], down = y + 1 < h && p[0] != p[w];
      bool across = x + 1 < w && y + 1 < h && p[0] != p[w + 1];

      out[(int64_t) y * w + x] = right || down || across;
      *n += right || down || across;
    }
  free (in);
  return out;
}

/* Every pixel within r of one that is set. */
static uint8_t *
dilate (const uint8_t *in, int w, int h, int r)
{
  uint8_t *out = calloc ((size_t) w, h);

  EM_BUG_UNLESS (out);
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      if (!in[(int64_t) y * w + x])
        continue;
      for (int dy = -r; dy <= r; dy++) {
        int reach = (int) sqrt ((double) r * r - (double) dy * dy);
        int from = x - reach < 0 ? 0 : x - reach, to = x + reach >= w ? w - 1 : x + reach;

        if (y + dy >= 0 && y + dy < h)
          memset (out + (int64_t) (y + dy) * w + from, 1, (size_t) (to - from + 1));
      }
    }
  return out;
}

static int64_t
count_both (const uint8_t *a, const uint8_t *b, int64_t n)
{
  int64_t both = 0;

  for (int64_t i = 0; i < n; i++)
    both += a[i] & b[i];
  return both;
}

double
em_boundary_f (const EmRle *prediction, const EmRle *truth, const EmRle *ignore, int tolerance,
               double *precision, double *recall)
{
  int w = prediction->width, h = prediction->height;
  int r = tolerance < 0 ? em_boundary_tolerance (w, h) : tolerance;
  int64_t n_p, n_g, pixels = (int64_t) w * h;
  uint8_t *p, *g;
  double pr, re;

  EM_BUG_UNLESS (truth->width == w && truth->height == h);
  p = contour (prediction, ignore, &n_p);
  g = contour (truth, ignore, &n_g);
  if (n_p && n_g) {
    uint8_t *wide_p = dilate (p, w, h, r), *wide_g = dilate (g, w, h, r);

    pr = (double) count_both (p, wide_g, pixels) / (double) n_p;
    re = (double) count_both (g, wide_p, pixels) / (double) n_g;
    free (wide_p);
    free (wide_g);
  } else {
    pr = n_p ? 0 : 1;
    re = n_g ? 0 : 1;
  }
  free (p);
  free (g);
  if (precision)
    *precision = pr;
  if (recall)
    *recall = re;
  return pr + re > 0 ? 2 * pr * re / (pr + re) : 0;
}
