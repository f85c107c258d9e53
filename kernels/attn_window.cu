/* attn_window.cu - attention inside the windows of a map, over qkv as its linear layer left it.
 *
 * No window is gathered: attn_rows.cuh says where its tokens are. A window of up to 16 queries is
 * one warp's, others are cut into blocks of 64.
 *
 * Roofline: 8 c bytes a token in bf16, qkv in and y out, for 4 c keys operations. Windows of 8x8 at
 * the largest map, 256x256 of 112 channels, move 59 MB, 12 us at 4.8 TB/s, beside 2 us of
 * arithmetic; the same holds for 4x4. 14x14 and 16x16 lie in the second cache and are arithmetic's,
 * 2 GF, 6 us at the rate of short rows of keys. Whole maps are attn.cu's. */
#include "attn_flash.cuh"
#include "attn_plain.cuh"

/* Half of a long q is read again for each tile: addresses of tokens need the registers. */
template <int D, int WARPS, int KEYS>
using Size = FlashSize<D, D, WARPS, 1, KEYS, D <= 32 ? D / 16 : D / 32, D <= 64 ? 4 : 3>;

/* Sizes of the largest window. */
typedef struct {
  int64_t n_heads;
  int nq, nk, d;
} WindowSizes;

template <int D>
static bool
launch (EmCuda *c, const WindowRows<bf16> &rows, const WindowSizes &sizes)
{
  if (sizes.nq <= 16)
    return launch_flash<Size<D, 1, 32>> (c, "window_attention", rows, sizes.n_heads, sizes.nq,
                                         sizes.nk, sizes.d, sizes.d);
  return launch_flash<Size<D, 4, 64>> (c, "window_attention", rows, sizes.n_heads, sizes.nq,
                                       sizes.nk, sizes.d, sizes.d);
}

static bool
attend_fast (EmCuda *c, const WindowRows<bf16> &rows, const WindowSizes &sizes)
{
  uintptr_t all = (uintptr_t) rows.qkv | (uintptr_t) rows.bias | (uintptr_t) rows.y;

  if (all % 16 || sizes.d % 8 || sizes.d > 96)
    return false;
  if (sizes.d <= 32)
    return launch<32> (c, rows, sizes);
  if (sizes.d <= 64)
    return launch<64> (c, rows, sizes);
  if (sizes.d <= 80)
    return launch<80> (c, rows, sizes);
  return launch<96> (c, rows, sizes);
}

static bool
attend_fast (EmCuda *, const WindowRows<float> &, const WindowSizes &)
{
  return false;
}

template <typename T>
static void
attend_windows (EmCuda *c, EmTensor *y, const EmTensor *qkv, const EmTensor *bias, int n_heads,
                int side_y, int side_x, bool pool)
{
  WindowRows<T> rows = {};
  WindowSizes sizes;

  rows.qkv = (const T *) qkv->data;
  rows.bias = (const T *) bias->data;
  rows.y = (T *) y->data;
  rows.h = (int) qkv->shape[1];
  rows.w = (int) qkv->shape[2];
  rows.c = (int) qkv->shape[3] / 3;
  rows.n_heads = n_heads;
  rows.side_y = side_y;
  rows.side_x = side_x;
  rows.down = (rows.h + side_y - 1) / side_y;
  rows.across = (rows.w + side_x - 1) / side_x;
  rows.part = pool ? 2 : 1;
  sizes.n_heads = qkv->shape[0] * rows.down * rows.across * n_heads;
  sizes.nq = side_y / rows.part * (side_x / rows.part);
  sizes.nk = side_y * side_x + 1;
  sizes.d = rows.c / n_heads;
  if (!attend_fast (c, rows, sizes))
    launch_plain (c, "window_attention", rows, sizes.n_heads, sizes.nq, sizes.nk, sizes.d, sizes.d);
}

/* The whole map is a sequence of tokens at even distances. */
template <typename T>
static void
attend_map (EmCuda *c, EmTensor *y, const EmTensor *qkv, int n_heads)
{
  int64_t n = qkv->shape[1] * qkv->shape[2], width = qkv->shape[3] / 3;
  EvenRows<T> rows = {};

  rows.q = (const T *) qkv->data;
  rows.k = rows.q + width;
  rows.v = rows.k + width;
  rows.y = (T *) y->data;
  rows.q_row = rows.k_row = rows.v_row = (int) (3 * width);
  rows.y_row = (int) width;
  rows.q_batch = rows.k_batch = rows.v_batch = n * 3 * width;
  rows.y_batch = n * width;
  rows.n_heads = n_heads;
  rows.nq = rows.nk = (int) n;
  rows.d = rows.dv = (int) width / n_heads;
  em_cuda_attend (c, "window_attention", rows, qkv->shape[0] * n_heads);
}

template <typename T>
static void
attend (EmCuda *c, EmTensor *y, const EmTensor *qkv, const EmTensor *bias, int n_heads, int window,
        bool pool)
{
  int64_t h = qkv->shape[1], w = qkv->shape[2];

  if (em_numel (y) == 0)
    return;
  EM_BUG_UNLESS (qkv->shape[0] * h * w < 1 << 30 && qkv->shape[3] < 1 << 30);
  /* A window larger than the map only adds padding; one that leaves none is the map. */
  if (!pool && (window == 0 || (window == h && window == w)))
    attend_map<T> (c, y, qkv, n_heads);
  else
    attend_windows<T> (c, y, qkv, bias, n_heads, window ? window : (int) h,
                       window ? window : (int) w, pool);
}

void
cuda_window_attention (EmBackend *be, EmTensor *y, const EmTensor *qkv, const EmTensor *qkv_bias,
                       int n_heads, int window, bool pool_q)
{
  WITH_TYPE (y->dtype, T, attend<T> (em_cuda_of (be), y, qkv, qkv_bias, n_heads, window, pool_q));
}
