/* attn_warp.cuh - the steps of attn_flash.cuh: rows into shared memory, a warp's tile of scores.
 *
 * Rows in shared memory are 16 bytes longer than their numbers, an odd number of 16-byte pieces:
 * eight rows below each other, which an ldmatrix reads, then lie in different banks. Head sizes are
 * padded with zeros, 56 to 64 and 72 to 80. */
#pragma once
#include "attn_rows.cuh"
#include "attn_split.cuh"
#include "mma.cuh"

/* D, DV: sizes of rows of q and k and of v. WARPS in a group, TILES of 16 queries in a warp, KEYS
 * in a tile; of q the first KEPT x 16 numbers stay in registers; AT_ONCE blocks on a multiprocessor
 * are what the registers are shared out for. A group of one warp shares its block with three others
 * and nothing else. */
template <int D_, int DV_, int WARPS_, int TILES_, int KEYS_, int KEPT_, int AT_ONCE_>
struct FlashSize {
  static constexpr int D = D_, DV = DV_, WARPS = WARPS_, TILES = TILES_, KEYS = KEYS_;
  static constexpr int KEPT = KEPT_, AT_ONCE = AT_ONCE_, GROUPS = WARPS == 1 ? 4 : 1;
  static constexpr int THREADS = WARP * WARPS, QUERIES = 16 * TILES * WARPS;
  static constexpr int LD = D + 8, LDV = DV + 8;
  static constexpr int GROUP_SIZE = (QUERIES + KEYS) * LD + KEYS * LDV;
  static constexpr int BYTES = GROUPS * GROUP_SIZE * (int) sizeof (bf16);
  static_assert (BYTES <= 99 << 10 && DV <= D && D % 16 == 0 && DV % 16 == 0 && KEYS % 16 == 0, "");
};

