/* conv.cu - convolutions over maps [n, h, w, c].
 *
 * Roofline: a convolution is a product of k = c kh kw, bound by arithmetic; its patches are
 * gathered for it, which writes and reads them once. The patch embedding, 65536 patches of 147
 * (152) in bf16, writes 20 MB: 4 us at 4.8 TB/s. With few channels on both sides there is more to
 * move than to multiply, and a thread makes a pixel: 1 -> 4 channels over 1024 x 1024 moves 4 MB.
 * The depthwise 3x3 over 5 x 64 x 64 x 1024 moves 84 MB in bf16, 17 us at 4.8 TB/s, if its nine
 * taps come from the caches; the 7x7 over 64 x 64 x 256 is 0.1 GFLOP on 4 MB, bound by arithmetic,
 * 2 us. */
#include "gemm.cuh"
#include "loops.cuh"

#define PATCH_BYTES (256ll << 20) /* the most that patches and unsorted results take */

typedef Pack<float, 4> Quad;

struct Window {
  int64_t h, w, c;      /* of x */
  int64_t out_h, out_w; /* of y */
  int64_t kh, kw, stride, pad;
};

static Window
window_of (const EmTensor *y, const EmTensor *x, const EmTensor *w, int stride, int pad)
{
  return { x->shape[1], x->shape[2], x->shape[3], y->shape[1], y->shape[2],
           w->shape[2], w->shape[3], stride,      pad };
}

/* Lines of [m, n], padded with zeros to `line`; where what becomes (a, i, j) is in w. */
struct Order {
  int64_t m, n, line, a, i, j;
};

template <typename T>
static __global__ void __launch_bounds__ (BLOCK)
reorder (T *__restrict__ to, const T *__restrict__ w, int64_t count, const Order o)
{
  for (int64_t at = my_index (); at < count; at += n_threads ()) {
    int64_t a = at / o.line, i = at % o.line / o.n, j = at % o.line % o.n;

    to[at] = i < o.m ? w[a * o.a + i * o.i + j * o.j] : of_f32<T> (0);
  }
}

template <typename T>
static void
launch_reorder (EmCuda *c, void *to, const EmTensor *w, int64_t lines, Order o)
{
  em_cuda_launch (c, "form of a weight", reorder<T>, dim3 (grid_of (c, lines * o.line)), BLOCK, 0,
                  (T *) to, (const T *) w->data, lines * o.line, o);
}

/* A line of patches or of weights, so that all begin at a multiple of 16 bytes. */
static int64_t
padded (int64_t k)
{
  return (k + 7) / 8 * 8;
}

/* [out, c, kh, kw] -> [out, kh kw c and zeros] */
template <typename T>
static void
make_taps_last (EmCuda *c, void *to, const EmTensor *w)
{
  int64_t in = w->shape[1], taps = w->shape[2] * w->shape[3];

  launch_reorder<T> (c, to, w, w->shape[0], { taps, in, padded (taps * in), in * taps, 1, taps });
}

/* [c, 1, kh, kw] -> [kh, kw, c] */
template <typename T>
static void
make_taps (EmCuda *c, void *to, const EmTensor *w)
{
  int64_t n = w->shape[0], taps = w->shape[2] * w->shape[3];

  launch_reorder<T> (c, to, w, 1, { taps, n, taps * n, 0, 1, taps });
}

/* [in, out, 2, 2] -> [2, 2, out, in] */
template <typename T>
static void
make_transposed (EmCuda *c, void *to, const EmTensor *w)
{
  int64_t in = w->shape[0], out = w->shape[1];

  launch_reorder<T> (c, to, w, 4, { out, in, out * in, 1, 4, 4 * out });
}

/* The patches under output pixels first .. first + rows - 1, [rows, line], zero outside the map and
 * behind their end. A row of a patch lies together in x, so what is outside is so by its place in a
 * row of x. WHOLE: V divides c, and a pack is inside or outside as a whole. */
