/* golden_e2e.c - pictures and sound to masks, as AuralSAM2 decodes and tracks a clip. All values
 * are heard through taps while the predictor answers the clip's one window. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "golden_model.h"
#include "inputs.h"
#include "predict/mel.h"
#include "predict/predictor_private.h"
#include "runners.h"

typedef struct {
  Golden *g;
  GoldenModel model;
  EmPredictor *p;
  int t, side;
  float *frames;     /* [T, 3, S, S] */
  float *pyramid[3]; /* [T, ...] channels last, filled frame by frame */
  int n_encoded;     /* frames whose image pass was heard */
  const char *order; /* what is left of metadata `order`: the frame that is tracked now first */
  float *best;       /* [S/4, S/4]: of the three masks the selected one is not known yet */
} Run;

static bool
read_frame (void *self, int frame, float *chw, EmError *err)
{
  Run *r = self;
  size_t n = (size_t) 3 * r->side * r->side;

  memcpy (chw, r->frames + n * frame, n * sizeof *chw);
  return true;
}

/* The reference holds the pyramid of all frames in one tensor. */
static void
hear_pyramid (Run *r, int level, const EmTensor *x)
{
  int64_t n = em_numel (x), side = x->shape[1], c = em_last_dim (x);

  if (!r->pyramid[level])
    r->pyramid[level] = malloc ((size_t) (n * r->t) * sizeof (float));
  if (r->n_encoded < r->t)
    em_download (r->p->ctx, r->pyramid[level] + n * r->n_encoded, x);
  if (level == 2 && ++r->n_encoded == r->t)
    for (int k = 0; k < 3; k++) {
      EmTensor *all = em_upload (r->p->ctx, r->pyramid[k], 4,
                                 (int64_t[]){ r->t, side << (2 - k), side << (2 - k), c });
      char key[16];

      snprintf (key, sizeof key, "neck.fpn%d", k);
      golden_compare_tensor (r->g, r->p->ctx, key, all, false);
    }
}

static void
compare_frame (Run *r, const char *key, const EmTensor *x, bool as_is)
{
  char full[64];

  snprintf (full, sizeof full, "frame%d.%s", atoi (r->order), key);
  golden_compare_tensor (r->g, r->p->ctx, full, x, as_is);
}

/* Masks 1 to 3, and the same at S. */
static void
hear_masks (Run *r, const EmTensor *x)
{
  EmCtx *ctx = r->p->ctx;
  EmTensor *three = em_rows_of (ctx, x, 1, 4);

  compare_frame (r, "low_res_masks", three, true);
  three = em_resize (ctx, three, r->side, r->side, EM_FILTER_BILINEAR);
  compare_frame (r, "high_res_masks", three, true);
  free (r->best);
  r->best = malloc ((size_t) em_numel (three) * sizeof (float));
  em_download (ctx, r->best, three);
}

/* The selected one of them at S: how many pixels it has, and how near the nearest is to flipping.
 */
static void
hear_selected (Run *r, const EmTensor *x)
{
  int64_t n = (int64_t) r->side * r->side, area = 0;
  float index = -1, least = INFINITY;

  em_download (r->p->ctx, &index, x);
  for (int64_t i = 0; index >= 0 && i < n; i++) {
    float logit = r->best[n * (int) index + i];

    area += logit > 0;
    least = fminf (least, fabsf (logit));
  }
  compare_frame (r, "selected", x, true);
  compare_frame (r, "min_abs_logit", em_upload (r->p->ctx, &least, 1, (int64_t[]){ 1 }), true);
  least = (float) area;
  compare_frame (r, "mask_area", em_upload (r->p->ctx, &least, 1, (int64_t[]){ 1 }), true);
}

static void
hear (void *self, const char *name, const EmTensor *x)
{
  static const char *const renamed[][2]
      = { { "src", "src_out" }, { "memory_encoder.features", "maskmem_features" } };
  Run *r = self;
  EmCtx *ctx = r->p->ctx;

  if (!strncmp (name, "neck.fpn", 8))
    hear_pyramid (r, name[8] - '0', x);
  else if (!strncmp (name, "fuser.", 6))
    golden_compare_tensor (r->g, ctx, name, x, true);
  if (!r->order || !r->n_encoded)
    return;
  if (!strcmp (name, "masks4"))
    hear_masks (r, x);
  else if (!strcmp (name, "iou4"))
    compare_frame (r, "iou", em_slice (ctx, (EmTensor *) x, 1, 1, 4), true);
  else if (!strcmp (name, "selected"))
    hear_selected (r, x);
  else {
    for (int i = 0; i < 2; i++)
      if (!strcmp (name, renamed[i][0]))
        name = renamed[i][1];
    compare_frame (r, name, x, false);
  }
  if (!strcmp (name, "maskmem_features")) { /* the last of a frame */
    r->order = strchr (r->order, ',');
    r->order += r->order != NULL;
  }
}

static bool
run (Run *r, EmError *err)
{
  EmAnswer answers[64];
  int n = 0;

  em_predictor_set_tap (r->p, hear, r);
  if (!em_predictor_sound (r->p, 0, answers, &n, err))
    return false;
  for (int i = 0; i < n; i++)
    em_answer_clear (&answers[i]);
  golden_compare_tensor (r->g, r->model.ctx, "maskmem_pos_enc", r->p->model->memory_pe, false);
  if (n != r->t || r->order)
    return em_fail (err, EM_E_CHECK, "%s: %d of %d frames were answered, in another order than %s",
                    golden_name (r->g), n, r->t, golden_meta (r->g, "order"));
  return true;
}

bool
golden_run_e2e (Golden *g, EmError *err)
{
  Run r = { .g = g, .order = golden_meta (g, "order") };
  EmPredictorOptions options = em_predictor_defaults ();
  EmClipSource source = { .self = &r, .read_normalised = read_frame };
  int grid[64];
  bool good = false;

  r.t = source.n_frames = source.n_grid = (int) golden_meta_int (g, "T", 5);
  r.side = source.width = source.height = (int) golden_meta_int (g, "image_size", 256);
  if (r.t < 1 || r.t > 64 || !r.order)
    return em_fail (err, EM_E_INPUT, "%s: no usable T and order in the metadata", golden_name (g));
  for (int i = 0; i < r.t; i++)
    grid[i] = i;
  source.grid = grid;
  if (golden_model_open (&r.model, g, true, err)) {
    float *spect = input_draw (g, "input.spect", (int64_t) r.t * EM_MEL_EXAMPLE);

    r.frames = input_frames (g, r.t, r.side);
    source.spect = spect;
    r.p = em_predictor_open (r.model.model, &source, &options, err);
    good = r.p && run (&r, err);
    em_predictor_close (r.p);
    free (spect);
  }
  golden_model_close (&r.model);
  for (int k = 0; k < 3; k++)
    free (r.pyramid[k]);
  free (r.frames);
  free (r.best);
  return good;
}
