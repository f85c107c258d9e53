/* ctx.c - one computation: scratch, the first error, the cancel flag.
 *
 * Two arenas grow together: the bytes of tensors lie in memory of the backend, their headers on the
 * host. A header remembers how full the other arena was before it, so one mark, the number of
 * headers, returns both to where they were. */
#include "engine/ctx.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/arena.h"
#include "engine/backend.h"
#include "engine/ops.h"

#define BYTES_MOST  ((size_t) 1 << 37)
#define BYTES_LEAST ((size_t) 1 << 30)
#define HEADERS     ((size_t) 1 << 20)

typedef struct {
  EmTensor tensor;
  size_t before; /* bytes in use when it was made */
} Header;

struct EmScratch {
  EmArena bytes;
  size_t committed;
  Header *headers;
  size_t n;
};

EmCtx *
em_ctx_new (EmBackend *be, EmError *err)
{
  EmCtx *ctx = calloc (1, sizeof *ctx);
  EmScratch *s = calloc (1, sizeof *s);
  void *memory = NULL;
  size_t size = BYTES_MOST;

  EM_BUG_UNLESS (ctx && s);
  ctx->be = be;
  ctx->scratch = s;
  s->headers = em_arena_reserve (HEADERS * sizeof *s->headers);
  while (s->headers && size >= BYTES_LEAST && !(memory = be->reserve (be, size)))
    size /= 2;
  if (!memory) {
    em_arena_unreserve (s->headers, HEADERS * sizeof *s->headers);
    free (s);
    free (ctx);
    em_fail (err, EM_E_MEMORY, "%s: no room for scratch memory", be->name);
    return NULL;
  }
  em_arena_init (&s->bytes, memory, size, be->memory_on_host);
  return ctx;
}

void
em_ctx_free (EmCtx *ctx)
{
  if (!ctx)
    return;
  EmScratch *s = ctx->scratch;
  void *memory = s->bytes.base;
  size_t size = s->bytes.size;
  em_arena_end (&s->bytes);
  ctx->be->unreserve (ctx->be, memory, size);
  em_arena_unreserve (s->headers, HEADERS * sizeof *s->headers);
  free (s);
  free (ctx);
}

size_t
em_ctx_peak_bytes (const EmCtx *ctx)
{
  return ctx->scratch->bytes.peak;
}

bool
em_ok (EmCtx *ctx)
{
  const EmError *late = &ctx->be->err;

  if (ctx->err.code != EM_OK)
    return false;
  if (late->code != EM_OK) /* from here on the context knows it, too */
    return em_fail (&ctx->err, late->code, "%s", late->text);
  if (ctx->cancel && atomic_load_explicit (ctx->cancel, memory_order_relaxed))
    return em_fail (&ctx->err, EM_E_CANCELLED, "cancelled");
  return true;
}

bool
em_ctx_end_pass (EmCtx *ctx, EmError *err)
{
  EmError *first = ctx->err.code != EM_OK ? &ctx->err : &ctx->be->err;
  bool ok = first->code == EM_OK;

  if (!ok)
    em_fail (err, first->code, "%s", first->text);
  ctx->err = ctx->be->err = (EmError) EM_ERROR_INIT;
  em_ctx_release (ctx, 0);
  return ok;
}

size_t
em_ctx_mark (EmCtx *ctx)
{
  return ctx->scratch->n;
}

void
em_ctx_release (EmCtx *ctx, size_t mark)
{
  EmScratch *s = ctx->scratch;

  EM_BUG_UNLESS (mark <= s->n);
  if (mark == s->n)
    return;
  em_arena_release (&s->bytes, s->headers[mark].before);
  s->n = mark;
}

