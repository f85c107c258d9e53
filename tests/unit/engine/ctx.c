/* A context: what survives a release, who fails, who is heard. */
#include "engine/ctx.h"
#ifdef _OPENMP
#include <omp.h>
#endif
#include "base/rng.h"
#include "check.h"
#include "engine/ops.h"

static EmBackend *be;

static EmCtx *
open_ctx (void)
{
  EmError err = EM_ERROR_INIT;

  if (!be)
    be = em_backend_open ("cpu", &err);
  EmCtx *ctx = em_ctx_new (be, &err);
  CHECK (ctx && err.code == EM_OK);
  return ctx;
}

static EmTensor *
numbers (EmCtx *ctx, int64_t n, float first)
{
  EmTensor *t = em_new_f32 (ctx, n);

  for (int64_t i = 0; i < n; i++)
    em_f32 (t)[i] = first + (float) i;
  return t;
}

static void
scratch_has_stable_addresses (void)
{
  EmCtx *ctx = open_ctx ();
  EmTensor *a = numbers (ctx, 1000, 0);
  size_t mark = em_ctx_mark (ctx);
  EmTensor *b = numbers (ctx, 5000, 7);
  void *first = b->data;

  CHECK ((uintptr_t) a->data % 64 == 0 && (uintptr_t) b->data % 64 == 0);
  CHECK ((char *) b->data >= (char *) a->data + 4000);
  em_ctx_release (ctx, mark);
  CHECK (numbers (ctx, 5000, 1)->data == first);
  CHECK (em_f32 (a)[999] == 999);
  CHECK (em_ctx_end_pass (ctx, NULL));
  CHECK_INT (em_ctx_mark (ctx), 0);
  CHECK (numbers (ctx, 1, 0)->data == a->data);
  CHECK (em_ctx_peak_bytes (ctx) >= 24000 && em_ctx_peak_bytes (ctx) < 26000);
  em_ctx_free (ctx);
}

static void
the_one_that_is_kept (void)
{
  EmCtx *ctx = open_ctx ();
  EmTensor *old = numbers (ctx, 10, 100);
  size_t mark = em_ctx_mark (ctx);

  /* Moved down over its own beginning. */
  numbers (ctx, 300, 0);
  EmTensor *x = em_keep (ctx, mark, numbers (ctx, 5000, 3));
  CHECK_INT (em_ctx_mark (ctx), mark + 1);
  CHECK ((char *) x->data == (char *) old->data + 64);
  CHECK_INT (x->shape[0], 5000);
  for (int i = 0; i < 5000; i++)
    CHECK (em_f32 (x)[i] == 3 + (float) i);

  /* Already there. */
  em_ctx_release (ctx, mark);
  x = em_keep (ctx, mark, numbers (ctx, 20, 5));
  CHECK (em_f32 (x)[19] == 24);

  /* A view of something older: no byte moves. */
  em_ctx_release (ctx, mark);
  numbers (ctx, 20, 0);
  x = em_keep (ctx, mark, em_reshape (ctx, old, 2, 5));
  CHECK (x->data == old->data && x->ndim == 2 && em_f32 (x)[9] == 109);

  /* Part of something newer. */
  em_ctx_release (ctx, mark);
  EmTensor *whole = numbers (ctx, 100, 0);
  x = em_keep (ctx, mark, em_rows_of (ctx, whole, 40, 50));
  CHECK (x->shape[0] == 10 && em_f32 (x)[0] == 40 && em_f32 (x)[9] == 49);
  CHECK (em_f32 (numbers (ctx, 4, 0))[3] == 3 && em_f32 (x)[9] == 49);
  em_ctx_free (ctx);
}

static void
the_first_error_sticks (void)
{
  EmCtx *ctx = open_ctx ();
  EmTensor *x = numbers (ctx, 8, 0), *y;
  EmError err = EM_ERROR_INIT;

  em_fail (&ctx->err, EM_E_DEVICE, "the first");
  em_fail (&ctx->err, EM_E_INPUT, "the second");
  y = em_add (ctx, em_affine (ctx, x, 2, 0), x);
  CHECK (em_is_nil (y) && em_is_nil (em_reshape (ctx, x, 4, 2)) && em_is_nil (em_like (ctx, x)));
  CHECK (em_is_nil (em_linear (ctx, y, y, NULL, EM_ACT_NONE, y)));
  CHECK (!em_download (ctx, NULL, y));
  CHECK (em_is_nil (em_keep (ctx, 0, y)));
  CHECK (!em_ctx_end_pass (ctx, &err));
  CHECK_INT (err.code, EM_E_DEVICE);
  CHECK_TEXT (err.text, "the first");
  CHECK (em_ok (ctx) && em_ctx_end_pass (ctx, &err));
  em_ctx_free (ctx);
}

static void
too_much_is_an_error (void)
{
  EmCtx *ctx = open_ctx ();
  EmError err = EM_ERROR_INIT;

  CHECK (em_is_nil (em_new_f32 (ctx, (int64_t) 1 << 40)));
  CHECK (!em_ok (ctx) && !em_ctx_end_pass (ctx, &err));
  CHECK_INT (err.code, EM_E_MEMORY);
  CHECK (!em_is_nil (em_new_f32 (ctx, 16)));
  em_ctx_free (ctx);
}

