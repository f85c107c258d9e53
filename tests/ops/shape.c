/* Moving and choosing: exact, against index arithmetic. */
#include <math.h>
#include "checkops.h"

EM_CHECK (permute)
{
  for (int round = 0; check_round (k, &round, 120);) {
    int ndim = (int) rnd_int (k, 1, 5), order[5] = { 0, 1, 2, 3, 4 };
    int64_t shape[5], total = 1;

    for (int i = 0; i < ndim; i++) {
      int j = (int) rnd_int (k, 0, i), held = order[i];
      order[i] = order[j];
      order[j] = held;
      total *= shape[i] = round % 3 || i + 2 < ndim ? rnd_int (k, 1, 7) : rnd_int (k, 1, 70);
    }
    EmTensor *x = rnd_tensor (k, 0, 1, ndim, shape);
    double *want = check_want (k, total);
    for (int64_t i = 0; i < total; i++) { /* i counts in the order of y */
      int64_t index[5], rest = i, from = 0;

      for (int a = ndim; a-- > 0; rest /= shape[order[a]])
        index[order[a]] = rest % shape[order[a]];
      for (int a = 0; a < ndim; a++)
        from = from * shape[a] + index[a];
      want[i] = host (k, x)[from];
    }
    CHECK_OP (k, em_permute (check_ctx (k), x, order), 0);
  }
  if (check_benching (k)) {
    EmTensor *x = rnd_normal (k, 0, 1, 256, 4096), *y = rnd_normal (k, 0, 1, 4096, 8, 32);

    BENCH_BYTES (k, em_permute (check_ctx (k), x, (int[]){ 1, 0 }), "256x4096 transposed",
                 8.0 * 256 * 4096);
    BENCH_BYTES (k, em_permute (check_ctx (k), y, (int[]){ 1, 0, 2 }), "4096x8x32, heads first",
                 8.0 * 256 * 4096);
  }
}

EM_CHECK (concat)
{
  for (int round = 0; check_round (k, &round, 60);) {
    int ndim = (int) rnd_int (k, 1, 4), axis = (int) rnd_int (k, 0, ndim - 1);
    int n = (int) rnd_int (k, 1, 5);
    int64_t shape[4], before = 1, after = 1, total = 0;
    EmTensor *parts[5];

    for (int i = 0; i < ndim; i++) {
      shape[i] = rnd_int (k, 1, 9);
      before *= i < axis ? shape[i] : 1;
      after *= i > axis ? shape[i] : 1;
    }
    for (int i = 0; i < n; i++) {
      total += shape[axis] = rnd_int (k, 1, 9);
      parts[i] = rnd_tensor (k, 0, 1, ndim, shape);
    }
    double *want = check_want (k, before * total * after);
    for (int64_t b = 0; b < before; b++)
      for (int p = 0; p < n; p++)
        for (int64_t i = 0; i < parts[p]->shape[axis] * after; i++)
          *want++ = host (k, parts[p])[b * parts[p]->shape[axis] * after + i];
    CHECK_OP (k, em_concat (check_ctx (k), axis, n, parts), 0);
  }
  if (check_benching (k)) {
    EmTensor *parts[] = { rnd_normal (k, 0, 1, 1, 4096, 64), rnd_normal (k, 0, 1, 1, 4096, 64) };
    BENCH_BYTES (k, em_concat (check_ctx (k), 1, 2, parts), "2 of 4096x64", 16.0 * 4096 * 64);
  }
}

