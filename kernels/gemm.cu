/* gemm.cu - matrix products: linear layers, products of activations, and what convolutions gather.
 *
 * Roofline: 2 m n k operations on (m k + k n + m n) elements. Trunk and memory layers have hundreds
 * of operations to a byte in bf16 and belong to the tensor cores, through cuBLASLt with bias,
 * activation and residual in its last step, so y goes to memory once: floor 2 m n k / 790 TFLOP/s
 * on an H200; our largest, 65536 x 448 x 112, does 6.6 GFLOP on 73 MB: memory is its bound, 17 us
 * at 4.3 TB/s. Products of a few rows (tokens, pointers, heads) read each weight once for all rows:
 * 2 n k bytes, launch-bound, a kernel of our own.
 * cuBLASLt's GELU is the tanh form, at most 5e-4 from the exact one, an eighth of what bf16 rounds
 * at 1; in f32 the exact one follows in a pass of its own. */
#include <map>
#include <string.h>
#include <tuple>
#include "cuda.cuh"
#include "gemm.cuh"
#include "loops.cuh"

#define FEW_ROWS        16
#define WORKSPACE_BYTES ((size_t) 32 << 20)

/* Last touches that the product did not do: y = act (y + bias) + residual. */
template <typename Y, typename B>
static __global__ void
finish (Y *y, int64_t ldy, int64_t rows, int64_t n, const B *bias, EmAct act, const Y *residual)
{
  for (int64_t i = my_index (); i < rows * n; i += n_threads ()) {
    int64_t at = i / n * ldy + i % n;
    float v = to_f32 (y[at]) + (bias ? to_f32 (bias[i % n]) : 0);

    v = activated (v, act) + (residual ? to_f32 (residual[at]) : 0);
    y[at] = of_f32<Y> (v);
  }
}

static void
launch_finish (EmCuda *c, const EmCudaGemm *g, int64_t batch, const void *bias, EmAct act,
               const void *residual)
{
  if (!bias && act == EM_ACT_NONE && !residual)
    return;
  WITH_TYPE (g->y_type, Y, {
    Y *y = (Y *) g->y + batch * g->stride_y;

    WITH_TYPE (g->type, B,
               em_cuda_launch (c, "finish", finish<Y, B>, dim3 (grid_of (c, g->m * g->n)), BLOCK,
                               0, y, g->ldy, g->m, g->n, (const B *) bias, act,
                               (const Y *) residual));
  });
}

void
em_cuda_finish (EmCuda *c, const EmCudaGemm *g)
{
  launch_finish (c, g, 0, g->bias, g->act, g->residual);
}

/* A few rows of a against rows of b: a warp per column of y, every lane a share of k. */
template <typename T, typename Y, int ROWS>
static __global__ void __launch_bounds__ (256)
few_rows (Y *y, int64_t ldy, const T *a, int64_t lda, const T *b, int64_t ldb, const T *bias,
          const Y *residual, int64_t m, int64_t n, int64_t k, float scale, EmAct act, bool wide)
{
  const int per = 16 / sizeof (T);
  int lane = (int) threadIdx.x % WARP;
  int64_t column = (int64_t) blockIdx.x * (blockDim.x / WARP) + threadIdx.x / WARP;
  float sum[ROWS];

  if (column >= n)
    return; /* a warp leaves whole */
  for (int r = 0; r < ROWS; r++)
    sum[r] = 0;
  const T *w = b + column * ldb;
  int64_t vectors = wide ? k / per * per : 0;
  for (int64_t i = (int64_t) lane * per; i < vectors; i += WARP * per) {
    Pack<T, per> own = *(const Pack<T, per> *) (w + i);

#pragma unroll
    for (int r = 0; r < ROWS; r++)
      if (r < m) {
        Pack<T, per> row = *(const Pack<T, per> *) (a + r * lda + i);

#pragma unroll
        for (int j = 0; j < per; j++)
          sum[r] += to_f32 (own.at[j]) * to_f32 (row.at[j]);
      }
  }
  for (int64_t i = vectors + lane; i < k; i += WARP)
#pragma unroll
    for (int r = 0; r < ROWS; r++)
      if (r < m)
        sum[r] += to_f32 (w[i]) * to_f32 (a[r * lda + i]);
#pragma unroll
  for (int r = 0; r < ROWS; r++)
    sum[r] = warp_sum (sum[r]);
  for (int r = lane; r < m; r += WARP) {
    float v = 0;

    for (int i = 0; i < ROWS; i++)
      v = i == r ? sum[i] : v;
    v = activated (v * scale + (bias ? to_f32 (bias[column]) : 0), act);
    y[r * ldy + column] = of_f32<Y> (v + (residual ? to_f32 (residual[r * ldy + column]) : 0));
  }
}

