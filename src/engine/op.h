/* op.h - what the public faces of ops share; nobody else includes it. */
#pragma once
#include "engine/ops.h"

/* The CPU computes in f32 throughout; whatever else is stored is cast first. */
static inline bool
em_is_f32 (const EmTensor *x)
{
  return x->dtype == EM_F32 && !em_is_nil (x);
}

static inline bool
em_is_f32_or_null (const EmTensor *x)
{
  return !x || em_is_f32 (x);
}

/* `b` has the trailing axes of `a`, all or some. */
static inline bool
em_is_suffix (const EmTensor *b, const EmTensor *a)
{
  if (b->ndim > a->ndim)
    return false;
  for (int i = 1; i <= b->ndim; i++)
    if (b->shape[b->ndim - i] != a->shape[a->ndim - i])
      return false;
  return true;
}

static inline void
em_count (EmCtx *ctx, int64_t m, int64_t n, int64_t k, bool tb, int64_t count)
{
  ctx->flop += 2.0 * (double) m * (double) n * (double) k * (double) count;
  if (ctx->product)
    ctx->product (ctx->product_self, m, n, k, tb, count);
}
