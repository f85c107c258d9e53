/* Pictures in, masks out: numbers worked out by hand, and dumb twins for every size. */
#include "predict/frame.h"
#include "base/rle.h"
#include "check.h"
#include "engine/ops.h"

static uint64_t noise = 11;
static EmBackend *be;
static EmCtx *ctx;

static void
begin (void)
{
  EmError err = EM_ERROR_INIT;

  be = em_backend_open ("cpu", &err);
  ctx = em_ctx_new (be, &err);
  CHECK (be && ctx);
}

static void
end (void)
{
  em_ctx_free (ctx);
  em_backend_close (be);
}

/* rgb [h, w, 3] as the model sees it, out [side, side, 3]. */
static void
stretch (const uint8_t *rgb, int w, int h, int side, float *out)
{
  EmTensor tables[2];
  EmError err = EM_ERROR_INIT;

  for (int k = 0; k < 2; k++) {
    int n = k ? h : w, taps;
    int32_t *table = em_stretch_table (n, side, &taps);

    tables[k] = em_tensor_of (EM_I32, table, 2, (int64_t[]){ side, 1 + taps });
    for (int i = 0; i < side; i++)
      CHECK (table[i * (1 + taps)] >= 0 && table[i * (1 + taps)] + taps <= n);
  }
  em_download (ctx, out,
               em_picture (ctx, em_upload_bytes (ctx, rgb, 3, (int64_t[]){ h, w, 3 }), &tables[0],
                           &tables[1]));
  CHECK (em_ctx_end_pass (ctx, &err));
  free (tables[0].data);
  free (tables[1].data);
}

/* SAM 2's (x / 255 - mean) / std, to the last bit. */
static float
normal (int v, int c)
{
  static const float mean[3] = { 0.485f, 0.456f, 0.406f }, std[3] = { 0.229f, 0.224f, 0.225f };

  return ((float) (v / 255.0) - mean[c]) / std[c];
}

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
  float out[4 * 4 * 3];

  stretch (in, 2, 1, 4, out);
  for (int i = 0; i < 4 * 4 * 3; i++)
    CHECK (out[i] == normal (want[i / 3 % 4][i % 3], i % 3));
}

static void
every_size_as_the_formula_says (void)
{
  static const int sizes[][3] = { { 17, 9, 32 },  { 240, 192, 64 }, { 64, 33, 64 }, { 33, 64, 64 },
                                  { 64, 64, 64 }, { 1, 5, 16 },     { 301, 7, 32 } };

  for (int k = 0; k < (int) (sizeof sizes / sizeof *sizes); k++) {
    int w = sizes[k][0], h = sizes[k][1], side = sizes[k][2], wrong = 0;
    uint8_t *in = malloc ((size_t) w * h * 3), *rows = malloc ((size_t) h * side * 3);
    float *out = malloc ((size_t) side * side * 3 * sizeof (float));

    for (int i = 0; i < w * h * 3; i++)
      in[i] = (uint8_t) (check_random (&noise) % 4 ? check_random (&noise) : 255 * (i & 1));
    stretch (in, w, h, side, out);
    for (int y = 0; y < h; y++)
      for (int x = 0; x < side * 3; x++)
        rows[y * side * 3 + x]
            = w == side ? in[y * side * 3 + x]
                        : (uint8_t) referee_tap (in + y * w * 3 + x % 3, w, 3, side, x / 3);
    for (int y = 0; y < side; y++)
      for (int x = 0; x < side * 3; x++)
        wrong += out[y * side * 3 + x]
                 != normal (h == side ? rows[y * side * 3 + x]
                                      : referee_tap (rows + x, h, side * 3, side, y),
                            x % 3);
    CHECK_INT (wrong, 0);
    free (in);
    free (out);
    free (rows);
  }
}

/* Every value of every channel, in a picture of the model's size. */
static void
pixels_are_normalised (void)
{
  uint8_t in[16 * 16 * 3];
  const float planes[6] = { 1, 2, 3, 4, 5, 6 }; /* two pixels */
  const float want[6] = { 1, 3, 5, 2, 4, 6 };
  float out[16 * 16 * 3];

  for (int i = 0; i < 16 * 16 * 3; i++)
    in[i] = (uint8_t) (i / 3);
  stretch (in, 16, 16, 16, out);
  for (int i = 0; i < 16 * 16 * 3; i++)
    CHECK (out[i] == normal (in[i], i % 3));
  CHECK_NEAR (out[0], -0.485 / 0.229, 1e-6);
  CHECK_NEAR (out[3 * 128 + 1], (128 / 255.0 - 0.456) / 0.224, 1e-6);
  CHECK_NEAR (out[3 * 255 + 2], (1 - 0.406) / 0.225, 1e-6);
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
    int side = size[0], w = size[1], h = size[2];
    float *logits = malloc ((size_t) side * side * sizeof (float));
    float *full = malloc ((size_t) w * h * sizeof (float));
    uint32_t *bits = malloc ((size_t) w * ((h + 31) / 32) * sizeof (uint32_t));
    EmError err = EM_ERROR_INIT;
    EmRle mask, want;

    for (int i = 0; i < side * side; i++)
      logits[i] = round < 6    ? -1.0f /* nothing, */
                  : round < 12 ? 1.0f  /* everything, */
                  : round < 18 ? 0.0f  /* and zero is nothing */
                  : round < 40 ? (float) ((int) (check_random (&noise) % 2001) - 1000) / 100
                               : 40 - (float) ((i % side - 9) * (i % side - 9) + i / side);
    em_logits_resize (logits, side, full, w, h);
    em_download_raw (
        ctx, bits, em_mask_bits (ctx, em_upload (ctx, logits, 2, (int64_t[]){ side, side }), w, h));
    CHECK (em_ctx_end_pass (ctx, &err));
    mask = em_rle_of_bits (bits, w, h);
    want = em_rle_threshold (full, w, h);
    CHECK (em_rle_equal (&mask, &want));
    em_rle_clear (&mask);
    em_rle_clear (&want);
    free (bits);
    free (logits);
    free (full);
  }
}

CHECK_MAIN (begin, two_pixels_become_four, every_size_as_the_formula_says, pixels_are_normalised,
            logits_grow_bilinearly, masks_are_the_signs_of_the_resized_logits, end)
