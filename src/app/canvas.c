/* canvas.c - layers, and the painter without GL.
 *
 * Every view pixel is looked up in the picture, then each layer mixes over it: fill inside the
 * mask, a light line just inside its edge and a dark line just outside, so that the outline reads
 * on any picture. The shader in canvas_gl.c follows the same steps. */
#include "app/canvas.h"
#include <math.h>
#include <string.h>

/* The runs go down the columns; only those inside the box are written. */
static guint8 *
decode_box (const EmRle *mask, EmBox box)
{
  guint8 *pixels = g_malloc0 (MAX ((gsize) box.width * box.height, 1));
  int64_t at = 0;

  for (int i = 0; i < mask->n; at += mask->counts[i++])
    for (int64_t k = at; i % 2 && k < at + mask->counts[i];) {
      int x = (int) (k / mask->height) - box.x, y = (int) (k % mask->height);
      int end = (int) MIN (mask->height, y + at + mask->counts[i] - k);

      for (int v = y - box.y; v < end - box.y; v++)
        pixels[(gsize) v * box.width + x] = 255;
      k += end - y;
    }
  return pixels;
}

EmLayer *
em_layer_new (const EmRle *mask, guint32 color, EmPattern pattern)
{
  EmLayer *layer = g_new0 (EmLayer, 1);

  layer->box = em_rle_box (mask);
  layer->mask = g_bytes_new_take (decode_box (mask, layer->box),
                                  MAX ((gsize) layer->box.width * layer->box.height, 1));
  layer->color = color;
  layer->pattern = pattern;
  layer->fill = 0.4f;
  layer->line = 1.5f;
  return layer;
}

EmLayer *
em_layer_copy (const EmLayer *layer)
{
  EmLayer *copy = g_memdup2 (layer, sizeof *layer);

  g_bytes_ref (copy->mask);
  return copy;
}

void
em_layer_free (EmLayer *layer)
{
  if (layer == NULL)
    return;
  g_bytes_unref (layer->mask);
  g_free (layer);
}

typedef struct {
  const guint8 *pixels;
  int width, height, stride;
  gboolean nearest;
} Sampler;

static void
sample (const Sampler *s, double px, double py, float rgb[3])
{
  if (s->nearest) {
    int x = CLAMP ((int) floor (px), 0, s->width - 1),
        y = CLAMP ((int) floor (py), 0, s->height - 1);
    const guint8 *p = s->pixels + (gsize) y * s->stride + x * 4;

    for (int c = 0; c < 3; c++)
      rgb[c] = p[c];
    return;
  }
  double fx = px - 0.5, fy = py - 0.5;
  int x0 = (int) floor (fx), y0 = (int) floor (fy);
  float ax = (float) (fx - x0), ay = (float) (fy - y0);
  int xa = CLAMP (x0, 0, s->width - 1), xb = CLAMP (x0 + 1, 0, s->width - 1);
  int ya = CLAMP (y0, 0, s->height - 1), yb = CLAMP (y0 + 1, 0, s->height - 1);
  const guint8 *a = s->pixels + (gsize) ya * s->stride, *b = s->pixels + (gsize) yb * s->stride;

  for (int c = 0; c < 3; c++) {
    float top = a[xa * 4 + c] * (1 - ax) + a[xb * 4 + c] * ax;
    float bottom = b[xa * 4 + c] * (1 - ax) + b[xb * 4 + c] * ax;

    rgb[c] = top * (1 - ay) + bottom * ay;
  }
}

static gboolean
is_in (const EmLayer *l, double x, double y)
{
  const guint8 *mask;

  x -= l->box.x;
  y -= l->box.y;
  if (x < 0 || y < 0 || x >= l->box.width || y >= l->box.height)
    return FALSE;
  mask = g_bytes_get_data (l->mask, NULL);
  return mask[(gsize) y * l->box.width + (gsize) x] > 0;
}

/* Whether the mask changes within `reach` picture pixels of here. */
static gboolean
near_edge (const EmLayer *l, double x, double y, double reach, gboolean here)
{
  static const double around[8][2]
      = { { 1, 0 },       { -1, 0 },       { 0, 1 },        { 0, -1 },
          { .707, .707 }, { -.707, .707 }, { .707, -.707 }, { -.707, -.707 } };

  for (int i = 0; i < 8; i++)
    if (is_in (l, x + around[i][0] * reach, y + around[i][1] * reach) != here)
      return TRUE;
  return FALSE;
}

static void
mix (float rgb[3], const float with[3], float alpha)
{
  for (int c = 0; c < 3; c++)
    rgb[c] = rgb[c] * (1 - alpha) + with[c] * alpha;
}

static void
paint_layer (const EmLayer *l, double px, double py, int vx, int vy, double scale, float rgb[3])
{
  float color[3] = { l->color >> 16 & 255, l->color >> 8 & 255, l->color & 255 };
  float light[3], dark[3] = { 0, 0, 0 };
  double reach = l->line / scale;
  gboolean here;

  if (px < l->box.x - reach - 1 || py < l->box.y - reach - 1
      || px > l->box.x + l->box.width + reach + 1 || py > l->box.y + l->box.height + reach + 1)
    return;
  here = is_in (l, px, py);
  if (l->line > 0 && near_edge (l, px, py, reach, here)) {
    if (l->dashed && (vx + vy) % 12 >= 7)
      return;
    for (int c = 0; c < 3; c++)
      light[c] = color[c] * 0.6f + 255 * 0.4f;
    mix (rgb, here ? light : dark, here ? 1 : 0.6f);
  } else if (here) {
    float alpha = l->fill;

    if (l->pattern == EM_PATTERN_DIAGONAL && (vx + vy) % 12 < 4)
      alpha = MIN (1, alpha * 1.8f);
    if (l->pattern == EM_PATTERN_DOTS && hypot (vx % 10 - 4.5, vy % 10 - 4.5) < 2.5)
      alpha = MIN (1, alpha * 1.8f);
    mix (rgb, color, alpha);
  }
}

void
em_canvas_paint (const EmViewport *v, const EmPicture *picture, const GPtrArray *layers,
                 guint8 *rgba, int width, int height)
{
  double scale = em_viewport_scale (v);
  Sampler sampler = { .width = picture->width,
                      .height = picture->height,
                      .stride = picture->stride,
                      .nearest = em_viewport_is_nearest (v) };

  if (picture->pixels)
    sampler.pixels = g_bytes_get_data (picture->pixels, NULL);
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
      guint8 *out = rgba + ((gsize) y * width + x) * 4;
      float rgb[3] = { EM_CANVAS_SURROUND, EM_CANVAS_SURROUND, EM_CANVAS_SURROUND };
      double px, py;

      em_viewport_to_picture (v, x + 0.5, y + 0.5, &px, &py);
      if (sampler.pixels && px >= 0 && py >= 0 && px < picture->width && py < picture->height) {
        sample (&sampler, px, py, rgb);
        for (guint i = 0; layers && i < layers->len; i++)
          paint_layer (layers->pdata[i], px, py, x, y, scale, rgb);
      }
      for (int c = 0; c < 3; c++)
        out[c] = (guint8) (rgb[c] + 0.5f);
      out[3] = 255;
    }
}
