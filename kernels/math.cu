/* math.cu - elementwise ops.
 *
 * Roofline: 4 to 12 bytes and a few operations per element (gelu 40): memory is the bound. Our
 * largest call adds positions to 65536 x 144 values, 57 MB in bf16: 12 us at 4.8 TB/s, 57 at 1.0. A
 * thread moves 16 bytes at a time where sizes and addresses allow, else an element; it computes in
 * f32 and rounds once. */
#include "loops.cuh"

/* y = f (x). The last pack may be part of one. */
template <typename T, int V, typename F>
static __global__ void __launch_bounds__ (BLOCK)
map (T *__restrict__ y, const T *__restrict__ x, int64_t n, F f)
{
  for (int64_t i = my_index () * V; i < n; i += n_threads () * V) {
    if (i + V <= n) {
      Pack<T, V> v = *(const Pack<T, V> *) (x + i);

#pragma unroll
      for (int j = 0; j < V; j++)
        v.at[j] = of_f32<T> (f (to_f32 (v.at[j])));
      *(Pack<T, V> *) (y + i) = v;
    } else {
      for (int64_t j = i; j < n; j++)
        y[j] = of_f32<T> (f (to_f32 (x[j])));
    }
  }
}

template <typename T, typename F>
static void
launch_map (EmBackend *be, const char *what, EmTensor *y, const EmTensor *x, F f)
{
  constexpr int V = 16 / sizeof (T);
  EmCuda *c = em_cuda_of (be);
  int64_t n = em_numel (x);
  T *out = (T *) y->data;
  const T *in = (const T *) x->data;

  if (lies_at (out, 16) && lies_at (in, 16))
    em_cuda_launch (c, what, map<T, V, F>, dim3 (grid_of (c, (n + V - 1) / V)), BLOCK, 0, out, in,
                    n, f);
  else
    em_cuda_launch (c, what, map<T, 1, F>, dim3 (grid_of (c, n)), BLOCK, 0, out, in, n, f);
}

struct Affine {
  float scale, offset;

  __device__ float
  operator() (float x) const
  {
    return fmaf (x, scale, offset);
  }
};

struct Activate {
  EmAct act;

  __device__ float
  operator() (float x) const
  {
    return activated (x, act);
  }
};

struct Clamp {
  float low, high;

  __device__ float
  operator() (float x) const
  {
    return x < low ? low : x > high ? high : x;
  }
};

void
cuda_affine (EmBackend *be, EmTensor *y, const EmTensor *x, float scale, float offset)
{
  Affine f = { scale, offset };

  WITH_TYPE (x->dtype, T, launch_map<T> (be, "affine", y, x, f));
}

void
cuda_activate (EmBackend *be, EmTensor *y, const EmTensor *x, EmAct act)
{
  Activate f = { act };

  WITH_TYPE (x->dtype, T, launch_map<T> (be, "activate", y, x, f));
}

void
cuda_clamp (EmBackend *be, EmTensor *y, const EmTensor *x, float low, float high)
{
  Clamp f = { low, high };

  WITH_TYPE (x->dtype, T, launch_map<T> (be, "clamp", y, x, f));
}

struct Sum {
  __device__ float
  operator() (float a, float b) const
  {
    return a + b;
  }
};

struct Product {
  __device__ float
  operator() (float a, float b) const
  {
    return a * b;
  }
};

/* y = f (a, b), b repeated every `period` elements; V divides both n and the period. */
template <typename T, int V, typename F>
static __global__ void __launch_bounds__ (BLOCK)
binary (T *__restrict__ y, const T *__restrict__ a, const T *__restrict__ b, int64_t n,
        int64_t period, F f)
{
  for (int64_t i = my_index () * V; i < n; i += n_threads () * V) {
    Pack<T, V> left = *(const Pack<T, V> *) (a + i);
    Pack<T, V> right = *(const Pack<T, V> *) (b + (i < period ? i : i % period));

#pragma unroll
    for (int j = 0; j < V; j++)
      left.at[j] = of_f32<T> (f (to_f32 (left.at[j]), to_f32 (right.at[j])));
    *(Pack<T, V> *) (y + i) = left;
  }
}

