/* Elementwise ops against the formula. */
#include <math.h>
#include "checkops.h"

/* What arithmetic likes least, at the front of a tensor. */
static void
hostile (Check *k, EmTensor *t)
{
  static const float bad[] = { 0.0f,   -0.0f, 1e-42f,   -1e-42f, 1e30f, -1e30f,   3e38f,    88.7f,
                               -87.4f, 104.f, -103.97f, 1e-8f,   NAN,   INFINITY, -INFINITY };
  int64_t n = em_numel (t);

  for (int64_t i = 0; i < n && i < 15; i++)
    host (k, t)[i] = bad[i];
  host_changed (k, t);
}

static void
binary (Check *k, bool product)
{
  EmTensor *(*op) (EmCtx *, EmTensor *, EmTensor *) = product ? em_mul : em_add;

  for (int round = 0; check_round (k, &round, 60);) {
    int64_t n = rnd_int (k, 1, 3), h = rnd_pick (k, 1, 7, 33), c = rnd_pick (k, 1, 15, 16, 17, 300);
    EmTensor *a = rnd_normal (k, 0, 1, n, h, c);
    EmTensor *b = round % 4 == 0   ? rnd_normal (k, 0, 1, n, h, c)
                  : round % 4 == 1 ? rnd_normal (k, 0, 1, h, c)
                  : round % 4 == 2 ? rnd_normal (k, 0, 1, c)
                                   : rnd_tensor (k, 0, 1, 0, NULL);
    double *want = check_want (k, n * h * c);

    if (round % 3 == 0)
      hostile (k, a);
    for (int64_t i = 0; i < n * h * c; i++) {
      double left = host (k, a)[i], right = host (k, b)[i % em_numel (b)];

      want[i] = (float) (product ? left * right : left + right);
    }
    CHECK_OP (k, op (check_ctx (k), a, b), 1e-7);
  }
  if (check_benching (k)) {
    EmTensor *a = rnd_normal (k, 0, 1, 65536, 144), *b = rnd_normal (k, 0, 1, 65536, 144);
    EmTensor *row = rnd_normal (k, 0, 1, 144);

    BENCH_BYTES (k, op (check_ctx (k), a, b), "65536x144", 12.0 * 65536 * 144);
    BENCH_BYTES (k, op (check_ctx (k), a, row), "65536x144, a row", 8.0 * 65536 * 144);
  }
}

EM_CHECK (add)
{
  binary (k, false);
}

EM_CHECK (mul)
{
  binary (k, true);
}

EM_CHECK (affine)
{
  for (int round = 0; check_round (k, &round, 30);) {
    int64_t n = rnd_pick (k, 1, 3, 16, 17, 1000, 9001);
    EmTensor *x = rnd_normal (k, 1, 2, n);
    float scale = (float) rnd_gauss (k), offset = (float) rnd_gauss (k);
    double *want = check_want (k, n);

    for (int64_t i = 0; i < n; i++)
      want[i] = (double) host (k, x)[i] * scale + offset;
    CHECK_OP (k, em_affine (check_ctx (k), x, scale, offset), 2e-7);
  }
  if (check_benching (k)) {
    EmTensor *x = rnd_normal (k, 0, 1, 1024, 1024);
    BENCH_BYTES (k, em_affine (check_ctx (k), x, 20, -10), "1024x1024", 8.0 * 1024 * 1024);
  }
}

EM_CHECK (activate)
{
  for (int round = 0; check_round (k, &round, 60);) {
    int64_t n = rnd_pick (k, 1, 3, 16, 17, 1000, 9001);
    EmTensor *x = rnd_normal (k, 0, round % 2 ? 1 : 30, n);
    EmAct act = (EmAct) (round % 5);
    double *want = check_want (k, n);

    if (round > 40)
      hostile (k, x);
    for (int64_t i = 0; i < n; i++)
      want[i] = (float) ref_act (host (k, x)[i], act);
    CHECK_OP (k, em_activate (check_ctx (k), x, act), 5e-7);
  }
  /* Every float between -20 and 20 that a step of 1e-4 meets, each to a few units in the last
   * place of 1: the polynomials, not the average over random points. */
  for (int round = 0; check_round (k, &round, 2);) {
    EmTensor *x = rnd_normal (k, 0, 1, 400001);
    double *want = check_want (k, 400001);

    for (int64_t i = 0; i < 400001; i++) {
      host (k, x)[i] = (float) (1e-4 * (double) i - 20);
      want[i] = ref_act (host (k, x)[i], round % 2 ? EM_ACT_GELU : EM_ACT_SIGMOID);
    }
    host_changed (k, x);
    CHECK_OP (k, em_activate (check_ctx (k), x, round % 2 ? EM_ACT_GELU : EM_ACT_SIGMOID), 2.5e-7);
  }
  if (check_benching (k)) {
    EmTensor *x = rnd_normal (k, 0, 1, 4096, 1024);

    BENCH_BYTES (k, em_activate (check_ctx (k), x, EM_ACT_RELU), "relu 4096x1024", 8.0 * 4194304);
    BENCH_BYTES (k, em_activate (check_ctx (k), x, EM_ACT_GELU), "gelu 4096x1024", 8.0 * 4194304);
    BENCH_BYTES (k, em_activate (check_ctx (k), x, EM_ACT_SIGMOID), "sigmoid 4096x1024",
                 8.0 * 4194304);
  }
}

