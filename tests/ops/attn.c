/* Attention against a softmax written out, windows against padding done literally. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "checkops.h"

/* out [dv] for one query; rows of keys and values are given one by one. */
static void
ref_query (double *out, const float *q, const float *const *keys, const float *const *values,
           int64_t n, int64_t d, int64_t dv)
{
  double *score = malloc ((size_t) n * sizeof *score), top = -INFINITY, sum = 0;

  EM_BUG_UNLESS (score);
  for (int64_t j = 0; j < n; j++) {
    score[j] = 0;
    for (int64_t i = 0; i < d; i++)
      score[j] += (double) q[i] * keys[j][i];
    score[j] /= sqrt ((double) d);
    top = fmax (top, score[j]);
  }
  for (int64_t i = 0; i < dv; i++)
    out[i] = 0;
  for (int64_t j = 0; j < n; j++)
    sum += exp (score[j] - top);
  for (int64_t j = 0; j < n; j++)
    for (int64_t i = 0; i < dv; i++)
      out[i] += exp (score[j] - top) / sum * values[j][i];
  free (score);
}

EM_CHECK (attention)
{
  for (int round = 0; check_round (k, &round, 120);) {
    int64_t batch = rnd_int (k, 1, 3), heads = rnd_pick (k, 1, 2, 3, 8);
    int64_t nq = rnd_pick (k, 1, 5, 13, 14, 57, 100),
            nk = rnd_pick (k, 1, 7, 16, 33, 255, 257, 600);
    int64_t d = rnd_pick (k, 1, 4, 16, 17, 24, 32, 56, 72, 96, 128, 256);
    int64_t dv = round % 4 ? d : d == 256 ? 64 : rnd_pick (k, 1, 3, 16, 40);
    int64_t bk = round % 3 == 1 ? 1 : batch, bv = round % 5 == 1 ? 1 : batch;

    /* A root of d that is a power of two: q stays what it is when it is scaled. */
    if (check_half (k) && round % 7 == 0)
      d = dv = rnd_pick (k, 4, 16);
    /* Wide scores: a softmax without the running maximum overflows. Equal ones: a plain mean. */
    double spread = round % 7 == 0 ? 30 : round % 7 == 1 ? 0 : 1;
    EmTensor *q = rnd_normal (k, 0, spread, batch, nq, heads * d);
    EmTensor *key = rnd_normal (k, 0, 1, bk, nk, heads * d);
    EmTensor *v = rnd_normal (k, 0, 1, bv, nk, heads * dv);
    double *want = check_want (k, batch * nq * heads * dv);
    const float **keys = malloc ((size_t) nk * sizeof *keys);
    const float **values = malloc ((size_t) nk * sizeof *values);

    EM_BUG_UNLESS (keys && values);
    for (int64_t b = 0; b < batch; b++)
      for (int64_t h = 0; h < heads; h++) {
        for (int64_t j = 0; j < nk; j++) {
          keys[j] = host (k, key) + ((bk == 1 ? 0 : b) * nk + j) * heads * d + h * d;
          values[j] = host (k, v) + ((bv == 1 ? 0 : b) * nk + j) * heads * dv + h * dv;
        }
        for (int64_t i = 0; i < nq; i++)
          ref_query (want + (b * nq + i) * heads * dv + h * dv,
                     host (k, q) + (b * nq + i) * heads * d + h * d, keys, values, nk, d, dv);
      }
    free (keys);
    free (values);
    /* In bf16 q is rounded once scaled, and e^(score - max) is. */
    CHECK_OP (k, em_attention (check_ctx (k), q, key, v, (int) heads),
              check_half (k) ? 3e-2
              : spread > 1   ? 5e-5
                             : 6e-6);
  }
  static const struct {
    const char *name;
    int nq, nk, d, dv, heads;
  } shapes[] = {
    { "memory 4096x4096 width 256", 4096, 4096, 256, 256, 1 },
    { "memory 4096x28736 256, v 64", 4096, 28736, 256, 64, 1 },
    { "tokens 8 x 4096, 8 heads of 16", 8, 4096, 128, 128, 8 },
    { "4096 x 8 tokens, 8 heads of 16", 4096, 8, 128, 128, 8 },
    { "demo memory 256x1808 64, v 16", 256, 1808, 64, 16, 1 },
  };
  for (size_t i = 0; check_benching (k) && i < sizeof shapes / sizeof *shapes; i++) {
    int none = 0;
    int64_t nq = shapes[i].nq, nk = shapes[i].nk, d = shapes[i].d, dv = shapes[i].dv;
    int64_t heads = shapes[i].heads;

    check_round (k, &none, 0);
    EmTensor *q = rnd_normal (k, 0, 1, 1, nq, d), *key = rnd_normal (k, 0, 1, 1, nk, d);
    EmTensor *v = rnd_normal (k, 0, 1, 1, nk, dv);
    BENCH_GEMM (k, em_attention (check_ctx (k), q, key, v, (int) heads), shapes[i].name,
                { nq, nk, d / heads, heads, true }, { nq, dv / heads, nk, heads, false });
  }
}

