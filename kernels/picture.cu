/* picture.cu - a frame goes up as bytes, a mask comes down as bits.
 *
 * Roofline: bytes. A frame of 1920 x 1080 made 1024 x 1024 reads 6 MB, writes 6 in bf16, and has 3
 * of stretched lines in between that stay in the second cache: 3 us at 4.8 TB/s, 12 at 1.0, beside
 * 250 us in which the frame comes at 25 GB/s. Across the lines every byte is read for each of the 4
 * outputs that take it; a thread makes a pixel of several lines with the weights it has read. A
 * mask reads and writes a quarter of a megabyte; what counts there is that a launch is one. All is
 * the CPU's arithmetic, bit for bit: integers, and products that are rounded before they are added
 * to. */
#include "loops.cuh"

#define MASK_BLOCK 128
#define LINES      4      /* that a thread of stretch_across makes a pixel of */
#define GRID_Y     0x8000 /* blocks; kernels go round */
#define POINT      22     /* bits of a weight after the point */
#define HALF       (1 << (POINT - 1))

static dim3
plane_of (int64_t across, int64_t block, int64_t down)
{
  return dim3 (em_cuda_blocks (across, block), (unsigned) (down < GRID_Y ? down : GRID_Y));
}

static __device__ inline uint8_t
rounded (int32_t sum)
{
  int32_t v = sum >> POINT;

  return (uint8_t) (v < 0 ? 0 : v > 255 ? 255 : v);
}

/* rgb [h, w, 3] -> lines [h, side, 3] */
static __global__ void __launch_bounds__ (BLOCK)
stretch_across (uint8_t *__restrict__ lines, const uint8_t *__restrict__ rgb,
                const int32_t *__restrict__ columns, int taps, int64_t h, int64_t w, int64_t side)
{
  int64_t x = blockIdx.x * (int64_t) BLOCK + threadIdx.x;

  if (x >= side)
    return;
  const int32_t *weight = columns + x * (1 + taps) + 1;
  for (int64_t y = blockIdx.y * (int64_t) LINES; y < h; y += gridDim.y * (int64_t) LINES) {
    const uint8_t *in = rgb + (y * w + weight[-1]) * 3;
    int64_t step[LINES]; /* behind the last line it is done again */
    int32_t sum[LINES][3];

#pragma unroll
    for (int l = 0; l < LINES; l++) {
      step[l] = (y + l < h ? l : h - 1 - y) * w * 3;
      sum[l][0] = sum[l][1] = sum[l][2] = HALF;
    }
    for (int t = 0; t < taps; t++, in += 3) {
      int32_t a = weight[t];

#pragma unroll
      for (int l = 0; l < LINES; l++)
#pragma unroll
        for (int c = 0; c < 3; c++)
          sum[l][c] += a * in[step[l] + c];
    }
#pragma unroll
    for (int l = 0; l < LINES; l++)
#pragma unroll
      for (int c = 0; c < 3; c++)
        if (y + l < h)
          lines[((y + l) * side + x) * 3 + c] = rounded (sum[l][c]);
  }
}

/* Quotients are the nearest there are. */
static __device__ inline float
normalised (uint8_t v, int c)
{
  float mean = c == 0 ? 0.485f : c == 1 ? 0.456f : 0.406f;
  float std = c == 0 ? 0.229f : c == 1 ? 0.224f : 0.225f;

  return __fdiv_rn (__fdiv_rn ((float) v, 255.0f) - mean, std);
}

/* lines [h, line] -> y [side, line], normalised; `rows` NULL: h is side. V divides line, which is
 * made of pixels. */
template <typename T, int V>
static __global__ void __launch_bounds__ (BLOCK)
stretch_down (T *__restrict__ y, const uint8_t *__restrict__ lines,
              const int32_t *__restrict__ rows, int taps, int64_t side, int64_t line)
{
  int64_t k = (blockIdx.x * (int64_t) BLOCK + threadIdx.x) * V;
  int first = (int) (k % 3);

  if (k >= line)
    return;
  for (int64_t i = blockIdx.y; i < side; i += gridDim.y) {
    Pack<uint8_t, V> v;
    Pack<T, V> out;

    if (rows) {
      const int32_t *weight = rows + i * (1 + taps) + 1;
      const uint8_t *in = lines + weight[-1] * line + k;
      int32_t sum[V];

#pragma unroll
      for (int j = 0; j < V; j++)
        sum[j] = HALF;
      for (int t = 0; t < taps; t++, in += line) {
        Pack<uint8_t, V> p = *(const Pack<uint8_t, V> *) in;

#pragma unroll
        for (int j = 0; j < V; j++)
          sum[j] += weight[t] * p.at[j];
      }
#pragma unroll
      for (int j = 0; j < V; j++)
        v.at[j] = rounded (sum[j]);
    } else {
      v = *(const Pack<uint8_t, V> *) (lines + i * line + k);
    }
#pragma unroll
    for (int j = 0; j < V; j++)
      out.at[j] = of_f32<T> (normalised (v.at[j], (first + j) % 3));
    *(Pack<T, V> *) (y + i * line + k) = out;
  }
}