template <typename T, bool WHOLE>
static __global__ void __launch_bounds__ (BLOCK)
gather_patches (T *__restrict__ patches, const T *__restrict__ x, const Window v, int64_t first,
                int64_t rows, int64_t line)
{
  constexpr int V = 16 / sizeof (T);
  int64_t packs = line / V, run = v.kw * v.c, width = v.w * v.c;

  for (int64_t i = my_index (); i < rows * packs; i += n_threads ()) {
    int64_t k = i % packs * V, pixel = first + i / packs, row = pixel / v.out_w;
    int64_t left = (pixel % v.out_w * v.stride - v.pad) * v.c;
    int64_t top = row % v.out_h * v.stride - v.pad, ky = k / run, at = k % run;
    const T *image = x + row / v.out_h * v.h * width;
    Pack<T, V> p = {};

    if (WHOLE) {
      if (ky < v.kh && top + ky >= 0 && top + ky < v.h && left + at >= 0 && left + at < width)
        p = *(const Pack<T, V> *) (image + (top + ky) * width + left + at);
    } else {
#pragma unroll
      for (int j = 0; j < V; j++) {
        if (ky < v.kh && top + ky >= 0 && top + ky < v.h && left + at >= 0 && left + at < width)
          p.at[j] = image[(top + ky) * width + left + at];
        if (++at == run) {
          at = 0;
          ky++;
        }
      }
    }
    *(Pack<T, V> *) (patches + i * V) = p;
  }
}

#define FEW 64 /* inputs of a pixel, and outputs, that a thread can do */

/* A thread to a pixel, OUT outputs at a time. */
template <typename T, int OUT>
static __global__ void __launch_bounds__ (BLOCK, 2)
convolve_few (T *__restrict__ y, const T *__restrict__ x, const T *__restrict__ w,
              const T *__restrict__ b, const Window v, int64_t rows, int out, bool packed,
              EmAct act)
{
  EM_SHARED (Quad, weights, FEW * FEW / 4); /* [kh, kw, c, outputs padded to OUT] */
  EM_SHARED (float, bias, FEW);
  constexpr int V = 16 / (int) sizeof (T) < OUT ? 16 / sizeof (T) : OUT;
  int taps = (int) (v.kh * v.kw), c = (int) v.c, wide = (out + OUT - 1) / OUT * OUT;

  for (int i = threadIdx.x; i < taps * c * wide; i += BLOCK) {
    int o = i % wide, k = i / wide;

    ((float *) weights)[i] = o < out ? to_f32 (w[(o * c + k % c) * taps + k / c]) : 0;
  }
  for (int o = threadIdx.x; o < wide; o += BLOCK)
    bias[o] = b && o < out ? to_f32 (b[o]) : 0;
  __syncthreads ();

  for (int64_t r = my_index (); r < rows; r += n_threads ()) {
    int64_t top = r / v.out_w % v.out_h * v.stride - v.pad, left = r % v.out_w * v.stride - v.pad;
    const T *image = x + r / v.out_w / v.out_h * v.h * v.w * c;

    for (int first = 0; first < out; first += OUT) {
      const Quad *tap = weights + first / 4;
      T *to = y + r * out + first;
      float sum[OUT];

#pragma unroll
      for (int o = 0; o < OUT; o++)
        sum[o] = bias[first + o];
      for (int64_t iy = top; iy < top + v.kh; iy++)
        for (int64_t ix = left; ix < left + v.kw; ix++) {
          bool inside = iy >= 0 && iy < v.h && ix >= 0 && ix < v.w;

          for (int i = 0; i < c; i++, tap += wide / 4) {
            float in = inside ? to_f32 (image[(iy * v.w + ix) * c + i]) : 0;

#pragma unroll
            for (int q = 0; q < OUT / 4; q++) {
              Quad four = tap[q];

#pragma unroll
              for (int j = 0; j < 4; j++)
                sum[4 * q + j] += in * four.at[j];
            }
          }
        }
#pragma unroll
      for (int o = 0; o < OUT; o += V) {
        Pack<T, V> p;

#pragma unroll
        for (int j = 0; j < V; j++) {
          p.at[j] = of_f32<T> (activated (sum[o + j], act));
          if (!packed && first + o + j < out)
            to[o + j] = p.at[j];
        }
        if (packed)
          *(Pack<T, V> *) (to + o) = p;
      }
    }
  }
}

template <typename T, int OUT>
static void
launch_few (EmCuda *c, EmTensor *y, const EmTensor *x, const EmTensor *w, const EmTensor *b,
            Window v, EmAct act)
{
  int64_t rows = em_rows (y), out = w->shape[0];

  em_cuda_launch (c, "conv2d", convolve_few<T, OUT>, dim3 (grid_of (c, rows)), BLOCK, 0,
                  (T *) y->data, (const T *) x->data, (const T *) w->data,
                  (const T *) (b ? b->data : NULL), v, rows, (int) out,
                  out % OUT == 0 && lies_at (y->data, 16), act);
}