/* Scratch from the arena, and memory behind it. NULL: there is none left. */
static void *
take_bytes (EmCtx *ctx, size_t bytes)
{
  EmScratch *s = ctx->scratch;
  EmBackend *be = ctx->be;
  size_t before = s->bytes.used;
  void *data = em_arena_alloc (&s->bytes, bytes);

  if (data && be->commit && s->bytes.used > s->committed) {
    if (be->commit (be, s->bytes.base, s->bytes.used)) {
      s->committed = s->bytes.used;
    } else {
      em_arena_release (&s->bytes, before);
      data = NULL;
    }
  }
  if (!data && be->err.code != EM_OK) /* which may not be about memory */
    em_fail (&ctx->err, be->err.code, "%s", be->err.text);
  if (!data)
    em_fail (&ctx->err, EM_E_MEMORY, "%s: out of memory: %zu MB of scratch, %zu MB more wanted",
             be->name, before >> 20, (bytes + (1 << 20) - 1) >> 20);
  return data;
}

/* A header over `data`, or over new bytes if that is NULL. */
static EmTensor *
push (EmCtx *ctx, EmTensor tensor)
{
  EmScratch *s = ctx->scratch;
  size_t before = s->bytes.used;

  if (!tensor.data) {
    tensor.data = take_bytes (ctx, (size_t) em_numel (&tensor) * em_dtype_bytes (tensor.dtype));
    if (!tensor.data)
      return &ctx->nil;
  }
  EM_BUG_UNLESS (s->n < HEADERS);
  s->headers[s->n] = (Header){ tensor, before };
  return &s->headers[s->n++].tensor;
}

EmTensor *
em_new (EmCtx *ctx, EmDtype dtype, int ndim, const int64_t *shape)
{
  if (ctx->err.code != EM_OK)
    return &ctx->nil;
  return push (ctx, em_tensor_of (dtype, NULL, ndim, shape));
}

EmTensor *
em_like (EmCtx *ctx, const EmTensor *x)
{
  return em_new (ctx, x->dtype, x->ndim, x->shape);
}

EmTensor *
em_nil (EmCtx *ctx)
{
  return &ctx->nil;
}

EmTensor *
em_view (EmCtx *ctx, const EmTensor *x, int ndim, const int64_t *shape)
{
  EmTensor view = em_tensor_of (x->dtype, x->data, ndim, shape);

  if (ctx->err.code != EM_OK)
    return &ctx->nil;
  EM_BUG_UNLESS (!em_is_nil (x) && em_numel (&view) == em_numel (x));
  return push (ctx, view);
}

EmTensor *
em_rows_of (EmCtx *ctx, const EmTensor *x, int64_t begin, int64_t end)
{
  EmTensor view = *x;

  if (ctx->err.code != EM_OK)
    return &ctx->nil;
  EM_BUG_UNLESS (x->ndim > 0 && !em_is_nil (x));
  EM_BUG_UNLESS (begin >= 0 && begin <= end && end <= x->shape[0]);
  view.shape[0] = 1;
  view.data = (char *) x->data + begin * em_numel (&view) * (int64_t) em_dtype_bytes (x->dtype);
  view.shape[0] = end - begin;
  return push (ctx, view);
}

EmTensor *
em_keep (EmCtx *ctx, size_t mark, EmTensor *x)
{
  EmScratch *s = ctx->scratch;
  EmTensor kept = *x;
  size_t bytes = (size_t) em_numel (&kept) * em_dtype_bytes (kept.dtype);

  if (ctx->err.code != EM_OK) {
    em_ctx_release (ctx, mark);
    return &ctx->nil;
  }
  EM_BUG_UNLESS (kept.data && mark < s->n);

  size_t before = s->headers[mark].before;
  char *to = s->bytes.base + before, *end = s->bytes.base + s->bytes.used;
  if ((char *) kept.data < to || (char *) kept.data >= end) {
    em_ctx_release (ctx, mark); /* a view of something older: its bytes stay */
    return push (ctx, kept);
  }
  em_arena_show (&s->bytes, before, bytes);
  if (kept.data != to)
    ctx->be->move (ctx->be, to, kept.data, bytes);
  em_arena_release (&s->bytes, before + em_arena_room (bytes));
  kept.data = to;
  s->headers[mark] = (Header){ kept, before };
  s->n = mark + 1;
  return &s->headers[mark].tensor;
}