/* The window is filled in as the reference does: padding, then pooling, then attention. */
static void
ref_windows (Check *k, double *want, EmTensor *qkv, EmTensor *bias, int64_t heads, int64_t window,
             bool pool)
{
  int64_t n = qkv->shape[0], h = qkv->shape[1], w = qkv->shape[2], c = qkv->shape[3] / 3;
  int64_t sy = window ? window : h, sx = window ? window : w, part = pool ? 2 : 1;
  int64_t d = c / heads, oh = h / part, ow = w / part;
  const float **token = malloc ((size_t) (sy * sx) * sizeof *token);
  const float **keys = malloc ((size_t) (sy * sx) * sizeof *keys);
  const float **values = malloc ((size_t) (sy * sx) * sizeof *values);
  float q[96];

  EM_BUG_UNLESS (token && keys && values && d <= 96);
  for (int64_t at = 0; at < n * oh * ow * heads; at++) {
    int64_t head = at % heads, ox = at / heads % ow, oy = at / heads / ow % oh;
    int64_t image = at / heads / ow / oh;
    int64_t top = oy * part / sy * sy, left = ox * part / sx * sx;

    for (int64_t y = 0; y < sy; y++)
      for (int64_t x = 0; x < sx; x++) {
        bool real = top + y < h && left + x < w;
        token[y * sx + x] = real ? host (k, qkv) + (((image * h + top + y) * w) + left + x) * 3 * c
                                 : host (k, bias);
      }
    for (int64_t t = 0; t < sy * sx; t++) {
      keys[t] = token[t] + c + head * d;
      values[t] = token[t] + 2 * c + head * d;
    }
    for (int64_t i = 0; i < d; i++) {
      q[i] = -INFINITY;
      for (int64_t p = 0; p < part * part; p++)
        q[i] = fmaxf (
            q[i],
            token[(oy * part - top + p / part) * sx + ox * part - left + p % part][head * d + i]);
    }
    ref_query (want + ((image * oh + oy) * ow + ox) * c + head * d, q, keys, values, sy * sx, d, d);
  }
  free (token);
  free (keys);
  free (values);
}

