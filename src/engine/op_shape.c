/* op_shape.c - moving and choosing: shape rule, output, table call. */
#include <stdlib.h>
#include <string.h>
#include "engine/op.h"

EmTensor *
em_permute (EmCtx *ctx, EmTensor *x, const int *order)
{
  int64_t shape[EM_MAX_DIMS];
  unsigned seen = 0;

  if (!em_ok (ctx))
    return em_nil (ctx);
  EM_BUG_UNLESS (em_is_real (ctx, x));
  for (int i = 0; i < x->ndim; i++) {
    EM_BUG_UNLESS (order[i] >= 0 && order[i] < x->ndim && !(seen & 1u << order[i]));
    seen |= 1u << order[i];
    shape[i] = x->shape[order[i]];
  }

  EmTensor *y = em_new (ctx, x->dtype, x->ndim, shape);
  if (em_ok (ctx))
    ctx->be->ops.permute (ctx->be, y, x, order);
  return y;
}

EmTensor *
em_concat (EmCtx *ctx, int axis, int n, EmTensor *const *parts)
{
  int64_t shape[EM_MAX_DIMS];
  EmTensor **same;
  bool differ = false;

  if (!em_ok (ctx))
    return em_nil (ctx);
  EM_BUG_UNLESS (n > 0 && axis >= 0 && axis < parts[0]->ndim);
  memcpy (shape, parts[0]->shape, sizeof shape);
  shape[axis] = 0;
  for (int i = 0; i < n; i++) {
    EM_BUG_UNLESS (em_is_real (ctx, parts[i]) && parts[i]->ndim == parts[0]->ndim);
    for (int a = 0; a < parts[0]->ndim; a++)
      EM_BUG_UNLESS (a == axis || parts[i]->shape[a] == parts[0]->shape[a]);
    shape[axis] += parts[i]->shape[axis];
    differ = differ || parts[i]->dtype != parts[0]->dtype;
  }

  same = malloc ((size_t) n * sizeof *same);
  EM_BUG_UNLESS (same);
  for (int i = 0; i < n; i++)
    same[i] = differ ? em_computed (ctx, parts[i]) : parts[i];
  EmTensor *y = em_new (ctx, same[0]->dtype, parts[0]->ndim, shape);
  if (em_ok (ctx))
    ctx->be->ops.concat (ctx->be, y, axis, n, (const EmTensor *const *) same);
  free (same);
  return y;
}

EmTensor *
em_slice (EmCtx *ctx, EmTensor *x, int axis, int64_t begin, int64_t end)
{
  int64_t shape[EM_MAX_DIMS];

  if (!em_ok (ctx))
    return em_nil (ctx);
  EM_BUG_UNLESS (em_is_real (ctx, x) && axis >= 0 && axis < x->ndim);
  EM_BUG_UNLESS (begin >= 0 && begin <= end && end <= x->shape[axis]);
  memcpy (shape, x->shape, sizeof shape);
  shape[axis] = end - begin;

  EmTensor *y = em_new (ctx, x->dtype, x->ndim, shape);
  if (em_ok (ctx))
    ctx->be->ops.slice (ctx->be, y, x, axis, begin);
  return y;
}

EmTensor *
em_cast (EmCtx *ctx, EmTensor *x, EmDtype dtype)
{
  if (!em_ok (ctx))
    return em_nil (ctx);
  EM_BUG_UNLESS (x->dtype <= EM_F16 && dtype <= EM_F16 && !em_is_nil (x));

  EmTensor *y = em_new (ctx, dtype, x->ndim, x->shape);
  if (em_ok (ctx))
    ctx->be->ops.cast (ctx->be, y, x);
  return y;
}

EmTensor *
em_repeat (EmCtx *ctx, EmTensor *x, int64_t n)
{
  int64_t shape[EM_MAX_DIMS] = { n };
  int first = x->ndim > 0 && x->shape[0] == 1, ndim = x->ndim - first + 1;

  if (!em_ok (ctx))
    return em_nil (ctx);
  EM_BUG_UNLESS (em_is_real (ctx, x) && n >= 0 && ndim <= EM_MAX_DIMS);
  for (int i = 1; i < ndim; i++)
    shape[i] = x->shape[i - 1 + first];

  EmTensor *y = em_new (ctx, x->dtype, ndim, shape);
  if (em_ok (ctx))
    ctx->be->ops.repeat (ctx->be, y, x);
  return y;
}

EmTensor *
em_argmax (EmCtx *ctx, EmTensor *x)
{
  if (!em_ok (ctx))
    return em_nil (ctx);
  EM_BUG_UNLESS (em_is_f32 (x) && x->ndim == 2 && x->shape[1] > 0);

  EmTensor *index = em_new (ctx, EM_I32, 1, x->shape);
  if (em_ok (ctx))
    ctx->be->ops.argmax (ctx->be, index, x);
  return index;
}

EmTensor *
em_take (EmCtx *ctx, EmTensor *x, EmTensor *index)
{
  int64_t shape[EM_MAX_DIMS];

  if (!em_ok (ctx))
    return em_nil (ctx);
  EM_BUG_UNLESS (em_is_real (ctx, x) && x->ndim >= 2);
  EM_BUG_UNLESS (index->dtype == EM_I32 && em_numel (index) == x->shape[0]);
  shape[0] = x->shape[0];
  for (int i = 2; i < x->ndim; i++)
    shape[i - 1] = x->shape[i];

  EmTensor *y = em_new (ctx, x->dtype, x->ndim - 1, shape);
  if (em_ok (ctx))
    ctx->be->ops.take (ctx->be, y, x, index);
  return y;
}

EmTensor *
em_stability (EmCtx *ctx, EmTensor *logits, float delta)
{
  if (!em_ok (ctx))
    return em_nil (ctx);
  EM_BUG_UNLESS (em_is_f32 (logits) && logits->ndim >= 1);

  EmTensor *y = em_new (ctx, EM_F32, 1, logits->shape);
  if (em_ok (ctx))
    ctx->be->ops.stability (ctx->be, y, logits, delta);
  return y;
}
