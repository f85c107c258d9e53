/* shape.cu - moving things and choosing among them.
 *
 * Roofline: bytes in and out. Our largest, maps of 5 x 4096 x 128 turned to 5 x 128 x 4096 in bf16,
 * moves 10 MB: 2 us at 4.8 TB/s, 10 at 1.0. What lies together on both sides is moved 16 bytes at a
 * time, where both begin at a multiple of that; where the last axis moves, through tiles in shared
 * memory. */
#include "loops.cuh"

typedef Pack<uint32_t, 4> Wide; /* 16 bytes to be moved */

static int64_t
bytes_of (const EmTensor *t)
{
  return t->dtype == EM_F32 || t->dtype == EM_I32 ? 4 : 2;
}

/* y's axes and the step that each takes in x, padded in front with axes of one place. Other axes of
 * one place are left out, and axes that follow each other on both sides are one. */
struct Walk {
  int64_t n[EM_MAX_DIMS], in[EM_MAX_DIMS];
};

#define LAST (EM_MAX_DIMS - 1)

static Walk
walk_of (const EmTensor *y, const EmTensor *x, const int *order)
{
  Walk w = { { 1, 1, 1, 1, 1 }, { 0, 0, 0, 0, 1 } };
  int at = EM_MAX_DIMS;

  for (int i = y->ndim; i-- > 0;) {
    int64_t n = y->shape[i], in = 1;

    for (int a = order[i] + 1; a < x->ndim; a++)
      in *= x->shape[a];
    if (n == 1)
      continue;
    if (at < EM_MAX_DIMS && w.in[at] * w.n[at] == in) {
      w.n[at] *= n;
    } else {
      w.n[--at] = n;
      w.in[at] = in;
    }
  }
  return w;
}

template <typename U>
static __global__ void __launch_bounds__ (BLOCK)
permute_each (U *__restrict__ y, const U *__restrict__ x, int64_t total, const Walk w)
{
  for (int64_t i = my_index (); i < total; i += n_threads ()) {
    int64_t rest = i, from = 0;

#pragma unroll
    for (int a = LAST; a >= 0; a--)
      if (w.n[a] > 1) {
        from += rest % w.n[a] * w.in[a];
        rest /= w.n[a];
      }
    y[i] = x[from];
  }
}

#define TILE 32

/* Axis `unit` of y follows x's last axis, `line` is y's last; up to three more enclose them. */
struct Tiles {
  int64_t line, line_in, unit, unit_out; /* extents and steps */
  int64_t n[3], in[3], out[3];
  int64_t across, down, count; /* tiles along line and unit, and of all */
};

/* Read along x's last axis, written along y's. */
template <typename U>
static __global__ void __launch_bounds__ (BLOCK)
permute_tiles (U *__restrict__ y, const U *__restrict__ x, const Tiles v)
{
  EM_SHARED (U, tile, TILE * (TILE + 1)); /* a column's places are in different banks */
  int tx = threadIdx.x % TILE, ty = threadIdx.x / TILE;

  for (int64_t t = blockIdx.x; t < v.count; t += gridDim.x) {
    int64_t line = t % v.across * TILE, unit = t / v.across % v.down * TILE;
    int64_t rest = t / v.across / v.down;
    const U *in = x + line * v.line_in + unit;
    U *out = y + unit * v.unit_out + line;

    for (int a = 2; a >= 0; a--) {
      in += rest % v.n[a] * v.in[a];
      out += rest % v.n[a] * v.out[a];
      rest /= v.n[a];
    }
    for (int r = ty; r < TILE; r += BLOCK / TILE)
      if (line + r < v.line && unit + tx < v.unit)
        tile[r * (TILE + 1) + tx] = in[r * v.line_in + tx];
    __syncthreads ();
    for (int r = ty; r < TILE; r += BLOCK / TILE)
      if (unit + r < v.unit && line + tx < v.line)
        out[r * v.unit_out + tx] = tile[tx * (TILE + 1) + r];
    __syncthreads ();
  }
}

/* The axis of y that follows x's last one is `unit`. */
static Tiles
tiles_of (const Walk *w, int unit)
{
  Tiles v = { w->n[LAST], w->in[LAST], w->n[unit], 0, {}, {}, {}, 0, 0, 0 };
  int64_t step = 1;

  v.across = (v.line + TILE - 1) / TILE;
  v.down = (v.unit + TILE - 1) / TILE;
  v.count = v.across * v.down;
  for (int i = LAST, at = 2; i >= 0; step *= w->n[i--]) {
    if (i == unit) {
      v.unit_out = step;
    } else if (i != LAST) {
      v.n[at] = w->n[i];
      v.in[at] = w->in[i];
      v.out[at--] = step;
      v.count *= w->n[i];
    }
  }
  return v;
}

