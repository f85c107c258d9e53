/* attn_plain.cuh - attention for f32, and for bf16 of sizes that the tensor cores' one refuses.
 *
 * 64 queries of one head to a block, 64 keys to a tile, 4 x 4 of either to a thread, slices of 32
 * numbers of q and k by way of shared memory; running maximum and sum; then p by way of shared
 * memory and v in slices of 64 columns. Any sizes; more columns of v than SLICES holds go to
 * further blocks, which make the scores anew.
 *
 * Roofline: 2 nq nk (d + dv) operations of f32, 60 TF/s on an H100: 120 GF, the largest call, is
 * 2 ms at best. Two reads of 16 bytes from shared memory to 16 products make half of that the
 * bound in practice; f32 is for comparisons. */
#pragma once
#include "attn_rows.cuh"
#include "attn_split.cuh"

#define PLAIN_ROWS  64 /* queries, keys, columns of v in a tile */
#define PLAIN_DEPTH 32
#define PLAIN_LD    (PLAIN_ROWS + 4)

/* [PLAIN_DEPTH, PLAIN_LD]: numbers d0 on of 64 rows, along the rows. */
template <class Value>
static __device__ inline void
fetch_slice (float *to, int d0, Value value)
{
#pragma unroll 2
  for (int i = threadIdx.x; i < PLAIN_ROWS * PLAIN_DEPTH; i += 256) {
    int column = i % PLAIN_DEPTH, row = i / PLAIN_DEPTH;

    to[column * PLAIN_LD + row] = value (row, d0 + column);
  }
}

/* sum = sum * shrink + a b^T, both [depth, PLAIN_LD], of which the thread has 4 columns each. What
 * is new is added up by itself first: long sums keep their digits. */
static __device__ inline void
multiply (float sum[4][4], const float shrink[4], const float *a, const float *b, int depth)
{
  float some[4][4] = {};

#pragma unroll 8
  for (int i = 0; i < depth; i++) {
    float4 x = *(const float4 *) (a + i * PLAIN_LD), y = *(const float4 *) (b + i * PLAIN_LD);
    const float from_x[4] = { x.x, x.y, x.z, x.w }, from_y[4] = { y.x, y.y, y.z, y.w };

#pragma unroll
    for (int r = 0; r < 4; r++)
#pragma unroll
      for (int k = 0; k < 4; k++)
        some[r][k] += from_x[r] * from_y[k];
  }
#pragma unroll
  for (int r = 0; r < 4; r++)
#pragma unroll
    for (int k = 0; k < 4; k++)
      sum[r][k] = sum[r][k] * shrink[r] + some[r][k];
}

static __device__ inline float
half_warp_max (float x)
{
  for (int step = 8; step; step /= 2)
    x = fmaxf (x, __shfl_xor_sync (0xffffffffu, x, step));
  return x;
}

static __device__ inline float
half_warp_sum (float x)
{
  for (int step = 8; step; step /= 2)
    x += __shfl_xor_sync (0xffffffffu, x, step);
  return x;
}

