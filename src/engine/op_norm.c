/* op_norm.c - norms over the last axis: shape rule, output, table call. */
#include "engine/op.h"

EmTensor *
em_layer_norm (EmCtx *ctx, EmTensor *x, EmTensor *w, EmTensor *b, float eps)
{
  return em_layer_norm_act (ctx, x, w, b, eps, EM_ACT_NONE);
}

EmTensor *
em_layer_norm_act (EmCtx *ctx, EmTensor *x, EmTensor *w, EmTensor *b, float eps, EmAct act)
{
  EmTensor *y;

  if (!em_ok (ctx) || !em_bring (ctx, &x, &w, &b))
    return em_nil (ctx);
  EM_BUG_UNLESS (!em_is_nil (x) && em_numel (w) == em_last_dim (x));
  EM_BUG_UNLESS (em_numel (b) == em_last_dim (x));
  y = em_like (ctx, x);
  if (em_ok (ctx))
    ctx->be->ops.layer_norm (ctx->be, y, x, w, b, eps, act);
  return y;
}

EmTensor *
em_batch_norm (EmCtx *ctx, EmTensor *x, EmTensor *w, EmTensor *b, EmTensor *mean, EmTensor *var,
               float eps)
{
  int64_t c = em_last_dim (x);
  EmTensor *y;

  if (!em_ok (ctx) || !em_bring (ctx, &x, &w, &b, &mean, &var))
    return em_nil (ctx);
  EM_BUG_UNLESS (!em_is_nil (x) && em_numel (w) == c && em_numel (b) == c);
  EM_BUG_UNLESS (em_numel (mean) == c && em_numel (var) == c);
  y = em_like (ctx, x);
  if (em_ok (ctx))
    ctx->be->ops.batch_norm (ctx->be, y, x, w, b, mean, var, eps);
  return y;
}
