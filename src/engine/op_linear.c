/* op_linear.c - products: shape rule, output, flop count, table call. */
#include "engine/op.h"

/* `type`: of the result. */
static EmTensor *
linear (EmCtx *ctx, EmDtype type, EmTensor *x, EmTensor *w, EmTensor *b, EmAct act,
        EmTensor *residual)
{
  int64_t shape[EM_MAX_DIMS];

  if (!em_ok (ctx) || !em_bring (ctx, &x, &w, &b, &residual))
    return em_nil (ctx);
  EM_BUG_UNLESS (!em_is_nil (x) && !em_is_nil (w));
  EM_BUG_UNLESS (x->ndim >= 1 && w->ndim >= 2 && w->shape[1] == em_last_dim (x));
  EM_BUG_UNLESS (em_numel (w) == w->shape[0] * w->shape[1]);
  EM_BUG_UNLESS (!b || em_numel (b) == w->shape[0]);
  for (int i = 0; i < x->ndim; i++)
    shape[i] = i == x->ndim - 1 ? w->shape[0] : x->shape[i];

  EmTensor *y = em_new (ctx, type, x->ndim, shape);
  if (!em_ok (ctx))
    return y;
  EM_BUG_UNLESS (!residual || em_numel (residual) == em_numel (y));
  em_count (ctx, em_rows (y), w->shape[0], w->shape[1], true, 1);
  ctx->be->ops.linear (ctx->be, y, x, w, b, act, residual);
  return y;
}

EmTensor *
em_linear (EmCtx *ctx, EmTensor *x, EmTensor *w, EmTensor *b, EmAct act, EmTensor *residual)
{
  return linear (ctx, ctx->be->compute, x, w, b, act, residual);
}

EmTensor *
em_linear_f32 (EmCtx *ctx, EmTensor *x, EmTensor *w, EmTensor *b, EmAct act)
{
  return linear (ctx, EM_F32, x, w, b, act, NULL);
}

/* `type`: of the result. */
static EmTensor *
matmul (EmCtx *ctx, EmDtype type, EmTensor *a, bool ta, EmTensor *b, bool tb, float scale)
{
  if (!em_ok (ctx) || !em_bring (ctx, &a, &b))
    return em_nil (ctx);
  EM_BUG_UNLESS (!em_is_nil (a) && !em_is_nil (b) && a->ndim == 3 && b->ndim == 3);
  EM_BUG_UNLESS (a->shape[0] == b->shape[0] || a->shape[0] == 1 || b->shape[0] == 1);

  int64_t batch = a->shape[0] == 1 ? b->shape[0] : a->shape[0];
  int64_t m = a->shape[ta ? 2 : 1], k = a->shape[ta ? 1 : 2], n = b->shape[tb ? 1 : 2];
  EM_BUG_UNLESS (b->shape[tb ? 2 : 1] == k);

  EmTensor *y = em_new (ctx, type, 3, (int64_t[]){ batch, m, n });
  if (!em_ok (ctx))
    return y;
  em_count (ctx, m, n, k, tb, batch);
  ctx->be->ops.matmul (ctx->be, y, a, ta, b, tb, scale);
  return y;
}

EmTensor *
em_matmul (EmCtx *ctx, EmTensor *a, bool ta, EmTensor *b, bool tb, float scale)
{
  return matmul (ctx, ctx->be->compute, a, ta, b, tb, scale);
}

EmTensor *
em_matmul_f32 (EmCtx *ctx, EmTensor *a, bool ta, EmTensor *b, bool tb, float scale)
{
  return matmul (ctx, EM_F32, a, ta, b, tb, scale);
}
