/* Products in bf16: what is rounded, how, and what stays as it is. */
#include "base/rng.h"
#include "check.h"
#include "engine/backend.h"
#include "engine/ops.h"

#define ROWS    30
#define IN      75
#define OUT     40
#define SKIPPED 77 /* meson's word for it */

static EmBackend *be;
static EmCtx *ctx;
static float x[ROWS * IN], w[OUT * IN], y[ROWS * OUT];

static void
fill (float *to, int n, const char *name)
{
  for (int i = 0; i < n; i++)
    to[i] = (float) (2 * em_rng_unit (em_rng_hash (name), 1, (uint64_t) i) - 1);
}

static float
rounded (float f)
{
  return em_bf16_to_f32 (em_f32_to_bf16 (f));
}

/* Largest distance of y from x w^T, both sides rounded or as they are. */
static double
distance (int rows, bool round)
{
  double most = 0;

  for (int r = 0; r < rows; r++)
    for (int o = 0; o < OUT; o++) {
      double sum = 0;

      for (int i = 0; i < IN; i++)
        sum += (double) (round ? rounded (x[r * IN + i]) : x[r * IN + i])
               * (round ? rounded (w[o * IN + i]) : w[o * IN + i]);
      most = fmax (most, fabs (y[r * OUT + o] - sum));
    }
  return most;
}

static void
multiply (int rows)
{
  EmTensor input = em_tensor_f32 (x, rows, IN), weight = em_tensor_f32 (w, OUT, IN);

  CHECK (em_download (ctx, y, em_linear (ctx, &input, &weight, NULL, EM_ACT_NONE, NULL)));
  CHECK (em_ctx_end_pass (ctx, NULL));
}

static void
both_sides_are_rounded_to_nearest (void)
{
  multiply (ROWS);
  CHECK (distance (ROWS, true) < 1e-5);
  CHECK (distance (ROWS, false) > 1e-4);
  for (int i = 0; i < IN; i++) /* halfway between two: the even one */
    x[i] = 1 + (i % 2 ? 1 : 3) / 256.0f;
  multiply (ROWS);
  CHECK (distance (ROWS, true) < 1e-5);
  fill (x, ROWS * IN, "x");
}

static void
few_rows_are_not (void)
{
  multiply (8);
  CHECK (distance (8, false) < 1e-5);
}

static void
matmul_is_not (void)
{
  EmTensor a = em_tensor_f32 (x, 1, ROWS, IN), b = em_tensor_f32 (w, 1, OUT, IN);

  CHECK (em_download (ctx, y, em_matmul (ctx, &a, false, &b, true, 1)));
  CHECK (em_ctx_end_pass (ctx, NULL));
  CHECK (distance (ROWS, false) < 1e-5);
}

static void
what_is_no_number_shows (void)
{
  x[3] = NAN;
  multiply (ROWS);
  CHECK (isnan (y[0]) && isnan (y[OUT - 1]) && !isnan (y[OUT]));
  x[3] = INFINITY;
  multiply (ROWS);
  CHECK (isinf (y[0]) && !isinf (y[OUT]));
  fill (x, ROWS * IN, "x");
}

int
main (void)
{
  static void (*const tests[]) (void) = { both_sides_are_rounded_to_nearest, few_rows_are_not,
                                          matmul_is_not, what_is_no_number_shows };
  EmError err = EM_ERROR_INIT;

  be = em_backend_open ("auto:bf16", &err);
  if (!be) {
    CHECK_INT (err.code, EM_E_DEVICE);
    CHECK (strstr (err.text, "AVX512_BF16"));
    printf ("skipped: %s\n", err.text);
    return check_failures ? 1 : SKIPPED;
  }
  ctx = em_ctx_new (be, &err);
  CHECK (strstr (be->device, "bf16"));
  fill (x, ROWS * IN, "x");
  fill (w, OUT * IN, "w");
  for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
    tests[i]();
  em_ctx_free (ctx);
  em_backend_close (be);
  return check_failures > 0;
}