/* Gathers patches, as many as there is room for, and multiplies. */
template <typename T>
static void
launch_product (EmCuda *c, EmTensor *y, const EmTensor *x, const EmTensor *w, const EmTensor *b,
                Window v, EmAct act)
{
  constexpr int V = 16 / sizeof (T);
  int64_t rows = em_rows (y), out = w->shape[0], taps = v.kh * v.kw, line = padded (v.c * taps);
  int64_t room = PATCH_BYTES / (line * (int64_t) sizeof (T));
  bool as_is = taps == 1 && v.stride == 1 && v.pad == 0 && line == v.c;
  int64_t block = as_is || rows <= room ? rows : room > 0 ? room : 1;
  auto gather
      = v.c % V == 0 && lies_at (x->data, 16) ? gather_patches<T, true> : gather_patches<T, false>;
  T *patches = NULL;
  EmCudaGemm g = {};

  g.n = out;
  g.k = g.lda = g.ldb = line;
  g.tb = true;
  g.b = w->data;
  g.bias = b ? b->data : NULL;
  g.act = act;
  g.ldy = out;
  g.scale = 1;
  g.batch = 1;
  g.type = g.y_type = x->dtype;
  if (!as_is) {
    g.b = em_cuda_form (c, w, EM_FORM_TAPS_LAST, (size_t) (out * line) * sizeof (T),
                        make_taps_last<T>);
    patches = (T *) em_cuda_scratch (c, (size_t) (block * line) * sizeof (T));
    if (!g.b || !patches)
      return;
  }
  for (int64_t first = 0; first < rows; first += block) {
    g.m = rows - first < block ? rows - first : block;
    if (!as_is)
      em_cuda_launch (c, "conv2d", gather, dim3 (grid_of (c, g.m * line / V)), BLOCK, 0, patches,
                      (const T *) x->data, v, first, g.m, line);
    g.a = as_is ? x->data : patches;
    g.y = (T *) y->data + first * out;
    em_cuda_gemm (c, "conv2d", &g);
  }
}

/* Patches that overlap, of whole packs: cuDNN need not gather them. */
template <typename T>
static bool
by_dnn (EmCuda *c, EmTensor *y, const EmTensor *x, const EmTensor *w, const EmTensor *b, Window v,
        EmAct act)
{
  int64_t out = w->shape[0], line = v.c * v.kh * v.kw;
  bool overlap = v.stride < v.kh && v.stride < v.kw;
  EmCudaGemm g = {};
  void *form;

  if (!overlap || v.c % 8 || out % 8 || !lies_at (x->data, 16) || !lies_at (y->data, 16))
    return false;
  form = em_cuda_form (c, w, EM_FORM_TAPS_LAST, (size_t) (out * line) * sizeof (T),
                       make_taps_last<T>);
  if (!form || !em_cuda_dnn_conv (c, y, x, w, form, (int) v.stride, (int) v.pad))
    return false;
  g.m = em_rows (y);
  g.n = g.ldy = out;
  g.y = y->data;
  g.bias = b ? b->data : NULL;
  g.act = act;
  g.type = g.y_type = x->dtype;
  em_cuda_finish (c, &g);
  return true;
}

template <typename T>
static void
conv2d (EmCuda *c, EmTensor *y, const EmTensor *x, const EmTensor *w, const EmTensor *b, Window v,
        EmAct act)
{
  int64_t out = w->shape[0], k = v.c * v.kh * v.kw;

  if (!em_numel (y) || !k || by_dnn<T> (c, y, x, w, b, v, act))
    return;
  if (k > FEW || out > FEW)
    launch_product<T> (c, y, x, w, b, v, act);
  else if (out <= 4)
    launch_few<T, 4> (c, y, x, w, b, v, act);
  else
    launch_few<T, 16> (c, y, x, w, b, v, act);
}

void
cuda_conv2d (EmBackend *be, EmTensor *y, const EmTensor *x, const EmTensor *w, const EmTensor *b,
             int stride, int pad, EmAct act)
{
  WITH_TYPE (x->dtype, T,
             conv2d<T> (em_cuda_of (be), y, x, w, b, window_of (y, x, w, stride, pad), act));
}

/* A tap at a time would read x from the caches once for each; instead a thread makes RUN pixels of
 * a row, and a pixel of x is loaded once for the KW taps of a row that meet it. A block does as
 * many rows as it has warps, so that they share what they read in the first cache. */