static bool
aligned (const void *p, int64_t ld, size_t size)
{
  return lies_at (p, 16) && (size_t) ld * size % 16 == 0;
}

static void
launch_few_rows (EmCuda *c, const char *what, const EmCudaGemm *g, int64_t batch)
{
  WITH_TYPE (g->type, T, {
    WITH_TYPE (g->y_type, Y, {
      const T *a = (const T *) g->a + batch * g->stride_a;
      const T *b = (const T *) g->b + batch * g->stride_b;
      Y *y = (Y *) g->y + batch * g->stride_y;
      auto kernel = g->m == 1   ? few_rows<T, Y, 1>
                    : g->m <= 4 ? few_rows<T, Y, 4>
                    : g->m <= 8 ? few_rows<T, Y, 8>
                                : few_rows<T, Y, FEW_ROWS>;

      em_cuda_launch (c, what, kernel, dim3 (em_cuda_blocks (g->n, 8)), 256, 0, y, g->ldy, a,
                      g->lda, b, g->ldb, (const T *) g->bias, (const Y *) g->residual, g->m, g->n,
                      g->k, g->scale, g->act,
                      aligned (a, g->lda, sizeof (T)) && aligned (b, g->ldb, sizeof (T)));
    });
  });
}

/* Any layout, any size: what the library will not take. A tile of 16 x 16 to a block. */
template <typename T, typename Y>
static __global__ void __launch_bounds__ (256)
plain (Y *y, int64_t ldy, const T *a, int64_t a_row, int64_t a_col, const T *b, int64_t b_row,
       int64_t b_col, int64_t m, int64_t n, int64_t k, float scale)
{
  EM_SHARED (float, left, 16 * 17);
  EM_SHARED (float, right, 16 * 17);
  int x = (int) threadIdx.x % 16, z = (int) threadIdx.x / 16;
  int64_t row = (int64_t) blockIdx.y * 16 + z, column = (int64_t) blockIdx.x * 16 + x;
  float sum = 0;

  for (int64_t from = 0; from < k; from += 16) {
    int64_t i = (int64_t) blockIdx.x * 16 + z; /* of b, whose k runs along x here */

    left[z * 17 + x] = row < m && from + x < k ? to_f32 (a[row * a_row + (from + x) * a_col]) : 0;
    right[x * 17 + z] = i < n && from + x < k ? to_f32 (b[(from + x) * b_row + i * b_col]) : 0;
    __syncthreads ();
    for (int j = 0; j < 16; j++)
      sum += left[z * 17 + j] * right[j * 17 + x];
    __syncthreads ();
  }
  if (row < m && column < n)
    y[row * ldy + column] = of_f32<Y> (sum * scale);
}

static void
launch_plain (EmCuda *c, const char *what, const EmCudaGemm *g, int64_t batch)
{
  int64_t strip = (int64_t) 65535 * 16; /* rows that a grid can hold */

  WITH_TYPE (g->type, T, {
    WITH_TYPE (g->y_type, Y, {
      const T *a = (const T *) g->a + batch * g->stride_a;
      const T *b = (const T *) g->b + batch * g->stride_b;
      Y *y = (Y *) g->y + batch * g->stride_y;
      int64_t a_row = g->ta ? 1 : g->lda, a_col = g->ta ? g->lda : 1;

      for (int64_t from = 0; from < g->m; from += strip) {
        int64_t rows = g->m - from < strip ? g->m - from : strip;

        em_cuda_launch (c, what, plain<T, Y>,
                        dim3 (em_cuda_blocks (g->n, 16), em_cuda_blocks (rows, 16)), 256, 0,
                        y + from * g->ldy, g->ldy, a + from * a_row, a_row, a_col, b,
                        g->tb ? (int64_t) 1 : g->ldb, g->tb ? g->ldb : (int64_t) 1, rows, g->n,
                        g->k, g->scale);
      }
    });
  });
}

/* cuBLASLt. It counts columns first, so y^T = op (b)^T op (a)^T: its A is our b. */

static cudaDataType_t
type_of (EmDtype type)
{
  return type == EM_BF16 ? CUDA_R_16BF : CUDA_R_32F;
}

struct Layouts {
  cublasLtMatmulDesc_t product;
  cublasLtMatrixLayout_t a, b, y;
};

static void
layout (cublasLtMatrixLayout_t *to, EmDtype type, int64_t rows, int64_t columns, int64_t ld,
        int64_t batch, int64_t stride)
{
  int count = (int) batch;

  cublasLtMatrixLayoutCreate (to, type_of (type), (uint64_t) rows, (uint64_t) columns, ld);
  if (batch > 1) {
    cublasLtMatrixLayoutSetAttribute (*to, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count,
                                      sizeof count);
    cublasLtMatrixLayoutSetAttribute (*to, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride,
                                      sizeof stride);
  }
}