/* 2^x, 0 where that is below 2^-126: one instruction. */
static __device__ inline float
exp2_fast (float x)
{
#ifdef EM_CUDASIM
  return x < -126 ? 0 : exp2f (x);
#else
  float y;

  asm ("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#endif
}

template <class F>
static __device__ inline void
sync_group ()
{
  if (F::WARPS == 1)
    __syncwarp ();
  else
    __syncthreads ();
}

/* ROWS rows of WIDTH numbers, from row `first` on: zeros from row `end` and from column `d` on. A
 * thread has 16 bytes of every STEP-th row, `pitch` numbers apart where the rows are EVEN. */
template <int ROWS, int WIDTH, int THREADS, bool EVEN, class At>
static __device__ inline void
fetch_rows (bf16 *to, int thread, int first, int end, int d, At at, int pitch)
{
  constexpr int PIECES = WIDTH / 8, STEP = THREADS / PIECES, TIMES = (ROWS + STEP - 1) / STEP;
  int row = (unsigned) thread / PIECES, column = (unsigned) thread % PIECES * 8;
  int left = column < d ? end - first - row : 0;
  const bf16 *from = at (first + row) + column;

  if (THREADS % PIECES && row >= STEP)
    return;
  to += row * (WIDTH + 8) + column;
#pragma unroll
  for (int i = 0; i < TIMES; i++) {
    if (ROWS % STEP && i == TIMES - 1 && row + i * STEP >= ROWS)
      break;
    if (!EVEN)
      from = at (first + row + i * STEP) + column;
    cp_async16 (to + i * STEP * (WIDTH + 8), from, i * STEP < left);
    from += EVEN ? (int64_t) STEP * pitch : 0;
  }
}

/* Queries are the largest of 2x2 tokens. */
template <int ROWS, int WIDTH, int THREADS, class Head>
static __device__ inline void
fetch_pooled (bf16 *to, int thread, int first, int d, const Head &head)
{
  constexpr int PIECES = WIDTH / 8;

#pragma unroll 2
  for (int piece = thread; piece < ROWS * PIECES; piece += THREADS) {
    int row = piece / PIECES, column = piece % PIECES * 8;
    uint4 some = {};

    if (first + row < head.nq && column < d) {
      bf16 of[4][8];

#pragma unroll
      for (int n = 0; n < 4; n++) {
        some = *(const uint4 *) (head.q_at (first + row, n) + column);
        memcpy (of[n], &some, sizeof some);
      }
#pragma unroll
      for (int i = 0; i < 8; i++)
        of[0][i] = of_f32<bf16> (fmaxf (fmaxf (to_f32 (of[0][i]), to_f32 (of[1][i])),
                                        fmaxf (to_f32 (of[2][i]), to_f32 (of[3][i]))));
      memcpy (&some, of[0], sizeof some);
    }
    *(uint4 *) (to + row * (WIDTH + 8) + column) = some;
  }
}

/* What a warp has in registers. In the words of mma.cuh a lane has rows g and g + 8 of each of
 * TILES tiles: [..][2] is indexed by which of the two. */
template <class F> struct Warp {
  static constexpr int TILES = F::TILES, STEPS = F::D / 16;

  uint32_t q[TILES][F::KEPT ? F::KEPT : 1][4];
  float s[TILES][F::KEYS / 8][4];
  float out[TILES][F::DV / 8][4];
  float top[TILES][2], sum[TILES][2]; /* of scores times log2 (e) and scale; sum: of this lane */

  __device__ Warp ()
  {
#pragma unroll
    for (int t = 0; t < TILES; t++) {
#pragma unroll
      for (int n = 0; n < F::DV / 8; n++)
        out[t][n][0] = out[t][n][1] = out[t][n][2] = out[t][n][3] = 0;
      top[t][0] = top[t][1] = -INFINITY;
      sum[t][0] = sum[t][1] = 0;
    }
  }

  /* `mine`: the warp's first row of q. */
  __device__ void
  keep_q (const bf16 *mine, int lane)
  {
#pragma unroll
    for (int t = 0; t < TILES; t++)
#pragma unroll
      for (int k = 0; k < F::KEPT; k++)
        ldmatrix_x4 (q[t][k], mine + (t * 16 + lane % 16) * F::LD + k * 16 + lane / 16 * 8);
  }

  /* s = q k^T */
  __device__ void
  meet (const bf16 *mine, const bf16 *keys, int lane)
  {
    const bf16 *q_at = mine + lane % 16 * F::LD + lane / 16 * 8;
    const bf16 *k_at = keys + (lane / 16 * 8 + lane % 8) * F::LD + lane / 8 % 2 * 8;

#pragma unroll
    for (int t = 0; t < TILES; t++)
#pragma unroll
      for (int n = 0; n < F::KEYS / 8; n++)
        s[t][n][0] = s[t][n][1] = s[t][n][2] = s[t][n][3] = 0;
#pragma unroll
    for (int k = 0; k < STEPS; k++) {
      uint32_t now[TILES][4], b[4];

#pragma unroll
      for (int t = 0; t < TILES; t++)
        if (k >= F::KEPT)
          ldmatrix_x4 (now[t], q_at + t * 16 * F::LD + k * 16);
#pragma unroll
      for (int n = 0; n < F::KEYS / 16; n++) {
        ldmatrix_x4 (b, k_at + n * 16 * F::LD + k * 16);
#pragma unroll
        for (int t = 0; t < TILES; t++) {
          const uint32_t *a = k < F::KEPT ? q[t][k < F::KEPT ? k : 0] : now[t];

          mma_bf16 (s[t][2 * n], a, b);
          mma_bf16 (s[t][2 * n + 1], a, b + 2);
        }
      }
    }
  }

  /* Keys from the n_left-th on are not there; the last one that is gets the bonus. */
  __device__ void
  mask (int n_left, float bonus, int lane)
  {
#pragma unroll
    for (int n = 0; n < F::KEYS / 8; n++)
#pragma unroll
      for (int i = 0; i < 2; i++) {
        int key = n * 8 + lane % 4 * 2 + i;

#pragma unroll
        for (int t = 0; t < TILES; t++)
#pragma unroll
          for (int h = 0; h < 2; h++) {
            float &score = s[t][n][2 * h + i];

            score = key >= n_left ? -INFINITY : key == n_left - 1 ? score + bonus : score;
          }
      }
  }

  /* Scores become 2^(unit score - top) with the new top; sum and out are brought to it. */
  __device__ void
  soften (float unit)
  {
    float shrink[TILES][2];
    bool same = true;

#pragma unroll
    for (int t = 0; t < TILES; t++)
#pragma unroll
      for (int h = 0; h < 2; h++) {
        float high = s[t][0][2 * h];

#pragma unroll
        for (int n = 0; n < F::KEYS / 8; n++)
          high = fmaxf (high, fmaxf (s[t][n][2 * h], s[t][n][2 * h + 1]));
        high = fmaxf (high, __shfl_xor_sync (0xffffffffu, high, 1));
        high = fmaxf (high, __shfl_xor_sync (0xffffffffu, high, 2));
        high = fmaxf (top[t][h], high * unit);
        shrink[t][h] = exp2_fast (top[t][h] - high);
        same = same && top[t][h] == high;
        top[t][h] = high;
        sum[t][h] *= shrink[t][h];
#pragma unroll
        for (int n = 0; n < F::KEYS / 8; n++)
#pragma unroll
          for (int i = 0; i < 2; i++) {
            float &score = s[t][n][2 * h + i];

            score = exp2_fast (fmaf (score, unit, -high));
            sum[t][h] += score;
          }
      }
    if (__all_sync (0xffffffffu, same)) /* the rule after the first few tiles */
      return;
#pragma unroll
    for (int t = 0; t < TILES; t++)
#pragma unroll
      for (int n = 0; n < F::DV / 8; n++)
#pragma unroll
        for (int i = 0; i < 4; i++)
          out[t][n][i] *= shrink[t][i / 2];
  }

  /* out += p v */
  __device__ void
  gather (const bf16 *values, int lane)
  {
    const bf16 *v_at = values + lane % 16 * F::LDV + lane / 16 * 8;

#pragma unroll
    for (int k = 0; k < F::KEYS / 16; k++) {
      uint32_t p[TILES][4], b[4];

#pragma unroll
      for (int t = 0; t < TILES; t++)
#pragma unroll
        for (int i = 0; i < 4; i++) {
          const float *two = s[t][2 * k + i / 2] + i % 2 * 2;

          p[t][i] = pack_bf16 (two[0], two[1]);
        }
#pragma unroll
      for (int n = 0; n < F::DV / 16; n++) {
        ldmatrix_x4_t (b, v_at + k * 16 * F::LDV + n * 16);
#pragma unroll
        for (int t = 0; t < TILES; t++) {
          mma_bf16 (out[t][2 * n], p[t], b);
          mma_bf16 (out[t][2 * n + 1], p[t], b + 2);
        }
      }
    }
  }

  __device__ void
  add_sums ()
  {
#pragma unroll
    for (int t = 0; t < TILES; t++)
#pragma unroll
      for (int h = 0; h < 2; h++) {
        sum[t][h] += __shfl_xor_sync (0xffffffffu, sum[t][h], 1);
        sum[t][h] += __shfl_xor_sync (0xffffffffu, sum[t][h], 2);
      }
  }

  /* out / sum to y, by way of the warp's rows of q, so that 16 bytes go at once. */
  template <class Head>
  __device__ void
  store (bf16 *mine, const Head &head, int first, int dv, int lane) const
  {
    constexpr int PIECES = F::DV / 8;

    __syncwarp ();
#pragma unroll
    for (int t = 0; t < TILES; t++)
#pragma unroll
      for (int h = 0; h < 2; h++) {
        float share = 1 / sum[t][h];
        bf16 *row = mine + (t * 16 + h * 8 + lane / 4) * F::LD + lane % 4 * 2;

#pragma unroll
        for (int n = 0; n < F::DV / 8; n++)
          *(uint32_t *) (row + n * 8)
              = pack_bf16 (out[t][n][2 * h] * share, out[t][n][2 * h + 1] * share);
      }
    __syncwarp ();
#pragma unroll
    for (int i = 0; i < TILES * 16 * PIECES / WARP; i++) {
      int piece = lane + i * WARP, row = piece / PIECES, column = piece % PIECES * 8;

      if (first + row < head.nq && column < dv)
        *(uint4 *) (head.y_at (first + row) + column)
            = *(const uint4 *) (mine + row * F::LD + column);
    }
  }

  /* `row`: of the warp's first query among all of the part. */
  __device__ void
  store_part (const Split &split, int part, int row, int n, int dv, int lane) const
  {
    int64_t at = (int64_t) part * split.n_rows + row;

#pragma unroll
    for (int t = 0; t < TILES; t++)
#pragma unroll
      for (int h = 0; h < 2; h++) {
        int r = t * 16 + h * 8 + lane / 4;

        if (r >= n)
          continue;
        float *to = split.out + (at + r) * dv + lane % 4 * 2;
#pragma unroll
        for (int k = 0; k < F::DV / 8; k++)
          if (k * 8 < dv)
            *(float2 *) (to + k * 8) = make_float2 (out[t][k][2 * h], out[t][k][2 * h + 1]);
        if (lane % 4 == 0)
          split.about[at + r] = make_float2 (top[t][h], sum[t][h]);
      }
  }
};
