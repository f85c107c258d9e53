/* op_math.c - elementwise ops: shape rule, output, table call. */
#include "engine/op.h"

EmTensor *
em_add (EmCtx *ctx, EmTensor *a, EmTensor *b)
{
  EmTensor *y;

  if (!em_ok (ctx) || !em_agree (ctx, &a, &b))
    return em_nil (ctx);
  EM_BUG_UNLESS (em_is_real (ctx, a) && em_is_suffix (b, a));
  y = em_like (ctx, a);
  if (em_ok (ctx))
    ctx->be->ops.add (ctx->be, y, a, b);
  return y;
}

EmTensor *
em_mul (EmCtx *ctx, EmTensor *a, EmTensor *b)
{
  EmTensor *y;

  if (!em_ok (ctx) || !em_agree (ctx, &a, &b))
    return em_nil (ctx);
  EM_BUG_UNLESS (em_is_real (ctx, a) && em_is_suffix (b, a));
  y = em_like (ctx, a);
  if (em_ok (ctx))
    ctx->be->ops.mul (ctx->be, y, a, b);
  return y;
}

EmTensor *
em_affine (EmCtx *ctx, EmTensor *x, float scale, float offset)
{
  EmTensor *y = em_like (ctx, x);

  if (!em_ok (ctx))
    return em_nil (ctx);
  EM_BUG_UNLESS (em_is_real (ctx, x));
  ctx->be->ops.affine (ctx->be, y, x, scale, offset);
  return y;
}

EmTensor *
em_activate (EmCtx *ctx, EmTensor *x, EmAct act)
{
  EmTensor *y = em_like (ctx, x);

  if (!em_ok (ctx))
    return em_nil (ctx);
  EM_BUG_UNLESS (em_is_real (ctx, x));
  ctx->be->ops.activate (ctx->be, y, x, act);
  return y;
}

EmTensor *
em_clamp (EmCtx *ctx, EmTensor *x, float low, float high)
{
  EmTensor *y = em_like (ctx, x);

  if (!em_ok (ctx))
    return em_nil (ctx);
  EM_BUG_UNLESS (em_is_real (ctx, x) && low <= high);
  ctx->be->ops.clamp (ctx->be, y, x, low, high);
  return y;
}

EmTensor *
em_where (EmCtx *ctx, EmTensor *cond, EmTensor *a, EmTensor *b)
{
  EmTensor *y;

  if (!em_ok (ctx) || !em_agree (ctx, &a, &b))
    return em_nil (ctx);
  EM_BUG_UNLESS (em_is_f32 (cond) && em_is_real (ctx, a));
  EM_BUG_UNLESS (a->ndim > 0 && em_numel (cond) == a->shape[0]);
  EM_BUG_UNLESS (em_same_shape (a, b) || em_numel (b) * a->shape[0] == em_numel (a));
  y = em_like (ctx, a);
  if (em_ok (ctx))
    ctx->be->ops.where (ctx->be, y, cond, a, b);
  return y;
}

EmTensor *
em_fourier (EmCtx *ctx, EmTensor *xy, EmTensor *gaussian)
{
  if (!em_ok (ctx))
    return em_nil (ctx);
  EM_BUG_UNLESS (em_is_f32 (xy) && em_is_f32 (gaussian));
  EM_BUG_UNLESS (xy->ndim == 2 && xy->shape[1] == 2);
  EM_BUG_UNLESS (gaussian->ndim == 2 && gaussian->shape[0] == 2);

  EmTensor *y = em_new_f32 (ctx, xy->shape[0], 2 * gaussian->shape[1]);
  if (em_ok (ctx))
    ctx->be->ops.fourier (ctx->be, y, xy, gaussian);
  return y;
}
