/* golden_modules.c - memory attention and memory encoder on inputs of their own. */
#include <stdlib.h>
#include "golden_model.h"
#include "inputs.h"
#include "runners.h"

/* [n, 1, c] or channels-first maps as the engine wants them, drawn by the formula. */
static EmTensor *
draw (Golden *g, EmCtx *ctx, const char *name, int ndim, const int64_t *shape, bool turn)
{
  EmTensor like = em_tensor_of (EM_F32, NULL, ndim, shape);
  int64_t n = em_numel (&like), c = em_last_dim (&like);
  float *values = input_draw (g, name, n);
  float *turned = turn ? golden_channels_last (values, 1, c, n / c) : NULL;
  EmTensor *x = em_upload (ctx, turned ? turned : values, ndim, shape);

  free (turned);
  free (values);
  return x;
}

#define SHAPE(...)                                                                                 \
  (int) (sizeof ((int64_t[]){ __VA_ARGS__ }) / sizeof (int64_t)), (int64_t[])                      \
  {                                                                                                \
    __VA_ARGS__                                                                                    \
  }

static bool
run_attention (Golden *g, const EmModel *m, EmCtx *ctx, EmError *err)
{
  int64_t n_memory = golden_meta_int (g, "memory_tokens", 0), one, d = m->config.sam2.d_model;
  const float *n_pointer_tokens = golden_whole (g, "memory_attention.num_ptr_tokens", &one);
  EmTensor *current, *pos, *memory, *memory_pos;

  if (!n_pointer_tokens || one != 1 || *n_pointer_tokens < 0 || n_memory < *n_pointer_tokens)
    return em_fail (err, EM_E_INPUT, "no memory_tokens in the metadata, or no num_ptr_tokens");
  current = draw (g, ctx, "input.curr", SHAPE (1, m->n_tokens, d), false);
  pos = draw (g, ctx, "input.curr_pos", SHAPE (m->n_tokens, d), false);
  memory = draw (g, ctx, "input.memory", SHAPE (1, n_memory, m->config.sam2.mem_dim), false);
  memory_pos
      = draw (g, ctx, "input.memory_pos", SHAPE (1, n_memory, m->config.sam2.mem_dim), false);
  current = em_memory_attention_begin (ctx, &m->memory_attention, current, pos);
  em_memory_attention (ctx, &m->memory_attention, current, memory, memory_pos,
                       (int64_t) *n_pointer_tokens);
  golden_compare_number (g, "memory_attention.num_ptr_tokens", (int64_t) *n_pointer_tokens);
  return true;
}

static void
run_encoder (Golden *g, const EmModel *m, EmCtx *ctx)
{
  int64_t size = m->config.sam2.image_size;
  EmTensor *feature
      = draw (g, ctx, "input.pix_feat", SHAPE (1, m->side, m->side, m->config.sam2.d_model), true);
  EmTensor *mask = draw (g, ctx, "input.mem_mask", SHAPE (1, size, size), false);

  feature = em_memory_project (ctx, &m->memory_encoder, feature);
  em_memory_encode (ctx, &m->memory_encoder, feature, mask, NULL);
  golden_compare_tensor (g, ctx, "memory_encoder.pos", m->memory_pe, false);
}

bool
golden_run_modules (Golden *g, EmError *err)
{
  GoldenModel m;
  GoldenTap tap;
  bool ok;

  if (!golden_model_open (&m, g, false, err))
    return false;
  tap = (GoldenTap){ .golden = g, .ctx = m.ctx };
  m.ctx->tap = golden_tap;
  m.ctx->tap_self = &tap;
  ok = run_attention (g, m.model, m.ctx, err);
  if (ok)
    run_encoder (g, m.model, m.ctx);
  ok = em_ctx_end_pass (m.ctx, err) && ok;
  golden_model_close (&m);
  return ok;
}