template <typename U>
static void
permute (EmCuda *c, EmTensor *y, const EmTensor *x, Walk w)
{
  int64_t factor = sizeof (Wide) / sizeof (U), total = em_numel (y);
  bool wide = w.in[LAST] == 1 && w.n[LAST] % factor == 0
              && ((uintptr_t) x->data | (uintptr_t) y->data) % sizeof (Wide) == 0;
  int unit = LAST;

  for (int i = 0; i < LAST; i++) {
    unit = w.in[i] == 1 ? i : unit;
    wide = wide && w.in[i] % factor == 0;
  }
  if (wide) {
    for (int i = 0; i < LAST; i++)
      w.in[i] /= factor;
    w.n[LAST] /= factor;
    em_cuda_launch (c, "permute", permute_each<Wide>, dim3 (grid_of (c, total / factor)), BLOCK, 0,
                    (Wide *) y->data, (const Wide *) x->data, total / factor, w);
  } else if (unit == LAST || w.n[LAST] < 8 || w.n[unit] < 8) {
    em_cuda_launch (c, "permute", permute_each<U>, dim3 (grid_of (c, total)), BLOCK, 0,
                    (U *) y->data, (const U *) x->data, total, w);
  } else {
    Tiles v = tiles_of (&w, unit);

    em_cuda_launch (c, "permute", permute_tiles<U>, dim3 (grid_of (c, v.count * BLOCK)), BLOCK, 0,
                    (U *) y->data, (const U *) x->data, v);
  }
}

void
cuda_permute (EmBackend *be, EmTensor *y, const EmTensor *x, const int *order)
{
  if (!em_numel (y))
    return;
  if (bytes_of (x) == 4)
    permute<uint32_t> (em_cuda_of (be), y, x, walk_of (y, x, order));
  else
    permute<uint16_t> (em_cuda_of (be), y, x, walk_of (y, x, order));
}

/* Row r of y, `y_step` apart, is x's at r * x_step, or with `pick` the pick[r]-th row from there.
 * A kernel cannot report a wrong index: it is held to the `choices` there are. */
template <typename U>
static __global__ void __launch_bounds__ (BLOCK)
copy_rows (U *__restrict__ y, int64_t y_step, const U *__restrict__ x, int64_t x_step,
           const int32_t *__restrict__ pick, int64_t choices, int64_t rows, int64_t row)
{
  for (int64_t i = my_index (); i < rows * row; i += n_threads ()) {
    int64_t r = i / row, at = i % row, from = r * x_step + at;

    if (pick) {
      int64_t choice = pick[r] < 0 ? 0 : pick[r];

      from += (choice < choices ? choice : choices - 1) * row;
    }
    y[r * y_step + at] = x[from];
  }
}

/* Steps and rows in bytes. */
struct Copy {
  const char *what;
  void *y;
  int64_t y_step;
  const void *x;
  int64_t x_step, rows, row;
  const int32_t *pick = NULL;
  int64_t choices = 0;
};

template <typename U>
static void
copy (EmCuda *c, const Copy *v)
{
  int64_t size = sizeof (U), row = v->row / size;

  em_cuda_launch (c, v->what, copy_rows<U>, dim3 (grid_of (c, v->rows * row)), BLOCK, 0, (U *) v->y,
                  v->y_step / size, (const U *) v->x, v->x_step / size, v->pick, v->choices,
                  v->rows, row);
}

static void
launch_copy (EmCuda *c, const Copy *v)
{
  uint64_t all = (uintptr_t) v->y | (uintptr_t) v->x | (uint64_t) v->row;

  if (v->rows > 1)
    all |= (uint64_t) v->y_step | (uint64_t) v->x_step;
  if (all % 16 == 0)
    copy<Wide> (c, v);
  else if (all % 4 == 0)
    copy<uint32_t> (c, v);
  else
    copy<uint16_t> (c, v);
}

/* Bytes of everything from an axis on. */
static int64_t
bytes_from (const EmTensor *t, int axis)
{
  return bytes_of (t) * em_count_from (t, axis);
}

void
cuda_concat (EmBackend *be, EmTensor *y, int axis, int n, const EmTensor *const *parts)
{
  int64_t at = 0;

  for (int i = 0; i < n; i++) {
    int64_t row = bytes_from (parts[i], axis);
    Copy v = { "concat", (char *) y->data + at, bytes_from (y, axis), parts[i]->data, row,
               em_count_before (y, axis), row };

    launch_copy (em_cuda_of (be), &v);
    at += row;
  }
}

