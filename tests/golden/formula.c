/* formula.c - the numbers that goldens are drawn from. */
#include "formula.h"
#include <math.h>
#include <stdbool.h>
#include <string.h>

uint64_t
formula_hash (const char *name)
{
  uint64_t h = 0xcbf29ce484222325u;

  for (; *name; name++)
    h = (h ^ (uint8_t) *name) * 0x100000001b3u;
  return h;
}

uint64_t
formula_bits (uint64_t hash, uint64_t seed, uint64_t i)
{
  uint64_t z = hash + seed * 0xD1B54A32D192ED03u + (i + 1) * 0x9E3779B97F4A7C15u;

  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

double
formula_unit (uint64_t hash, uint64_t seed, uint64_t i)
{
  return (double) (formula_bits (hash, seed, i) >> 40) / (1 << 24);
}

float
formula_value (uint64_t hash, uint64_t seed, uint64_t i, FormulaRange range)
{
  return (float) (range.offset + range.scale * (2 * formula_unit (hash, seed, i) - 1));
}

void
formula_fill (float *out, const char *name, uint64_t seed, int64_t n, FormulaRange range)
{
  uint64_t hash = formula_hash (name);

  for (int64_t i = 0; i < n; i++)
    out[i] = formula_value (hash, seed, (uint64_t) i, range);
}

static bool
ends (const char *name, const char *tail)
{
  size_t n = strlen (name), t = strlen (tail);

  return n >= t && !strcmp (name + n - t, tail);
}

static bool
ends_in (const char *name, const char *const *tails)
{
  for (; *tails; tails++)
    if (ends (name, *tails))
      return true;
  return false;
}

/* The official initialisers would make VGGish fade out and the memory nearly mute; these gains keep
 * every part of the network audible in what the goldens compare. */
static double
gain (const char *name)
{
  static const char *const half[]
      = { ".k_frame.weight", ".v_frame.weight", ".q_audio.weight", NULL };
  static const char *const four[]
      = { "memory_encoder.mask_downsampler.encoder.12.weight", "obj_ptr_proj.layers.2.weight",
          "obj_ptr_tpos_proj.weight", NULL };

  if (!strncmp (name, "vgg.", 4))
    return sqrt (2);
  if (ends_in (name, half))
    return 0.5;
  if (ends_in (name, four))
    return 4;
  if (ends (name, "cross_attn_image.out_proj.weight"))
    return 3;
  return 1;
}

FormulaRange
formula_weight_range (const char *name, int ndim, const int64_t *shape)
{
  static const char *const position[] = { "pos_embed", "pos_embed_window", NULL };
  static const char *const token[]
      = { "iou_token.weight",     "mask_tokens.weight",       "obj_score_token.weight",
          "no_mask_embed.weight", "not_a_point_embed.weight", NULL };
  double fan = 1;

  if (ends (name, "num_batches_tracked"))
    return (FormulaRange){ 0, 0 };
  if (ndim < 2) {
    if (ends (name, "pred_obj_score_head.layers.2.bias"))
      return (FormulaRange){ 0.1, 0.3 };
    if (ends (name, ".weight") || ends (name, ".running_var"))
      return (FormulaRange){ 0.1, 1 };
    return (FormulaRange){ 0.1, 0 };
  }
  if (ends (name, "positional_encoding_gaussian_matrix"))
    return (FormulaRange){ sqrt (3), 0 };
  if (ends_in (name, position))
    return (FormulaRange){ 0.5, 0 };
  if (ends_in (name, token) || strstr (name, ".point_embeddings."))
    return (FormulaRange){ 1, 0 };
  for (int i = 1; i < ndim; i++)
    fan *= shape[i];
  return (FormulaRange){ gain (name) * sqrt (3 / fan), 0 };
}