/* What the library's last step can do of a product; the rest is left to finish. */
static cublasLtEpilogue_t
epilogue_of (const EmCudaGemm *g, bool *does_bias, bool *does_act)
{
  bool fits = g->type == g->y_type && g->batch == 1; /* the bias's type is that of y */
  bool gelu = g->act == EM_ACT_GELU && g->type == EM_BF16, relu = g->act == EM_ACT_RELU;

  *does_bias = fits && g->bias;
  *does_act = fits && (gelu || relu);
  if (g->bias && !*does_bias)
    *does_act = false; /* it would come before the bias */
  if (*does_act)
    return gelu ? (*does_bias ? CUBLASLT_EPILOGUE_GELU_BIAS : CUBLASLT_EPILOGUE_GELU)
                : (*does_bias ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_RELU);
  return *does_bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
}

static Layouts
describe (const EmCudaGemm *g, cublasLtEpilogue_t epilogue, const void *bias)
{
  Layouts l = {};
  cublasOperation_t turn_b = g->tb ? CUBLAS_OP_T : CUBLAS_OP_N;
  cublasOperation_t turn_a = g->ta ? CUBLAS_OP_T : CUBLAS_OP_N;

  cublasLtMatmulDescCreate (&l.product, CUBLAS_COMPUTE_32F, CUDA_R_32F);
  cublasLtMatmulDescSetAttribute (l.product, CUBLASLT_MATMUL_DESC_TRANSA, &turn_b, sizeof turn_b);
  cublasLtMatmulDescSetAttribute (l.product, CUBLASLT_MATMUL_DESC_TRANSB, &turn_a, sizeof turn_a);
  cublasLtMatmulDescSetAttribute (l.product, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue,
                                  sizeof epilogue);
  if (bias)
    cublasLtMatmulDescSetAttribute (l.product, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias,
                                    sizeof bias);
  layout (&l.a, g->type, g->tb ? g->k : g->n, g->tb ? g->n : g->k, g->ldb, g->batch, g->stride_b);
  layout (&l.b, g->type, g->ta ? g->m : g->k, g->ta ? g->k : g->m, g->lda, g->batch, g->stride_a);
  layout (&l.y, g->y_type, g->n, g->m, g->ldy, g->batch, g->stride_y);
  return l;
}

static void
release (Layouts *l)
{
  cublasLtMatmulDescDestroy (l->product);
  cublasLtMatrixLayoutDestroy (l->a);
  cublasLtMatrixLayoutDestroy (l->b);
  cublasLtMatrixLayoutDestroy (l->y);
}

/* What the choice of an algorithm depends on; addresses by how far they are aligned. */
typedef std::tuple<int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int, int, int>
    ProductKey;

struct Choice {
  bool there;
  cublasLtMatmulAlgo_t algo;
};

static int
alignment_of (const void *p)
{
  uintptr_t at = (uintptr_t) p;

  return at % 16 == 0 ? 16 : at % 8 == 0 ? 8 : at % 4 == 0 ? 4 : 2;
}

/* The library's own first choice, asked for once: the same product gives the same bits. */
static const Choice *
choose (EmCuda *c, const EmCudaGemm *g, const Layouts *l, int epilogue, bool has_residual)
{
  static thread_local std::map<ProductKey, Choice> choices; /* of the engine's thread */
  int least = alignment_of (g->a);
  least = alignment_of (g->b) < least ? alignment_of (g->b) : least;
  least = alignment_of (g->y) < least ? alignment_of (g->y) : least;
  if (g->residual)
    least = alignment_of (g->residual) < least ? alignment_of (g->residual) : least;
  if (g->bias)
    least = alignment_of (g->bias) < least ? alignment_of (g->bias) : least;
  ProductKey key (g->m, g->n, g->k, g->lda, g->ldb, g->ldy, g->batch,
                  epilogue * 64 + least * 2 + has_residual,
                  g->ta + 2 * g->tb + 4 * (int) g->type + 32 * (int) g->y_type
                      + 256 * (g->stride_a == 0) + 512 * (g->stride_b == 0) + 1024 * c->device,
                  g->bias ? alignment_of (g->bias) : 0);
  auto found = choices.find (key);
  cublasLtMatmulPreference_t preference;
  cublasLtMatmulHeuristicResult_t result = {};
  size_t most = WORKSPACE_BYTES;
  uint32_t bytes = (uint32_t) least;
  int n = 0;

  if (found != choices.end ())
    return &found->second;
  cublasLtMatmulPreferenceCreate (&preference);
  cublasLtMatmulPreferenceSetAttribute (preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                        &most, sizeof most);
  cublasLtMatmulPreferenceSetAttribute (preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES,
                                        &bytes, sizeof bytes);
  cublasLtMatmulPreferenceSetAttribute (preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
                                        &bytes, sizeof bytes);
  cublasLtMatmulPreferenceSetAttribute (preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES,
                                        &bytes, sizeof bytes);
  cublasLtMatmulPreferenceSetAttribute (preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES,
                                        &bytes, sizeof bytes);
  bool there = cublasLtMatmulAlgoGetHeuristic (c->lt, l->product, l->a, l->b, l->y, l->y,
                                               preference, 1, &result, &n)
                   == CUBLAS_STATUS_SUCCESS
               && n > 0 && result.state == CUBLAS_STATUS_SUCCESS;
  cublasLtMatmulPreferenceDestroy (preference);
  return &(choices[key] = Choice{ there, result.algo });
}

