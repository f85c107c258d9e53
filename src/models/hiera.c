/* hiera.c - the trunk, block by block.
 *
 * Scratch: a block's output is moved down over the block's input, unless that input is a stage's
 * result, so the trunk needs the four stages and the memory of one block. */
#include "models/hiera.h"
#include <math.h>

/* The first block of a stage still has the window of the stage before: it is that window's queries
 * which are pooled. */
static void
plan_blocks (EmHiera *t, const EmTrunkConfig *config)
{
  int c = config->embed_dim, n_heads = config->num_heads;

  t->n_blocks = 0;
  for (int stage = 0; stage < EM_N_STAGES; stage++)
    for (int i = 0; i < config->stages[stage]; i++) {
      int index = t->n_blocks++;
      EmHieraBlock *b = &t->blocks[index];

      b->pool = stage > 0 && i == 0;
      b->c_in = c;
      c = b->pool ? 2 * c : c;
      n_heads = b->pool ? 2 * n_heads : n_heads;
      b->c_out = c;
      b->n_heads = n_heads;
      b->window = config->window_spec[b->pool ? stage - 1 : stage];
      b->stage_end = i + 1 == config->stages[stage] ? stage : -1;
      for (int k = 0; k < config->n_global; k++)
        if (config->global_att_blocks[k] == index)
          b->window = 0;
    }
}

void
em_hiera_bind (EmBinder *b, EmHiera *t, const EmTrunkConfig *config)
{
  int c = config->embed_dim, window = config->window_spec[0];
  size_t mark = em_bind_enter (b, "image_encoder.trunk.");

  plan_blocks (t, config);
  em_bind (b, &t->pos_embed, "pos_embed", 1, c, config->bkg[0], config->bkg[1]);
  em_bind (b, &t->pos_embed_window, "pos_embed_window", 1, c, window, window);
  em_bind_pair (b, &t->patch_embed, "patch_embed.proj", c, 3, 7, 7);
  for (int i = 0; i < t->n_blocks; i++) {
    EmHieraBlock *block = &t->blocks[i];
    size_t inner = em_bind_enter (b, "blocks.%d.", i);
    int in = block->c_in, out = block->c_out;

    em_bind_pair (b, &block->norm1, "norm1", in);
    em_bind_pair (b, &block->qkv, "attn.qkv", 3 * out, in);
    em_bind_pair (b, &block->attn_proj, "attn.proj", out, out);
    em_bind_pair (b, &block->norm2, "norm2", out);
    em_bind_pair (b, &block->fc1, "mlp.layers.0", 4 * out, out);
    em_bind_pair (b, &block->fc2, "mlp.layers.1", out, 4 * out);
    if (block->pool)
      em_bind_pair (b, &block->proj, "proj", out, in);
    em_bind_leave (b, inner);
  }
  em_bind_leave (b, mark);
}

/* x [n, h, w, c_in] -> [n, h, w, c_out], halved where the block pools */
static EmTensor *
block_forward (EmCtx *ctx, const EmHieraBlock *b, EmTensor *x)
{
  EmTensor *y = em_layer_norm (ctx, x, b->norm1.w, b->norm1.b, 1e-6f);

  if (b->pool) /* the shortcut starts from the normalised input */
    x = em_max_pool (ctx, em_linear (ctx, y, b->proj.w, b->proj.b, EM_ACT_NONE, NULL));
  y = em_linear (ctx, y, b->qkv.w, b->qkv.b, EM_ACT_NONE, NULL);
  y = em_window_attention (ctx, y, b->qkv.b, b->n_heads, b->window, b->pool);
  x = em_linear (ctx, y, b->attn_proj.w, b->attn_proj.b, EM_ACT_NONE, x);
  y = em_layer_norm (ctx, x, b->norm2.w, b->norm2.b, 1e-6f);
  y = em_linear (ctx, y, b->fc1.w, b->fc1.b, EM_ACT_GELU, NULL);
  return em_linear (ctx, y, b->fc2.w, b->fc2.b, EM_ACT_NONE, x);
}

void
em_hiera_forward (EmCtx *ctx, const EmHiera *t, EmTensor *frames, EmTensor *stages[EM_N_STAGES])
{
  size_t mark = em_ctx_mark (ctx);
  EmTensor *x = em_conv2d (ctx, frames, t->patch_embed.w, t->patch_embed.b, 4, 3, EM_ACT_NONE);

  em_tap (ctx, x, "trunk.patch_embed");
  x = em_keep (ctx, mark, em_add (ctx, x, t->pos));
  em_tap (ctx, x, "trunk.pos_added");
  for (int i = 0; i < t->n_blocks; i++) {
    const EmHieraBlock *b = &t->blocks[i];

    x = em_keep (ctx, mark, block_forward (ctx, b, x));
    em_tap (ctx, x, "trunk.block%d", i);
    if (b->stage_end >= 0) {
      stages[b->stage_end] = x;
      em_tap (ctx, x, "trunk.stage%d", b->stage_end + 1);
      mark = em_ctx_mark (ctx);
    }
  }
}

/* Cubic convolution with A = -0.75: the weights of the four taps around t in [0, 1). */
static void
cubic_weights (double t, double w[4])
{
  const double a = -0.75;

  for (int i = 0; i < 4; i++) {
    double x = fabs (t + 1 - i);

    w[i] = x <= 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  }
}

/* Taps of output `at` of `side` over an axis of length n, clamped at its ends. */
static void
cubic_taps (int at, int side, int n, int index[4], double w[4])
{
  double s = (at + 0.5) * n / side - 0.5, base = floor (s);

  cubic_weights (s - base, w);
  for (int i = 0; i < 4; i++) {
    int k = (int) base - 1 + i;

    index[i] = k < 0 ? 0 : k >= n ? n - 1 : k;
  }
}

void
em_hiera_positions (float *out, int side, int c, const float *pos_embed, int bh, int bw,
                    const float *pos_embed_window, int window)
{
  for (int y = 0; y < side; y++)
    for (int x = 0; x < side; x++) {
      double wy[4], wx[4];
      int iy[4], ix[4];

      cubic_taps (y, side, bh, iy, wy);
      cubic_taps (x, side, bw, ix, wx);
      for (int k = 0; k < c; k++) {
        const float *map = pos_embed + (int64_t) k * bh * bw;
        double sum = 0;

        for (int i = 0; i < 4; i++)
          for (int j = 0; j < 4; j++)
            sum += wy[i] * wx[j] * map[iy[i] * bw + ix[j]];
        *out++ = (float) sum
                 + pos_embed_window[((int64_t) k * window + y % window) * window + x % window];
      }
    }
}
