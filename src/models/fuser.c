/* fuser.c - AuralFuser: the three stages and their blocks. The fusion itself is in fusion.c. */
#include "models/fuser.h"
#include "models/fuser_private.h"

#define NORM_EPS 1e-5f

static const int patch_side[EM_N_FUSION] = { 4, 2, 1 };

/* The token blocks share the visual block's class: what they inherit and never use is dead. */
static void
bind_block (EmBinder *b, EmFuserBlock *block, const EmFuserConfig *c, bool visual)
{
  int dim = c->dim, hidden = dim * c->mlp_ratio;

  em_bind_pair (b, &block->norm1, "norm1", dim);
  em_bind_pair (b, &block->q, "attn.q", dim, dim);
  em_bind_pair (b, &block->kv, "attn.kv", 2 * dim, dim);
  em_bind_pair (b, &block->proj, "attn.proj", dim, dim);
  em_bind_pair (b, &block->norm2, "norm2", dim);
  em_bind_pair (b, &block->fc1, "mlp.fc1", hidden, dim);
  em_bind_pair (b, &block->fc2, "mlp.fc2", dim, hidden);
  if (visual) {
    em_bind_pair (b, &block->sr, "attn.sr", dim, dim, c->sr_ratio, c->sr_ratio);
    em_bind_pair (b, &block->norm, "attn.norm", dim);
    em_bind_pair (b, &block->dwconv, "mlp.dwconv.dwconv", hidden, 1, 3, 3);
  } else {
    em_bind_dead_pair (b, "attn.sr", dim, dim, c->sr_ratio, c->sr_ratio);
    em_bind_dead_pair (b, "attn.norm", dim);
    em_bind_dead_pair (b, "mlp.dwconv.dwconv", hidden, 1, 3, 3);
  }
}

static void
bind_blocks (EmBinder *b, EmFuserBlock *blocks, int n, const char *list, int stage,
             const EmFuserConfig *c, bool visual)
{
  for (int i = 0; i < n; i++) {
    size_t mark = em_bind_enter (b, "%s.%d.%d.", list, stage, i);

    bind_block (b, &blocks[i], c, visual);
    em_bind_leave (b, mark);
  }
}

static void
bind_text (EmBinder *b, EmFuser *f, const EmFuserConfig *c)
{
  int hidden = 4 * c->dim;

  if (!c->text_width)
    return;
  em_bind (b, &f->text_w[0], "text_proj.0.weight", hidden, c->text_width);
  em_bind (b, &f->text_b[0], "text_proj.0.bias", hidden);
  em_bind (b, &f->text_w[1], "text_proj.2.weight", c->dim, hidden);
  em_bind (b, &f->text_b[1], "text_proj.2.bias", c->dim);
}

void
em_fuser_bind (EmBinder *b, EmFuser *f, const EmFuserConfig *config)
{
  int dim = config->dim;

  f->config = *config;
  for (int s = 0; s < EM_N_FUSION; s++) {
    size_t mark = em_bind_enter (b, "patch_embeds.%d", s);

    em_bind_pair (b, &f->patch_embeds[s], "", dim, dim, patch_side[s], patch_side[s]);
    em_bind_leave (b, mark);
    bind_blocks (b, f->f_blocks[s], config->f_depths[s], "f_blocks", s, config, true);
    bind_blocks (b, f->a_blocks[s], config->a_depths[s], "a_blocks", s, config, false);
    mark = em_bind_enter (b, "fusion_modules.%d.", s);
    em_fusion_bind (b, &f->fusion[s], config);
    em_bind_leave (b, mark);
    if (s > 0) {
      mark = em_bind_enter (b, "smooth_convs.%d", s - 1);
      em_bind_pair (b, &f->smooth_convs[s - 1], "", dim, dim, 1, 1);
      em_bind_leave (b, mark);
    }
  }
  bind_text (b, f, config);
}

/* kv's rows are all keys, then all values: its halves are two linear layers, and nothing has to be
 * cut apart afterwards. */
static EmTensor *
half_linear (EmCtx *ctx, EmTensor *x, const EmPair *kv, int half)
{
  int64_t c = kv->w->shape[0] / 2;

  return em_linear (ctx, x, em_rows_of (ctx, kv->w, half * c, (half + 1) * c),
                    em_rows_of (ctx, kv->b, half * c, (half + 1) * c), EM_ACT_NONE, NULL);
}

static EmTensor *
norm (EmCtx *ctx, EmTensor *x, const EmPair *p)
{
  return em_layer_norm (ctx, x, p->w, p->b, NORM_EPS);
}

/* x [T, N, dim] with N = side * side. Keys and values come from a map `sr_ratio` times coarser. */
static EmTensor *
visual_block (EmCtx *ctx, const EmFuserBlock *b, EmTensor *x, int n_heads, int side)
{
  int64_t t = x->shape[0], n = x->shape[1], c = x->shape[2];
  int ratio = (int) b->sr.w->shape[2], coarse = side / ratio; /* x may be nil: no shape of z */
  size_t mark = em_ctx_mark (ctx);
  EmTensor *u = norm (ctx, x, &b->norm1), *z, *h;
  EmTensor *q = em_linear (ctx, u, b->q.w, b->q.b, EM_ACT_NONE, NULL);

  z = em_conv2d (ctx, em_reshape (ctx, u, t, side, side, c), b->sr.w, b->sr.b, ratio, 0,
                 EM_ACT_NONE);
  z = norm (ctx, em_reshape (ctx, z, t, (int64_t) coarse * coarse, c), &b->norm);
  u = em_attention (ctx, q, half_linear (ctx, z, &b->kv, 0), half_linear (ctx, z, &b->kv, 1),
                    n_heads);
  x = em_keep (ctx, mark, em_linear (ctx, u, b->proj.w, b->proj.b, EM_ACT_NONE, x));

  h = em_linear (ctx, norm (ctx, x, &b->norm2), b->fc1.w, b->fc1.b, EM_ACT_NONE, NULL);
  h = em_depthwise (ctx, em_reshape (ctx, h, t, side, side, em_last_dim (h)), b->dwconv.w,
                    b->dwconv.b, 1, EM_ACT_GELU);
  h = em_reshape (ctx, h, t, n, em_last_dim (h));
  return em_keep (ctx, mark, em_linear (ctx, h, b->fc2.w, b->fc2.b, EM_ACT_NONE, x));
}

