/* ctx.h - one computation.
 *
 * A context carries what every op needs: the backend, a scratch arena with stable addresses, the
 * first error, a cancel flag, a tap. An op on a failed context does nothing and returns the nil
 * tensor, so a block of a model reads as the paper writes it and a pass is checked once, at its
 * end.
 * Cancelling takes the same road: the flag becomes EM_E_CANCELLED at the next op.
 * A context is used by one thread. Weights and state passed to ops must outlive the pass. */
#pragma once
#include <stdatomic.h>
#include "base/error.h"
#include "engine/tensor.h"

typedef struct EmBackend EmBackend;
typedef struct EmCtx EmCtx;
typedef struct EmScratch EmScratch;

/* Called for every named intermediate value, while it is valid. */
typedef void (*EmTapFn) (void *self, const char *name, const EmTensor *value);

/* Called for the matrix products that an op stands for: `count` of [m, k] by [k, n], the latter
 * stored as [n, k] if `tb`. */
typedef void (*EmProductFn) (void *self, int64_t m, int64_t n, int64_t k, bool tb, int64_t count);

struct EmCtx {
  EmBackend *be;
  EmError err;               /* sticky */
  const atomic_bool *cancel; /* NULL: nobody can cancel */
  EmTapFn tap;               /* NULL: nobody listens */
  void *tap_self;
  EmProductFn product; /* NULL: nobody counts */
  void *product_self;
  EmScratch *scratch;
  EmTensor nil;
  double flop; /* floating-point operations asked for so far; benchmarks read and reset it */
};

/* `be` must outlive the context. The arena reserves address space, not memory: it grows as touched.
 * NULL with *err if no address space is left. */
EmCtx *em_ctx_new (EmBackend *be, EmError *err);
void em_ctx_free (EmCtx *ctx); /* NULL is fine */
/* The most scratch that was in use at once. */
size_t em_ctx_peak_bytes (const EmCtx *ctx);

/* False once something failed or the cancel flag was seen. */
bool em_ok (EmCtx *ctx);
/* Hands the sticky error, the context's or its backend's, over and clears it: true if there was
 * none. Scratch is released. */
bool em_ctx_end_pass (EmCtx *ctx, EmError *err);

/* Scratch between mark and release is given back; a result that must survive is copied out first
 * (em_keep). The first mark of a pass is 0. */
size_t em_ctx_mark (EmCtx *ctx);
void em_ctx_release (EmCtx *ctx, size_t mark);
/* Releases to `mark` and moves `x`, which was made after it, down to there: the one value that
 * survives a block. */
EmTensor *em_keep (EmCtx *ctx, size_t mark, EmTensor *x);

/* Uninitialised scratch. */
EmTensor *em_new (EmCtx *ctx, EmDtype dtype, int ndim, const int64_t *shape);
#define em_new_f32(ctx, ...)                                                                       \
  em_new ((ctx), EM_F32, (int) (sizeof ((int64_t[]){ __VA_ARGS__ }) / sizeof (int64_t)),           \
          (int64_t[]){ __VA_ARGS__ })
EmTensor *em_like (EmCtx *ctx, const EmTensor *x);
/* x in the backend's compute type: x itself where it has it. */
EmTensor *em_computed (EmCtx *ctx, EmTensor *x);
EmTensor *em_nil (EmCtx *ctx);
/* The same bytes under another shape (same number of elements). */
EmTensor *em_view (EmCtx *ctx, const EmTensor *x, int ndim, const int64_t *shape);
#define em_reshape(ctx, x, ...)                                                                    \
  em_view ((ctx), (x), (int) (sizeof ((int64_t[]){ __VA_ARGS__ }) / sizeof (int64_t)),             \
           (int64_t[]){ __VA_ARGS__ })
/* Rows begin..end-1 of the first axis, without a copy. */
EmTensor *em_rows_of (EmCtx *ctx, const EmTensor *x, int64_t begin, int64_t end);

/* Host data in and out: f32 or bytes to new scratch of that type, any float type or i32 to f32 host
 * memory. */
EmTensor *em_upload (EmCtx *ctx, const float *data, int ndim, const int64_t *shape);
EmTensor *em_upload_bytes (EmCtx *ctx, const uint8_t *data, int ndim, const int64_t *shape);
bool em_download (EmCtx *ctx, float *out, const EmTensor *x);
bool em_download_raw (EmCtx *ctx, void *out, const EmTensor *x); /* in x's own type */
/* State on the backend in and out. What enters a pass lies at a place of its own, the same one in
 * every pass of the same shapes, if the backend replays passes; else it is `x` itself. */
EmTensor *em_enter (EmCtx *ctx, const EmTensor *x);
/* Copies `x` into `to`, a tensor of the same number of elements that is no scratch, converting its
 * type. */
void em_store (EmCtx *ctx, const EmTensor *to, EmTensor *x);

/* Shows `x` to whoever listens. The name is printf-formatted only if somebody does. */
void em_tap (EmCtx *ctx, const EmTensor *x, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));
