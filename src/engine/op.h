/* op.h - what the public faces of ops share; nobody else includes it. */
#pragma once
#include "engine/ops.h"

static inline bool
em_is_f32 (const EmTensor *x)
{
  return x->dtype == EM_F32 && !em_is_nil (x);
}

/* A type that ops take as it is: f32, or what the backend computes in. */
static inline bool
em_is_real (EmCtx *ctx, const EmTensor *x)
{
  return (x->dtype == EM_F32 || x->dtype == ctx->be->compute) && !em_is_nil (x);
}

/* Brings operands, those that are not NULL, to the compute type. That may take scratch, and so may
 * fail: false, and the face returns nil. */
#define em_bring(ctx, ...)                                                                         \
  em_bring_all ((ctx), sizeof ((EmTensor **[]){ __VA_ARGS__ }) / sizeof (EmTensor **),             \
                (EmTensor * *[]){ __VA_ARGS__ })
static inline bool
em_bring_all (EmCtx *ctx, size_t n, EmTensor ***operands)
{
  for (size_t i = 0; i < n; i++)
    if (*operands[i])
      *operands[i] = em_computed (ctx, *operands[i]);
  return ctx->err.code == EM_OK;
}

/* The same where two operands differ in type. */
static inline bool
em_agree (EmCtx *ctx, EmTensor **a, EmTensor **b)
{
  return (*a)->dtype == (*b)->dtype || em_bring (ctx, a, b);
}

/* A result in the compute type. */
#define em_new_computed(ctx, ...)                                                                  \
  em_new ((ctx), (ctx)->be->compute,                                                               \
          (int) (sizeof ((int64_t[]){ __VA_ARGS__ }) / sizeof (int64_t)),                          \
          (int64_t[]){ __VA_ARGS__ })

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
