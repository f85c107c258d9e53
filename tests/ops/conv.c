/* Convolutions and resampling against the definition. */
#include <math.h>
#include "checkops.h"

static float
pixel (const float *x, int64_t h, int64_t w, int64_t c, int64_t n, int64_t y, int64_t col,
       int64_t i)
{
  return y < 0 || y >= h || col < 0 || col >= w ? 0 : x[((n * h + y) * w + col) * c + i];
}

EM_CHECK (conv2d)
{
  for (int round = 0; check_round (k, &round, 120);) {
    int64_t kh = rnd_pick (k, 1, 2, 3, 4, 7), kw = round % 7 ? kh : rnd_int (k, 1, 3);
    int64_t pad = rnd_int (k, 0, 3), stride = rnd_int (k, 1, 4);
    int64_t n = rnd_int (k, 1, 2), h = rnd_int (k, kh, 20), w = rnd_int (k, kw, 20);
    int64_t c = rnd_pick (k, 1, 3, 5, 16, 17), out = rnd_pick (k, 1, 4, 7, 16, 33, 200);
    int64_t oh = (h + 2 * pad - kh) / stride + 1, ow = (w + 2 * pad - kw) / stride + 1;
    EmTensor *x = rnd_normal (k, 0, 1, n, h, w, c), *f = rnd_normal (k, 0, 1, out, c, kh, kw);
    EmTensor *b = round % 3 ? rnd_normal (k, 0, 1, out) : NULL;
    EmAct act = (EmAct) (round % 3);
    double *want = check_want (k, n * oh * ow * out);

    for (int64_t i = 0; i < n * oh * ow * out; i++) {
      int64_t o = i % out, ox = i / out % ow, oy = i / out / ow % oh, p = i / out / ow / oh;
      double sum = b ? host (k, b)[o] : 0;

      for (int64_t j = 0; j < c; j++)
        for (int64_t ky = 0; ky < kh; ky++)
          for (int64_t kx = 0; kx < kw; kx++)
            sum += (double) pixel (host (k, x), h, w, c, p, oy * stride + ky - pad,
                                   ox * stride + kx - pad, j)
                   * host (k, f)[((o * c + j) * kh + ky) * kw + kx];
      want[i] = ref_act (sum, act);
    }
    CHECK_OP (k, em_conv2d (check_ctx (k), x, f, b, (int) stride, (int) pad, act), 3e-6);
  }
  static const struct {
    const char *name;
    int n, side, c, out, kernel, stride, pad;
  } shapes[] = {
    { "patch 7x7/4 1024 3->112", 1, 1024, 3, 112, 7, 4, 3 },
    { "patch 7x7/4 256 3->24", 1, 256, 3, 24, 7, 4, 3 },
    { "3x3 96x96 64->64 x5", 5, 48, 64, 128, 3, 1, 1 },
    { "3x3 12x12 256->512 x5", 5, 12, 256, 512, 3, 1, 1 },
    { "3x3 6x6 512->512 x5", 5, 6, 512, 512, 3, 1, 1 },
    { "4x4/4 256 side, 256->64", 1, 256, 256, 64, 4, 4, 0 },
    { "3x3/2 512 side, 4->16", 1, 512, 4, 16, 3, 2, 1 },
  };
  for (size_t i = 0; check_benching (k) && i < sizeof shapes / sizeof *shapes; i++) {
    int none = 0;
    int64_t n = shapes[i].n, side = shapes[i].side, c = shapes[i].c, out = shapes[i].out;
    int64_t kernel = shapes[i].kernel;
    int64_t after = (side + 2 * shapes[i].pad - kernel) / shapes[i].stride + 1;

    check_round (k, &none, 0);
    EmTensor *x = rnd_normal (k, 0, 1, n, side, side, c);
    EmTensor *f = rnd_normal (k, 0, 1, out, c, kernel, kernel), *b = rnd_normal (k, 0, 1, out);
    BENCH_GEMM (k, em_conv2d (check_ctx (k), x, f, b, shapes[i].stride, shapes[i].pad, EM_ACT_RELU),
                shapes[i].name, { n * after * after, out, c * kernel * kernel, 1, true });
  }
}