EmTensor *
em_computed (EmCtx *ctx, EmTensor *x)
{
  return x->dtype == ctx->be->compute ? x : em_cast (ctx, x, ctx->be->compute);
}

EmTensor *
em_enter (EmCtx *ctx, const EmTensor *x)
{
  EmTensor *t;

  if (!ctx->be->replays)
    return em_view (ctx, x, x->ndim, x->shape);
  t = em_like (ctx, x);
  if (em_ok (ctx))
    ctx->be->copy (ctx->be, t->data, x->data, (size_t) em_numel (x) * em_dtype_bytes (x->dtype));
  return t;
}

void
em_store (EmCtx *ctx, const EmTensor *to, EmTensor *x)
{
  if (!em_ok (ctx))
    return;
  EM_BUG_UNLESS (em_numel (to) == em_numel (x));
  if (x->dtype != to->dtype)
    x = em_cast (ctx, x, to->dtype);
  if (em_ok (ctx))
    ctx->be->copy (ctx->be, to->data, x->data, (size_t) em_numel (to) * em_dtype_bytes (to->dtype));
}

static EmTensor *
upload (EmCtx *ctx, EmDtype dtype, const void *data, int ndim, const int64_t *shape)
{
  EmTensor *t = em_new (ctx, dtype, ndim, shape);

  if (!em_is_nil (t)
      && !ctx->be->upload (ctx->be, t->data, data, (size_t) em_numel (t) * em_dtype_bytes (dtype))
      && ctx->be->err.code == EM_OK)
    em_fail (&ctx->err, EM_E_DEVICE, "%s: copying to the device failed", ctx->be->name);
  return t;
}

EmTensor *
em_upload (EmCtx *ctx, const float *data, int ndim, const int64_t *shape)
{
  return upload (ctx, EM_F32, data, ndim, shape);
}

EmTensor *
em_upload_bytes (EmCtx *ctx, const uint8_t *data, int ndim, const int64_t *shape)
{
  return upload (ctx, EM_U8, data, ndim, shape);
}

bool
em_download_raw (EmCtx *ctx, void *out, const EmTensor *x)
{
  if (!em_ok (ctx))
    return false;
  if (!ctx->be->download (ctx->be, out, x->data, (size_t) em_numel (x) * em_dtype_bytes (x->dtype))
      && ctx->be->err.code == EM_OK) /* else that is what went wrong */
    em_fail (&ctx->err, EM_E_DEVICE, "%s: copying from the device failed", ctx->be->name);
  return em_ok (ctx);
}

bool
em_download (EmCtx *ctx, float *out, const EmTensor *x)
{
  int64_t n = em_numel (x);
  void *raw = out;

  if (!em_ok (ctx))
    return false;
  EM_BUG_UNLESS (x->dtype != EM_I64 && x->dtype != EM_U8);
  if (x->dtype == EM_BF16 || x->dtype == EM_F16)
    EM_BUG_UNLESS (raw = malloc (n ? (size_t) n * em_dtype_bytes (x->dtype) : 1));
  if (em_download_raw (ctx, raw, x)) {
    if (raw != out)
      em_to_f32 (out, raw, x->dtype, n);
    for (int64_t i = 0; x->dtype == EM_I32 && i < n; i++) {
      int32_t value;

      memcpy (&value, out + i, sizeof value);
      out[i] = (float) value;
    }
  }
  if (raw != out)
    free (raw);
  return em_ok (ctx);
}

void
em_tap (EmCtx *ctx, const EmTensor *x, const char *format, ...)
{
  char name[256];
  va_list args;

  if (!ctx->tap || ctx->err.code != EM_OK)
    return;
  va_start (args, format);
  vsnprintf (name, sizeof name, format, args);
  va_end (args);
  ctx->tap (ctx->tap_self, name, x);
}
