/* The formula's check values, as the goldens' description prints them for seed 1. */
#include "check.h"
#include "formula.h"

static void
bits (void)
{
  uint64_t hash = formula_hash ("input.frames"), probe = formula_hash ("probe");
  const int64_t indices[] = { 869821, 540128, 726449, 932161, 23980, 392238 };

  CHECK (hash == 0xc0d83f850a711ea5u);
  CHECK (formula_bits (hash, 1, 0) == 0x1b7b6dc87dfa8fb3u);
  for (int j = 0; j < 6; j++)
    CHECK_INT (formula_bits (probe, 0, (uint64_t) j) % 1000000, indices[j]);
}

static void
inputs (void)
{
  const double want[] = { -0.392647922, 0.260151386, 0.199745893, -0.457666695 };
  float got[4];

  formula_fill (got, "input.frames", 1, 4, (FormulaRange){ 0.5, 0 });
  for (int i = 0; i < 4; i++)
    CHECK_NEAR (got[i], want[i], 1e-9);
}

static float
first (const char *name, int ndim, const int64_t *shape)
{
  float value;

  formula_fill (&value, name, 1, 1, formula_weight_range (name, ndim, shape));
  return value;
}

static void
weights (void)
{
  const char *patch = "image_encoder.trunk.patch_embed.proj.weight";
  const int64_t conv[] = { 16, 3, 7, 7 }, vgg[] = { 64, 1, 3, 3 }, norm[] = { 256 },
                scalar[] = { 1 };
  const double want[] = { -0.0345663838, 0.106244206, -0.0145528829 };
  float got[3];

  formula_fill (got, patch, 1, 3, formula_weight_range (patch, 4, conv));
  for (int i = 0; i < 3; i++)
    CHECK_NEAR (got[i], want[i], 1e-9);
  CHECK_NEAR (first ("vgg.features.0.weight", 4, vgg), -0.534118652, 1e-9);
  CHECK_NEAR (first ("fusion_modules.0.W_z.1.running_var", 1, norm), 0.913145363, 1e-9);
  CHECK (first ("fusion_modules.0.W_z.1.num_batches_tracked", 0, scalar) == 0);
}

/* The rows of the table, most special first: each must win over the general one below it. */
static void
rows (void)
{
  const int64_t square[] = { 8, 12 }, line[] = { 8 };
  const struct {
    const char *name;
    int ndim;
    double scale, offset;
  } cases[] = {
    { "sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix", 2, sqrt (3), 0 },
    { "image_encoder.trunk.pos_embed_window", 2, 0.5, 0 },
    { "sam_mask_decoder.iou_token.weight", 2, 1, 0 },
    { "sam_prompt_encoder.point_embeddings.2.weight", 2, 1, 0 },
    { "fusion_modules.1.q_audio.weight", 2, 0.25, 0 },
    { "fusion_modules.1.q_frame.weight", 2, 0.5, 0 },
    { "obj_ptr_tpos_proj.weight", 2, 2, 0 },
    { "memory_attention.layers.0.cross_attn_image.out_proj.weight", 2, 1.5, 0 },
    { "sam_mask_decoder.pred_obj_score_head.layers.2.bias", 1, 0.1, 0.3 },
    { "norm1.weight", 1, 0.1, 1 },
    { "norm1.bias", 1, 0.1, 0 },
    { "memory_encoder.fuser.layers.0.gamma", 1, 0.1, 0 },
  };

  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    FormulaRange r
        = formula_weight_range (cases[i].name, cases[i].ndim, cases[i].ndim == 2 ? square : line);

    CHECK_NEAR (r.scale, cases[i].scale, 1e-15);
    CHECK_NEAR (r.offset, cases[i].offset, 0);
  }
}

CHECK_MAIN (bits, inputs, weights, rows)
