/* op_conv.c - maps [n, h, w, c]: shape rule, output, flop count, table call. */
#include "engine/op.h"

EmTensor *
em_conv2d (EmCtx *ctx, EmTensor *x, EmTensor *w, EmTensor *b, int stride, int pad, EmAct act)
{
  if (!em_ok (ctx) || !em_bring (ctx, &x, &w, &b))
    return em_nil (ctx);
  EM_BUG_UNLESS (!em_is_nil (x) && !em_is_nil (w));
  EM_BUG_UNLESS (x->ndim == 4 && w->ndim == 4 && w->shape[1] == x->shape[3]);
  EM_BUG_UNLESS (w->shape[0] > 0 && stride > 0 && pad >= 0 && (!b || em_numel (b) == w->shape[0]));

  int64_t h = x->shape[1] + 2 * pad - w->shape[2], wide = x->shape[2] + 2 * pad - w->shape[3];
  EM_BUG_UNLESS (h >= 0 && wide >= 0);
  EmTensor *y = em_new_computed (ctx, x->shape[0], h / stride + 1, wide / stride + 1, w->shape[0]);
  if (!em_ok (ctx))
    return y;
  em_count (ctx, em_rows (y), w->shape[0], em_numel (w) / w->shape[0], true, 1);
  ctx->be->ops.conv2d (ctx->be, y, x, w, b, stride, pad, act);
  return y;
}

EmTensor *
em_depthwise (EmCtx *ctx, EmTensor *x, EmTensor *w, EmTensor *b, int pad, EmAct act)
{
  if (!em_ok (ctx) || !em_bring (ctx, &x, &w, &b))
    return em_nil (ctx);
  EM_BUG_UNLESS (!em_is_nil (x) && !em_is_nil (w));
  EM_BUG_UNLESS (x->ndim == 4 && w->ndim == 4 && w->shape[0] == x->shape[3]);
  EM_BUG_UNLESS (w->shape[1] == 1 && pad >= 0 && (!b || em_numel (b) == w->shape[0]));

  int64_t h = x->shape[1] + 2 * pad - w->shape[2] + 1;
  int64_t wide = x->shape[2] + 2 * pad - w->shape[3] + 1;
  EM_BUG_UNLESS (h > 0 && wide > 0);
  EmTensor *y = em_new_computed (ctx, x->shape[0], h, wide, x->shape[3]);
  if (!em_ok (ctx))
    return y;
  ctx->flop += 2.0 * em_rows (y) * em_numel (w);
  ctx->be->ops.depthwise (ctx->be, y, x, w, b, pad, act);
  return y;
}

EmTensor *
em_conv_transpose (EmCtx *ctx, EmTensor *x, EmTensor *w, EmTensor *b, EmTensor *skip, EmAct act)
{
  if (!em_ok (ctx) || !em_bring (ctx, &x, &w, &b, &skip))
    return em_nil (ctx);
  EM_BUG_UNLESS (!em_is_nil (x) && !em_is_nil (w));
  EM_BUG_UNLESS (x->ndim == 4 && w->ndim == 4 && w->shape[0] == x->shape[3]);
  EM_BUG_UNLESS (w->shape[2] == 2 && w->shape[3] == 2 && (!b || em_numel (b) == w->shape[1]));

  EmTensor *y = em_new_computed (ctx, x->shape[0], 2 * x->shape[1], 2 * x->shape[2], w->shape[1]);
  if (!em_ok (ctx))
    return y;
  EM_BUG_UNLESS (!skip || em_numel (skip) == em_numel (y)
                 || em_numel (skip) * y->shape[0] == em_numel (y));
  em_count (ctx, em_rows (x), 4 * w->shape[1], w->shape[0], false, 1);
  ctx->be->ops.conv_transpose (ctx->be, y, x, w, b, skip, act);
  return y;
}

EmTensor *
em_max_pool (EmCtx *ctx, EmTensor *x)
{
  if (!em_ok (ctx))
    return em_nil (ctx);
  EM_BUG_UNLESS (em_is_real (ctx, x) && x->ndim == 4);

  EmTensor *y = em_new (ctx, x->dtype, 4,
                        (int64_t[]){ x->shape[0], x->shape[1] / 2, x->shape[2] / 2, x->shape[3] });
  if (em_ok (ctx))
    ctx->be->ops.max_pool (ctx->be, y, x);
  return y;
}

EmTensor *
em_upsample_add (EmCtx *ctx, EmTensor *coarse, EmTensor *fine)
{
  EmTensor *y;

  if (!em_ok (ctx) || !em_agree (ctx, &coarse, &fine))
    return em_nil (ctx);
  EM_BUG_UNLESS (em_is_real (ctx, coarse) && coarse->ndim == 4 && fine->ndim == 4);
  EM_BUG_UNLESS (fine->shape[0] == coarse->shape[0] && fine->shape[1] == 2 * coarse->shape[1]);
  EM_BUG_UNLESS (fine->shape[2] == 2 * coarse->shape[2] && fine->shape[3] == coarse->shape[3]);
  y = em_like (ctx, fine);
  if (em_ok (ctx))
    ctx->be->ops.upsample_add (ctx->be, y, coarse, fine);
  return y;
}

EmTensor *
em_resize (EmCtx *ctx, EmTensor *x, int height, int width, EmFilter filter)
{
  if (!em_ok (ctx))
    return em_nil (ctx);
  EM_BUG_UNLESS (em_is_real (ctx, x) && x->ndim == 3 && x->shape[1] > 0 && x->shape[2] > 0);
  EM_BUG_UNLESS (height > 0 && width > 0);

  EmTensor *y = em_new (ctx, x->dtype, 3, (int64_t[]){ x->shape[0], height, width });
  if (em_ok (ctx))
    ctx->be->ops.resize (ctx->be, y, x, filter);
  return y;
}
