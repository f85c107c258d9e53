/* golden_image.c - the image encoder, the prompt encoder and the mask decoder against the official
 * image predictor. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "golden_model.h"
#include "inputs.h"
#include "models/layers.h"
#include "runners.h"

typedef struct {
  Golden *g;
  EmModel *model;
  EmCtx *ctx;
  GoldenTap tap;
  EmImageFeatures features;
  EmTensor *image; /* [1, N, d] */
} Run;

/* The official trunk works channels-last. */
static bool
is_channels_last (const char *key)
{
  return !strncmp (key, "trunk.", 6) && strncmp (key, "trunk.stage", 11);
}

static void
compare (Run *r, const char *prompt, const char *key, const EmTensor *x)
{
  char full[128];

  snprintf (full, sizeof full, "%s.%s", prompt, key);
  golden_compare_tensor (r->g, r->ctx, full, x, false);
}

static void
compare_position_tables (Run *r)
{
  int d = r->model->config.sam2.d_model;

  for (int level = 0; level < 3; level++) {
    int side = r->model->config.sam2.image_size >> (level + 2);
    float *table = malloc (sizeof *table * side * side * d);
    char key[32];

    em_sine_grid (table, side, side, d);
    snprintf (key, sizeof key, "neck.pos%d", level);
    golden_compare_tensor (r->g, r->ctx, key,
                           em_upload (r->ctx, table, 4, (int64_t[]){ 1, side, side, d }), false);
    free (table);
  }
  golden_compare_tensor (r->g, r->ctx, "dense_pe", r->model->prompt_encoder.dense_pe, false);
}

static void
encode (Run *r)
{
  int side = r->model->config.sam2.image_size;
  float *frames = input_frames (r->g, 1, side);
  float *turned = golden_channels_last (frames, 1, 3, (int64_t) side * side);
  EmTensor *x = em_upload (r->ctx, turned, 4, (int64_t[]){ 1, side, side, 3 });

  r->features = em_model_encode (r->ctx, r->model, x, true);
  r->image = em_model_no_memory (r->ctx, r->model, r->features.fpn[2]);
  free (turned);
  free (frames);
}

static void
compare_choice (Run *r, const char *prompt, const char *kind, EmTensor *masks, EmTensor *iou,
                EmTensor *tokens)
{
  int side = r->model->config.sam2.image_size;
  char name[64];

  snprintf (name, sizeof name, "%s.%s", prompt, kind);
  compare (r, name, "low_res", masks);
  compare (r, name, "iou", iou);
  compare (r, name, "tokens", tokens);
  compare (r, name, "high_res", em_resize (r->ctx, masks, side, side, EM_FILTER_BILINEAR));
}

/* The dense prompt, and what the reference calls so: a map even where it is the same everywhere. */
static EmTensor *
dense_prompt (Run *r, const char *prompt, bool with_mask)
{
  int side = r->model->mask_side;
  EmTensor *dense;

  if (!with_mask) {
    dense = em_prompt_no_mask (r->ctx, &r->model->prompt_encoder);
    compare (r, prompt, "dense",
             em_reshape (r->ctx, em_repeat (r->ctx, dense, r->model->n_tokens), 1,
                         r->model->n_tokens, r->model->config.sam2.d_model));
    return dense;
  }

  float *mask = input_mask_prompt (r->g, r->model->config.sam2.image_size);
  dense = em_prompt_mask (r->ctx, &r->model->prompt_encoder,
                          em_upload (r->ctx, mask, 3, (int64_t[]){ 1, side, side }));
  compare (r, prompt, "dense", dense);
  free (mask);
  return dense;
}

static EmTensor *
sparse_prompt (Run *r, const char *prompt)
{
  int labels[EM_MAX_POINTS];
  const float *xy, *values;
  int64_t n_xy, n;
  EmTensor *sparse;
  EmPoints points;
  char key[64];

  snprintf (key, sizeof key, "%s.coords", prompt);
  xy = golden_whole (r->g, key, &n_xy);
  snprintf (key, sizeof key, "%s.labels", prompt);
  values = golden_whole (r->g, key, &n);
  if (!xy || !values || n_xy != 2 * n || n > EM_MAX_POINTS)
    return NULL;
  for (int64_t i = 0; i < n; i++)
    labels[i] = (int) values[i];
  points = em_points_upload (r->ctx, &r->model->prompt_encoder, xy, labels, (int) n);
  sparse = em_prompt_points (r->ctx, &r->model->prompt_encoder, &points);
  compare (r, prompt, "sparse", sparse);
  return sparse;
}

static void
decode (Run *r, const char *prompt)
{
  int side = r->model->mask_side, d = r->model->config.sam2.d_model;
  EmDecodeInput in = { .image = r->image, .s0 = r->features.s0, .s1 = r->features.s1 };
  EmMaskDecoded out;
  EmChoice single;

  snprintf (r->tap.prefix, sizeof r->tap.prefix, "%s.", prompt);
  in.dense = dense_prompt (r, prompt, strstr (prompt, "mask"));
  in.sparse = sparse_prompt (r, prompt);
  out = em_mask_decode (r->ctx, &r->model->mask_decoder, &r->model->prompt_encoder, &in);

  compare_choice (r, prompt, "multi", em_rows_of (r->ctx, out.masks, 1, EM_N_MASKS),
                  em_slice (r->ctx, out.iou, 1, 1, EM_N_MASKS),
                  em_reshape (r->ctx, em_slice (r->ctx, out.tokens, 1, 3, 6), 1, 3, d));
  single = em_choose_single (r->ctx, &out, true);
  compare_choice (r, prompt, "single", em_reshape (r->ctx, single.mask, 1, side, side), single.iou,
                  single.token);
}

bool
golden_run_image (Golden *g, EmError *err)
{
  static const char *const prompts[]
      = { "point1", "point3", "box", "boxpoint", "mask", "pointmask" };
  Run r = { .g = g };
  GoldenModel m;
  bool ok;

  if (!golden_model_open (&m, g, false, err))
    return false;
  r.model = m.model;
  r.ctx = m.ctx;
  r.tap = (GoldenTap){ .golden = g, .ctx = m.ctx, .as_is = is_channels_last };
  r.ctx->tap = golden_tap;
  r.ctx->tap_self = &r.tap;
  encode (&r);
  compare_position_tables (&r);
  for (size_t i = 0; i < sizeof prompts / sizeof *prompts; i++)
    decode (&r, prompts[i]);
  golden_skip (g, "*.coords", "an input, taken from here");
  golden_skip (g, "*.labels", "an input, taken from here");
  ok = em_ctx_end_pass (r.ctx, err);
  golden_model_close (&m);
  return ok;
}