/* False: the library does not take this one. */
static bool
by_library (EmCuda *c, const char *what, const EmCudaGemm *g)
{
  bool does_bias, does_act;
  cublasLtEpilogue_t epilogue = epilogue_of (g, &does_bias, &does_act);
  bool rest = (g->bias && !does_bias) || (g->act != EM_ACT_NONE && !does_act);
  bool adds = g->residual && g->act == EM_ACT_NONE && !rest;
  float beta = adds ? 1.0f : 0.0f;
  Layouts l = describe (g, epilogue, does_bias ? g->bias : NULL);
  const Choice *choice = choose (c, g, &l, epilogue, adds);
  void *workspace = choice->there ? em_cuda_scratch (c, WORKSPACE_BYTES) : NULL;
  bool done = false;

  if (workspace)
    done = cublasLtMatmul (c->lt, l.product, &g->scale, g->b, l.a, g->a, l.b, &beta,
                           adds ? g->residual : g->y, l.y, g->y, l.y, &choice->algo, workspace,
                           WORKSPACE_BYTES, c->stream)
           == CUBLAS_STATUS_SUCCESS;
  release (&l);
  if (!done && em_cuda_ready (c))
    em_cuda_refused (c, what, g->type, g->m, g->n, g->k);
  for (int64_t i = 0; done && i < g->batch; i++)
    launch_finish (c, g, i, does_bias ? NULL : g->bias, does_act ? EM_ACT_NONE : g->act,
                   adds ? NULL : g->residual);
  return done;
}

void
em_cuda_gemm (EmCuda *c, const char *what, const EmCudaGemm *g)
{
  if (!em_cuda_ready (c) || g->m == 0 || g->n == 0 || g->batch == 0)
    return;
  EM_BUG_UNLESS (g->batch == 1 || (!g->bias && !g->residual));
  if (g->m <= FEW_ROWS && g->tb && !g->ta && g->batch == 1) {
    launch_few_rows (c, what, g, 0);
    return;
  }
  if (g->k > 0 && by_library (c, what, g))
    return;
  for (int64_t i = 0; i < g->batch; i++) {
    launch_plain (c, what, g, i);
    launch_finish (c, g, i, g->bias, g->act, g->residual);
  }
}

void
cuda_linear (EmBackend *be, EmTensor *y, const EmTensor *x, const EmTensor *w, const EmTensor *b,
             EmAct act, const EmTensor *residual)
{
  EmCudaGemm g = {};

  g.k = em_last_dim (x);
  g.n = w->shape[0];
  g.m = g.n ? em_numel (y) / g.n : 0;
  g.a = x->data;
  g.lda = g.k;
  g.b = w->data;
  g.ldb = g.k;
  g.tb = true;
  g.y = y->data;
  g.ldy = g.n;
  g.bias = b ? b->data : NULL;
  g.act = act;
  g.residual = residual ? residual->data : NULL;
  g.scale = 1;
  g.batch = 1;
  g.type = x->dtype;
  g.y_type = y->dtype;
  em_cuda_gemm (em_cuda_of (be), "linear", &g);
}

void
cuda_matmul (EmBackend *be, EmTensor *y, const EmTensor *a, bool ta, const EmTensor *b, bool tb,
             float scale)
{
  EmCudaGemm g = {};

  g.batch = y->shape[0];
  g.m = y->shape[1];
  g.n = y->shape[2];
  g.k = a->shape[ta ? 1 : 2];
  g.a = a->data;
  g.lda = ta ? g.m : g.k;
  g.ta = ta;
  g.stride_a = a->shape[0] == 1 ? 0 : g.m * g.k;
  g.b = b->data;
  g.ldb = tb ? g.k : g.n;
  g.tb = tb;
  g.stride_b = b->shape[0] == 1 ? 0 : g.n * g.k;
  g.y = y->data;
  g.ldy = g.n;
  g.stride_y = g.m * g.n;
  g.scale = scale;
  g.type = a->dtype;
  g.y_type = y->dtype;
  em_cuda_gemm (em_cuda_of (be), "matmul", &g);
}
