/* attn.cu - attention over sequences, and rotary positions.
 *
 * Which kernel does it: attn_flash.cuh where rows are bf16 and every row of every head begins on
 * 16 bytes, attn_plain.cuh for the rest; their rooflines are there. Rope reads x and writes y once,
 * 4 bytes an element in bf16, the table from the second cache: the largest call, 28736 x 256, moves
 * 29 MB, 6 us at 4.8 TB/s. */
#include "attn_flash.cuh"
#include "attn_plain.cuh"
#include "loops.cuh"

/* Few queries of many keys, prompt tokens against an image: a warp has 16 queries and 64 or 32 keys
 * at a time, and all parts of the keys go on at once. */
template <int D> using Few = FlashSize<D, D, 1, 1, D <= 32 ? 64 : 32, D / 16, D <= 64 ? 4 : 2>;
template <int D, int DV = D> using Many = FlashSize<D, DV, 4, 2, 64, D <= 80 ? D / 16 : 2, 2>;
/* 32 queries do not fit into the registers of a warp. */
template <int D> using Wide = FlashSize<D, D, 4, 1, 64, D <= 128 ? D / 16 : 0, 2>;
/* 32 do, and 48 keys into shared memory beside them. */
typedef FlashSize<256, 64, 4, 2, 48, 4, 2> Memory;

template <class F>
static bool
launch (EmCuda *c, const char *what, const EvenRows<bf16> &rows, int64_t n_heads)
{
  return launch_flash<F> (c, what, rows, n_heads, rows.nq, rows.nk, rows.d, rows.dv);
}

static bool
flash_of_size (EmCuda *c, const char *what, const EvenRows<bf16> &rows, int64_t n_heads)
{
  int wide = rows.d > rows.dv ? rows.d : rows.dv;

  if (rows.d > 128 && rows.d <= 256 && rows.dv <= 64)
    return launch<Memory> (c, what, rows, n_heads);
  if (rows.nq <= 16) {
    if (wide <= 16)
      return launch<Few<16>> (c, what, rows, n_heads);
    if (wide <= 32)
      return launch<Few<32>> (c, what, rows, n_heads);
    if (wide <= 64)
      return launch<Few<64>> (c, what, rows, n_heads);
    if (wide <= 96)
      return launch<Few<96>> (c, what, rows, n_heads);
    if (wide <= 128)
      return launch<Few<128>> (c, what, rows, n_heads);
  }
  if (wide <= 16)
    return launch<Many<16>> (c, what, rows, n_heads);
  if (wide <= 32)
    return launch<Many<32>> (c, what, rows, n_heads);
  if (wide <= 64 && rows.dv <= 16)
    return launch<Many<64, 16>> (c, what, rows, n_heads);
  if (wide <= 64)
    return launch<Many<64>> (c, what, rows, n_heads);
  if (wide <= 80)
    return launch<Many<80>> (c, what, rows, n_heads);
  if (wide <= 96)
    return launch<Many<96>> (c, what, rows, n_heads);
  if (wide <= 128)
    return launch<Wide<128>> (c, what, rows, n_heads);
  if (wide <= 256)
    return launch<Wide<256>> (c, what, rows, n_heads);
  return false;
}

void
em_cuda_attend (EmCuda *c, const char *what, const EvenRows<float> &rows, int64_t n_heads)
{
  launch_plain (c, what, rows, n_heads, rows.nq, rows.nk, rows.d, rows.dv);
}

void
em_cuda_attend (EmCuda *c, const char *what, const EvenRows<bf16> &rows, int64_t n_heads)
{
  bool even = rows.d % 8 == 0 && rows.dv % 8 == 0 && lies_at (rows.q, 16) && lies_at (rows.k, 16)
              && lies_at (rows.v, 16) && lies_at (rows.y, 16);

  if (!even || !flash_of_size (c, what, rows, n_heads))
    launch_plain (c, what, rows, n_heads, rows.nq, rows.nk, rows.d, rows.dv);
}