template <int SLICES, class Rows>
__global__ void __launch_bounds__ (256)
    plain (Rows rows, Split split, int d, int dv, float scale)
{
  typedef typename Rows::Element T;
  /* q and k while scores are made, then v; and e^(score - maximum), [key, query]. */
  EM_SHARED (float4, stage4, PLAIN_ROWS * PLAIN_LD / 4);
  EM_SHARED (float4, p4, PLAIN_ROWS * PLAIN_LD / 4);
  float *stage = (float *) stage4, *p = (float *) p4, *other = stage + PLAIN_DEPTH * PLAIN_LD;
  int tx = threadIdx.x % 16 * 4, ty = threadIdx.x / 16 * 4; /* keys or columns; queries */
  int column0 = (int) blockIdx.y * SLICES * PLAIN_ROWS;
  Task task = task_of (split, (int) blockIdx.x, PLAIN_ROWS);
  typename Rows::Head head = rows.head (task.head);
  int at = task.part * split.n_tiles * PLAIN_ROWS;
  int end = split.n_parts == 1 ? head.nk : min (head.nk, at + split.n_tiles * PLAIN_ROWS);
  float bonus = head.last_bonus ();
  float out[SLICES][4][4] = {}, top[4], sum[4] = {};

  if (task.first >= head.nq)
    return;
#pragma unroll
  for (int r = 0; r < 4; r++)
    top[r] = -INFINITY;

  auto q_value = [&] (int row, int i) {
    if (task.first + row >= head.nq || i >= d)
      return 0.0f;
    float x = to_f32 (head.q_at (task.first + row, 0)[i]);
    if constexpr (!Rows::EVEN)
#pragma unroll 1
      for (int n = 1; n < head.part * head.part; n++)
        x = fmaxf (x, to_f32 (head.q_at (task.first + row, n)[i]));
    return x * scale;
  };

  for (; at < end; at += PLAIN_ROWS) {
    const float same[4] = { 1, 1, 1, 1 };
    float s[4][4] = {}, shrink[4];

    for (int d0 = 0; d0 < d; d0 += PLAIN_DEPTH) {
      __syncthreads ();
      fetch_slice (stage, d0, q_value);
      fetch_slice (other, d0, [&] (int row, int i) {
        return at + row < end && i < d ? to_f32 (head.k_at (at + row)[i]) : 0.0f;
      });
      __syncthreads ();
      multiply (s, same, stage + ty, other + tx, PLAIN_DEPTH);
    }

#pragma unroll
    for (int r = 0; r < 4; r++) {
      float high = -INFINITY, all = 0;

#pragma unroll
      for (int k = 0; k < 4; k++) {
        int key = at + tx + k;

        s[r][k] = key >= end ? -INFINITY : key == head.nk - 1 ? s[r][k] + bonus : s[r][k];
        high = fmaxf (high, s[r][k]);
      }
      high = fmaxf (top[r], half_warp_max (high));
      shrink[r] = expf (top[r] - high);
#pragma unroll
      for (int k = 0; k < 4; k++) {
        float e = expf (s[r][k] - high);

        all += e;
        p[(tx + k) * PLAIN_LD + ty + r] = e;
      }
      top[r] = high;
      sum[r] = sum[r] * shrink[r] + half_warp_sum (all);
    }

#pragma unroll
    for (int n = 0; n < SLICES; n++) {
      int left = column0 + n * PLAIN_ROWS;

      if (left >= dv)
        continue;
      __syncthreads ();
#pragma unroll 2
      for (int i = threadIdx.x; i < PLAIN_ROWS * PLAIN_ROWS; i += 256) {
        int column = i % PLAIN_ROWS, row = i / PLAIN_ROWS;

        stage[row * PLAIN_LD + column] = at + row < end && left + column < dv
                                             ? to_f32 (head.v_at (at + row)[left + column])
                                             : 0.0f;
      }
      __syncthreads ();
      multiply (out[n], shrink, p + ty, stage + tx, PLAIN_ROWS);
    }
  }

#pragma unroll
  for (int r = 0; r < 4; r++) {
    int query = task.first + ty + r;

    if (query >= head.nq)
      continue;
    int64_t row = (int64_t) task.part * split.n_rows + task.head * head.nq + query;
    if (split.n_parts > 1 && tx == 0 && blockIdx.y == 0)
      split.about[row] = make_float2 (top[r], sum[r]);
#pragma unroll
    for (int n = 0; n < SLICES; n++)
#pragma unroll
      for (int k = 0; k < 4; k++) {
        int column = column0 + n * PLAIN_ROWS + tx + k;

        if (column >= dv)
          continue;
        if (split.n_parts > 1)
          split.out[row * dv + column] = out[n][r][k];
        else
          head.y_at (query)[column] = of_f32<T> (out[n][r][k] / sum[r]);
      }
  }
}

template <class Rows>
static void
launch_plain (EmCuda *c, const char *what, const Rows &rows, int64_t n_heads, int nq, int nk, int d,
              int dv)
{
  constexpr int MOST = Rows::EVEN ? 4 : 2;
  int slices = dv <= PLAIN_ROWS ? 1 : MOST, across = (dv - 1) / (slices * PLAIN_ROWS) + 1;
  int64_t slots = Rows::EVEN ? 2 * em_cuda_processors (c) / across : 0;
  Split split;

  if (!plan_split (&split, c, n_heads, nq, PLAIN_ROWS, nk, PLAIN_ROWS, dv, slots))
    return;
  em_cuda_launch (c, what, slices == 1 ? plain<1, Rows> : plain<MOST, Rows>,
                  dim3 ((unsigned) split.n_tasks, (unsigned) across), 256, 0, rows, split, d, dv,
                  (float) (1 / sqrt ((double) d)));
  if constexpr (Rows::EVEN)
    launch_join (c, what, rows, split, 1.0f);
}
