/* op_picture.c - pictures in, masks out: shape rule, output, table call. */
#include "engine/op.h"

/* i32 [side, 1 + taps] over an axis of `n`. */
static bool
is_table (const EmTensor *t, int64_t side, int64_t n)
{
  return t->dtype == EM_I32 && t->ndim == 2 && t->shape[0] == side && t->shape[1] > 1
         && t->shape[1] - 1 <= n;
}

EmTensor *
em_picture (EmCtx *ctx, EmTensor *rgb, EmTensor *columns, EmTensor *rows)
{
  int64_t side = columns->shape[0];

  if (!em_ok (ctx))
    return em_nil (ctx);
  EM_BUG_UNLESS (rgb->dtype == EM_U8 && rgb->ndim == 3 && rgb->shape[2] == 3);
  EM_BUG_UNLESS (is_table (columns, side, rgb->shape[1]) && is_table (rows, side, rgb->shape[0]));

  EmTensor *y = em_new_computed (ctx, 1, side, side, 3);
  if (em_ok (ctx))
    ctx->be->ops.picture (ctx->be, y, rgb, columns, rows);
  return y;
}

EmTensor *
em_mask_bits (EmCtx *ctx, EmTensor *logits, int width, int height)
{
  if (!em_ok (ctx))
    return em_nil (ctx);
  EM_BUG_UNLESS (em_is_f32 (logits) && logits->ndim == 2 && logits->shape[0] == logits->shape[1]);
  EM_BUG_UNLESS (logits->shape[0] > 0 && width > 0 && height > 0);

  EmTensor *bits = em_new (ctx, EM_I32, 2, (int64_t[]){ width, (height + 31) / 32 });
  if (em_ok (ctx))
    ctx->be->ops.mask_bits (ctx->be, bits, logits, height);
  return bits;
}