EM_CHECK (slice)
{
  for (int round = 0; check_round (k, &round, 60);) {
    int64_t a = rnd_int (k, 1, 9), b = rnd_int (k, 1, 9), c = rnd_int (k, 1, 9);
    int axis = (int) rnd_int (k, 0, 2);
    EmTensor *x = rnd_normal (k, 0, 1, a, b, c);
    int64_t begin = rnd_int (k, 0, x->shape[axis] - 1),
            end = rnd_int (k, begin + 1, x->shape[axis]);
    int64_t low[3] = { 0 }, high[3] = { a, b, c };

    low[axis] = begin;
    high[axis] = end;
    double *want = check_want (k, a * b * c / x->shape[axis] * (end - begin));
    for (int64_t i = low[0]; i < high[0]; i++)
      for (int64_t j = low[1]; j < high[1]; j++)
        for (int64_t l = low[2]; l < high[2]; l++)
          *want++ = host (k, x)[(i * b + j) * c + l];
    CHECK_OP (k, em_slice (check_ctx (k), x, axis, begin, end), 0);
  }
  if (check_benching (k)) {
    EmTensor *x = rnd_normal (k, 0, 1, 4096, 192);
    BENCH_BYTES (k, em_slice (check_ctx (k), x, 1, 64, 128), "4096x192, the middle",
                 8.0 * 4096 * 64);
  }
}

/* Nearest representable value with `bits` bits of fraction, ties to even. */
static double
rounded (double x, int bits, int least_exponent, double most)
{
  int exponent;

  if (!isfinite (x) || x == 0)
    return x;
  frexp (x, &exponent);
  exponent = exponent - 1 < least_exponent ? least_exponent : exponent - 1;
  double unit = ldexp (1, exponent - bits), value = nearbyint (x / unit) * unit;
  return fabs (value) > most ? copysign (INFINITY, x) : value;
}

EM_CHECK (cast)
{
  static const float edges[]
      = { 0,       -0.0f,    65504,    65519,     65520,       70000,      -1e9f,
          6e-8f,   2.98e-8f, 2.99e-8f, 6.1e-5f,   6.09e-5f,    1e-30f,     3.39e38f,
          3.4e38f, NAN,      INFINITY, -INFINITY, 1.00390625f, 1.01171875f };

  for (int round = 0; check_round (k, &round, 40);) {
    int64_t n = rnd_pick (k, 1, 17, 100, 9000);
    EmTensor *x = rnd_exact (k, 0, round % 4 < 2 ? 1 : 1e-5, n);
    EmDtype dtype = round % 2 ? EM_BF16 : EM_F16;
    double *want = check_want (k, n);

    for (int64_t i = 0; round > 20 && i < n && i < 20; i++)
      host (k, x)[i] = edges[i];
    host_changed (k, x);
    for (int64_t i = 0; i < n; i++)
      want[i] = dtype == EM_BF16 ? rounded (host (k, x)[i], 7, -126, 3.3895313892515355e38)
                                 : rounded (host (k, x)[i], 10, -14, 65504);
    if (round % 3 == 0) { /* and back */
      EmTensor *half = em_cast (check_ctx (k), x, dtype);
      CHECK_OP (k, em_cast (check_ctx (k), half, EM_F32), 0);
    } else {
      CHECK_OP (k, em_cast (check_ctx (k), x, dtype), 0);
    }
  }
  if (check_benching (k)) {
    EmTensor *x = rnd_exact (k, 0, 1, 4096, 1024);
    EmTensor *half = em_cast (check_ctx (k), x, EM_BF16);

    BENCH_BYTES (k, em_cast (check_ctx (k), x, EM_BF16), "to bf16, 4096x1024", 6.0 * 4194304);
    BENCH_BYTES (k, em_cast (check_ctx (k), half, EM_F32), "from bf16, 4096x1024", 6.0 * 4194304);
  }
}

EM_CHECK (repeat)
{
  for (int round = 0; check_round (k, &round, 30);) {
    int64_t h = rnd_int (k, 2, 9), c = rnd_int (k, 1, 300), n = rnd_int (k, 1, 6);
    EmTensor *x = round % 2 ? rnd_normal (k, 0, 1, h, c) : rnd_normal (k, 0, 1, 1, h, c);
    double *want = check_want (k, n * h * c);

    for (int64_t i = 0; i < n * h * c; i++)
      want[i] = host (k, x)[i % (h * c)];
    CHECK_OP (k, em_repeat (check_ctx (k), x, n), 0);
  }
  if (check_benching (k)) {
    EmTensor *x = rnd_normal (k, 0, 1, 1, 4096, 64);
    BENCH_BYTES (k, em_repeat (check_ctx (k), x, 8), "8 of 4096x64", 9.0 * 4 * 4096 * 64);
  }
}

