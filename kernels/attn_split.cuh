/* attn_split.cuh - the keys of a head shared out between blocks, and what they found put together.
 *
 * Where there are fewer blocks of queries than the device runs at a time, each meets a part of the
 * keys only and leaves its maximum, sum and undivided output in scratch, f32. The number of parts
 * comes from shapes and processors alone and the parts are added in order: the same bits every
 * time. Roofline: 4 dv + 8 bytes written and read per query and part, from the second cache; at
 * 4096 queries of 256 in 4 parts 34 MB, 7 us at 5 TB/s, where the whole takes 60. */
#pragma once
#include "common.cuh"

typedef struct {
  int n_tasks;          /* heads, parts and blocks of queries: the last fastest */
  int q_blocks;         /* of a head */
  int n_parts, n_tiles; /* tiles of keys in a part */
  int n_rows;           /* queries of all heads */
  float *out;           /* [n_parts, n_rows, dv] */
  float2 *about;        /* [n_parts, n_rows]: maximum of the scores, sum of e^(score - maximum) */
} Split;

/* What a task is. */
typedef struct {
  int head, part, first; /* the first query */
} Task;

static __device__ inline Task
task_of (const Split &split, int i, int q_rows)
{
  int rest = i / split.q_blocks;

  return { rest / split.n_parts, rest % split.n_parts, i % split.q_blocks * q_rows };
}

/* `slots`: how many tasks the device runs at a time. False: no memory, which has been reported. */
static inline bool
plan_split (Split *split, EmCuda *c, int64_t n_heads, int nq, int q_rows, int nk, int keys, int dv,
            int64_t slots)
{
  int q_blocks = (nq + q_rows - 1) / q_rows, tiles = (nk + keys - 1) / keys, n = 1;
  int64_t blocks = n_heads * q_blocks;
  double best = 0;

  if (blocks < slots * 4 / 5) {
    for (int i = 1; i <= 32 && 2 * i <= tiles; i++) {
      int64_t rounds = (blocks * i + slots - 1) / slots;
      double used = (double) (blocks * i) / (double) (rounds * slots);

      /* One more part costs: it has to be worth a tenth. */
      if (used > 1.1 * best) {
        best = used;
        n = i;
      }
    }
  }
  split->n_tiles = (tiles + n - 1) / n;
  split->n_parts = (tiles + split->n_tiles - 1) / split->n_tiles;
  split->q_blocks = q_blocks;
  EM_BUG_UNLESS (blocks * split->n_parts <= INT32_MAX && n_heads * nq <= INT32_MAX);
  split->n_tasks = (int) blocks * split->n_parts;
  split->n_rows = (int) n_heads * nq;
  split->out = NULL;
  split->about = NULL;
  if (split->n_parts == 1)
    return true;
  size_t rows = (size_t) split->n_parts * (size_t) split->n_rows;
  split->out = (float *) em_cuda_scratch (c, rows * (size_t) dv * sizeof (float));
  split->about = (float2 *) em_cuda_scratch (c, rows * sizeof (float2));
  return split->out && split->about;
}

/* `unit` turns differences of maxima into powers of e. A thread has PER columns of a query. */
template <int PER, class Rows>
__global__ void __launch_bounds__ (256)
    join_parts (Rows rows, Split split, float unit)
{
  int across = rows.dv / PER, i = (int) (blockIdx.x * 256 + threadIdx.x), row = i / across;
  int column = (i - row * across) * PER;
  float top = -INFINITY, sum = 0, out[PER] = {};

  if (row >= split.n_rows)
    return;
  const float *from = split.out + (int64_t) row * rows.dv + column;
  int64_t further = (int64_t) split.n_rows * rows.dv;
  const float2 *about = split.about + row;
#pragma unroll 4
  for (int p = 0; p < split.n_parts; p++)
    top = fmaxf (top, about[p * split.n_rows].x);
#pragma unroll 4
  for (int p = 0; p < split.n_parts; p++) {
    float2 has = about[p * split.n_rows];
    float share = expf ((has.x - top) * unit), some[PER];

    memcpy (some, __builtin_assume_aligned (from + p * further, PER * 4), PER * 4);
    sum += share * has.y;
    for (int k = 0; k < PER; k++)
      out[k] += share * some[k];
  }
  typename Rows::Element *to = rows.head (row / rows.nq).y_at (row % rows.nq) + column;
  for (int k = 0; k < PER; k++)
    to[k] = of_f32<typename Rows::Element> (out[k] / sum);
}

template <class Rows>
static void
launch_join (EmCuda *c, const char *what, const Rows &rows, const Split &split, float unit)
{
  bool fours = rows.dv % 4 == 0;
  int64_t n = (int64_t) split.n_rows * rows.dv / (fours ? 4 : 1);

  if (split.n_parts > 1)
    em_cuda_launch (c, what, fours ? join_parts<4, Rows> : join_parts<1, Rows>,
                    dim3 (em_cuda_blocks (n, 256)), 256, 0, rows, split, unit);
}