void
cuda_slice (EmBackend *be, EmTensor *y, const EmTensor *x, int axis, int64_t begin)
{
  int64_t row = bytes_from (y, axis);
  Copy v = { "slice", y->data, row, (const char *) x->data + begin * bytes_from (x, axis + 1),
             bytes_from (x, axis), em_count_before (x, axis), row };

  launch_copy (em_cuda_of (be), &v);
}

void
cuda_repeat (EmBackend *be, EmTensor *y, const EmTensor *x)
{
  int64_t row = bytes_from (x, 0);
  Copy v = { "repeat", y->data, row, x->data, 0, y->shape[0], row };

  launch_copy (em_cuda_of (be), &v);
}

void
cuda_take (EmBackend *be, EmTensor *y, const EmTensor *x, const EmTensor *index)
{
  int64_t row = bytes_from (x, 2);
  Copy v = { "take", y->data, row, x->data, bytes_from (x, 1), x->shape[0], row, em_i32 (index),
             x->shape[1] };

  if (x->shape[1])
    launch_copy (em_cuda_of (be), &v);
}

/* Half precision as bits, so that nothing depends on what the compiler's headers have. */
struct f16 {
  uint16_t bits;
};

static __device__ inline float
to_f32 (f16 x)
{
  uint32_t sign = (uint32_t) (x.bits & 0x8000) << 16, rest = x.bits & 0x7fff, bits;
  float f = (float) rest * 0x1p-24f; /* zero or subnormal: exact */

  memcpy (&bits, &f, sizeof bits);
  if (rest >= 0x7c00)
    bits = 0x7f800000 | (rest & 0x3ff) << 13;
  else if (rest >= 0x400)
    bits = (rest << 13) + ((127u - 15u) << 23);
  bits |= sign;
  memcpy (&f, &bits, sizeof f);
  return f;
}

/* To nearest even; NaN stays NaN. */
template <>
__device__ inline f16
of_f32<f16> (float x)
{
  uint32_t bits, sign, rest;

  memcpy (&bits, &x, sizeof bits);
  sign = bits >> 16 & 0x8000;
  rest = bits & 0x7fffffff;
  if (rest > 0x7f800000) {
    rest = 0x7e00;
  } else if (rest >= 0x477ff000) { /* rounds to 2^16 or more */
    rest = 0x7c00;
  } else if (rest < 0x38800000) { /* subnormal: 0.5 more leaves the rounded multiple of 2^-24 */
    float f = fabsf (x) + 0.5f;

    memcpy (&rest, &f, sizeof rest);
    rest -= 0x3f000000;
  } else {
    rest += 0xfff + (rest >> 13 & 1);
    rest = (rest - ((127u - 15u) << 23)) >> 13;
  }
  return { (uint16_t) (sign | rest) };
}

/* V at a time, of which the last may be fewer. */
template <typename To, typename From, int V>
static __global__ void __launch_bounds__ (BLOCK)
cast_packs (To *__restrict__ y, const From *__restrict__ x, int64_t n)
{
  for (int64_t i = my_index () * V; i < n; i += n_threads () * V) {
    if (i + V <= n) {
      Pack<From, V> in = *(const Pack<From, V> *) (x + i);
      Pack<To, V> out;

#pragma unroll
      for (int j = 0; j < V; j++)
        out.at[j] = of_f32<To> (to_f32 (in.at[j]));
      *(Pack<To, V> *) (y + i) = out;
    } else {
      for (int64_t j = i; j < n; j++)
        y[j] = of_f32<To> (to_f32 (x[j]));
    }
  }
}

template <typename To, typename From>
static void
cast (EmCuda *c, EmTensor *y, const EmTensor *x)
{
  constexpr int V = 16 / (sizeof (To) > sizeof (From) ? sizeof (To) : sizeof (From));
  int64_t n = em_numel (x);
  To *out = (To *) y->data;
  const From *in = (const From *) x->data;

  if ((uintptr_t) out % (V * sizeof (To)) == 0 && (uintptr_t) in % (V * sizeof (From)) == 0)
    em_cuda_launch (c, "cast", cast_packs<To, From, V>, dim3 (grid_of (c, (n + V - 1) / V)), BLOCK,
                    0, out, in, n);
  else
    em_cuda_launch (c, "cast", cast_packs<To, From, 1>, dim3 (grid_of (c, n)), BLOCK, 0, out, in,
                    n);
}

template <typename From>
static void
cast_from (EmCuda *c, EmTensor *y, const EmTensor *x)
{
  if (y->dtype == EM_F32)
    cast<float, From> (c, y, x);
  else if (y->dtype == EM_BF16)
    cast<bf16, From> (c, y, x);
  else
    cast<f16, From> (c, y, x);
}