#define RUN  4
#define ROWS (BLOCK / WARP)

/* An item is a pack of channels of RUN pixels, channels first; `across` is warps of them in a row.
 * KW divides kw. */
template <typename T, int V, int KW>
static __global__ void __launch_bounds__ (BLOCK, 2)
depthwise_runs (T *__restrict__ y, const T *__restrict__ x, const T *__restrict__ w,
                const T *__restrict__ b, const Window v, int64_t across, int64_t down, EmAct act)
{
  int64_t packs = v.c / V, item = blockIdx.x % across * WARP + threadIdx.x % WARP;
  int64_t oy = blockIdx.x / across % down * ROWS + threadIdx.x / WARP;
  int64_t image = blockIdx.x / across / down, ox = item / packs * RUN, c = item % packs * V;
  float sum[RUN][V];

  if (oy >= v.out_h || ox >= v.out_w)
    return;
#pragma unroll
  for (int j = 0; j < V; j++) {
    sum[0][j] = b ? to_f32 (b[c + j]) : 0;
#pragma unroll
    for (int r = 1; r < RUN; r++)
      sum[r][j] = sum[0][j];
  }
  for (int64_t ky = 0; ky < v.kh; ky++) {
    int64_t iy = oy + ky - v.pad;
    const T *line = x + (image * v.h + iy) * v.w * v.c + c;

    if (iy < 0 || iy >= v.h)
      continue;
    for (int64_t kx = 0; kx < v.kw; kx += KW) {
      Pack<T, V> tap[KW], in[RUN + KW - 1] = {};

#pragma unroll
      for (int k = 0; k < KW; k++)
        tap[k] = *(const Pack<T, V> *) (w + (ky * v.kw + kx + k) * v.c + c);
#pragma unroll
      for (int i = 0; i < RUN + KW - 1; i++)
        if (int64_t ix = ox + kx + i - v.pad; ix >= 0 && ix < v.w)
          in[i] = *(const Pack<T, V> *) (line + ix * v.c);
#pragma unroll
      for (int r = 0; r < RUN; r++)
#pragma unroll
        for (int k = 0; k < KW; k++)
#pragma unroll
          for (int j = 0; j < V; j++)
            sum[r][j] += to_f32 (in[r + k].at[j]) * to_f32 (tap[k].at[j]);
    }
  }
#pragma unroll
  for (int r = 0; r < RUN; r++)
    if (ox + r < v.out_w) {
      Pack<T, V> p;

#pragma unroll
      for (int j = 0; j < V; j++)
        p.at[j] = of_f32<T> (activated (sum[r][j], act));
      *(Pack<T, V> *) (y + ((image * v.out_h + oy) * v.out_w + ox + r) * v.c + c) = p;
    }
}

template <typename T, int V>
static void
launch_depthwise (EmCuda *c, EmTensor *y, const EmTensor *x, const T *taps, const T *b, Window v,
                  EmAct act)
{
  int64_t items = (v.out_w + RUN - 1) / RUN * (v.c / V), across = (items + WARP - 1) / WARP;
  int64_t down = (v.out_h + ROWS - 1) / ROWS;
  auto kernel = v.kw == 3   ? depthwise_runs<T, V, 3>
                : v.kw == 7 ? depthwise_runs<T, V, 7>
                            : depthwise_runs<T, V, 1>;

  em_cuda_launch (c, "depthwise", kernel, dim3 ((unsigned) (x->shape[0] * across * down)), BLOCK, 0,
                  (T *) y->data, (const T *) x->data, taps, b, v, across, down, act);
}

template <typename T>
static void
depthwise (EmCuda *c, EmTensor *y, const EmTensor *x, const EmTensor *w, const EmTensor *b,
           Window v, EmAct act)
{
  const T *bias = (const T *) (b ? b->data : NULL), *taps;

  if (!em_numel (y))
    return;
  taps = (const T *) em_cuda_form (c, w, EM_FORM_TAPS_LAST, (size_t) em_numel (w) * sizeof (T),
                                   make_taps<T>);
  if (!taps)
    return;
  if (v.c % 4 == 0 && lies_at (y->data, 4 * sizeof (T)) && lies_at (x->data, 4 * sizeof (T)))
    launch_depthwise<T, 4> (c, y, x, taps, bias, v, act);
  else
    launch_depthwise<T, 1> (c, y, x, taps, bias, v, act);
}

