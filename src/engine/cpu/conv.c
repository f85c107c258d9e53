/* conv.c - convolutions over maps [n, h, w, c].
 *
 * Roofline: a convolution is a product of k = c kh kw, bound by the matrix product; its patches are
 * gathered a block at a time, so that they stay in the second cache. The depthwise 7x7 over 64 x 64
 * x 256 does 0.1 GF on 8 MB: bound by arithmetic, 2 ms on two cores. */
#include "engine/cpu/product.h"
#include "engine/cpu/vec.h"

#define PATCH_FLOATS (64 * 1024) /* of one thread's block of patches */

typedef struct {
  int64_t h, w, c;      /* of x */
  int64_t out_h, out_w; /* of y */
  int64_t kh, kw;
  int stride, pad;
  bool channels_first; /* patch order [c, kh, kw] instead of [kh, kw, c] */
} Window;

/* Zero outside the map. */
static inline float
pixel (const float *x, const Window *v, int64_t y, int64_t col, int64_t i)
{
  return y < 0 || y >= v->h || col < 0 || col >= v->w ? 0 : x[(y * v->w + col) * v->c + i];
}

/* The patch under output pixel (oy, ox) of the map x, zero outside. */
static void
gather (float *patch, const float *x, const Window *v, int64_t oy, int64_t ox)
{
  int64_t top = oy * v->stride - v->pad, left = ox * v->stride - v->pad;
  int64_t from = left < 0 ? -left : 0, to = v->w - left < v->kw ? v->w - left : v->kw;

  if (v->channels_first) {
    for (int64_t c = 0; c < v->c; c++)
      for (int64_t ky = 0; ky < v->kh; ky++)
        for (int64_t kx = 0; kx < v->kw; kx++)
          *patch++ = pixel (x, v, top + ky, left + kx, c);
    return;
  }
  for (int64_t ky = 0; ky < v->kh; ky++, patch += v->kw * v->c) {
    if (top + ky < 0 || top + ky >= v->h || from >= to) {
      memset (patch, 0, (size_t) (v->kw * v->c) * sizeof *patch);
      continue;
    }
    memset (patch, 0, (size_t) (from * v->c) * sizeof *patch);
    memcpy (patch + from * v->c, x + ((top + ky) * v->w + left + from) * v->c,
            (size_t) ((to - from) * v->c) * sizeof *patch);
    memset (patch + to * v->c, 0, (size_t) ((v->kw - to) * v->c) * sizeof *patch);
  }
}

/* [out, c, kh, kw] -> [out, kh, kw, c] */
static void
channels_last (float *to, const float *w, int64_t out, int64_t c, int64_t taps)
{
#pragma omp parallel for if (out * c * taps > 16384)
  for (int64_t o = 0; o < out; o++)
    for (int64_t t = 0; t < taps; t++)
      for (int64_t i = 0; i < c; i++)
        to[(o * taps + t) * c + i] = w[(o * c + i) * taps + t];
}

/* Few outputs: their weights are reordered, patches are copied in runs. Few pixels under many
 * outputs (VGGish): the patches are reordered instead. */
