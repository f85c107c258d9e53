/* picture.c - frames in and masks out: the integers and the signs, one after the other. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "checkops.h"

/* A table of any kind, not only a filter's: weights to both sides of 0, so that sums leave 0..255,
 * but never 31 bits. Its first window begins with the axis, its last one ends with it. */
static void
draw_table (Check *k, int32_t *table, int64_t n, int64_t side, int64_t taps)
{
  for (int64_t i = 0; i < side; i++, table += 1 + taps) {
    table[0] = (int32_t) (i == 0 ? 0 : i == side - 1 ? n - taps : rnd_int (k, 0, n - taps));
    for (int64_t t = 0; t < taps; t++)
      table[1 + t] = (int32_t) ((2.5 * rnd_unit (k) - 0.6) * 4194304 / (double) taps);
  }
}

static int
ref_sum (const int32_t *row, int64_t taps, const uint8_t *in, int64_t step)
{
  int64_t sum = 1 << 21;

  for (int64_t t = 0; t < taps; t++)
    sum += (int64_t) row[1 + t] * in[(row[0] + t) * step];
  sum = sum < 0 ? 0 : sum >> 22;
  return sum > 255 ? 255 : (int) sum;
}

EM_CHECK (picture)
{
  static const float mean[3] = { 0.485f, 0.456f, 0.406f }, std[3] = { 0.229f, 0.224f, 0.225f };
  enum { SIDE = 70, LINE = 90, TAPS = 11 };
  static uint8_t rgb[LINE * LINE * 3], lines[LINE * SIDE * 3];
  static int32_t columns[SIDE * (1 + TAPS)], rows[SIDE * (1 + TAPS)];

  for (int round = 0; check_round (k, &round, 80);) {
    int64_t side = rnd_pick (k, 1, 2, 8, 17, 32, 33, 64, SIDE);
    int64_t h = round % 4 == 0 ? side : rnd_int (k, 1, LINE);
    int64_t w = round % 4 == 1 || round % 8 == 0 ? side : rnd_int (k, 1, LINE);
    int64_t x_taps = rnd_int (k, 1, w < TAPS ? w : TAPS),
            y_taps = rnd_int (k, 1, h < TAPS ? h : TAPS);
    double *want = check_want (k, side * side * 3);

    for (int64_t i = 0; i < h * w * 3; i++)
      rgb[i] = (uint8_t) (rnd_int (k, 0, 3) ? rnd_int (k, 0, 255) : 255 * (i % 2));
    draw_table (k, columns, w, side, x_taps);
    draw_table (k, rows, h, side, y_taps);
    for (int64_t i = 0; i < h * side * 3; i++) {
      int64_t y = i / (side * 3), x = i / 3 % side, c = i % 3;

      lines[i] = (uint8_t) (w == side ? rgb[i]
                                      : ref_sum (columns + x * (1 + x_taps), x_taps,
                                                 rgb + y * w * 3 + c, 3));
    }
    for (int64_t i = 0; i < side * side * 3; i++) {
      int v = h == side ? lines[i]
                        : ref_sum (rows + i / (side * 3) * (1 + y_taps), y_taps,
                                   lines + i % (side * 3), side * 3);
      float exact = ((float) (v / 255.0) - mean[i % 3]) / std[i % 3];

      want[i] = check_stored_half (k) ? check_held (k, exact) : exact;
    }
    EmTensor *in = byte_tensor (k, rgb, h * w * 3);
    EmTensor *across = index_tensor (k, columns, side * (1 + x_taps));
    EmTensor *down = index_tensor (k, rows, side * (1 + y_taps));

    in = em_reshape (check_ctx (k), in, h, w, 3);
    across = em_reshape (check_ctx (k), across, side, 1 + x_taps);
    down = em_reshape (check_ctx (k), down, side, 1 + y_taps);
    CHECK_OP (k, em_picture (check_ctx (k), in, across, down), 0);
  }
  if (check_benching (k)) {
    uint8_t *frame = calloc (1080 * 1920, 3);
    int32_t *tables[2] = { malloc (1024 * 10 * 4), malloc (1024 * 10 * 4) };

    EM_BUG_UNLESS (frame && tables[0] && tables[1]);
    draw_table (k, tables[0], 1920, 1024, 8);
    draw_table (k, tables[1], 1080, 1024, 5);
    EmTensor *in = byte_tensor (k, frame, 1080 * 1920 * 3);
    EmTensor *across = index_tensor (k, tables[0], 1024 * 9);
    EmTensor *down = index_tensor (k, tables[1], 1024 * 6);

    in = em_reshape (check_ctx (k), in, 1080, 1920, 3);
    across = em_reshape (check_ctx (k), across, 1024, 9);
    down = em_reshape (check_ctx (k), down, 1024, 6);
    BENCH_BYTES (k, em_picture (check_ctx (k), in, across, down), "1920x1080 -> 1024",
                 3.0 * 1080 * 1920 + 12.0 * 1024 * 1024);
    free (frame);
    free (tables[0]);
    free (tables[1]);
  }
}

