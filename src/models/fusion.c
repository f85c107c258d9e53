/* fusion.c - where frames and tokens meet.
 *
 * Attention without a softmax, divided by the number of positions T N, in both directions. The
 * reference reads and writes its matrices through views that mix up channel and position; released
 * weights were trained so, hence every view is kept:
 *
 *   - q, k, v of the frames lie as [T, inner, N] and are read as [T N, inner] rows;
 *   - the answer for the frames, [T N, inner], is transposed and read as [T, inner, N];
 *   - the answer for the tokens, [rows, inner], is transposed and read as [rows, inner].
 *
 * Without a softmax the products re-associate: Q (K^T V) instead of (Q K^T) V, so that no
 * [T N, rows] map is ever made. */
#include "models/fuser_private.h"

#define NORM_EPS 1e-5f

static void
bind_out (EmBinder *b, EmFusionOut *out, const char *name, int dim, int inner, bool frames)
{
  size_t mark = em_bind_enter (b, "%s.", name);

  if (frames)
    em_bind_pair (b, &out->conv, "0", dim, inner, 1, 1, 1);
  else
    em_bind_pair (b, &out->conv, "0", dim, inner, 1);
  em_bind_pair (b, &out->bn, "1", dim);
  em_bind (b, &out->mean, "1.running_mean", dim);
  em_bind (b, &out->var, "1.running_var", dim);
  em_bind_tensor (b, NULL, "1.num_batches_tracked", EM_BIND_DEAD, 0, NULL);
  em_bind_leave (b, mark);
}

void
em_fusion_bind (EmBinder *b, EmFusion *f, const EmFuserConfig *config)
{
  int dim = config->dim, inner = config->inner;

  em_bind_pair (b, &f->align, "align_channel", dim, dim, 1);
  em_bind_dead_pair (b, "align_channel_back", inner, dim, 1);
  em_bind_pair (b, &f->norm_layer, "norm_layer", dim);
  em_bind_dead_pair (b, "g", inner, dim, 1, 1, 1);
  bind_out (b, &f->w_z, "W_z", dim, inner, true);
  bind_out (b, &f->w_z2, "W_z2", dim, inner, false);
  em_bind_pair (b, &f->norm_layer2, "norm_layer2", dim);
  em_bind_pair (b, &f->q_frame, "q_frame", inner, dim, 1, 1, 1);
  em_bind_pair (b, &f->k_frame, "k_frame", inner, dim, 1, 1, 1);
  em_bind_pair (b, &f->v_frame, "v_frame", inner, dim, 1, 1, 1);
  em_bind_pair (b, &f->q_audio, "q_audio", inner, dim, 1);
  em_bind_pair (b, &f->k_audio, "k_audio", inner, dim, 1);
  em_bind_pair (b, &f->v_audio, "v_audio", inner, dim, 1);
}

static EmTensor *
project (EmCtx *ctx, const EmPair *p, EmTensor *x)
{
  return em_linear (ctx, x, p->w, p->b, EM_ACT_NONE, NULL);
}

/* x [T, N, dim] -> [1, T N, inner]: the first scrambled view. */
static EmTensor *
scrambled_rows (EmCtx *ctx, const EmPair *p, EmTensor *x)
{
  EmTensor *y = em_permute (ctx, project (ctx, p, x), (int[]){ 0, 2, 1 }); /* [T, inner, N] */

  return em_reshape (ctx, y, 1, y->shape[0] * y->shape[2], y->shape[1]);
}

/* d [rows, dim] -> [1, rows, inner] */
static EmTensor *
token_rows (EmCtx *ctx, const EmPair *p, EmTensor *d)
{
  EmTensor *y = project (ctx, p, d);

  return em_reshape (ctx, y, 1, y->shape[0], y->shape[1]);
}

/* [1, a, b] -> its transpose, [b, a] */
static EmTensor *
transposed (EmCtx *ctx, EmTensor *x)
{
  EmTensor *y = em_permute (ctx, x, (int[]){ 0, 2, 1 });

  return em_reshape (ctx, y, y->shape[1], y->shape[2]);
}

static EmTensor *
batch_normed (EmCtx *ctx, const EmFusionOut *out, EmTensor *x)
{
  return em_batch_norm (ctx, project (ctx, &out->conv, x), out->bn.w, out->bn.b, out->mean,
                        out->var, NORM_EPS);
}

/* What the tokens tell the frames, [T, N, dim]. */
static EmTensor *
frames_from_tokens (EmCtx *ctx, const EmFusion *f, int stage, EmTensor *x, EmTensor *aligned)
{
  int64_t t = x->shape[0], n = x->shape[1];
  EmTensor *q = scrambled_rows (ctx, &f->q_frame, x);
  EmTensor *k = token_rows (ctx, &f->k_audio, aligned);
  EmTensor *v = token_rows (ctx, &f->v_audio, aligned);
  EmTensor *kv = em_matmul (ctx, k, true, v, false, 1.0f / (float) (t * n)), *o;
  int64_t inner = q->shape[2];

  o = em_matmul (ctx, q, false, kv, false, 1);
  o = em_reshape (ctx, transposed (ctx, o), t, inner, n); /* the second scrambled view */
  o = em_permute (ctx, o, (int[]){ 0, 2, 1 });
  em_tap (ctx, o, "stage%d.O", stage);
  return batch_normed (ctx, &f->w_z, o);
}

/* What the frames tell the tokens, [rows, dim]. */
static EmTensor *
tokens_from_frames (EmCtx *ctx, const EmFusion *f, int stage, EmTensor *x, EmTensor *aligned)
{
  int64_t t = x->shape[0], n = x->shape[1], rows = aligned->shape[0];
  EmTensor *q = token_rows (ctx, &f->q_audio, aligned);
  EmTensor *k = scrambled_rows (ctx, &f->k_frame, x);
  EmTensor *v = scrambled_rows (ctx, &f->v_frame, x);
  EmTensor *kv = em_matmul (ctx, k, true, v, false, 1.0f / (float) (t * n)), *r;
  int64_t inner = q->shape[2];

  r = em_matmul (ctx, q, false, kv, false, 1);
  r = em_reshape (ctx, transposed (ctx, r), rows, inner); /* the third */
  em_tap (ctx, r, "stage%d.R", stage);
  return batch_normed (ctx, &f->w_z2, r);
}

void
em_fusion_forward (EmCtx *ctx, const EmFusion *f, int stage, EmTensor *x, EmTensor *d, EmTensor **v,
                   EmTensor **a)
{
  EmTensor *aligned = project (ctx, &f->align, d), *y;
  size_t mark;

  em_tap (ctx, aligned, "stage%d.align", stage);
  y = tokens_from_frames (ctx, f, stage, x, aligned);
  em_tap (ctx, y, "stage%d.y", stage);
  *a = em_layer_norm (ctx, em_add (ctx, y, aligned), f->norm_layer2.w, f->norm_layer2.b, NORM_EPS);
  em_tap (ctx, *a, "stage%d.A", stage);

  mark = em_ctx_mark (ctx);
  y = frames_from_tokens (ctx, f, stage, x, aligned);
  em_tap (ctx, y, "stage%d.Y", stage);
  *v = em_keep (
      ctx, mark,
      em_layer_norm (ctx, em_add (ctx, y, x), f->norm_layer.w, f->norm_layer.b, NORM_EPS));
  em_tap (ctx, *v, "stage%d.V", stage);
}
