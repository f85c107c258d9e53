/* Products against three loops in double. */
#include <math.h>
#include "checkops.h"

EM_CHECK (linear)
{
  for (int round = 0; check_round (k, &round, 90);) {
    int64_t rows = rnd_pick (k, 1, 2, 7, 63, 64, 65, 130, 300),
            in = rnd_pick (k, 1, 3, 16, 33, 144);
    int64_t out = rnd_pick (k, 1, 4, 17, 32, 65, 200);
    EmTensor *x = rnd_normal (k, 0, 1, 1, rows, in);
    EmTensor *w = round % 5 ? rnd_normal (k, 0, 1 / sqrt (in), out, in)
                            : rnd_normal (k, 0, 1 / sqrt (in), out, in, 1, 1);
    EmTensor *b = round % 4 ? rnd_normal (k, 0, 1, out) : NULL;
    EmTensor *residual = round % 3 ? NULL : rnd_normal (k, 0, 1, rows, out);
    EmAct act = rnd_act (k);
    double *want = check_want (k, rows * out);

    for (int64_t r = 0; r < rows; r++)
      for (int64_t o = 0; o < out; o++) {
        double sum = b ? host (k, b)[o] : 0;

        for (int64_t i = 0; i < in; i++)
          sum += (double) host (k, x)[r * in + i] * host (k, w)[o * in + i];
        if (act == EM_ACT_STEP
            && fabs (sum) < 1e-4) /* a coin's edge: move off it by dropping act */
          act = EM_ACT_NONE;
        want[r * out + o] = sum;
      }
    for (int64_t i = 0; i < rows * out; i++)
      want[i] = ref_act (want[i], act) + (residual ? host (k, residual)[i] : 0);
    /* Stored between activation and residual, GELU perhaps in its tanh form. */
    CHECK_OP (k, em_linear (check_ctx (k), x, w, b, act, residual),
              check_stored_half (k) ? 3e-3 : 2e-6);
  }
  static const struct {
    const char *name;
    int m, k, n;
    EmAct act;
    bool residual;
  } shapes[] = {
    { "qkv 65536x112x336", 65536, 112, 336, EM_ACT_NONE, false },
    { "fc1 gelu 65536x112x448", 65536, 112, 448, EM_ACT_GELU, false },
    { "fc2 residual 65536x448x112", 65536, 448, 112, EM_ACT_NONE, true },
    { "fc1 gelu 4096x448x1792", 4096, 448, 1792, EM_ACT_GELU, false },
    { "fc2 residual 4096x1792x448", 4096, 1792, 448, EM_ACT_NONE, true },
    { "qkv 4096x448x1344", 4096, 448, 1344, EM_ACT_NONE, false },
    { "fc1 gelu 1024x896x3584", 1024, 896, 3584, EM_ACT_GELU, false },
    { "fc2 residual 1024x3584x896", 1024, 3584, 896, EM_ACT_NONE, true },
    { "demo fc1 gelu 4096x24x96", 4096, 24, 96, EM_ACT_GELU, false },
    { "demo fc2 residual 256x384x96", 256, 384, 96, EM_ACT_NONE, true },
    { "256x256x2048 relu", 256, 256, 2048, EM_ACT_RELU, false },
    { "8x256x2048 relu", 8, 256, 2048, EM_ACT_RELU, false },
    { "1x4096x1024", 1, 4096, 1024, EM_ACT_NONE, false },
  };
  for (size_t i = 0; check_benching (k) && i < sizeof shapes / sizeof *shapes; i++) {
    int none = 0;
    int64_t m = shapes[i].m, in = shapes[i].k, n = shapes[i].n;

    check_round (k, &none, 0);
    EmTensor *x = rnd_normal (k, 0, 1, m, in), *w = rnd_normal (k, 0, 1, n, in);
    EmTensor *b = rnd_normal (k, 0, 1, n);
    EmTensor *residual = shapes[i].residual ? rnd_normal (k, 0, 1, m, n) : NULL;
    BENCH_GEMM (k, em_linear (check_ctx (k), x, w, b, shapes[i].act, residual), shapes[i].name,
                { m, n, in, 1, true });
  }
}

EM_CHECK (matmul)
{
  for (int round = 0; check_round (k, &round, 80);) {
    int64_t batch = rnd_int (k, 1, 6), m = rnd_pick (k, 1, 4, 17, 64, 150);
    int64_t n = rnd_pick (k, 1, 5, 32, 33, 300), in = rnd_pick (k, 1, 3, 16, 65);
    int64_t ba = round % 3 == 1 ? 1 : batch, bb = round % 3 == 2 ? 1 : batch;
    bool ta = round & 1, tb = round & 2;
    EmTensor *a = ta ? rnd_normal (k, 0, 1, ba, in, m) : rnd_normal (k, 0, 1, ba, m, in);
    EmTensor *b = tb ? rnd_normal (k, 0, 1, bb, n, in) : rnd_normal (k, 0, 1, bb, in, n);
    float scale = (float) rnd_gauss (k);
    double *want = check_want (k, batch * m * n);

    for (int64_t p = 0; p < batch; p++)
      for (int64_t r = 0; r < m; r++)
        for (int64_t c = 0; c < n; c++) {
          const float *pa = host (k, a) + (ba == 1 ? 0 : p) * m * in;
          const float *pb = host (k, b) + (bb == 1 ? 0 : p) * n * in;
          double sum = 0;

          for (int64_t i = 0; i < in; i++)
            sum += (double) pa[ta ? i * m + r : r * in + i] * pb[tb ? c * in + i : i * n + c];
          want[(p * m + r) * n + c] = sum * scale;
        }
    CHECK_OP (k, em_matmul (check_ctx (k), a, ta, b, tb, scale), 2e-6);
  }
  if (check_benching (k)) {
    EmTensor *a = rnd_normal (k, 0, 1, 1, 4, 32), *b = rnd_normal (k, 0, 1, 1, 65536, 32);
    EmTensor *c = rnd_normal (k, 0, 1, 8, 400, 64), *d = rnd_normal (k, 0, 1, 8, 64, 400);

    BENCH_GEMM (k, em_matmul (check_ctx (k), a, false, b, true, 1), "masks 4x32x65536",
                { 4, 65536, 32, 1, true });
    BENCH_GEMM (k, em_matmul (check_ctx (k), c, false, d, false, 1), "8 of 400x64x400",
                { 400, 400, 64, 8, false });
  }
}