EM_CHECK (depthwise)
{
  for (int round = 0; check_round (k, &round, 80);) {
    int64_t side = rnd_pick (k, 1, 3, 5, 7), pad = rnd_int (k, 0, side / 2);
    int64_t n = rnd_int (k, 1, 2), h = rnd_int (k, side, 20), w = rnd_int (k, side, 40);
    int64_t c = rnd_pick (k, 1, 3, 8, 16, 17, 40), oh = h + 2 * pad - side + 1;
    int64_t ow = w + 2 * pad - side + 1;
    EmTensor *x = rnd_normal (k, 0, 1, n, h, w, c), *f = rnd_normal (k, 0, 1, c, 1, side, side);
    EmTensor *b = round % 3 ? rnd_normal (k, 0, 1, c) : NULL;
    EmAct act = (EmAct) (round % 3);
    double *want = check_want (k, n * oh * ow * c);

    for (int64_t i = 0; i < n * oh * ow * c; i++) {
      int64_t j = i % c, ox = i / c % ow, oy = i / c / ow % oh, p = i / c / ow / oh;
      double sum = b ? host (k, b)[j] : 0;

      for (int64_t ky = 0; ky < side; ky++)
        for (int64_t kx = 0; kx < side; kx++)
          sum += (double) pixel (host (k, x), h, w, c, p, oy + ky - pad, ox + kx - pad, j)
                 * host (k, f)[(j * side + ky) * side + kx];
      want[i] = ref_act (sum, act);
    }
    CHECK_OP (k, em_depthwise (check_ctx (k), x, f, b, (int) pad, act), 3e-6);
  }
  if (check_benching (k)) {
    EmTensor *x = rnd_normal (k, 0, 1, 1, 64, 64, 256), *f = rnd_normal (k, 0, 1, 256, 1, 7, 7);
    EmTensor *b = rnd_normal (k, 0, 1, 256);
    BENCH_BYTES (k, em_depthwise (check_ctx (k), x, f, b, 3, EM_ACT_NONE), "7x7 64x64x256",
                 8.0 * 64 * 64 * 256);
  }
}

EM_CHECK (conv_transpose)
{
  for (int round = 0; check_round (k, &round, 60);) {
    int64_t n = rnd_int (k, 1, 3), h = rnd_int (k, 1, 9), w = rnd_int (k, 1, 20);
    int64_t in = rnd_pick (k, 1, 5, 16, 33), out = rnd_pick (k, 1, 3, 8, 17);
    EmTensor *x = rnd_normal (k, 0, 1, n, h, w, in), *f = rnd_normal (k, 0, 1, in, out, 2, 2);
    EmTensor *b = round % 4 ? rnd_normal (k, 0, 1, out) : NULL;
    EmTensor *skip = round % 3 == 0   ? NULL
                     : round % 3 == 1 ? rnd_normal (k, 0, 1, n, 2 * h, 2 * w, out)
                                      : rnd_normal (k, 0, 1, 1, 2 * h, 2 * w, out);
    EmAct act = (EmAct) (round % 4);
    int64_t image = 4 * h * w * out;
    double *want = check_want (k, n * image);

    for (int64_t i = 0; i < n * image; i++) {
      int64_t o = i % out, ox = i / out % (2 * w), oy = i / out / (2 * w) % (2 * h), p = i / image;
      double sum = b ? host (k, b)[o] : 0;

      for (int64_t j = 0; j < in; j++)
        sum += (double) host (k, x)[((p * h + oy / 2) * w + ox / 2) * in + j]
               * host (k, f)[((j * out + o) * 2 + oy % 2) * 2 + ox % 2];
      sum += skip ? host (k, skip)[round % 3 == 2 ? i % image : i] : 0;
      want[i] = ref_act (sum, act);
    }
    CHECK_OP (k, em_conv_transpose (check_ctx (k), x, f, b, skip, act), 3e-6);
  }
  if (check_benching (k)) {
    EmTensor *x = rnd_normal (k, 0, 1, 1, 64, 64, 256), *f = rnd_normal (k, 0, 1, 256, 64, 2, 2);
    EmTensor *b = rnd_normal (k, 0, 1, 64), *skip = rnd_normal (k, 0, 1, 1, 128, 128, 64);
    EmTensor *x2 = rnd_normal (k, 0, 1, 1, 128, 128, 64), *f2 = rnd_normal (k, 0, 1, 64, 32, 2, 2);
    EmTensor *b2 = rnd_normal (k, 0, 1, 32), *skip2 = rnd_normal (k, 0, 1, 1, 256, 256, 32);

    BENCH_GEMM (k, em_conv_transpose (check_ctx (k), x, f, b, skip, EM_ACT_NONE), "64 side 256->64",
                { 4096, 256, 256, 1, false });
    BENCH_GEMM (k, em_conv_transpose (check_ctx (k), x2, f2, b2, skip2, EM_ACT_GELU),
                "128 side 64->32", { 16384, 128, 64, 1, false });
  }
}