void
EM_CPU (conv2d) (EmBackend *be, EmTensor *y, const EmTensor *x, const EmTensor *w,
                 const EmTensor *b, int stride, int pad, EmAct act)
{
  EmCpu *cpu = em_cpu_of (be);
  int64_t out = w->shape[0], taps = w->shape[2] * w->shape[3], rows = em_rows (y);
  Window v = {
    .h = x->shape[1],
    .w = x->shape[2],
    .c = x->shape[3],
    .out_h = y->shape[1],
    .out_w = y->shape[2],
    .kh = w->shape[2],
    .kw = w->shape[3],
    .stride = stride,
    .pad = pad,
    .channels_first = rows < out,
  };
  int64_t k = v.c * taps, threads = cpu->n_threads;
  const float *weight = em_f32 (w);
  const void *panels;

  if (!rows || !out || !k)
    return;
  panels = EM_CPU (panels) (cpu, weight, v.channels_first ? EM_FORM_ROWS : EM_FORM_TAPS_LAST, rows,
                            out, k, taps);
  if (!panels && !v.channels_first && taps > 1 && v.c > 1) {
    float *last = em_cpu_scratch (cpu, em_numel (w));

    channels_last (last, weight, out, v.c, taps);
    weight = last;
  }

  bool whole = v.channels_first || rows * k <= PATCH_FLOATS; /* all patches, then one product */
  int64_t block = whole ? rows : PATCH_FLOATS / k < 256 ? 256 : PATCH_FLOATS / k;
  int64_t blocks = (rows + block - 1) / block, slots = whole ? 1 : threads;
  int64_t size = block * k + (panels && !whole ? EM_CPU (product_work) (block, k) : 0);
  float *patches = em_cpu_scratch (cpu, slots * size);
  EmProduct one = { .tb = true,
                    .n = out,
                    .k = k,
                    .scale = 1,
                    .lda = k,
                    .b = weight,
                    .ldb = k,
                    .bias = b ? em_f32 (b) : NULL,
                    .act = act,
                    .ldy = out,
                    .panels = panels };
  EmCpu alone = *cpu;

  alone.n_threads = whole ? threads : 1;
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (!whole)
  for (int64_t i = 0; i < blocks; i++) {
    int64_t first = i * block, n = rows - first < block ? rows - first : block;
    float *mine = patches + em_cpu_thread () * size;
    EmProduct p = one;

#pragma omp parallel for if (whole && n * k > 16384)
    for (int64_t r = 0; r < n; r++) {
      int64_t at = first + r, pixel = at % (v.out_h * v.out_w);

      gather (mine + r * k, em_f32 (x) + at / (v.out_h * v.out_w) * v.h * v.w * v.c, &v,
              pixel / v.out_w, pixel % v.out_w);
    }
    p.m = n;
    p.a = mine;
    p.work = panels && !whole ? mine + block * k : NULL;
    p.y = em_f32 (y) + first * out;
    EM_CPU (product) (&alone, &p);
  }
  em_cpu_scratch_end (cpu);
}

/* A kernel tap at a time would read x 49 times from memory; instead a run of neighbours in a row
 * takes one vector of channels through all taps while their sums stay in registers. */
#define RUN 8

/* Pixels ox .. ox + n - 1 of row oy, channels i .. i + VEC - 1. Only a single pixel may reach over
 * the sides of the map. */