EM_CHECK (argmax)
{
  for (int round = 0; check_round (k, &round, 40);) {
    int64_t n = rnd_int (k, 1, 20), c = rnd_int (k, 1, 40);
    EmTensor *x = rnd_exact (k, 0, 1, n, c);
    double *want = check_want (k, n);

    for (int64_t i = 0; i < n * c; i++) /* many ties: the first wins */
      host (k, x)[i] = round % 2 ? (float) rnd_int (k, 0, 3) : host (k, x)[i];
    host_changed (k, x);
    for (int64_t r = 0; r < n; r++) {
      want[r] = 0;
      for (int64_t i = c; i-- > 0;)
        if (host (k, x)[r * c + i] >= host (k, x)[r * c + (int64_t) want[r]])
          want[r] = (double) i;
    }
    if (round % 2 == 0)
      for (int64_t r = 0; r < n; r++)
        for (int64_t i = 0; i < c; i++)
          EM_BUG_UNLESS (host (k, x)[r * c + i] <= host (k, x)[r * c + (int64_t) want[r]]);
    CHECK_OP (k, em_argmax (check_ctx (k), x), 0);
  }
  if (check_benching (k)) {
    EmTensor *x = rnd_exact (k, 0, 1, 64, 4);
    BENCH_BYTES (k, em_argmax (check_ctx (k), x), "64x4", 4.0 * 64 * 5);
  }
}

EM_CHECK (take)
{
  for (int round = 0; check_round (k, &round, 40);) {
    int64_t n = rnd_int (k, 1, 9), m = rnd_int (k, 1, 5), c = rnd_pick (k, 1, 3, 64, 200);
    bool flat = c == 1;
    EmTensor *x = flat ? rnd_normal (k, 0, 1, n, m) : rnd_normal (k, 0, 1, n, m, c);
    int32_t choice[9];
    double *want = check_want (k, n * c);

    for (int64_t i = 0; i < n; i++)
      choice[i] = (int32_t) rnd_int (k, 0, m - 1);
    EmTensor *index = index_tensor (k, choice, n);
    for (int64_t i = 0; i < n * c; i++)
      want[i] = host (k, x)[(i / c * m + choice[i / c]) * c + i % c];
    CHECK_OP (k, em_take (check_ctx (k), x, index), 0);
  }
  if (check_benching (k)) {
    EmTensor *x = rnd_normal (k, 0, 1, 1, 4, 65536), *index = index_tensor (k, (int32_t[]){ 2 }, 1);
    BENCH_BYTES (k, em_take (check_ctx (k), x, index), "1 of 4x65536", 8.0 * 65536);
  }
}

EM_CHECK (stability)
{
  for (int round = 0; check_round (k, &round, 40);) {
    int64_t n = rnd_int (k, 1, 5), h = rnd_int (k, 1, 30), w = rnd_pick (k, 1, 17, 400);
    EmTensor *x = rnd_exact (k, round % 4 ? 0 : -9, 0.2, n, h, w);
    float delta = 0.05f;
    double *want = check_want (k, n);

    host (k, x)[0] = delta; /* on the edge: not above it */
    host_changed (k, x);
    for (int64_t i = 0; i < n; i++) {
      int64_t inner = 0, outer = 0;

      for (int64_t j = 0; j < h * w; j++) {
        inner += host (k, x)[i * h * w + j] > delta;
        outer += host (k, x)[i * h * w + j] > -delta;
      }
      want[i] = outer ? (double) inner / (double) outer : 1;
    }
    CHECK_OP (k, em_stability (check_ctx (k), x, delta), 1e-7);
  }
  if (check_benching (k)) {
    EmTensor *x = rnd_exact (k, 0, 1, 1, 256, 256);
    BENCH_BYTES (k, em_stability (check_ctx (k), x, 0.05f), "256x256", 4.0 * 65536);
  }
}