/* d [rows, dim]: every row attends to every row. */
static EmTensor *
token_block (EmCtx *ctx, const EmFuserBlock *b, EmTensor *d, int n_heads)
{
  int64_t rows = d->shape[0], c = d->shape[1];
  size_t mark = em_ctx_mark (ctx);
  EmTensor *u = em_reshape (ctx, norm (ctx, d, &b->norm1), 1, rows, c), *h;
  EmTensor *q = em_linear (ctx, u, b->q.w, b->q.b, EM_ACT_NONE, NULL);

  u = em_attention (ctx, q, half_linear (ctx, u, &b->kv, 0), half_linear (ctx, u, &b->kv, 1),
                    n_heads);
  d = em_linear (ctx, em_reshape (ctx, u, rows, c), b->proj.w, b->proj.b, EM_ACT_NONE, d);
  h = em_linear (ctx, norm (ctx, d, &b->norm2), b->fc1.w, b->fc1.b, EM_ACT_GELU, NULL);
  return em_keep (ctx, mark, em_linear (ctx, h, b->fc2.w, b->fc2.b, EM_ACT_NONE, d));
}

EmTensor *
em_fuser_patch (EmCtx *ctx, const EmFuser *f, int stage, EmTensor *fpn)
{
  const EmPair *patch = &f->patch_embeds[stage];
  EmTensor *x = em_conv2d (ctx, fpn, patch->w, patch->b, patch_side[stage], 0, EM_ACT_NONE);

  em_tap (ctx, x, "stage%d.patch", stage + 1);
  return x;
}

/* The frames' side of a stage, up to its fusion: x [T, N, dim]. */
static EmTensor *
frames_of_stage (EmCtx *ctx, const EmFuser *f, int s, EmTensor *patches, EmTensor *before)
{
  int side = (int) patches->shape[1];
  EmTensor *x = patches;
  size_t mark;

  x = em_reshape (ctx, x, x->shape[0], (int64_t) side * side, em_last_dim (x));
  if (before) {
    const EmPair *smooth = &f->smooth_convs[s - 1];

    x = em_linear (ctx, em_add (ctx, x, before), smooth->w, smooth->b, EM_ACT_NONE, NULL);
  }
  x = em_add (ctx, x, f->pos);
  em_tap (ctx, x, "stage%d.block_in", s + 1);
  mark = em_ctx_mark (ctx);
  for (int i = 0; i < f->config.f_depths[s]; i++) {
    x = em_keep (ctx, mark, visual_block (ctx, &f->f_blocks[s][i], x, f->config.num_heads, side));
    if (i == 0)
      em_tap (ctx, x, "stage%d.block0", s + 1);
  }
  em_tap (ctx, x, "stage%d.blocks", s + 1);
  return em_add (ctx, x, f->pos);
}

static EmTensor *
tokens_of_stage (EmCtx *ctx, const EmFuser *f, int s, EmTensor *d)
{
  d = em_add (ctx, d, f->token_pos);
  em_tap (ctx, d, "stage%d.token_in", s + 1);
  for (int i = 0; i < f->config.a_depths[s]; i++) {
    d = token_block (ctx, &f->a_blocks[s][i], d, f->config.num_heads);
    if (i == 0)
      em_tap (ctx, d, "stage%d.token_block0", s + 1);
  }
  em_tap (ctx, d, "stage%d.token_blocks", s + 1);
  return em_add (ctx, d, f->token_pos);
}

/* The reference asks a sinusoid for one position only: sin 0, cos 0, sin 0 ... */
void
em_fuser_token_position (float *out, int dim)
{
  for (int i = 0; i < dim; i++)
    out[i] = (float) (i % 2);
}

static EmTensor *
token_rows (EmCtx *ctx, const EmFuser *f, EmTensor *audio, EmTensor *text)
{
  if (!text)
    return audio;
  EM_BUG_UNLESS (f->text_w[0] && f->text_w[1]);
  text = em_linear (ctx, text, f->text_w[0], f->text_b[0], EM_ACT_GELU, NULL);
  text = em_linear (ctx, text, f->text_w[1], f->text_b[1], EM_ACT_NONE, NULL);
  em_tap (ctx, text, "text_proj");
  return em_concat (ctx, 0, 2, (EmTensor *[]){ audio, text });
}

EmFused
em_fuser_forward (EmCtx *ctx, const EmFuser *f, EmTensor *const patches[EM_N_FUSION],
                  EmTensor *audio, EmTensor *text)
{
  EmTensor *d = token_rows (ctx, f, audio, text);
  EmFused out;

  for (int s = 0; s < EM_N_FUSION; s++) {
    EmTensor *x = frames_of_stage (ctx, f, s, patches[s], s > 0 ? out.v[s - 1] : NULL);

    d = tokens_of_stage (ctx, f, s, d);
    em_fusion_forward (ctx, &f->fusion[s], s + 1, x, d, &out.v[s], &out.a[s]);
    d = out.a[s];
  }
  return out;
}