EM_CHECK (clamp)
{
  for (int round = 0; check_round (k, &round, 30);) {
    int64_t n = rnd_pick (k, 1, 3, 16, 17, 1000, 9001);
    EmTensor *x = rnd_normal (k, 0, 40, n);
    float low = check_held (k, (float) rnd_gauss (k) * 20);
    float high = check_held (k, low + (float) rnd_int (k, 0, 30));
    double *want = check_want (k, n);

    if (round % 2)
      hostile (k, x);
    for (int64_t i = 0; i < n; i++) {
      double v = host (k, x)[i];
      want[i] = v < low ? low : v > high ? high : v;
    }
    CHECK_OP (k, em_clamp (check_ctx (k), x, low, high), 0);
  }
  if (check_benching (k)) {
    EmTensor *x = rnd_normal (k, 0, 20, 1024, 1024);
    BENCH_BYTES (k, em_clamp (check_ctx (k), x, -32, 32), "1024x1024", 8.0 * 1024 * 1024);
  }
}

EM_CHECK (where)
{
  for (int round = 0; check_round (k, &round, 40);) {
    int64_t n = rnd_int (k, 1, 5), h = rnd_pick (k, 1, 5, 17), c = rnd_pick (k, 1, 3, 300);
    bool one = round % 2;
    EmTensor *cond = rnd_exact (k, 0, 1, n), *a = rnd_normal (k, 0, 1, n, h, c);
    EmTensor *b = one ? rnd_normal (k, 0, 1, h, c) : rnd_normal (k, 0, 1, n, h, c);
    double *want = check_want (k, n * h * c);

    host (k, cond)[0] = round % 3 ? 0.0f : NAN; /* neither is above 0 */
    host_changed (k, cond);
    for (int64_t i = 0; i < n * h * c; i++)
      want[i]
          = host (k, cond)[i / (h * c)] > 0 ? host (k, a)[i] : host (k, b)[one ? i % (h * c) : i];
    CHECK_OP (k, em_where (check_ctx (k), cond, a, b), 0);
  }
  if (check_benching (k)) {
    EmTensor *cond = rnd_exact (k, 0, 1, 4), *a = rnd_normal (k, 0, 1, 4, 4096, 64);
    EmTensor *b = rnd_normal (k, 0, 1, 4, 4096, 64);
    BENCH_BYTES (k, em_where (check_ctx (k), cond, a, b), "4x4096x64", 8.0 * 4 * 4096 * 64);
  }
}

EM_CHECK (fourier)
{
  for (int round = 0; check_round (k, &round, 30);) {
    int64_t n = rnd_pick (k, 1, 2, 17, 40), half = rnd_pick (k, 1, 7, 16, 128);
    EmTensor *xy = rnd_exact (k, 0.5, 0.2, n, 2), *g = rnd_exact (k, 0, 1, 2, half);
    double *want = check_want (k, n * 2 * half);

    for (int64_t i = 0; i < n; i++)
      for (int64_t j = 0; j < half; j++) {
        double u = 2.0 * host (k, xy)[2 * i] - 1, v = 2.0 * host (k, xy)[2 * i + 1] - 1;
        double angle = 2 * M_PI * (u * host (k, g)[j] + v * host (k, g)[half + j]);

        want[i * 2 * half + j] = sin (angle);
        want[i * 2 * half + half + j] = cos (angle);
      }
    CHECK_OP (k, em_fourier (check_ctx (k), xy, g), 4e-6);
  }
  if (check_benching (k)) {
    EmTensor *xy = rnd_exact (k, 0.5, 0.2, 4096, 2), *g = rnd_exact (k, 0, 1, 2, 128);
    BENCH_BYTES (k, em_fourier (check_ctx (k), xy, g), "4096 of 256", 4.0 * 4096 * 256);
  }
}
