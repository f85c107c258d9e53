/* norm.cu - norms over the last axis.
 *
 * Roofline: 4 bytes move per element in bf16 (x in, y out; w and b stay in cache) for about 10
 * operations. Memory is the bound, 4 * rows * c / bandwidth the floor: our largest call, 65536 x
 * 144, moves 38 MB, 8 us at 4.8 TB/s or 38 us at 1.0. A row stays in the registers of the 1 to 32
 * lanes that it fills best, so that x is read once. */
#include "loops.cuh"

/* Over groups of G neighbouring lanes; all lanes of the warp take part. */
template <int G>
static __device__ inline float
group_sum (float x)
{
#pragma unroll
  for (int step = G / 2; step; step /= 2)
    x += __shfl_xor_sync (0xffffffffu, x, step);
  return x;
}

/* A row to each G lanes, PER packs to a lane: G * PER * V >= c, and V divides c.
 * Mean first, then distance from it: E[x^2] - E[x]^2 saves a pass and loses every digit once |mean|
 * >> spread. In f32 the mean itself is then too coarse, but a value's distance from it is exact or
 * as small as the spread; so what the mean is off by, `left`, is the mean of the distances. */
template <typename T, int V, int G, int PER, bool ACT>
static __global__ void __launch_bounds__ (BLOCK)
layer_norm_rows (T *__restrict__ y, const T *__restrict__ x, const T *__restrict__ w,
                 const T *__restrict__ b, int64_t rows, int c, float eps, EmAct act)
{
  int first = threadIdx.x % G * V;
  int64_t row = (blockIdx.x * (int64_t) BLOCK + threadIdx.x) / G;
  bool there = row < rows;
  const T *in = x + (there ? row * c : 0); /* lanes without a row read the first */
  float v[PER][V], mean = 0, left = 0, var = 0;

#pragma unroll
  for (int i = 0; i < PER; i++) {
    int k = first + i * G * V;
    Pack<T, V> p = {};

    if (k < c)
      p = *(const Pack<T, V> *) (in + k);
#pragma unroll
    for (int j = 0; j < V; j++)
      mean += v[i][j] = to_f32 (p.at[j]);
  }
  mean = group_sum<G> (mean) / c;
#pragma unroll
  for (int i = 0; i < PER; i++)
#pragma unroll
    for (int j = 0; j < V; j++) {
      v[i][j] = first + i * G * V < c ? v[i][j] - mean : 0;
      left += v[i][j];
      var += v[i][j] * v[i][j];
    }
  left = group_sum<G> (left) / c;
  var = group_sum<G> (var) / c - left * left;

  float scale = 1 / sqrtf (fmaxf (var, 0) + eps);
#pragma unroll
  for (int i = 0; i < PER; i++)
    if (int k = first + i * G * V; there && k < c) {
      Pack<T, V> gain = *(const Pack<T, V> *) (w + k), p = *(const Pack<T, V> *) (b + k);

#pragma unroll
      for (int j = 0; j < V; j++) {
        float out = (v[i][j] - left) * scale * to_f32 (gain.at[j]) + to_f32 (p.at[j]);

        p.at[j] = of_f32<T> (ACT ? activated (out, act) : out);
      }
      *(Pack<T, V> *) (y + row * c + k) = p;
    }
}

/* Over a block; `sums` has a place for each warp and is free again when all have returned. */
static __device__ inline float
block_sum (float x, float *sums)
{
  x = warp_sum (x);
  if (threadIdx.x % WARP == 0)
    sums[threadIdx.x / WARP] = x;
  __syncthreads ();
  x = 0;
  for (int i = 0; i < BLOCK / WARP; i++)
    x += sums[i];
  __syncthreads ();
  return x;
}

/* The same for any width: a block to a row, which is read three times, from cache. */
template <typename T>
static __global__ void __launch_bounds__ (BLOCK)
layer_norm_wide (T *__restrict__ y, const T *__restrict__ x, const T *__restrict__ w,
                 const T *__restrict__ b, int64_t rows, int64_t c, float eps, EmAct act)
{
  EM_SHARED (float, sums, BLOCK / WARP);

  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const T *in = x + row * c;
    T *out = y + row * c;
    float mean = 0, left = 0, var = 0;

    for (int64_t i = threadIdx.x; i < c; i += BLOCK)
      mean += to_f32 (in[i]);
    mean = block_sum (mean, sums) / (float) c;
    for (int64_t i = threadIdx.x; i < c; i += BLOCK) {
      float away = to_f32 (in[i]) - mean;

      left += away;
      var += away * away;
    }
    left = block_sum (left, sums) / (float) c;
    var = block_sum (var, sums) / (float) c - left * left;

    float scale = 1 / sqrtf (fmaxf (var, 0) + eps);
    for (int64_t i = threadIdx.x; i < c; i += BLOCK)
      out[i] = of_f32<T> (
          activated ((to_f32 (in[i]) - mean - left) * scale * to_f32 (w[i]) + to_f32 (b[i]), act));
  }
}