EM_CHECK (window_attention)
{
  for (int round = 0; check_round (k, &round, 100);) {
    bool pool = round % 3 == 0;
    int64_t window = round % 5 == 0 ? 0 : pool ? rnd_pick (k, 2, 4, 8) : rnd_pick (k, 1, 3, 4, 7);
    int64_t n = rnd_int (k, 1, 2), h = rnd_int (k, 2, 17), w = rnd_int (k, 2, 17);
    int64_t heads = rnd_int (k, 1, 4), d = rnd_pick (k, 1, 4, 17, 24, 33, 56, 72, 96);
    int64_t c = heads * d;
    EmTensor *qkv = rnd_normal (k, 0, 1, n, h, w, 3 * c), *bias = rnd_normal (k, 0, 1, 3 * c);
    double *want = check_want (k, n * (pool ? h / 2 : h) * (pool ? w / 2 : w) * c);

    ref_windows (k, want, qkv, bias, heads, window, pool);
    CHECK_OP (k, em_window_attention (check_ctx (k), qkv, bias, (int) heads, (int) window, pool),
              check_half (k) ? 3e-2 : 3e-6);
  }
  static const struct {
    const char *name;
    int side, heads, d, window;
    bool pool;
  } shapes[] = {
    { "stage 1, 256 side, 8x8, 2 of 56", 256, 2, 56, 8, false },
    { "stage 2, 128 side, 4x4, 4 of 56", 128, 4, 56, 4, false },
    { "stage 2 first, pooled", 256, 4, 56, 8, true },
    { "stage 3, 64 side, 14x14, 8 of 56", 64, 8, 56, 14, false },
    { "stage 3, 64 side, 16x16, 8 of 72", 64, 8, 72, 16, false },
    { "stage 3 global, 4096, 8 of 56", 64, 8, 56, 0, false },
    { "demo stage 1, 64 side, 8x8, 24", 64, 1, 24, 8, false },
    { "demo stage 3 global, 16 side", 16, 4, 24, 0, false },
  };
  for (size_t i = 0; check_benching (k) && i < sizeof shapes / sizeof *shapes; i++) {
    int none = 0;
    int64_t side = shapes[i].side, d = shapes[i].d, heads = shapes[i].heads, c = heads * d;
    int64_t window = shapes[i].window ? shapes[i].window : side;
    int64_t across = (side + window - 1) / window, nk = window * window;
    int64_t nq = shapes[i].pool ? nk / 4 : nk;

    check_round (k, &none, 0);
    EmTensor *qkv = rnd_normal (k, 0, 1, 1, side, side, 3 * c), *b = rnd_normal (k, 0, 1, 3 * c);
    BENCH_GEMM (
        k,
        em_window_attention (check_ctx (k), qkv, b, (int) heads, shapes[i].window, shapes[i].pool),
        shapes[i].name, { nq, nk, d, heads * across * across, true },
        { nq, d, nk, heads * across * across, false });
  }
}

EM_CHECK (rope)
{
  for (int round = 0; check_round (k, &round, 40);) {
    int64_t b = rnd_int (k, 1, 2), m = rnd_int (k, 1, 20),
            n = m * rnd_int (k, 1, 3) + rnd_int (k, 0, 5);
    int64_t c = 2 * rnd_pick (k, 1, 3, 8, 17, 64), rotated = rnd_int (k, 0, n);
    EmTensor *x = rnd_normal (k, 0, 1, b, n, c), *table = rnd_exact (k, 0, 1, m, c / 2, 2);
    double *want = check_want (k, b * n * c);

    for (int64_t i = 0; i < b * n * c; i++) {
      int64_t t = i / c % n, j = i % c;
      const float *turn = host (k, table) + t % m * c + j / 2 * 2, *in = host (k, x) + i - j % 2;

      want[i] = t >= rotated ? host (k, x)[i]
                : j % 2 == 0 ? (double) in[0] * turn[0] - (double) in[1] * turn[1]
                             : (double) in[0] * turn[1] + (double) in[1] * turn[0];
    }
    CHECK_OP (k, em_rope (check_ctx (k), x, table, rotated), 3e-7);
  }
  if (check_benching (k)) {
    EmTensor *x = rnd_normal (k, 0, 1, 1, 28736, 256), *table = rnd_exact (k, 0, 1, 4096, 128, 2);
    BENCH_BYTES (k, em_rope (check_ctx (k), x, table, 28672), "28736x256", 12.0 * 28736 * 256);
  }
}
