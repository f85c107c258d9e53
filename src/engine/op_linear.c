/* op_linear.c - products: shape rule, output, flop count, table call. */
#include "engine/op.h"

EmTensor *
em_linear (EmCtx *ctx, EmTensor *x, EmTensor *w, EmTensor *b, EmAct act, EmTensor *residual)
{
  int64_t shape[EM_MAX_DIMS];

  if (!em_ok (ctx))
    return em_nil (ctx);
  EM_BUG_UNLESS (em_is_f32 (x) && em_is_f32 (w) && em_is_f32_or_null (b));
  EM_BUG_UNLESS (x->ndim >= 1 && w->ndim >= 2 && w->shape[1] == em_last_dim (x));
  EM_BUG_UNLESS (em_numel (w) == w->shape[0] * w->shape[1]);
  EM_BUG_UNLESS (!b || em_numel (b) == w->shape[0]);
  for (int i = 0; i < x->ndim; i++)
    shape[i] = i == x->ndim - 1 ? w->shape[0] : x->shape[i];

  EmTensor *y = em_new (ctx, EM_F32, x->ndim, shape);
  if (!em_ok (ctx))
    return y;
  EM_BUG_UNLESS (em_is_f32_or_null (residual));
  EM_BUG_UNLESS (!residual || em_numel (residual) == em_numel (y));
  em_count (ctx, em_rows (y), w->shape[0], w->shape[1], true, 1);
  ctx->be->ops.linear (ctx->be, y, x, w, b, act, residual);
  return y;
}

EmTensor *
em_matmul (EmCtx *ctx, EmTensor *a, bool ta, EmTensor *b, bool tb, float scale)
{
  if (!em_ok (ctx))
    return em_nil (ctx);
  EM_BUG_UNLESS (em_is_f32 (a) && em_is_f32 (b) && a->ndim == 3 && b->ndim == 3);
  EM_BUG_UNLESS (a->shape[0] == b->shape[0] || a->shape[0] == 1 || b->shape[0] == 1);

  int64_t batch = a->shape[0] == 1 ? b->shape[0] : a->shape[0];
  int64_t m = a->shape[ta ? 2 : 1], k = a->shape[ta ? 1 : 2], n = b->shape[tb ? 1 : 2];
  EM_BUG_UNLESS (b->shape[tb ? 2 : 1] == k);

  EmTensor *y = em_new_f32 (ctx, batch, m, n);
  if (!em_ok (ctx))
    return y;
  em_count (ctx, m, n, k, tb, batch);
  ctx->be->ops.matmul (ctx->be, y, a, ta, b, tb, scale);
  return y;
}