template <typename T> struct LayerNorm {
  EmCuda *c;
  T *y;
  const T *x, *w, *b;
  int64_t rows, width;
  float eps;
  EmAct act;

  /* False: the row is too wide, or too many values in a lane for each to be activated. */
  template <int V, int G, int PER>
  bool
  narrow () const
  {
    dim3 grid (em_cuda_blocks (rows * G, BLOCK));

    if (width > V * G * PER)
      return false;
    if (act == EM_ACT_NONE) {
      em_cuda_launch (c, "layer_norm", layer_norm_rows<T, V, G, PER, false>, grid, BLOCK, 0, y, x,
                      w, b, rows, (int) width, eps, act);
      return true;
    }
    if constexpr (V * PER <= 16) {
      em_cuda_launch (c, "layer_norm", layer_norm_rows<T, V, G, PER, true>, grid, BLOCK, 0, y, x, w,
                      b, rows, (int) width, eps, act);
      return true;
    }
    return false;
  }

  void
  wide () const
  {
    unsigned blocks = (unsigned) (rows < 1 << 20 ? rows : 1 << 20);

    em_cuda_launch (c, "layer_norm", layer_norm_wide<T>, dim3 (blocks), BLOCK, 0, y, x, w, b, rows,
                    width, eps, act);
  }

  void
  run () const
  {
    constexpr int V = 16 / sizeof (T);
    bool packed = width % V == 0 && lies_at (y, 16) && lies_at (x, 16) && lies_at (w, 16)
                  && lies_at (b, 16);

    if (packed) {
      if (!(narrow<V, 1, 1> () || narrow<V, 2, 1> () || narrow<V, 4, 1> () || narrow<V, 8, 1> ()
            || narrow<V, 8, 2> () || narrow<V, 8, 3> () || narrow<V, 16, 2> ()
            || narrow<V, 16, 3> () || narrow<V, 32, 2> () || narrow<V, 32, 3> ()
            || narrow<V, 32, 40 / V> ()))
        wide ();
    } else if (!(narrow<1, 4, 1> () || narrow<1, 16, 1> () || narrow<1, 32, 1> ()
                 || narrow<1, 32, 4> ())) {
      wide ();
    }
  }
};

void
cuda_layer_norm (EmBackend *be, EmTensor *y, const EmTensor *x, const EmTensor *w,
                 const EmTensor *b, float eps, EmAct act)
{
  WITH_TYPE (x->dtype, T,
             LayerNorm<T>{ em_cuda_of (be), (T *) y->data, (const T *) x->data, (const T *) w->data,
                           (const T *) b->data, em_rows (x), em_last_dim (x), eps, act }
                 .run ());
}

/* Mean and variance are known: a scale and an offset per channel. The first `threads` threads work,
 * a multiple of the packs in a row, so that each keeps its channels. */
template <typename T, int V>
static __global__ void __launch_bounds__ (BLOCK)
batch_norm_packs (T *__restrict__ y, const T *__restrict__ x, const T *__restrict__ w,
                  const T *__restrict__ b, const T *__restrict__ mean, const T *__restrict__ var,
                  int64_t n, int64_t c, int64_t threads, float eps)
{
  int64_t i = (blockIdx.x * (int64_t) BLOCK + threadIdx.x) * V, k = i % c;
  float middle[V], scale[V], offset[V];

  if (i >= threads * V)
    return;
#pragma unroll
  for (int j = 0; j < V; j++) {
    middle[j] = to_f32 (mean[k + j]);
    scale[j] = to_f32 (w[k + j]) / sqrtf (to_f32 (var[k + j]) + eps);
    offset[j] = to_f32 (b[k + j]);
  }
  for (; i < n; i += threads * V) {
    Pack<T, V> p = *(const Pack<T, V> *) (x + i);

#pragma unroll
    for (int j = 0; j < V; j++)
      p.at[j] = of_f32<T> ((to_f32 (p.at[j]) - middle[j]) * scale[j] + offset[j]);
    *(Pack<T, V> *) (y + i) = p;
  }
}

template <typename T, int V>
static void
launch_batch_norm (EmCuda *c, EmTensor *y, const EmTensor *x, const EmTensor *w, const EmTensor *b,
                   const EmTensor *mean, const EmTensor *var, float eps)
{
  int64_t rows = em_rows (x), width = em_last_dim (x), row = width / V;
  int64_t at_once = 4096ll * em_cuda_processors (c) / (row ? row : 1); /* rows */

  at_once = at_once < 1 ? 1 : at_once < rows ? at_once : rows;
  em_cuda_launch (c, "batch_norm", batch_norm_packs<T, V>,
                  dim3 (em_cuda_blocks (rows ? at_once * row : 0, BLOCK)), BLOCK, 0, (T *) y->data,
                  (const T *) x->data, (const T *) w->data, (const T *) b->data,
                  (const T *) mean->data, (const T *) var->data, rows * width, width, at_once * row,
                  eps);
}

template <typename T>
static void
batch_norm (EmCuda *c, EmTensor *y, const EmTensor *x, const EmTensor *w, const EmTensor *b,
            const EmTensor *mean, const EmTensor *var, float eps)
{
  constexpr int V = 16 / sizeof (T);

  if (em_last_dim (x) % V == 0 && lies_at (y->data, 16) && lies_at (x->data, 16))
    launch_batch_norm<T, V> (c, y, x, w, b, mean, var, eps);
  else
    launch_batch_norm<T, 1> (c, y, x, w, b, mean, var, eps);
}

void
cuda_batch_norm (EmBackend *be, EmTensor *y, const EmTensor *x, const EmTensor *w,
                 const EmTensor *b, const EmTensor *mean, const EmTensor *var, float eps)
{
  WITH_TYPE (x->dtype, T, batch_norm<T> (em_cuda_of (be), y, x, w, b, mean, var, eps));
}