EM_CHECK (max_pool)
{
  for (int round = 0; check_round (k, &round, 40);) {
    int64_t n = rnd_int (k, 1, 3), h = rnd_int (k, 2, 9), w = rnd_int (k, 2, 9);
    int64_t c = rnd_pick (k, 1, 7, 16, 33);
    EmTensor *x = rnd_normal (k, 0, 1, n, h, w, c);
    double *want = check_want (k, n * (h / 2) * (w / 2) * c);

    for (int64_t i = 0; i < n * (h / 2) * (w / 2) * c; i++) {
      int64_t j = i % c, ox = i / c % (w / 2), oy = i / c / (w / 2) % (h / 2);
      int64_t p = i / c / (w / 2) / (h / 2);

      want[i] = -1e30;
      for (int64_t d = 0; d < 4; d++)
        want[i]
            = fmax (want[i], pixel (host (k, x), h, w, c, p, 2 * oy + d / 2, 2 * ox + d % 2, j));
    }
    CHECK_OP (k, em_max_pool (check_ctx (k), x), 0);
  }
  if (check_benching (k)) {
    EmTensor *x = rnd_normal (k, 0, 1, 1, 256, 256, 224);
    BENCH_BYTES (k, em_max_pool (check_ctx (k), x), "256x256x224", 5.0 * 256 * 256 * 224);
  }
}

EM_CHECK (upsample_add)
{
  for (int round = 0; check_round (k, &round, 30);) {
    int64_t n = rnd_int (k, 1, 3), h = rnd_int (k, 1, 7), w = rnd_int (k, 1, 7);
    int64_t c = rnd_pick (k, 1, 7, 16, 33);
    EmTensor *low = rnd_normal (k, 0, 1, n, h, w, c),
             *high = rnd_normal (k, 0, 1, n, 2 * h, 2 * w, c);
    double *want = check_want (k, n * 4 * h * w * c);

    for (int64_t i = 0; i < n * 4 * h * w * c; i++) {
      int64_t j = i % c, ox = i / c % (2 * w), oy = i / c / (2 * w) % (2 * h),
              p = i / c / (4 * h * w);

      want[i] = (double) host (k, high)[i] + host (k, low)[((p * h + oy / 2) * w + ox / 2) * c + j];
    }
    CHECK_OP (k, em_upsample_add (check_ctx (k), low, high), 1e-7);
  }
  if (check_benching (k)) {
    EmTensor *low = rnd_normal (k, 0, 1, 1, 32, 32, 256),
             *high = rnd_normal (k, 0, 1, 1, 64, 64, 256);
    BENCH_BYTES (k, em_upsample_add (check_ctx (k), low, high), "64x64x256", 9.0 * 64 * 64 * 256);
  }
}

/* Weight of input j in output i of one axis. */
static double
axis_weight (int64_t in, int64_t out, int64_t i, int64_t j, bool antialias)
{
  double scale = (double) in / (double) out, at = (i + 0.5) * scale;

  if (antialias) {
    double support = scale > 1 ? scale : 1, sum = 0, mine = 0;

    for (int64_t t = 0; t < in; t++) {
      double weight = fmax (0, 1 - fabs (t + 0.5 - at) / support);
      sum += weight;
      mine = t == j ? weight : mine;
    }
    return mine / sum;
  }
  at = fmin (fmax (at - 0.5, 0), (double) (in - 1));
  return fmax (0, 1 - fabs ((double) j - at));
}

EM_CHECK (resize)
{
  for (int round = 0; check_round (k, &round, 60);) {
    int64_t n = rnd_int (k, 1, 3), h = rnd_int (k, 1, 30), w = rnd_int (k, 1, 30);
    int64_t oh = rnd_int (k, 1, 50), ow = round % 5 ? rnd_int (k, 1, 50) : w;
    bool antialias = round % 2;
    EmTensor *x = rnd_normal (k, 0, 1, n, h, w);
    double *want = check_want (k, n * oh * ow);

    for (int64_t i = 0; i < n * oh * ow; i++) {
      int64_t ox = i % ow, oy = i / ow % oh, p = i / ow / oh;
      double sum = 0;

      for (int64_t y = 0; y < h; y++) {
        double row = axis_weight (h, oh, oy, y, antialias);
        for (int64_t j = 0; row > 0 && j < w; j++)
          sum += row * axis_weight (w, ow, ox, j, antialias) * host (k, x)[(p * h + y) * w + j];
      }
      want[i] = sum;
    }
    CHECK_OP (k,
              em_resize (check_ctx (k), x, (int) oh, (int) ow,
                         antialias ? EM_FILTER_BILINEAR_ANTIALIAS : EM_FILTER_BILINEAR),
              1e-5);
  }
  if (check_benching (k)) {
    EmTensor *x = rnd_normal (k, 0, 1, 1, 256, 256), *big = rnd_normal (k, 0, 1, 1, 1024, 1024);

    BENCH_BYTES (k, em_resize (check_ctx (k), x, 1024, 1024, EM_FILTER_BILINEAR), "256 -> 1024",
                 4.0 * (65536 + 1048576));
    BENCH_BYTES (k, em_resize (check_ctx (k), big, 256, 256, EM_FILTER_BILINEAR_ANTIALIAS),
                 "1024 -> 256 antialiased", 4.0 * (65536 + 1048576));
  }
}