void
cuda_cast (EmBackend *be, EmTensor *y, const EmTensor *x)
{
  EmCuda *c = em_cuda_of (be);

  if (x->dtype == EM_F32)
    cast_from<float> (c, y, x);
  else if (x->dtype == EM_BF16)
    cast_from<bf16> (c, y, x);
  else
    cast_from<f16> (c, y, x);
}

/* A warp to a row. NaN is above nothing and nothing above it, so it wins where it comes first. */
static __global__ void __launch_bounds__ (BLOCK)
argmax_rows (int32_t *__restrict__ index, const float *__restrict__ x, int64_t rows, int64_t n)
{
  int lane = threadIdx.x % WARP;

  for (int64_t r = my_index () / WARP; r < rows; r += n_threads () / WARP) {
    float most = x[r * n];
    int best = 0;

    for (int64_t i = lane; i < n; i += WARP)
      if (float v = x[r * n + i]; v > most) {
        most = v;
        best = (int) i;
      }
    for (int step = WARP / 2; step; step /= 2) {
      float v = __shfl_xor_sync (0xffffffffu, most, step);
      int i = __shfl_xor_sync (0xffffffffu, best, step);

      if (v > most || (v == most && i < best)) {
        most = v;
        best = i;
      }
    }
    if (lane == 0)
      index[r] = best;
  }
}

void
cuda_argmax (EmBackend *be, EmTensor *index, const EmTensor *x)
{
  EmCuda *c = em_cuda_of (be);
  int64_t rows = x->shape[0];

  em_cuda_launch (c, "argmax", argmax_rows, dim3 (grid_of (c, rows * WARP)), BLOCK, 0,
                  em_i32 (index), (const float *) em_f32 (x), rows, x->shape[1]);
}

#define CHUNK 4096 /* elements that a block counts */

struct Counts {
  int inner, outer;
};

static __device__ inline int64_t
warp_total (int64_t n)
{
  for (int step = WARP / 2; step; step /= 2)
    n += __shfl_xor_sync (0xffffffffu, (long long) n, step);
  return n;
}

static __global__ void __launch_bounds__ (BLOCK)
count_chunk (Counts *__restrict__ counts, const float *__restrict__ x, int64_t row, int64_t chunks,
             float delta)
{
  EM_SHARED (Counts, sums, BLOCK / WARP);
  int64_t begin = blockIdx.x % chunks * CHUNK;
  const float *in = x + blockIdx.x / chunks * row;
  Counts all = {};

#pragma unroll 4
  for (int i = threadIdx.x; i < CHUNK; i += BLOCK)
    if (begin + i < row) {
      all.inner += in[begin + i] > delta;
      all.outer += in[begin + i] > -delta;
    }
  all.inner = (int) warp_total (all.inner);
  all.outer = (int) warp_total (all.outer);
  if (threadIdx.x % WARP == 0)
    sums[threadIdx.x / WARP] = all;
  __syncthreads ();
  if (threadIdx.x == 0) {
    for (int i = 1; i < BLOCK / WARP; i++) {
      all.inner += sums[i].inner;
      all.outer += sums[i].outer;
    }
    counts[blockIdx.x] = all;
  }
}

/* A warp to a row of chunks. */
static __global__ void __launch_bounds__ (WARP)
share_of_counts (float *__restrict__ y, const Counts *__restrict__ counts, int64_t chunks)
{
  int64_t inner = 0, outer = 0;

  for (int64_t i = threadIdx.x; i < chunks; i += WARP) {
    inner += counts[blockIdx.x * chunks + i].inner;
    outer += counts[blockIdx.x * chunks + i].outer;
  }
  inner = warp_total (inner);
  outer = warp_total (outer);
  if (threadIdx.x == 0)
    y[blockIdx.x] = outer ? (float) ((double) inner / (double) outer) : 1.0f;
}

void
cuda_stability (EmBackend *be, EmTensor *y, const EmTensor *logits, float delta)
{
  EmCuda *c = em_cuda_of (be);
  int64_t n = logits->shape[0], row = bytes_from (logits, 1) / 4;
  int64_t chunks = row ? (row + CHUNK - 1) / CHUNK : 1;
  Counts *counts
      = n ? (Counts *) em_cuda_scratch (c, (size_t) (n * chunks) * sizeof *counts) : NULL;

  if (!counts)
    return;
  em_cuda_launch (c, "stability", count_chunk, dim3 ((unsigned) (n * chunks)), BLOCK, 0, counts,
                  (const float *) em_f32 (logits), row, chunks, delta);
  em_cuda_launch (c, "stability", share_of_counts, dim3 ((unsigned) n), WARP, 0, em_f32 (y),
                  (const Counts *) counts, chunks);
}