static void
cancelling_takes_the_same_road (void)
{
  EmCtx *ctx = open_ctx ();
  EmTensor *x = numbers (ctx, 8, 0);
  atomic_bool cancel = false;
  EmError err = EM_ERROR_INIT;

  ctx->cancel = &cancel;
  CHECK (!em_is_nil (em_affine (ctx, x, 2, 0)));
  atomic_store (&cancel, true);
  CHECK (em_is_nil (em_affine (ctx, x, 2, 0)));
  atomic_store (&cancel, false);
  CHECK (em_is_nil (em_affine (ctx, x, 2, 0))); /* until the pass has ended */
  CHECK (!em_ctx_end_pass (ctx, &err));
  CHECK_INT (err.code, EM_E_CANCELLED);
  CHECK (em_ok (ctx));
  em_ctx_free (ctx);
}

static void
listen (void *self, const char *name, const EmTensor *value)
{
  CHECK_TEXT (name, "block.3");
  *(float *) self += em_f32 (value)[1];
}

static void
taps_hear_values (void)
{
  EmCtx *ctx = open_ctx ();
  EmTensor *x = numbers (ctx, 2, 41);
  float heard = 0;

  em_tap (ctx, x, "block.%d", 3);
  ctx->tap = listen;
  ctx->tap_self = &heard;
  em_tap (ctx, x, "block.%d", 3);
  CHECK (heard == 42);
  em_ctx_free (ctx);
}

static void
up_and_down (void)
{
  EmCtx *ctx = open_ctx ();
  const float values[6] = { 1, -2, 3.5f, 0, 1e-3f, 65504 };
  float back[6];
  EmTensor *x = em_upload (ctx, values, 2, (int64_t[]){ 2, 3 });

  CHECK (em_download (ctx, back, x) && memcmp (values, back, sizeof back) == 0);
  CHECK (em_download (ctx, back, em_cast (ctx, x, EM_F16)) && back[2] == 3.5f && back[5] == 65504);
  CHECK (em_download (ctx, back, em_cast (ctx, x, EM_BF16)) && back[1] == -2);
  CHECK (em_download (ctx, back, em_argmax (ctx, x)) && back[0] == 2 && back[1] == 2);
  em_ctx_free (ctx);
}

static void
operations_are_counted (void)
{
  EmCtx *ctx = open_ctx ();
  EmTensor *x = numbers (ctx, 6, 0);

  em_matmul (ctx, em_reshape (ctx, x, 1, 2, 3), false, em_reshape (ctx, x, 1, 3, 2), false, 1);
  CHECK_NEAR (ctx->flop, 2 * 2 * 3 * 2, 0);
  em_ctx_free (ctx);
}

/* A backend keeps to the threads it was opened with, whatever OpenMP is told later. */
static void
threads_are_those_of_the_opening (void)
{
#ifdef _OPENMP
  float *results[2] = { NULL, NULL };
  int before = omp_get_max_threads ();

  for (int run = 0; run < 2; run++) {
    EmError err = EM_ERROR_INIT;
    EmBackend *one;
    EmCtx *ctx;

    omp_set_num_threads (run ? 1 : 6);
    one = em_backend_open ("cpu", &err);
    ctx = em_ctx_new (one, &err);
    omp_set_num_threads (6);
    EmTensor *x = em_new_f32 (ctx, 1, 256, 256, 24), *w = em_new_f32 (ctx, 24, 24, 3, 3);
    em_rng_fill (em_f32 (x), em_numel (x), "x", 1, 1, 0);
    em_rng_fill (em_f32 (w), em_numel (w), "w", 1, 0.1, 0);
    EmTensor *y = em_conv2d (ctx, x, w, NULL, 1, 1, EM_ACT_NONE);
    y = em_window_attention (ctx, y, em_rows_of (ctx, em_reshape (ctx, w, 216, 24), 0, 1), 2, 8,
                             false);
    results[run] = malloc ((size_t) em_numel (y) * sizeof (float));
    CHECK (em_download (ctx, results[run], y));
    if (run)
      CHECK (memcmp (results[0], results[1], (size_t) em_numel (y) * sizeof (float)) == 0);
    em_ctx_free (ctx);
    em_backend_close (one);
  }
  free (results[0]);
  free (results[1]);
  omp_set_num_threads (before);
#endif
}

static void
backends_by_name (void)
{
  EmError err = EM_ERROR_INIT;
  static const char *const wrong[] = { "cpu:mmx", "cpu:baseline:", "cpu:baseline:his", "cpux",
                                       "",        "gpu",           "autocpu",          "gpu:bf16" };

  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    err = (EmError) EM_ERROR_INIT;
    CHECK (!em_backend_open (wrong[i], &err));
    CHECK_INT (err.code, EM_E_DEVICE);
  }
  EmBackend *slow = em_backend_open ("cpu:baseline:own", &err),
            *any = em_backend_open ("auto", &err);
  CHECK (slow && any && strstr (slow->device, "baseline, own"));
  em_backend_close (slow);
  em_backend_close (any);
  em_backend_close (NULL);
  em_ctx_free (NULL);
  em_backend_close (be);
}

CHECK_MAIN (scratch_has_stable_addresses, the_one_that_is_kept, the_first_error_sticks,
            too_much_is_an_error, cancelling_takes_the_same_road, taps_hear_values, up_and_down,
            operations_are_counted, threads_are_those_of_the_opening, backends_by_name)