template <typename T, int V>
static void
launch_down (EmCuda *c, EmTensor *y, const uint8_t *lines, const int32_t *rows, int taps)
{
  int64_t side = y->shape[1], line = 3 * side;

  em_cuda_launch (c, "picture", stretch_down<T, V>, plane_of (line / V, BLOCK, side), BLOCK, 0,
                  (T *) y->data, lines, rows, taps, side, line);
}

template <typename T>
static void
picture (EmCuda *c, EmTensor *y, const EmTensor *rgb, const EmTensor *columns, const EmTensor *rows)
{
  int64_t h = rgb->shape[0], w = rgb->shape[1], side = y->shape[1];
  int taps = (int) rows->shape[1] - 1;
  const int32_t *weights = h == side ? NULL : (const int32_t *) em_i32 (rows);
  const uint8_t *lines = (const uint8_t *) rgb->data;

  if (w != side) {
    uint8_t *wide = side ? (uint8_t *) em_cuda_scratch (c, (size_t) (h * side) * 3) : NULL;

    if (!wide)
      return;
    em_cuda_launch (c, "picture", stretch_across, plane_of (side, BLOCK, (h + LINES - 1) / LINES),
                    BLOCK, 0, wide, lines, (const int32_t *) em_i32 (columns),
                    (int) columns->shape[1] - 1, h, w, side);
    lines = wide;
  }
  if (side % 4 == 0 && lies_at (lines, 4) && lies_at (y->data, 4 * sizeof (T)))
    launch_down<T, 4> (c, y, lines, weights, taps);
  else
    launch_down<T, 1> (c, y, lines, weights, taps);
}

void
cuda_picture (EmBackend *be, EmTensor *y, const EmTensor *rgb, const EmTensor *columns,
              const EmTensor *rows)
{
  WITH_TYPE (y->dtype, T, picture<T> (em_cuda_of (be), y, rgb, columns, rows));
}

/* Where output d reads on an axis of n inputs: between i and j, at t. What __fmul_rn gives is never
 * contracted. */
struct Between {
  int i, j;
  float t;
};

static __device__ inline Between
between (int d, int n, float scale)
{
  float at = __fmul_rn ((float) d + 0.5f, scale) - 0.5f;
  Between b;

  at = at < 0 ? 0 : at;
  b.i = (int) at;
  b.i = b.i < n - 1 ? b.i : n - 1;
  b.j = b.i + 1 < n ? b.i + 1 : n - 1;
  b.t = at - (float) b.i;
  return b;
}

static __device__ inline float
mix (float a, float b, float t)
{
  return __fmul_rn (1 - t, a) + __fmul_rn (t, b);
}

/* A thread makes a word, 32 pixels of a column. Neighbours make neighbouring columns, which read
 * the same lines. */
static __global__ void __launch_bounds__ (MASK_BLOCK)
mask_words (int32_t *__restrict__ bits, const float *__restrict__ logits, int side, int width,
            int height, int n_words, float x_scale, float y_scale)
{
  int x = (int) (blockIdx.x * MASK_BLOCK + threadIdx.x);

  if (x >= width)
    return;
  Between h = between (x, side, x_scale);
  for (int at = (int) blockIdx.y; at < n_words; at += (int) gridDim.y) {
    uint32_t word = 0;
    float upper = 0, lower = 0;
    int n = height - at * 32 < 32 ? height - at * 32 : 32, line = -1;

    for (int k = 0; k < n; k++) {
      Between v = between (at * 32 + k, side, y_scale);

      if (v.i != line) {
        const float *a = logits + (int64_t) v.i * side, *b = logits + (int64_t) v.j * side;

        upper = mix (a[h.i], a[h.j], h.t);
        lower = mix (b[h.i], b[h.j], h.t);
        line = v.i;
      }
      word |= (uint32_t) (mix (upper, lower, v.t) > 0) << k;
    }
    bits[(int64_t) x * n_words + at] = (int32_t) word;
  }
}

void
cuda_mask_bits (EmBackend *be, EmTensor *bits, const EmTensor *logits, int height)
{
  int side = (int) logits->shape[0], width = (int) bits->shape[0], n_words = (int) bits->shape[1];

  em_cuda_launch (em_cuda_of (be), "mask_bits", mask_words, plane_of (width, MASK_BLOCK, n_words),
                  MASK_BLOCK, 0, em_i32 (bits), (const float *) em_f32 (logits), side, width,
                  height, n_words, (float) side / (float) width, (float) side / (float) height);
}
