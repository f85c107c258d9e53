/* op_attn.c - attention: shape rule, output, flop count, table call. */
#include "engine/op.h"

EmTensor *
em_attention (EmCtx *ctx, EmTensor *q, EmTensor *k, EmTensor *v, int n_heads)
{
  if (!em_ok (ctx) || !em_bring (ctx, &q, &k, &v))
    return em_nil (ctx);
  EM_BUG_UNLESS (!em_is_nil (q) && !em_is_nil (k) && !em_is_nil (v));
  EM_BUG_UNLESS (q->ndim == 3 && k->ndim == 3 && v->ndim == 3 && n_heads > 0);
  EM_BUG_UNLESS (q->shape[2] == k->shape[2] && k->shape[1] == v->shape[1] && k->shape[1] > 0);
  EM_BUG_UNLESS (q->shape[2] % n_heads == 0 && v->shape[2] % n_heads == 0);
  EM_BUG_UNLESS (k->shape[0] == q->shape[0] || k->shape[0] == 1);
  EM_BUG_UNLESS (v->shape[0] == q->shape[0] || v->shape[0] == 1);

  EmTensor *y = em_new_computed (ctx, q->shape[0], q->shape[1], v->shape[2]);
  if (!em_ok (ctx))
    return y;
  em_count (ctx, q->shape[1], k->shape[1], q->shape[2] / n_heads, true, n_heads * q->shape[0]);
  em_count (ctx, q->shape[1], v->shape[2] / n_heads, k->shape[1], false, n_heads * q->shape[0]);
  ctx->be->ops.attention (ctx->be, y, q, k, v, n_heads);
  return y;
}

EmTensor *
em_window_attention (EmCtx *ctx, EmTensor *qkv, EmTensor *qkv_bias, int n_heads, int window,
                     bool pool_q)
{
  if (!em_ok (ctx) || !em_bring (ctx, &qkv, &qkv_bias))
    return em_nil (ctx);
  EM_BUG_UNLESS (!em_is_nil (qkv) && qkv->ndim == 4 && n_heads > 0);
  EM_BUG_UNLESS (qkv->shape[3] % (3 * n_heads) == 0 && em_numel (qkv_bias) == qkv->shape[3]);
  EM_BUG_UNLESS (window >= 0 && !(pool_q && window % 2));

  int64_t h = qkv->shape[1], w = qkv->shape[2], c = qkv->shape[3] / 3, part = pool_q ? 2 : 1;
  EmTensor *y = em_new_computed (ctx, qkv->shape[0], h / part, w / part, c);
  if (!em_ok (ctx))
    return y;
  int64_t side_y = window ? window : h, side_x = window ? window : w;
  int64_t windows = (h + side_y - 1) / side_y * ((w + side_x - 1) / side_x) * qkv->shape[0];
  int64_t keys = side_y * side_x, queries = keys / (part * part);
  em_count (ctx, queries, keys, c / n_heads, true, windows * n_heads);
  em_count (ctx, queries, c / n_heads, keys, false, windows * n_heads);
  ctx->be->ops.window_attention (ctx->be, y, qkv, qkv_bias, n_heads, window, pool_q);
  return y;
}

EmTensor *
em_rope (EmCtx *ctx, EmTensor *x, EmTensor *table, int64_t n_rotated)
{
  EmTensor *y;

  if (!em_ok (ctx) || !em_bring (ctx, &x))
    return em_nil (ctx);
  EM_BUG_UNLESS (!em_is_nil (x) && em_is_f32 (table) && x->ndim == 3 && table->ndim == 3);
  EM_BUG_UNLESS (table->shape[0] > 0 && table->shape[1] * 2 == x->shape[2]);
  EM_BUG_UNLESS (table->shape[2] == 2 && n_rotated >= 0 && n_rotated <= x->shape[1]);
  y = em_like (ctx, x);
  if (em_ok (ctx))
    ctx->be->ops.rope (ctx->be, y, x, table, n_rotated);
  return y;
}
