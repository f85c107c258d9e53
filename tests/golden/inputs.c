/* inputs.c - what goes into the models. */
#include "inputs.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "formula.h"

static FormulaRange
input_range (const char *name)
{
  if (!strcmp (name, "input.spect"))
    return (FormulaRange){ 2.5, -1 };
  if (!strcmp (name, "input.mem_mask"))
    return (FormulaRange){ 10, 0 };
  if (!strcmp (name, "input.pred_logits"))
    return (FormulaRange){ 2, 0 };
  return (FormulaRange){ 1, 0 };
}

float *
input_draw (Golden *g, const char *name, int64_t n)
{
  float *out = malloc (sizeof *out * n);

  formula_fill (out, name, golden_seed (g), n, input_range (name));
  golden_compare (g, name, out, n);
  return out;
}

bool
input_shape_holds (const char *shape, int side, int t, int x, int y)
{
  if (!strcmp (shape, "square")) {
    int q = side / 4, x0 = side / 8 + t * (side / 32), y0 = side / 4 + t * (side / 64);

    return x >= x0 && x < x0 + q && y >= y0 && y < y0 + q;
  } else {
    int dx = x - ((3 * side) / 4 - t * (side / 32)), dy = y - (side / 4 + t * (side / 32));
    int r = side / 10;

    return dx * dx + dy * dy <= r * r;
  }
}

float *
input_frames (Golden *g, int n_frames, int side)
{
  static const struct {
    const char *shape;
    float add[3];
  } layers[] = { { "square", { 1.5f, -1, 0.5f } }, { "disk", { -1, 1.5f, -0.5f } } };
  int64_t plane = (int64_t) side * side, n = 3 * n_frames * plane;
  float *out = malloc (sizeof *out * n);

  formula_fill (out, "input.frames", golden_seed (g), n, (FormulaRange){ 0.5, 0 });
  for (int t = 0; t < n_frames; t++)
    for (int l = 0; l < 2; l++)
      for (int64_t p = 0; p < plane; p++)
        if (input_shape_holds (layers[l].shape, side, t, (int) (p % side), (int) (p / side)))
          for (int c = 0; c < 3; c++)
            out[(3 * t + c) * plane + p] += layers[l].add[c];
  golden_compare (g, "input.frames", out, n);
  return out;
}

float *
input_mask_prompt (Golden *g, int side)
{
  const char *shape = golden_meta (g, "mask_prompt");
  int s = side / 4;
  float *out = malloc (sizeof *out * s * s);

  formula_fill (out, "input.mask_prompt", golden_seed (g), (int64_t) s * s, (FormulaRange){ 2, 0 });
  for (int y = 0; y < s; y++)
    for (int x = 0; x < s; x++)
      out[y * s + x] += shape && input_shape_holds (shape, side, 0, 4 * x + 2, 4 * y + 2) ? 6 : -6;
  golden_compare (g, "input.mask_prompt", out, (int64_t) s * s);
  return out;
}

double *
input_wave (Golden *g, int n)
{
  uint64_t hash = formula_hash ("input.wave");
  double *out = malloc (sizeof *out * 2 * n);
  float *stored = malloc (sizeof *stored * 2 * n);

  for (int i = 0; i < 2 * n; i++) {
    int k = i / 2, channel = i % 2;
    double u = formula_unit (hash, golden_seed (g), (uint64_t) i);
    double w = floor ((2 * u - 1) * 6000 + 0.5);

    if (k >= n / 4 && k < 3 * (int64_t) n / 4)
      w += k / (18 + 7 * channel) % 2 == 0 ? 5000 : -5000;
    if (k >= 7 * (int64_t) n / 8)
      w = 0;
    out[i] = w / 32768;
    stored[i] = (float) w;
  }
  golden_compare (g, "input.wave", stored, 2 * (int64_t) n);
  free (stored);
  return out;
}

double *
input_resample (Golden *g, const char *key, int n)
{
  uint64_t hash = formula_hash ("input.resample");
  double *out = malloc (sizeof *out * n);
  float *stored = malloc (sizeof *stored * n);

  for (int i = 0; i < n; i++) {
    out[i] = 0.5 * (2 * formula_unit (hash, golden_seed (g), (uint64_t) i) - 1)
             + (i / 20 % 2 == 0 ? 0.25 : -0.25);
    stored[i] = (float) out[i];
  }
  golden_compare (g, key, stored, n);
  free (stored);
  return out;
}

float *
input_metric_logits (Golden *g, int n_frames, int size)
{
  int64_t plane = (int64_t) size * size;
  float *out = malloc (sizeof *out * n_frames * plane);

  formula_fill (out, "input.metric_logits", golden_seed (g), n_frames * plane,
                (FormulaRange){ 3, 0 });
  for (int t = 0; t < n_frames; t++)
    for (int64_t p = 0; p < plane; p++) {
      float *v = &out[t * plane + p];
      bool in = input_shape_holds ("square", size, t + 2, (int) (p % size), (int) (p / size));

      *v += in ? 2 : -2;
      if (t == n_frames - 1)
        *v = -fabsf (*v) - 0.5f;
    }
  golden_compare (g, "input.logits", out, n_frames * plane);
  return out;
}
