/* memory.c - memory encoder and memory attention.
 *
 * The encoder shrinks a mask to the grid, adds it to the image feature and mixes both by depthwise
 * convolutions. The attention is pre-norm with one head; positions turn by rotary tables, pointers
 * have no place on the grid and do not turn. */
#include "models/memory.h"

void
em_memory_encoder_bind (EmBinder *b, EmMemoryEncoder *e, const EmSam2Config *config)
{
  static const int widths[5] = { 1, 4, 16, 64, 256 };
  static const char *const convs[4] = { "0", "3", "6", "9" };
  static const char *const norms[4] = { "1", "4", "7", "10" };
  int d = config->d_model, m = config->mem_dim;
  size_t mark = em_bind_enter (b, "memory_encoder.");
  size_t inner = em_bind_enter (b, "mask_downsampler.encoder.");

  e->side = config->image_size / 16;
  e->n_layers = config->memory_encoder.fuser_layers;
  for (int i = 0; i < 4; i++) {
    em_bind_pair (b, &e->conv[i], convs[i], widths[i + 1], widths[i], 3, 3);
    em_bind_pair (b, &e->norm[i], norms[i], widths[i + 1]);
  }
  em_bind_pair (b, &e->conv[4], "12", d, widths[4], 1, 1);
  em_bind_leave (b, inner);
  em_bind_pair (b, &e->pix_feat_proj, "pix_feat_proj", d, d, 1, 1);
  for (int i = 0; i < e->n_layers; i++) {
    EmCxBlock *l = &e->layers[i];

    inner = em_bind_enter (b, "fuser.layers.%d.", i);
    em_bind (b, &l->gamma, "gamma", d);
    em_bind_pair (b, &l->dwconv, "dwconv", d, 1, 7, 7);
    em_bind_pair (b, &l->norm, "norm", d);
    em_bind_pair (b, &l->pwconv1, "pwconv1", 4 * d, d);
    em_bind_pair (b, &l->pwconv2, "pwconv2", d, 4 * d);
    em_bind_leave (b, inner);
  }
  em_bind_pair (b, &e->out_proj, "out_proj", m, d, 1, 1);
  em_bind_leave (b, mark);
  e->no_obj_embed_spatial = NULL;
  if (config->no_obj_embed_spatial)
    em_bind (b, &e->no_obj_embed_spatial, "no_obj_embed_spatial", 1, m);
}

EmTensor *
em_memory_mask (EmCtx *ctx, EmTensor *logits, int image_size, bool binarize)
{
  EmTensor *x = em_resize (ctx, logits, image_size, image_size, EM_FILTER_BILINEAR);

  x = em_activate (ctx, x, binarize ? EM_ACT_STEP : EM_ACT_SIGMOID);
  return em_affine (ctx, x, 20, -10);
}

/* x [1, side, side, d] */
static EmTensor *
cx_block (EmCtx *ctx, const EmCxBlock *l, EmTensor *x)
{
  EmTensor *y = em_depthwise (ctx, x, l->dwconv.w, l->dwconv.b, 3, EM_ACT_NONE);

  y = em_layer_norm (ctx, y, l->norm.w, l->norm.b, 1e-6f);
  y = em_linear (ctx, y, l->pwconv1.w, l->pwconv1.b, EM_ACT_GELU, NULL);
  y = em_project (ctx, &l->pwconv2, y);
  return em_add (ctx, em_mul (ctx, y, l->gamma), x);
}

EmTensor *
em_memory_project (EmCtx *ctx, const EmMemoryEncoder *e, EmTensor *feature)
{
  return em_project (ctx, &e->pix_feat_proj, feature);
}

EmTensor *
em_memory_encode (EmCtx *ctx, const EmMemoryEncoder *e, EmTensor *projected, EmTensor *mask,
                  EmTensor *score)
{
  size_t mark = em_ctx_mark (ctx);
  int64_t size = 16 * e->side;
  EmTensor *x = em_reshape (ctx, mask, 1, size, size, 1);

  for (int i = 0; i < 4; i++) {
    x = em_conv2d (ctx, x, e->conv[i].w, e->conv[i].b, 2, 1, EM_ACT_NONE);
    x = em_layer_norm_act (ctx, x, e->norm[i].w, e->norm[i].b, 1e-6f, EM_ACT_GELU);
    x = em_keep (ctx, mark, x);
  }
  x = em_project (ctx, &e->conv[4], x);
  em_tap (ctx, x, "memory_encoder.mask_downsampler");
  x = em_add (ctx, projected, x);
  for (int i = 0; i < e->n_layers; i++) {
    x = em_keep (ctx, mark, cx_block (ctx, &e->layers[i], x));
    em_tap (ctx, x, "memory_encoder.fuser%d", i);
  }
  x = em_project (ctx, &e->out_proj, x);
  if (score && e->no_obj_embed_spatial) {
    EmTensor *embed = em_reshape (ctx, e->no_obj_embed_spatial, em_last_dim (x));

    x = em_where (ctx, score, x, em_add (ctx, x, embed));
  }
  em_tap (ctx, x, "memory_encoder.features");
  return em_reshape (ctx, em_keep (ctx, mark, x), 1, e->side * e->side, em_last_dim (x));
}