static double
ref_bilinear (const float *map, int64_t side, int64_t width, int64_t height, int64_t x, int64_t y)
{
  double h = fmax ((x + 0.5) * (double) side / (double) width - 0.5, 0);
  double v = fmax ((y + 0.5) * (double) side / (double) height - 0.5, 0);
  int64_t i = (int64_t) fmin (h, (double) (side - 1)), j = i + 1 < side ? i + 1 : i;
  int64_t l = (int64_t) fmin (v, (double) (side - 1)), m = l + 1 < side ? l + 1 : l;
  double upper = (1 - (h - i)) * map[l * side + i] + (h - i) * map[l * side + j];
  double lower = (1 - (h - i)) * map[m * side + i] + (h - i) * map[m * side + j];

  return (1 - (v - l)) * upper + (v - l) * lower;
}

/* False: a value lies so near 0 that its sign is a matter of rounding, or all bits of all words are
 * wanted, which is what the memory is poisoned with: none of them would be missed. */
static bool
ref_bits (double *want, const float *map, int64_t side, int64_t width, int64_t height)
{
  int64_t words = (height + 31) / 32;
  bool clear = true, missed = false;

  for (int64_t x = 0; x < width; x++)
    for (int64_t w = 0; w < words; w++) {
      uint32_t word = 0;
      int32_t value;

      for (int64_t y = 32 * w; y < height && y < 32 * w + 32; y++) {
        double at = ref_bilinear (map, side, width, height, x, y);

        clear = clear && fabs (at) > 1e-4;
        word |= (uint32_t) (at > 0) << (y - 32 * w);
      }
      memcpy (&value, &word, sizeof value);
      want[x * words + w] = value;
      missed = missed || value != -1;
    }
  return clear && missed;
}

/* What a map is made of: signs where they are sharpest, zeros of either sign among them, smooth
 * blobs, noise. */
static float
draw_logit (Check *k, int kind, double x, double y)
{
  static const float sharp[] = { -1, 1, 0.53f, -0.27f }, least[] = { 0, -0.0f, 1, -1e-30f, 1e-30f };

  switch (kind) {
  case 0:
    return least[rnd_int (k, 0, 4)];
  case 1:
    return sharp[rnd_int (k, 0, 3)];
  case 2:
    return (float) (0.2 - (x - 0.4) * (x - 0.4) - (y - 0.6) * (y - 0.6) + 0.02 * rnd_unit (k));
  default:
    return (float) (rnd_gauss (k) + 0.3);
  }
}

EM_CHECK (mask_bits)
{
  for (int round = 0; check_round (k, &round, 80);) {
    int kind = round % 4;
    int64_t side = rnd_pick (k, 1, 2, 5, 16, 33), words;
    int64_t width = rnd_pick (k, 1, 7, 33, 64, 131),
            height = rnd_pick (k, 1, 5, 31, 32, 33, 96, 107);

    if (kind == 0 || round % 16 == 1) /* of its own size the values are the map's */
      width = height = side;
    words = (height + 31) / 32;
    EmTensor *logits = rnd_exact (k, 0, 1, side, side);
    double *want = check_want (k, width * words);

    do {
      for (int64_t i = 0; i < side * side; i++)
        host (k, logits)[i] = draw_logit (k, kind, (double) (i % side) / (double) side,
                                          (double) (i / side) / (double) side);
      host_changed (k, logits);
    } while (!ref_bits (want, host (k, logits), side, width, height) && kind > 0);
    CHECK_OP (k, em_mask_bits (check_ctx (k), logits, (int) width, (int) height), 0);
  }
  if (check_benching (k)) {
    EmTensor *logits = rnd_exact (k, 0, 1, 256, 256);

    for (int64_t i = 0; i < 256 * 256; i++)
      host (k, logits)[i] = draw_logit (k, 2, (double) (i % 256) / 256, (double) (i / 256) / 256);
    host_changed (k, logits);
    BENCH_BYTES (k, em_mask_bits (check_ctx (k), logits, 1920, 1080), "256 -> 1920x1080",
                 4.0 * 256 * 256 + 4.0 * 1920 * 34);
  }
}
