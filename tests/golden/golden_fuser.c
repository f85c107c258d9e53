/* golden_fuser.c - AuralFuser on drawn pyramid maps, in evaluation. */
#include <stdlib.h>
#include "inputs.h"
#include "models/fuser.h"
#include "models/layers.h"
#include "models/vggish.h"
#include "part.h"
#include "predict/mel.h"
#include "runners.h"

typedef struct {
  EmVggish vggish;
  EmFuser fuser;
  bool reads;
} Hearing;

#define TEXT_WIDTH 768 /* of what input.text stands for */

/* The official widths; the Ref tree differs by its text rows only. */
static void
bind_hearing (EmBinder *b, void *self)
{
  Hearing *hearing = self;
  const EmVggConfig vgg = { .channels = { 64, 128, 256, 512 }, .fc = 4096, .embedding = 128 };
  const EmFuserConfig fuser = { .dim = 256,
                                .inner = 128,
                                .num_heads = 4,
                                .mlp_ratio = 4,
                                .sr_ratio = 4,
                                .f_depths = { 3, 6, 12 },
                                .a_depths = { 3, 3, 3 },
                                .text_width = hearing->reads ? TEXT_WIDTH : 0 };
  size_t mark = em_bind_enter (b, "vgg.");

  em_vggish_bind (b, &hearing->vggish, &vgg);
  em_bind_leave (b, mark);
  mark = em_bind_enter (b, "fuser.");
  em_fuser_bind (b, &hearing->fuser, &fuser);
  em_bind_leave (b, mark);
}

/* input.fpnK, drawn channels-first, as the engine's [t, side, side, dim]. */
static EmTensor *
pyramid_level (Golden *g, EmCtx *ctx, int level, int t, int side, int dim)
{
  const char *names[] = { "input.fpn0", "input.fpn1", "input.fpn2" };
  float *drawn = input_draw (g, names[level], (int64_t) t * dim * side * side);
  EmTensor *x = em_upload (ctx, drawn, 4, (int64_t[]){ t, dim, side, side });

  free (drawn);
  return em_permute (ctx, x, (int[]){ 0, 2, 3, 1 });
}

static EmTensor *
text_rows (Golden *g, EmCtx *ctx)
{
  int rows = (int) golden_meta_int (g, "text_rows", 0);
  float *drawn;
  EmTensor *x;

  if (!rows)
    return NULL;
  drawn = input_draw (g, "input.text", (int64_t) rows * TEXT_WIDTH);
  x = em_upload (ctx, drawn, 2, (int64_t[]){ rows, TEXT_WIDTH });
  free (drawn);
  return x;
}

static void
set_positions (EmCtx *ctx, EmFuser *fuser, int side)
{
  int dim = fuser->config.dim;
  float *table = malloc (sizeof *table * side * side * dim);

  em_sine_grid (table, side, side, dim);
  fuser->pos = em_upload (ctx, table, 2, (int64_t[]){ (int64_t) side * side, dim });
  em_fuser_token_position (table, dim);
  fuser->token_pos = em_upload (ctx, table, 1, (int64_t[]){ dim });
  free (table);
}

bool
golden_run_fuser (Golden *g, EmError *err)
{
  int t = (int) golden_meta_int (g, "T", 0), side = (int) golden_meta_int (g, "N", 0);
  Hearing hearing = { .reads = golden_meta_int (g, "text_rows", 0) > 0 };
  GoldenPart part;
  bool good;

  golden_skip (g, "train.*", "belongs to the trainer");
  golden_skip (g, "eval.stage?.proj_[va]", "the contrastive heads belong to the trainer");
  if (t < 1 || side < 1)
    return em_fail (err, EM_E_INPUT, "metadata has no T and N");
  good = golden_part_open (&part, g, bind_hearing, &hearing, err);
  if (good) {
    EmCtx *ctx = part.ctx;
    int dim = hearing.fuser.config.dim;
    float *drawn = input_draw (g, "input.spect", (int64_t) t * EM_MEL_EXAMPLE);
    EmTensor *patches[3], *spect, *audio;

    spect = em_upload (ctx, drawn, 4, (int64_t[]){ t, 2, EM_MEL_FRAMES, EM_MEL_BANDS });
    audio = em_vggish_ears (ctx, &hearing.vggish, spect);
    golden_part_listen (&part, "eval.");
    set_positions (ctx, &hearing.fuser, side);
    for (int i = 0; i < 3; i++)
      patches[i] = em_fuser_patch (ctx, &hearing.fuser, i,
                                   pyramid_level (g, ctx, i, t, 4 * side >> i, dim));
    em_fuser_forward (ctx, &hearing.fuser, patches, audio, text_rows (g, ctx));
    good = em_ctx_end_pass (ctx, err);
    free (drawn);
  }
  golden_part_close (&part);
  return good;
}