void
em_memory_attention_bind (EmBinder *b, EmMemoryAttention *a, const EmSam2Config *config)
{
  int d = config->d_model, hidden = config->memory_attention.dim_feedforward;
  size_t mark = em_bind_enter (b, "memory_attention.");

  a->n_layers = config->memory_attention.num_layers;
  for (int i = 0; i < a->n_layers; i++) {
    EmMemoryLayer *l = &a->layers[i];
    size_t inner = em_bind_enter (b, "layers.%d.", i);

    em_attention_bind (b, &l->self_attn, "self_attn", d, d, d);
    em_attention_bind (b, &l->cross_attn, "cross_attn_image", d, config->mem_dim, d);
    em_bind_pair (b, &l->linear1, "linear1", hidden, d);
    em_bind_pair (b, &l->linear2, "linear2", d, hidden);
    em_bind_pair (b, &l->norm1, "norm1", d);
    em_bind_pair (b, &l->norm2, "norm2", d);
    em_bind_pair (b, &l->norm3, "norm3", d);
    em_bind_leave (b, inner);
  }
  em_bind_pair (b, &a->norm, "norm", d);
  em_bind_leave (b, mark);
}

static EmTensor *
norm (EmCtx *ctx, const EmPair *p, EmTensor *x)
{
  return em_layer_norm (ctx, x, p->w, p->b, 1e-5f);
}

/* x [1, N, d] among themselves */
static EmTensor *
self_attention (EmCtx *ctx, const EmMemoryAttention *a, const EmAttention *w, EmTensor *x)
{
  EmTensor *q = em_rope (ctx, em_project (ctx, &w->q, x), a->rope, x->shape[1]);
  EmTensor *k = em_rope (ctx, em_project (ctx, &w->k, x), a->rope, x->shape[1]);

  x = em_attention (ctx, q, k, em_project (ctx, &w->v, x), 1);
  return em_project (ctx, &w->out, x);
}

/* x on the memory. The values are the memory itself, m wide: their projection is part of the
 * output's, which saves more than a third of the work at large grids. The first n_rotated keys have
 * a place on the grid. */
static EmTensor *
cross_attention (EmCtx *ctx, const EmMemoryAttention *a, const EmMemoryLayer *l, EmTensor *x,
                 EmTensor *keys, EmTensor *memory, int64_t n_rotated)
{
  EmTensor *q = em_rope (ctx, em_project (ctx, &l->cross_attn.q, x), a->rope, x->shape[1]);
  EmTensor *k = em_rope (ctx, em_project (ctx, &l->cross_attn.k, keys), a->rope, n_rotated);

  return em_project (ctx, &l->values, em_attention (ctx, q, k, memory, 1));
}

/* The first half of a layer: x [1, N, d] among themselves. */
static EmTensor *
self_half (EmCtx *ctx, const EmMemoryAttention *a, int i, EmTensor *x)
{
  const EmMemoryLayer *l = &a->layers[i];
  EmTensor *y = self_attention (ctx, a, &l->self_attn, norm (ctx, &l->norm1, x));

  em_tap (ctx, y, "memory_attention.layer%d.self_attn", i);
  return em_add (ctx, x, y);
}

EmTensor *
em_memory_attention_begin (EmCtx *ctx, const EmMemoryAttention *a, EmTensor *current,
                           EmTensor *current_pos)
{
  size_t mark = em_ctx_mark (ctx);
  EmTensor *x = em_add (ctx, current, em_affine (ctx, current_pos, 0.1f, 0));

  return em_keep (ctx, mark, self_half (ctx, a, 0, x));
}

EmTensor *
em_memory_attention (EmCtx *ctx, const EmMemoryAttention *a, EmTensor *begun, EmTensor *memory,
                     EmTensor *memory_pos, int64_t n_pointer_tokens)
{
  EmTensor *keys = em_add (ctx, memory, memory_pos), *x = begun, *y;
  int64_t n_spatial = memory->shape[1] - n_pointer_tokens;
  size_t mark = em_ctx_mark (ctx);

  for (int i = 0; i < a->n_layers; i++) {
    const EmMemoryLayer *l = &a->layers[i];

    if (i > 0)
      x = self_half (ctx, a, i, x);
    y = norm (ctx, &l->norm2, x);
    y = cross_attention (ctx, a, l, y, keys, memory, n_spatial);
    em_tap (ctx, y, "memory_attention.layer%d.cross_attn", i);
    x = em_add (ctx, x, y);

    y = norm (ctx, &l->norm3, x);
    y = em_linear (ctx, y, l->linear1.w, l->linear1.b, EM_ACT_RELU, NULL);
    x = em_keep (ctx, mark, em_linear (ctx, y, l->linear2.w, l->linear2.b, EM_ACT_NONE, x));
    em_tap (ctx, x, "memory_attention.layer%d", i);
  }
  x = em_keep (ctx, mark, norm (ctx, &a->norm, x));
  em_tap (ctx, x, "memory_attention.out");
  return x;
}
