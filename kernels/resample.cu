/* resample.cu - maps made larger and smaller.
 *
 * Roofline: bytes of input and output. Pooling 256 x 256 x 288 in bf16 moves 47 MB, 10 us at 4.8
 * TB/s or 47 at 1.0; a mask of 256 made 1024 writes 4 MB in f32, a microsecond. Resizing goes
 * across and then down, through rows in f32 that stay in the second cache; weights are worked out
 * where they are used, a few operations for each of 2 to 5 taps. */
#include "loops.cuh"

/* y [n, h, w, c] from x [n, x_h, x_w, c], a pack of channels at a time. */
template <typename T, int V>
static __global__ void __launch_bounds__ (BLOCK)
max_of_four (T *__restrict__ y, const T *__restrict__ x, int64_t count, int64_t h, int64_t w,
             int64_t c, int64_t x_h, int64_t x_w)
{
  int64_t packs = c / V, line = x_w * c;

  for (int64_t i = my_index (); i < count; i += n_threads ()) {
    int64_t pixel = i / packs, row = pixel / w;
    const T *in = x + (row / h * x_h + row % h * 2) * line + pixel % w * 2 * c + i % packs * V;
    Pack<T, V> a = *(const Pack<T, V> *) in, b = *(const Pack<T, V> *) (in + c);
    Pack<T, V> d = *(const Pack<T, V> *) (in + line), e = *(const Pack<T, V> *) (in + line + c);

#pragma unroll
    for (int j = 0; j < V; j++) {
      a.at[j] = to_f32 (a.at[j]) > to_f32 (b.at[j]) ? a.at[j] : b.at[j];
      d.at[j] = to_f32 (d.at[j]) > to_f32 (e.at[j]) ? d.at[j] : e.at[j];
      a.at[j] = to_f32 (a.at[j]) > to_f32 (d.at[j]) ? a.at[j] : d.at[j];
    }
    *(Pack<T, V> *) (y + i * V) = a;
  }
}

template <typename T, int V>
static void
launch_max (EmCuda *c, EmTensor *y, const EmTensor *x)
{
  int64_t count = em_numel (y) / V;

  em_cuda_launch (c, "max_pool", max_of_four<T, V>, dim3 (grid_of (c, count)), BLOCK, 0,
                  (T *) y->data, (const T *) x->data, count, y->shape[1], y->shape[2], y->shape[3],
                  x->shape[1], x->shape[2]);
}

template <typename T>
static void
max_pool (EmCuda *c, EmTensor *y, const EmTensor *x)
{
  constexpr int V = 16 / sizeof (T);

  if (x->shape[3] % V == 0 && lies_at (y->data, 16) && lies_at (x->data, 16))
    launch_max<T, V> (c, y, x);
  else
    launch_max<T, 1> (c, y, x);
}

void
cuda_max_pool (EmBackend *be, EmTensor *y, const EmTensor *x)
{
  WITH_TYPE (x->dtype, T, max_pool<T> (em_cuda_of (be), y, x));
}

/* y, fine [rows, w, c], where two rows and two pixels share one of coarse. */
template <typename T, int V>
static __global__ void __launch_bounds__ (BLOCK)
add_doubled (T *__restrict__ y, const T *__restrict__ coarse, const T *__restrict__ fine,
             int64_t count, int64_t w, int64_t c)
{
  int64_t packs = c / V;

  for (int64_t i = my_index (); i < count; i += n_threads ()) {
    int64_t pixel = i / packs, at = (pixel / w / 2 * (w / 2) + pixel % w / 2) * c + i % packs * V;
    Pack<T, V> low = *(const Pack<T, V> *) (coarse + at);
    Pack<T, V> high = *(const Pack<T, V> *) (fine + i * V);

#pragma unroll
    for (int j = 0; j < V; j++)
      high.at[j] = of_f32<T> (to_f32 (low.at[j]) + to_f32 (high.at[j]));
    *(Pack<T, V> *) (y + i * V) = high;
  }
}

template <typename T, int V>
static void
launch_add (EmCuda *c, EmTensor *y, const EmTensor *coarse, const EmTensor *fine)
{
  int64_t count = em_numel (fine) / V;

  em_cuda_launch (c, "upsample_add", add_doubled<T, V>, dim3 (grid_of (c, count)), BLOCK, 0,
                  (T *) y->data, (const T *) coarse->data, (const T *) fine->data, count,
                  fine->shape[2], fine->shape[3]);
}

template <typename T>
static void
upsample_add (EmCuda *c, EmTensor *y, const EmTensor *coarse, const EmTensor *fine)
{
  constexpr int V = 16 / sizeof (T);

  if (fine->shape[3] % V == 0 && lies_at (y->data, 16) && lies_at (coarse->data, 16)
      && lies_at (fine->data, 16))
    launch_add<T, V> (c, y, coarse, fine);
  else
    launch_add<T, 1> (c, y, coarse, fine);
}

void
cuda_upsample_add (EmBackend *be, EmTensor *y, const EmTensor *coarse, const EmTensor *fine)
{
  WITH_TYPE (fine->dtype, T, upsample_add<T> (em_cuda_of (be), y, coarse, fine));
}

/* One axis. `taps`: the most that any output takes. */
struct Axis {
  int64_t in, out, taps;
  EmFilter filter;
};

