/* Norms against the formula. */
#include <math.h>
#include "checkops.h"

EM_CHECK (layer_norm)
{
  for (int round = 0; check_round (k, &round, 80);) {
    int64_t rows = rnd_int (k, 1, 150), c = rnd_pick (k, 1, 4, 7, 16, 17, 31, 33, 144, 768, 1152);
    double shift = round % 3 ? 0 : 1000; /* here a one-pass variance is off by thousands */
    EmTensor *x = rnd_normal (k, shift, 1, 1, rows, c);
    EmTensor *w = rnd_normal (k, 1, 0.2, c), *b = rnd_normal (k, 0, 1, c);
    EmAct act = (EmAct) (round % 3);
    float eps = round % 2 ? 1e-6f : 1e-5f;
    double *want = check_want (k, rows * c);

    for (int64_t r = 0; r < rows; r++) {
      const float *in = host (k, x) + r * c;
      double mean = 0, var = 0;

      for (int64_t i = 0; i < c; i++)
        mean += in[i] / (double) c;
      for (int64_t i = 0; i < c; i++)
        var += (in[i] - mean) * (in[i] - mean) / (double) c;
      for (int64_t i = 0; i < c; i++)
        want[r * c + i] = ref_act (
            (in[i] - mean) / sqrt (var + (double) eps) * host (k, w)[i] + host (k, b)[i], act);
    }
    CHECK_OP (k,
              act == EM_ACT_NONE ? em_layer_norm (check_ctx (k), x, w, b, eps)
                                 : em_layer_norm_act (check_ctx (k), x, w, b, eps, act),
              1e-6);
  }
  if (check_benching (k)) {
    EmTensor *x = rnd_normal (k, 0, 1, 65536, 144), *w = rnd_normal (k, 1, 1, 144);
    EmTensor *b = rnd_normal (k, 0, 1, 144), *small = rnd_normal (k, 0, 1, 4096, 24);
    EmTensor *w2 = rnd_normal (k, 1, 1, 24), *b2 = rnd_normal (k, 0, 1, 24);
    EmTensor *narrow = rnd_normal (k, 0, 1, 65536, 4), *w3 = rnd_normal (k, 1, 1, 4);
    EmTensor *b3 = rnd_normal (k, 0, 1, 4);

    BENCH_BYTES (k, em_layer_norm (check_ctx (k), x, w, b, 1e-6f), "65536x144", 8.0 * 65536 * 144);
    BENCH_BYTES (k, em_layer_norm_act (check_ctx (k), x, w, b, 1e-6f, EM_ACT_GELU),
                 "65536x144 gelu", 8.0 * 65536 * 144);
    BENCH_BYTES (k, em_layer_norm (check_ctx (k), small, w2, b2, 1e-6f), "4096x24",
                 8.0 * 4096 * 24);
    BENCH_BYTES (k, em_layer_norm_act (check_ctx (k), narrow, w3, b3, 1e-6f, EM_ACT_GELU),
                 "65536x4 gelu", 8.0 * 65536 * 4);
  }
}

EM_CHECK (batch_norm)
{
  for (int round = 0; check_round (k, &round, 40);) {
    int64_t rows = rnd_int (k, 1, 70), c = rnd_pick (k, 1, 17, 32, 256);
    EmTensor *x = rnd_normal (k, 2, 1, rows, c), *w = rnd_normal (k, 1, 0.2, c);
    EmTensor *b = rnd_normal (k, 0, 1, c), *mean = rnd_normal (k, 2, 1, c);
    EmTensor *var = rnd_normal (k, 1, 0.1, c);
    double *want = check_want (k, rows * c);

    for (int64_t i = 0; i < rows * c; i++)
      want[i] = ((double) host (k, x)[i] - host (k, mean)[i % c])
                    / sqrt (host (k, var)[i % c] + 1e-5) * host (k, w)[i % c]
                + host (k, b)[i % c];
    CHECK_OP (k, em_batch_norm (check_ctx (k), x, w, b, mean, var, 1e-5f), 1e-6);
  }
  if (check_benching (k)) {
    EmTensor *x = rnd_normal (k, 0, 1, 20480, 256), *w = rnd_normal (k, 1, 1, 256);
    BENCH_BYTES (k, em_batch_norm (check_ctx (k), x, w, w, w, w, 1e-5f), "20480x256",
                 8.0 * 20480 * 256);
  }
}
