/* Pictures in, masks out: numbers worked out by hand, and dumb twins for every size. */
#include "predict/frame.h"
#include "check.h"

static uint64_t noise = 11;

/* The formula of the filter, one output pixel at a time, all in the open. */
static int
referee_tap (const uint8_t *in, int n, int stride, int out_n, int i)
{
  double r = (double) n / out_n, f = r > 1 ? r : 1, c = (i + 0.5) * r, w[400], sum = 0;
  int j0 = (int) (c - 2 * f + 0.5), j1 = (int) (c + 2 * f + 0.5);
  long long total = 1 << 21;

  if (j0 < 0)
    j0 = 0;
  if (j1 > n)
    j1 = n;
  for (int j = j0; j < j1; j++) {
    double x = fabs ((j + 0.5 - c) / f);

    w[j - j0] = x < 1   ? 1.5 * x * x * x - 2.5 * x * x + 1
                : x < 2 ? -0.5 * (x * x * x - 5 * x * x + 8 * x - 4)
                        : 0;
    sum += w[j - j0];
  }
  for (int j = j0; j < j1; j++) /* lround: half away from zero */
    total += lround (w[j - j0] / sum * 4194304) * in[(size_t) j * stride];
  total = total < 0 ? 0 : total >> 22;
  return total > 255 ? 255 : (int) total;
}

static void
two_pixels_become_four (void)
{
  /* Weights of output 1: 0.8671875 and 0.2265625 over their sum 1.09375, so 255 * 0.2071429 = 52.8;
   * output 0 overshoots below zero, output 3 above 255. */
  const uint8_t in[2 * 3] = { 0, 255, 10, 255, 0, 10 };
  const uint8_t want[4][3] = { { 0, 255, 10 }, { 53, 202, 10 }, { 202, 53, 10 }, { 255, 0, 10 } };
  uint8_t out[4 * 4 * 3];
  EmStretch *s = em_stretch_new (2, 1, 4);

  em_stretch_run (s, in, out);
  for (int y = 0; y < 4; y++)
    CHECK (memcmp (out + y * 12, want, 12) == 0);
  em_stretch_free (s);
}

static void
every_size_as_the_formula_says (void)
{
  static const int sizes[][3] = { { 17, 9, 32 },  { 240, 192, 64 }, { 64, 33, 64 }, { 33, 64, 64 },
                                  { 64, 64, 64 }, { 1, 5, 16 },     { 301, 7, 32 } };

  for (int k = 0; k < (int) (sizeof sizes / sizeof *sizes); k++) {
    int w = sizes[k][0], h = sizes[k][1], side = sizes[k][2], wrong = 0;
    uint8_t *in = malloc ((size_t) w * h * 3), *out = malloc ((size_t) side * side * 3);
    uint8_t *rows = malloc ((size_t) h * side * 3);
    EmStretch *s = em_stretch_new (w, h, side);

    for (int i = 0; i < w * h * 3; i++)
      in[i] = (uint8_t) (check_random (&noise) % 4 ? check_random (&noise) : 255 * (i & 1));
    em_stretch_run (s, in, out);
    for (int y = 0; y < h; y++)
      for (int x = 0; x < side * 3; x++)
        rows[y * side * 3 + x]
            = w == side ? in[y * side * 3 + x]
                        : (uint8_t) referee_tap (in + y * w * 3 + x % 3, w, 3, side, x / 3);
    for (int y = 0; y < side; y++)
      for (int x = 0; x < side * 3; x++)
        wrong += out[y * side * 3 + x]
                 != (h == side ? rows[y * side * 3 + x]
                               : referee_tap (rows + x, h, side * 3, side, y));
    CHECK_INT (wrong, 0);
    em_stretch_free (s);
    free (in);
    free (out);
    free (rows);
  }
}

static void
pixels_are_normalised (void)
{
  const uint8_t in[6] = { 0, 128, 255, 255, 0, 1 };
  const float planes[6] = { 1, 2, 3, 4, 5, 6 }; /* two pixels */
  const float want[6] = { 1, 3, 5, 2, 4, 6 };
  float out[6];

  em_normalise_pixels (in, 2, out);
  CHECK_NEAR (out[0], -0.485 / 0.229, 1e-6);
  CHECK_NEAR (out[1], (128 / 255.0 - 0.456) / 0.224, 1e-6);
  CHECK_NEAR (out[2], (1 - 0.406) / 0.225, 1e-6);
  CHECK_NEAR (out[3], (1 - 0.485) / 0.229, 1e-6);
  em_planes_to_pixels (planes, 2, out);
  CHECK (memcmp (out, want, sizeof want) == 0);
}

static void
logits_grow_bilinearly (void)
{
  const float in[4] = { 0, 4, 8, 12 }; /* x + 2 y, times 4 */
  float out[16];

  em_logits_resize (in, 2, out, 4, 4);
  /* positions 0.5 d - 0.25, clamped at 0: 0, 0.25, 0.75, and 1 where there is no next */
  for (int y = 0; y < 4; y++)
    for (int x = 0; x < 4; x++) {
      const float at[4] = { 0, 0.25f, 0.75f, 1 };

      CHECK_NEAR (out[y * 4 + x], 4 * at[x] + 8 * at[y], 1e-6);
    }
}

static void
masks_are_the_signs_of_the_resized_logits (void)
{
  static const int sizes[][3] = { { 16, 64, 48 }, { 16, 7, 5 },   { 64, 61, 200 },
                                  { 1, 3, 3 },    { 32, 32, 32 }, { 8, 1, 90 } };

  for (int round = 0; round < 60; round++) {
    const int *size = sizes[round % 6];
    int side = size[0], w = size[1], h = size[2], wrong = 0;
    float *logits = malloc ((size_t) side * side * sizeof (float));
    float *full = malloc ((size_t) w * h * sizeof (float));
    uint8_t *pixels = malloc ((size_t) w * h);
    EmRle mask;
    int64_t sum = 0;

    for (int i = 0; i < side * side; i++)
      logits[i] = round < 6    ? -1.0f /* nothing, */
                  : round < 12 ? 1.0f  /* everything, */
                  : round < 18 ? 0.0f  /* and zero is nothing */
                  : round < 40 ? (float) ((int) (check_random (&noise) % 2001) - 1000) / 100
                               : 40 - (float) ((i % side - 9) * (i % side - 9) + i / side);
    em_logits_resize (logits, side, full, w, h);
    mask = em_logits_mask (logits, side, w, h);
    CHECK (mask.width == w && mask.height == h);
    for (int i = 0; i < mask.n; i++) {
      CHECK (i == 0 || mask.counts[i] > 0);
      sum += mask.counts[i];
    }
    CHECK_INT (sum, (int64_t) w * h);
    em_rle_decode (&mask, pixels, 1);
    for (int i = 0; i < w * h; i++)
      wrong += pixels[i] != (full[i] > 0);
    CHECK_INT (wrong, 0);
    em_rle_clear (&mask);
    free (logits);
    free (full);
    free (pixels);
  }
}

CHECK_MAIN (two_pixels_become_four, every_size_as_the_formula_says, pixels_are_normalised,
            logits_grow_bilinearly, masks_are_the_signs_of_the_resized_logits)