static Axis
axis_of (int64_t in, int64_t out, EmFilter filter)
{
  double scale = (double) in / (double) out;
  int64_t support = (int64_t) (scale > 1 ? scale : 1);
  Axis a = { in, out, 2, filter };

  if (filter == EM_FILTER_BILINEAR_ANTIALIAS)
    a.taps = 2 * (support + ((double) support < scale)) + 1;
  a.taps = a.taps < in ? a.taps : in;
  return a;
}

/* Of one output: the sum of inputs `first` + t, each times weight (t). Formulas are in f32 as
 * PyTorch has them. */
struct Taps {
  int64_t first, from, to; /* outside from .. to - 1 the weight is 0 */
  float centre, support, sum, low;

  /* A triangle of half-width max (in/out, 1) around (i + 0.5) in/out, cut at the border. */
  __device__ float
  triangle (int64_t t) const
  {
    float distance = fabsf (((float) (first + t) - centre + 0.5f) / support);

    return first + t >= from && first + t < to && distance < 1 ? 1 - distance : 0;
  }

  __device__
  Taps (const Axis &a, int64_t i)
  {
    float scale = (float) a.in / (float) a.out;

    first = from = to = 0;
    centre = support = low = 0;
    sum = 1;
    if (a.in == 1) {
      low = 1;
    } else if (a.filter == EM_FILTER_BILINEAR) {
      float at = ((float) i + 0.5f) * scale - 0.5f;

      at = at < 0 ? 0 : at;
      first = (int64_t) at;
      low = 1 - (at - (float) first);
      if (first >= a.in - 1) {
        first = a.in - 2;
        low = 0;
      }
    } else {
      support = scale > 1 ? scale : 1;
      centre = scale * ((float) i + 0.5f);
      from = centre - support + 0.5f < 0 ? 0 : (int64_t) (centre - support + 0.5f);
      to = (int64_t) (centre + support + 0.5f);
      to = to < a.in ? to : a.in;
      first = from + a.taps <= a.in ? from : a.in - a.taps; /* never past the border */
      sum = 0;
      for (int64_t t = 0; t < a.taps; t++)
        sum += triangle (t);
    }
  }

  __device__ float
  weight (int64_t t) const
  {
    return support > 0 ? triangle (t) / sum : t ? 1 - low : low;
  }
};

/* x [rows, in] -> wide [rows, out] */
template <typename T>
static __global__ void __launch_bounds__ (BLOCK)
resize_across (float *__restrict__ wide, const T *__restrict__ x, int64_t count, const Axis a)
{
  for (int64_t i = my_index (); i < count; i += n_threads ()) {
    Taps taps (a, i % a.out);
    const T *in = x + i / a.out * a.in + taps.first;
    float sum = 0;

    for (int64_t t = 0; t < a.taps; t++)
      sum += taps.weight (t) * to_f32 (in[t]);
    wide[i] = sum;
  }
}

/* wide [n, in, w] -> y [n, out, w]; V divides w. */
template <typename T, int V>
static __global__ void __launch_bounds__ (BLOCK)
resize_down (T *__restrict__ y, const float *__restrict__ wide, int64_t count, int64_t w,
             const Axis a)
{
  int64_t packs = w / V;

  for (int64_t i = my_index (); i < count; i += n_threads ()) {
    int64_t row = i / packs;
    Taps taps (a, row % a.out);
    const float *in = wide + (row / a.out * a.in + taps.first) * w + i % packs * V;
    float sum[V] = {};
    Pack<T, V> out;

    for (int64_t t = 0; t < a.taps; t++, in += w) {
      float weight = taps.weight (t);
      Pack<float, V> p = *(const Pack<float, V> *) in;

#pragma unroll
      for (int j = 0; j < V; j++)
        sum[j] += weight * p.at[j];
    }
#pragma unroll
    for (int j = 0; j < V; j++)
      out.at[j] = of_f32<T> (sum[j]);
    *(Pack<T, V> *) (y + i * V) = out;
  }
}

template <typename T>
static void
resize (EmCuda *c, EmTensor *y, const EmTensor *x, EmFilter filter)
{
  int64_t n = x->shape[0], h = x->shape[1], w = y->shape[2], total = em_numel (y);
  Axis across = axis_of (x->shape[2], w, filter), down = axis_of (h, y->shape[1], filter);
  float *wide = n ? (float *) em_cuda_scratch (c, (size_t) (n * h * w) * sizeof *wide) : NULL;
  T *out = (T *) y->data;

  if (!wide)
    return;
  em_cuda_launch (c, "resize", resize_across<T>, dim3 (grid_of (c, n * h * w)), BLOCK, 0, wide,
                  (const T *) x->data, n * h * w, across);
  if (w % 4 == 0 && lies_at (out, 4 * sizeof (T)))
    em_cuda_launch (c, "resize", resize_down<T, 4>, dim3 (grid_of (c, total / 4)), BLOCK, 0, out,
                    (const float *) wide, total / 4, w, down);
  else
    em_cuda_launch (c, "resize", resize_down<T, 1>, dim3 (grid_of (c, total)), BLOCK, 0, out,
                    (const float *) wide, total, w, down);
}

void
cuda_resize (EmBackend *be, EmTensor *y, const EmTensor *x, EmFilter filter)
{
  WITH_TYPE (x->dtype, T, resize<T> (em_cuda_of (be), y, x, filter));
}