template <typename T>
static void
attention (EmCuda *c, EmTensor *y, const EmTensor *q, const EmTensor *k, const EmTensor *v,
           int n_heads)
{
  int64_t batch = q->shape[0], nq = q->shape[1], nk = k->shape[1];
  int64_t width = q->shape[2], wide = v->shape[2];
  EvenRows<T> rows = {};

  if (em_numel (y) == 0)
    return;
  EM_BUG_UNLESS (nq < 1 << 30 && nk < 1 << 30 && width < 1 << 30 && wide < 1 << 30);
  rows.q = (const T *) q->data;
  rows.k = (const T *) k->data;
  rows.v = (const T *) v->data;
  rows.y = (T *) y->data;
  rows.q_row = rows.k_row = (int) width;
  rows.v_row = rows.y_row = (int) wide;
  rows.q_batch = nq * width;
  rows.k_batch = k->shape[0] == 1 ? 0 : nk * width;
  rows.v_batch = v->shape[0] == 1 ? 0 : nk * wide;
  rows.y_batch = nq * wide;
  rows.n_heads = n_heads;
  rows.nq = (int) nq;
  rows.nk = (int) nk;
  rows.d = (int) width / n_heads;
  rows.dv = (int) wide / n_heads;
  em_cuda_attend (c, "attention", rows, batch * n_heads);
}

void
cuda_attention (EmBackend *be, EmTensor *y, const EmTensor *q, const EmTensor *k, const EmTensor *v,
                int n_heads)
{
  WITH_TYPE (y->dtype, T, attention<T> (em_cuda_of (be), y, q, k, v, n_heads));
}

/* PAIRS of numbers of one token to a thread. */
template <typename T, int PAIRS>
__global__ void __launch_bounds__ (256)
    rotate (T *y, const T *x, const float *table, int64_t n, int across, int n_tokens,
            int n_rotated, int m)
{
  struct alignas (PAIRS > 1 ? 16 : sizeof (T)) Some {
    T of[PAIRS * 2];
  };
  struct alignas (PAIRS > 1 ? 16 : 4) Turns { /* cos, sin */
    float of[PAIRS * 2];
  };
  int64_t i = blockIdx.x * 256ll + threadIdx.x;

  if (i >= n)
    return;
  int64_t row = n <= INT32_MAX ? (int) i / across : i / across;
  int token = (int) (row <= INT32_MAX ? (int) row % n_tokens : row % n_tokens);
  Some some = ((const Some *) x)[i];

  if (token < n_rotated) {
    Turns turns = ((const Turns *) table)[token % m * across + (int) (i - row * across)];

#pragma unroll
    for (int k = 0; k < PAIRS; k++) {
      float a = to_f32 (some.of[2 * k]), b = to_f32 (some.of[2 * k + 1]);
      float cosine = turns.of[2 * k], sine = turns.of[2 * k + 1];

      some.of[2 * k] = of_f32<T> (a * cosine - b * sine);
      some.of[2 * k + 1] = of_f32<T> (a * sine + b * cosine);
    }
  }
  ((Some *) y)[i] = some;
}

template <typename T>
static void
rope (EmCuda *c, EmTensor *y, const EmTensor *x, const EmTensor *table, int64_t n_rotated)
{
  constexpr int MOST = 8 / (int) sizeof (T); /* 16 bytes */
  int64_t width = x->shape[2];
  bool even = width % (2 * MOST) == 0 && lies_at (x->data, 16) && lies_at (y->data, 16)
              && lies_at (table->data, 16);
  int pairs = even ? MOST : 1, across = (int) (width / 2 / pairs);
  int64_t n = em_numel (x) / 2 / pairs;

  em_cuda_launch (c, "rope", even ? rotate<T, MOST> : rotate<T, 1>, dim3 (em_cuda_blocks (n, 256)),
                  256, 0, (T *) y->data, (const T *) x->data, em_f32 (table), n, across,
                  (int) x->shape[1], (int) n_rotated, (int) table->shape[0]);
}

void
cuda_rope (EmBackend *be, EmTensor *y, const EmTensor *x, const EmTensor *table, int64_t n_rotated)
{
  WITH_TYPE (y->dtype, T, rope<T> (em_cuda_of (be), y, x, table, n_rotated));
}
