/* overlay.c - masks drawn over a picture. */
#include "cli/overlay.h"
#include <glib.h>

uint32_t
em_overlay_color (int object)
{
  static const uint32_t okabe_ito[]
      = { 0xE69F00, 0x56B4E9, 0x009E73, 0xF0E442, 0x0072B2, 0xD55E00, 0xCC79A7 };

  return okabe_ito[(object - 1) % (int) G_N_ELEMENTS (okabe_ito)];
}

static bool
is_in (const uint8_t *mask, int w, int h, int x, int y)
{
  return x >= 0 && y >= 0 && x < w && y < h && mask[(int64_t) y * w + x];
}

void
em_overlay_draw (uint8_t *rgb, const EmRle *mask, uint32_t color)
{
  int w = mask->width, h = mask->height;
  g_autofree uint8_t *in = g_malloc ((gsize) w * h);

  em_rle_decode (mask, in, 1);
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      uint8_t *p = rgb + 3 * ((int64_t) y * w + x);
      bool here = in[(int64_t) y * w + x];
      int n = is_in (in, w, h, x - 1, y) + is_in (in, w, h, x + 1, y) + is_in (in, w, h, x, y - 1)
              + is_in (in, w, h, x, y + 1);

      for (int c = 0; c < 3; c++) {
        int tint = color >> (16 - 8 * c) & 255;

        if (!here && n > 0)
          p[c] = (uint8_t) (p[c] / 4);
        else if (here && n < 4)
          p[c] = (uint8_t) ((tint + 255) / 2);
        else if (here)
          p[c] = (uint8_t) ((p[c] + tint) / 2);
      }
    }
}
