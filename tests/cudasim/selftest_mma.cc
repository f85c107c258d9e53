/* selftest_mma.cc - the tensor cores' instructions and delayed copies.
 *
 * The products are checked twice: with fragments put together by hand after the tables of the PTX
 * manual, and with those that ldmatrix brings from row-major arrays. */
#include "selftest.h"

enum { M = 16, NN = 16, K = 16 };

/* Row g, columns 2t, 2t + 1 in the first register, and so on: the manual's words for a0..a7. */
static __global__ void
by_hand (float *d, const uint16_t *a, const uint16_t *b) /* [16, 8] [16, 16] [16, 8] */
{
  unsigned lane = threadIdx.x, group = lane >> 2, in_group = lane % 4;
  uint32_t fa[4] = {}, fb[2] = {};
  float fd[4];

  for (unsigned i = 0; i < 8; i++) {
    unsigned row = i < 2 || (i >= 4 && i < 6) ? group : group + 8;
    unsigned col = in_group * 2 + (i & 1) + (i >= 4 ? 8 : 0);

    fa[i / 2] |= (uint32_t) a[row * 16 + col] << 16 * (i & 1);
  }
  for (unsigned i = 0; i < 4; i++) {
    unsigned row = in_group * 2 + (i & 1) + (i >= 2 ? 8 : 0), col = group;

    fb[i / 2] |= (uint32_t) b[row * 8 + col] << 16 * (i & 1);
  }
  for (unsigned i = 0; i < 4; i++)
    fd[i] = d[(i < 2 ? group : group + 8) * 8 + in_group * 2 + (i & 1)];
  mma_bf16 (fd, fa, fb);
  for (unsigned i = 0; i < 4; i++)
    d[(i < 2 ? group : group + 8) * 8 + in_group * 2 + (i & 1)] = fd[i];
}

/* d = a b from shared memory; b lies as [k, n] or, `b_by_column`, as [n, k]. */
template <bool b_by_column>
static __global__ void
by_ldmatrix (float *d, const uint16_t *a, const uint16_t *b) /* all [16, 16] */
{
  EM_SHARED (uint4, sa, 16 * 2);
  EM_SHARED (uint4, sb, 16 * 2);
  int lane = (int) threadIdx.x, row = lane % 16, half = lane / 16;
  uint32_t fa[4], fb[4];

  sa[row * 2 + half] = *(const uint4 *) (a + row * 16 + half * 8);
  sb[row * 2 + half] = *(const uint4 *) (b + row * 16 + half * 8);
  __syncthreads ();
  ldmatrix_x4 (fa, &sa[row * 2 + half]);
  if (b_by_column) /* matrices: k 0..7 and 8..15 of n 0..7, then of n 8..15 */
    ldmatrix_x4 (fb, &sb[(lane % 8 + lane / 16 * 8) * 2 + lane / 8 % 2]);
  else
    ldmatrix_x4_t (fb, &sb[row * 2 + half]);
  for (int side = 0; side < 2; side++) {
    float fd[4] = {};

    mma_bf16 (fd, fa, fb + 2 * side);
    for (int i = 0; i < 4; i++)
      d[(lane / 4 + i / 2 * 8) * 16 + side * 8 + lane % 4 * 2 + i % 2] = fd[i];
  }
}

static std::vector<uint16_t>
random_bf16 (size_t n)
{
  std::vector<uint16_t> v (n);

  for (uint16_t &x : v)
    x = bf16_of (random_float ());
  return v;
}

static void
test_by_hand ()
{
  std::vector<uint16_t> a = random_bf16 (M * K), b = random_bf16 (K * 8);
  std::vector<float> d = random_floats (M * 8);
  Device<uint16_t> da (a), db (b);
  Device<float> dd (d);

  launch (by_hand, 1, 32, dd.data, da.data, db.data);
  std::vector<float> got = dd.read ();
  for (size_t i = 0; i < M; i++)
    for (size_t j = 0; j < 8; j++) {
      double sum = d[i * 8 + j];

      for (size_t k = 0; k < K; k++)
        sum += of_bf16 (a[i * K + k]) * (double) of_bf16 (b[k * 8 + j]);
      EXPECT (near (got[i * 8 + j], sum, 1e-6));
    }
  passed ("mma of fragments made by hand");
}

static void
test_ldmatrix ()
{
  std::vector<uint16_t> a = random_bf16 (M * K), b = random_bf16 (K * NN);
  Device<uint16_t> da (a), db (b);
  Device<float> dd (M * NN);

  for (bool by_column : { false, true }) {
    launch (by_column ? by_ldmatrix<true> : by_ldmatrix<false>, 1, 32, dd.data, da.data, db.data);
    std::vector<float> got = dd.read ();
    for (size_t i = 0; i < M; i++)
      for (size_t j = 0; j < NN; j++) {
        double sum = 0;

        for (size_t k = 0; k < K; k++)
          sum += of_bf16 (a[i * K + k])
                 * (double) of_bf16 (by_column ? b[j * K + k] : b[k * NN + j]);
        EXPECT (near (got[i * NN + j], sum, 1e-6));
      }
  }
  passed ("mma of fragments from ldmatrix");
}

enum { NOT_AT_ALL, TOO_FEW, ENOUGH };

/* Two groups: the first copies 16 bytes, the second zeros. */
template <int waits>
static __global__ void
delayed (float4 *out, const float4 *in)
{
  EM_SHARED (float4, box, 2 * 32);
  int me = (int) threadIdx.x;

  box[me] = box[me + 32] = make_float4 (7, 7, 7, 7);
  cp_async16 (&box[me], &in[me], true);
  cp_async_commit ();
  cp_async16 (&box[me + 32], NULL, false);
  cp_async_commit ();
  if (waits == TOO_FEW)
    cp_async_wait<1> ();
  if (waits == ENOUGH)
    cp_async_wait<0> ();
  out[me] = box[me];
  out[me + 32] = box[me + 32];
}

static void
test_cp_async ()
{
  Device<float4> in (std::vector<float4> (32, make_float4 (1, 2, 3, 4))), out (64);
  std::vector<float4> got;

  launch (delayed<ENOUGH>, 1, 32, out.data, in.data);
  got = out.read ();
  EXPECT (got[5].y == 2 && got[31].w == 4 && got[32].x == 0 && got[63].w == 0);
  launch (delayed<TOO_FEW>, 1, 32, out.data, in.data);
  got = out.read ();
  EXPECT (got[5].y == 2 && got[32].x != got[32].x);
  launch (delayed<NOT_AT_ALL>, 1, 32, out.data, in.data);
  got = out.read ();
  EXPECT (got[5].y != got[5].y && got[32].x != got[32].x);
  passed ("cp.async comes when it is waited for");
}

static __global__ void
misaligned (const char *in)
{
  EM_SHARED (float4, box, 2);

  cp_async16 (box, in + 8, true);
}

void
test_tensor_cores ()
{
  test_by_hand ();
  test_ldmatrix ();
  test_cp_async ();
  dies ("cp.async from 8 bytes off", "not 16-byte aligned", false, [] {
    static Device<char> in (64);

    launch (misaligned, 1, 1, in.data);
  });
}