static inline __attribute__ ((always_inline)) void
depthwise_run (int n, float *out, const float *x, const float *taps, const float *bias,
               const Window *v, int64_t oy, int64_t ox, int64_t i)
{
  int64_t left = ox - v->pad, from = left < 0 ? -left : 0;
  int64_t to = n == 1 && v->w - left < v->kw ? v->w - left : v->kw;
  Vec sum[RUN];

#pragma GCC unroll 8
  for (int r = 0; r < n; r++)
    sum[r] = bias ? vec_load (bias + i) : vec_all (0);
  for (int64_t ky = 0; ky < v->kh; ky++) {
    int64_t iy = oy + ky - v->pad;

    if (iy < 0 || iy >= v->h)
      continue;
    for (int64_t kx = from; kx < to; kx++) {
      const float *in = x + (iy * v->w + left + kx) * v->c + i;
      Vec tap = vec_load (taps + (ky * v->kw + kx) * v->c + i);

#pragma GCC unroll 8
      for (int r = 0; r < n; r++)
        sum[r] += vec_load (in + r * v->c) * tap;
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < n; r++)
    vec_store (out + r * v->c + i, sum[r]);
}

/* The channels that do not fill a vector. */
static void
depthwise_rest (float *out, const float *x, const float *taps, const float *bias, const Window *v,
                int64_t oy, int64_t ox, int64_t from)
{
  for (int64_t i = from; i < v->c; i++) {
    float sum = bias ? bias[i] : 0;

    for (int64_t ky = 0; ky < v->kh; ky++)
      for (int64_t kx = 0; kx < v->kw; kx++)
        sum += taps[(ky * v->kw + kx) * v->c + i]
               * pixel (x, v, oy + ky - v->pad, ox + kx - v->pad, i);
    out[i] = sum;
  }
}

static void
depthwise_row (float *out, const float *x, const float *taps, const float *bias, const Window *v,
               int64_t oy)
{
  int64_t vectors = v->c / VEC * VEC;

  for (int64_t ox = 0; ox < v->out_w;) {
    bool inner = ox >= v->pad && ox + RUN - 1 - v->pad + v->kw <= v->w && ox + RUN <= v->out_w;
    int64_t n = inner ? RUN : 1;

    for (int64_t i = 0; i < vectors; i += VEC)
      if (inner)
        depthwise_run (RUN, out + ox * v->c, x, taps, bias, v, oy, ox, i);
      else
        depthwise_run (1, out + ox * v->c, x, taps, bias, v, oy, ox, i);
    for (int64_t r = 0; r < n && vectors < v->c; r++)
      depthwise_rest (out + (ox + r) * v->c, x, taps, bias, v, oy, ox + r, vectors);
    ox += n;
  }
}

void
EM_CPU (depthwise) (EmBackend *be, EmTensor *y, const EmTensor *x, const EmTensor *w,
                    const EmTensor *b, int pad, EmAct act)
{
  EmCpu *cpu = em_cpu_of (be);
  Window v = { .h = x->shape[1],
               .w = x->shape[2],
               .c = x->shape[3],
               .out_h = y->shape[1],
               .out_w = y->shape[2],
               .kh = w->shape[2],
               .kw = w->shape[3],
               .stride = 1,
               .pad = pad };
  int64_t rows = y->shape[0] * v.out_h;
  float *taps = em_cpu_scratch (cpu, em_numel (w));

  channels_last (taps, em_f32 (w), 1, v.c, v.kh * v.kw);
#pragma omp parallel for if (em_numel(y) > 1024)
  for (int64_t r = 0; r < rows; r++) {
    float *out = em_f32 (y) + r * v.out_w * v.c;

    depthwise_row (out, em_f32 (x) + r / v.out_h * v.h * v.w * v.c, taps, b ? em_f32 (b) : NULL, &v,
                   r % v.out_h);
    EM_CPU (finish) (out, v.c, v.out_w, v.c, NULL, act, NULL, 0);
  }
  em_cpu_scratch_end (cpu);
}

/* Every input pixel makes a 2 x 2 block of output pixels and no two meet: one product [pixels, in]
 * [in, 2 2 out], whose rows are dealt out to two output rows. */
void
EM_CPU (conv_transpose) (EmBackend *be, EmTensor *y, const EmTensor *x, const EmTensor *w,
                         const EmTensor *b, const EmTensor *skip, EmAct act)
{
  EmCpu *cpu = em_cpu_of (be);
  int64_t in = x->shape[3], out = y->shape[3], wide = x->shape[2];
  int64_t rows = x->shape[0] * x->shape[1], image = x->shape[1];
  bool one_skip = skip && em_numel (skip) != em_numel (y);
  EmCpu alone = *cpu;

  const void *panels = EM_CPU (panels) (cpu, em_f32 (w), EM_FORM_TRANSPOSED, wide, 4 * out, in, 4);
  float *weight = panels ? NULL : em_cpu_scratch (cpu, em_numel (w));
  int64_t size = wide * 4 * out + (panels ? EM_CPU (product_work) (wide, in) : 0);
  float *blocks = em_cpu_scratch (cpu, cpu->n_threads * size);

  alone.n_threads = 1;
  if (!panels)
    channels_last (weight, em_f32 (w), in, out, 4); /* [in, 4, out] */
#pragma omp parallel for num_threads(cpu->n_threads) if (rows * wide * out > 1024)
  for (int64_t r = 0; r < rows; r++) {
    float *mine = blocks + em_cpu_thread () * size;
    int64_t top = 2 * r, line = 2 * wide * out;
    int64_t skip_top = one_skip ? 2 * (r % image) : top;

    EM_CPU (product)
    (&alone, &(EmProduct){ .m = wide,
                           .n = 4 * out,
                           .k = in,
                           .scale = 1,
                           .a = em_f32 (x) + r * wide * in,
                           .lda = in,
                           .b = weight,
                           .ldb = 4 * out,
                           .y = mine,
                           .ldy = 4 * out,
                           .panels = panels,
                           .work = panels ? mine + wide * 4 * out : NULL });
    for (int64_t i = 0; i < wide; i++)
      for (int64_t dy = 0; dy < 2; dy++)
        memcpy (em_f32 (y) + (top + dy) * line + 2 * i * out, mine + (4 * i + 2 * dy) * out,
                (size_t) (2 * out) * sizeof (float));
    for (int64_t dy = 0; dy < 2; dy++) {
      float *to = em_f32 (y) + (top + dy) * line;

      /* The skip comes before the activation: bias and skip first, then the activation alone. */
      if (skip) {
        EM_CPU (finish)
        (to, out, 2 * wide, out, b ? em_f32 (b) : NULL, EM_ACT_NONE,
         em_f32 (skip) + (skip_top + dy) * line, out);
        EM_CPU (finish) (to, out, 2 * wide, out, NULL, act, NULL, 0);
      } else {
        EM_CPU (finish) (to, out, 2 * wide, out, b ? em_f32 (b) : NULL, act, NULL, 0);
      }
    }
  }
  em_cpu_scratch_end (cpu);
}