void
cuda_depthwise (EmBackend *be, EmTensor *y, const EmTensor *x, const EmTensor *w, const EmTensor *b,
                int pad, EmAct act)
{
  WITH_TYPE (x->dtype, T,
             depthwise<T> (em_cuda_of (be), y, x, w, b, window_of (y, x, w, 1, pad), act));
}

/* blocks [pixels, 2, 2, out], of pixels `first` and on of a map [.., h, w], to their places in y,
 * with bias, skip (of one map, repeated, where `one`) and activation. */
template <typename T, int V>
static __global__ void __launch_bounds__ (BLOCK)
deal_blocks (T *__restrict__ y, const float *__restrict__ blocks, const T *__restrict__ b,
             const T *__restrict__ skip, bool one, int64_t first, int64_t count, int64_t h,
             int64_t w, int64_t out, EmAct act)
{
  int64_t packs = out / V;

  for (int64_t i = my_index (); i < count; i += n_threads ()) {
    int64_t o = i % packs * V, place = i / packs % 4, pixel = first + i / packs / 4;
    int64_t row = pixel / w, right = (pixel % w * 2 + place % 2) * out + o, line = 2 * w * out;
    Pack<float, V> sum = *(const Pack<float, V> *) (blocks + i * V);
    Pack<T, V> p;

    if (b)
#pragma unroll
      for (int j = 0; j < V; j++)
        sum.at[j] += to_f32 (b[o + j]);
    if (skip) {
      p = *(const Pack<T, V> *) (skip + ((one ? row % h : row) * 2 + place / 2) * line + right);
#pragma unroll
      for (int j = 0; j < V; j++)
        sum.at[j] += to_f32 (p.at[j]);
    }
#pragma unroll
    for (int j = 0; j < V; j++)
      p.at[j] = of_f32<T> (activated (sum.at[j], act));
    *(Pack<T, V> *) (y + (row * 2 + place / 2) * line + right) = p;
  }
}

/* Every pixel makes a 2 x 2 block of pixels and no two meet: one product, in f32 because there is
 * more to add, whose rows are dealt out. */
template <typename T>
static void
conv_transpose (EmCuda *c, EmTensor *y, const EmTensor *x, const EmTensor *w, const EmTensor *b,
                const EmTensor *skip, EmAct act)
{
  int64_t rows = em_rows (x), in = x->shape[3], out = y->shape[3];
  int64_t room = PATCH_BYTES / (16 * (out ? out : 1)), block = rows <= room ? rows : room;
  const T *bias = (const T *) (b ? b->data : NULL), *more = (const T *) (skip ? skip->data : NULL);
  bool one = skip && em_numel (skip) != em_numel (y);
  bool packed = out % 4 == 0 && lies_at (y->data, 4 * sizeof (T)) && lies_at (more, 4 * sizeof (T));
  auto deal = packed ? deal_blocks<T, 4> : deal_blocks<T, 1>;
  EmCudaGemm g = {};
  float *blocks;

  if (!rows || !out)
    return;
  g.n = g.ldy = 4 * out;
  g.k = g.lda = g.ldb = in;
  g.tb = true;
  g.b = em_cuda_form (c, w, EM_FORM_TRANSPOSED, (size_t) em_numel (w) * sizeof (T),
                      make_transposed<T>);
  g.y = blocks = (float *) em_cuda_scratch (c, (size_t) (block * 4 * out) * sizeof *blocks);
  g.scale = 1;
  g.batch = 1;
  g.type = x->dtype;
  g.y_type = EM_F32;
  if (!g.b || !blocks)
    return;
  for (int64_t first = 0; first < rows; first += block) {
    g.m = rows - first < block ? rows - first : block;
    g.a = (const T *) x->data + first * in;
    em_cuda_gemm (c, "conv_transpose", &g);

    int64_t count = g.m * 4 * out / (packed ? 4 : 1);
    em_cuda_launch (c, "conv_transpose", deal, dim3 (grid_of (c, count)), BLOCK, 0, (T *) y->data,
                    (const float *) blocks, bias, more, one, first, count, x->shape[1], x->shape[2],
                    out, act);
  }
}

void
cuda_conv_transpose (EmBackend *be, EmTensor *y, const EmTensor *x, const EmTensor *w,
                     const EmTensor *b, const EmTensor *skip, EmAct act)
{
  WITH_TYPE (x->dtype, T, conv_transpose<T> (em_cuda_of (be), y, x, w, b, skip, act));
}