template <typename T, typename F>
static void
launch_binary (EmBackend *be, const char *what, EmTensor *y, const EmTensor *a, const EmTensor *b,
               F f)
{
  constexpr int V = 16 / sizeof (T);
  EmCuda *c = em_cuda_of (be);
  int64_t n = em_numel (a), period = em_numel (b);
  T *out = (T *) y->data;
  const T *left = (const T *) a->data, *right = (const T *) b->data;

  if (n % V == 0 && period % V == 0 && lies_at (out, 16) && lies_at (left, 16)
      && lies_at (right, 16))
    em_cuda_launch (c, what, binary<T, V, F>, dim3 (grid_of (c, n / V)), BLOCK, 0, out, left, right,
                    n, period, f);
  else
    em_cuda_launch (c, what, binary<T, 1, F>, dim3 (grid_of (c, n)), BLOCK, 0, out, left, right, n,
                    period, f);
}

void
cuda_add (EmBackend *be, EmTensor *y, const EmTensor *a, const EmTensor *b)
{
  WITH_TYPE (a->dtype, T, launch_binary<T> (be, "add", y, a, b, Sum ()));
}

void
cuda_mul (EmBackend *be, EmTensor *y, const EmTensor *a, const EmTensor *b)
{
  WITH_TYPE (a->dtype, T, launch_binary<T> (be, "mul", y, a, b, Product ()));
}

/* Row i of y [n, row] is a's where cond[i] > 0, else b's, whose rows are `b_row` apart. Nothing is
 * computed, so U is any type of the right size. */
template <typename U>
static __global__ void __launch_bounds__ (BLOCK)
choose_rows (U *__restrict__ y, const float *__restrict__ cond, const U *__restrict__ a,
             const U *__restrict__ b, int64_t n, int64_t row, int64_t b_row)
{
  for (int64_t i = my_index (); i < n * row; i += n_threads ()) {
    int64_t r = i / row;

    y[i] = cond[r] > 0 ? a[i] : b[r * b_row + i % row];
  }
}

template <typename U>
static void
launch_choose (EmCuda *c, EmTensor *y, const EmTensor *cond, const EmTensor *a, const EmTensor *b,
               int64_t row, bool one)
{
  int64_t n = em_numel (cond);

  em_cuda_launch (c, "where", choose_rows<U>, dim3 (grid_of (c, n * row)), BLOCK, 0, (U *) y->data,
                  em_f32 (cond), (const U *) a->data, (const U *) b->data, n, row, one ? 0 : row);
}

void
cuda_where (EmBackend *be, EmTensor *y, const EmTensor *cond, const EmTensor *a, const EmTensor *b)
{
  EmCuda *c = em_cuda_of (be);
  int64_t n = em_numel (cond), row = n ? em_numel (a) / n : 0, size = a->dtype == EM_F32 ? 4 : 2;
  bool one = em_numel (b) == row && n != 1;

  if (row * size % 16 == 0 && lies_at (y->data, 16) && lies_at (a->data, 16)
      && lies_at (b->data, 16))
    launch_choose<Pack<uint32_t, 4>> (c, y, cond, a, b, row * size / 16, one);
  else if (size == 4)
    launch_choose<uint32_t> (c, y, cond, a, b, row, one);
  else
    launch_choose<uint16_t> (c, y, cond, a, b, row, one);
}

/* Few elements and angles of any size, so the sine that reduces its argument in full. */
static __global__ void __launch_bounds__ (BLOCK)
fourier_features (float *__restrict__ y, const float *__restrict__ xy, const float *__restrict__ g,
                  int64_t n, int64_t half)
{
  for (int64_t i = my_index (); i < n * half; i += n_threads ()) {
    int64_t r = i / half, j = i % half;
    float u = 2 * xy[2 * r] - 1, v = 2 * xy[2 * r + 1] - 1;
    float angle = 6.283185307f * (u * g[j] + v * g[half + j]);

    sincosf (angle, y + r * 2 * half + j, y + r * 2 * half + half + j);
  }
}

void
cuda_fourier (EmBackend *be, EmTensor *y, const EmTensor *xy, const EmTensor *gaussian)
{
  EmCuda *c = em_cuda_of (be);
  int64_t n = xy->shape[0], half = gaussian->shape[1];

  em_cuda_launch (c, "fourier", fourier_features, dim3 (grid_of (c, n * half)), BLOCK, 0,
                  em_f32 (y), (const float *) em_f32 (xy), (const float *) em_f32 (gaussian), n,
                  half);
}
