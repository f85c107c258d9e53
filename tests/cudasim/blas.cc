/* blas.cc - cublasLtMatmul, queued on its stream.
 *
 * What the real library refuses is refused: mixed types it has no kernel for, an algorithm that was
 * chosen for better aligned matrices, a workspace that is too small. The workspace is scribbled
 * over, so sharing it with live data shows. */
#include "include/cublasLt.h"
#include "sim.h"
#include <algorithm>

struct cublasLtContext {
  int unused;
};

struct cudasim_matmul {
  int compute, scale, pointer_mode, trans_a, trans_b, epilogue;
  int bias_type; /* -1: as d */
  const void *bias;
  int64_t bias_stride;
};

struct cudasim_layout {
  int type, order;
  uint64_t rows, cols;
  int64_t ld;
  int batch;
  int64_t stride;
};

struct cudasim_preference {
  uint64_t workspace;
  uint32_t search, reductions, align[4]; /* a b c d */
};

namespace sim
{

/* What an algorithm holds: whether it is ours, what it was chosen for and what it wants. */
enum { ALGO_MAGIC, ALGO_KIND, ALGO_WORKSPACE, ALGO_ALIGN, ALGO_BIAS = ALGO_ALIGN + 4 };
static const uint64_t MAGIC = 0x6372616d726165;

static size_t
element_bytes (int type)
{
  return type == CUDA_R_16BF ? 2 : 4;
}

static bool
is_float_type (int type)
{
  return type == CUDA_R_32F || type == CUDA_R_16BF;
}

static cublasStatus_t
set (void *field, size_t field_bytes, const void *value, size_t bytes)
{
  if (!value || bytes != field_bytes)
    return CUBLAS_STATUS_INVALID_VALUE;
  memcpy (field, value, bytes);
  return CUBLAS_STATUS_SUCCESS;
}

static int
bias_type (const cudasim_matmul &desc, const cudasim_layout &d)
{
  return desc.bias_type < 0 ? d.type : desc.bias_type;
}

static cublasStatus_t
check (const cudasim_matmul &desc, const cudasim_layout &a, const cudasim_layout &b,
       const cudasim_layout &c, const cudasim_layout &d)
{
  uint64_t m = desc.trans_a ? a.cols : a.rows, k = desc.trans_a ? a.rows : a.cols;
  uint64_t n = desc.trans_b ? b.rows : b.cols;

  for (const cudasim_layout *l : { &a, &b, &c, &d }) {
    if (!is_float_type (l->type) || l->order != CUBLASLT_ORDER_COL)
      return CUBLAS_STATUS_NOT_SUPPORTED;
    if (!l->rows || !l->cols || l->ld < (int64_t) l->rows || l->batch < 1 || l->batch != d.batch)
      return CUBLAS_STATUS_INVALID_VALUE;
  }
  if (k != (desc.trans_b ? b.cols : b.rows) || d.rows != m || d.cols != n || c.rows != m
      || c.cols != n || c.type != d.type)
    return CUBLAS_STATUS_INVALID_VALUE;
  if (a.type != b.type || (a.type == CUDA_R_32F && d.type != CUDA_R_32F)
      || desc.scale != CUDA_R_32F)
    return CUBLAS_STATUS_NOT_SUPPORTED;
  if (desc.compute != CUBLAS_COMPUTE_32F && desc.compute != CUBLAS_COMPUTE_32F_PEDANTIC
      && (desc.compute != CUBLAS_COMPUTE_32F_FAST_TF32 || a.type != CUDA_R_32F))
    return CUBLAS_STATUS_NOT_SUPPORTED;
  if (desc.epilogue & CUBLASLT_EPILOGUE_BIAS && bias_type (desc, d) != d.type)
    return CUBLAS_STATUS_NOT_SUPPORTED;
  switch (desc.epilogue) {
  case CUBLASLT_EPILOGUE_DEFAULT:
  case CUBLASLT_EPILOGUE_RELU:
  case CUBLASLT_EPILOGUE_BIAS:
  case CUBLASLT_EPILOGUE_RELU_BIAS:
  case CUBLASLT_EPILOGUE_GELU:
  case CUBLASLT_EPILOGUE_GELU_BIAS:
    return CUBLAS_STATUS_SUCCESS;
  }
  return CUBLAS_STATUS_NOT_SUPPORTED;
}

static uint64_t
kind_of (const cudasim_matmul &desc, const cudasim_layout &a, const cudasim_layout &d)
{
  return (uint64_t) (desc.epilogue | desc.trans_a << 8 | desc.trans_b << 10 | a.type << 12
                     | d.type << 18);
}

static uint64_t
alignment_of (const void *p)
{
  uintptr_t at = (uintptr_t) p | 16;

  return at & -at;
}

struct MatmulCall {
  cudasim_matmul desc;
  cudasim_layout la, lb, lc, ld;
  float alpha, beta;
  const void *alpha_at, *beta_at; /* on the device, or NULL */
  const void *a, *b, *c;
  void *d, *workspace;
  size_t workspace_bytes;
};

/* What lies between the first and the last element that is touched. */
static size_t
extent (const cudasim_layout &l)
{
  int64_t last = (int64_t) (l.rows - 1) + (int64_t) (l.cols - 1) * l.ld + (l.batch - 1) * l.stride;

  return (size_t) (last + 1) * element_bytes (l.type);
}

static void
check_memory (const MatmulCall &call, bool reads_c)
{
  size_t d_bytes = extent (call.ld);
  bool in_place = call.c == call.d && call.lc.ld == call.ld.ld;

  if (!is_device (call.a, extent (call.la)) || !is_device (call.b, extent (call.lb))
      || !is_device (call.d, d_bytes) || (reads_c && !is_device (call.c, extent (call.lc))))
    fatal ("cublasLtMatmul: a matrix is not in device memory");
  if (overlap (call.d, d_bytes, call.a, extent (call.la))
      || overlap (call.d, d_bytes, call.b, extent (call.lb))
      || (reads_c && !in_place && overlap (call.d, d_bytes, call.c, extent (call.lc))))
    fatal ("cublasLtMatmul: the result overlaps a matrix that is read");
  if (call.workspace_bytes
      && (overlap (call.workspace, call.workspace_bytes, call.d, d_bytes)
          || overlap (call.workspace, call.workspace_bytes, call.a, extent (call.la))
          || overlap (call.workspace, call.workspace_bytes, call.b, extent (call.lb))))
    fatal ("cublasLtMatmul: the workspace overlaps a matrix");
}

static float
activated (float x, int epilogue)
{
  if (epilogue & CUBLASLT_EPILOGUE_RELU)
    return x < 0 ? 0 : x;
  if (epilogue & CUBLASLT_EPILOGUE_GELU)
    return 0.5f * x * (1 + tanhf (0.79788456f * (x + 0.044715f * x * x * x)));
  return x;
}

static Matrix
matrix (const void *data, const cudasim_layout &l, bool transposed, int batch)
{
  const char *at = (const char *) data + batch * l.stride * (int64_t) element_bytes (l.type);

  return { at, l.type == CUDA_R_16BF, transposed ? l.ld : 1, transposed ? 1 : l.ld };
}

static void
matmul (const MatmulCall &call)
{
  const cudasim_matmul &desc = call.desc;
  const cudasim_layout &d = call.ld, &c = call.lc;
  int64_t m = (int64_t) d.rows, n = (int64_t) d.cols;
  int64_t k = (int64_t) (desc.trans_a ? call.la.rows : call.la.cols);
  float alpha = call.alpha_at ? *(const float *) call.alpha_at : call.alpha;
  float beta = call.beta_at ? *(const float *) call.beta_at : call.beta;
  std::vector<float> product ((size_t) (m * n));

  if (call.workspace_bytes)
    memset (call.workspace, 0xff, call.workspace_bytes);
  for (int batch = 0; batch < d.batch; batch++) {
    multiply (m, n, k, matrix (call.a, call.la, desc.trans_a, batch),
              matrix (call.b, call.lb, desc.trans_b, batch), product.data ());
    for (int64_t col = 0; col < n; col++)
      for (int64_t row = 0; row < m; row++) {
        float x = alpha * product[(size_t) (col * m + row)];

        if (beta != 0)
          x += beta * load (call.c, c.type == CUDA_R_16BF, batch * c.stride + col * c.ld + row);
        if (desc.epilogue & CUBLASLT_EPILOGUE_BIAS)
          x += load (desc.bias, bias_type (desc, d) == CUDA_R_16BF, batch * desc.bias_stride + row);
        store (call.d, d.type == CUDA_R_16BF, batch * d.stride + col * d.ld + row,
               activated (x, desc.epilogue));
      }
  }
}

} /* namespace sim */

using namespace sim;

extern "C" {

size_t
cublasLtGetVersion (void)
{
  return CUBLAS_VERSION;
}

const char *
cublasLtGetStatusName (cublasStatus_t status)
{
  switch (status) {
#define NAME(code)                                                                                 \
  case code:                                                                                       \
    return #code
    NAME (CUBLAS_STATUS_SUCCESS);
    NAME (CUBLAS_STATUS_NOT_INITIALIZED);
    NAME (CUBLAS_STATUS_ALLOC_FAILED);
    NAME (CUBLAS_STATUS_INVALID_VALUE);
    NAME (CUBLAS_STATUS_ARCH_MISMATCH);
    NAME (CUBLAS_STATUS_EXECUTION_FAILED);
    NAME (CUBLAS_STATUS_INTERNAL_ERROR);
    NAME (CUBLAS_STATUS_NOT_SUPPORTED);
#undef NAME
  }
  return "unknown";
}

const char *
cublasLtGetStatusString (cublasStatus_t status)
{
  return cublasLtGetStatusName (status);
}

cublasStatus_t
cublasLtCreate (cublasLtHandle_t *handle)
{
  *handle = new cublasLtContext ();
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasLtDestroy (cublasLtHandle_t handle)
{
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasLtMatmulDescCreate (cublasLtMatmulDesc_t *desc, cublasComputeType_t compute,
                          cudaDataType scale)
{
  *desc = new cudasim_matmul{ compute,     scale,       CUBLASLT_POINTER_MODE_HOST,
                              CUBLAS_OP_N, CUBLAS_OP_N, CUBLASLT_EPILOGUE_DEFAULT,
                              -1,          NULL,        0 };
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasLtMatmulDescDestroy (cublasLtMatmulDesc_t desc)
{
  delete desc;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasLtMatmulDescSetAttribute (cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t attribute,
                                const void *value, size_t bytes)
{
#define SET(field) return set (&desc->field, sizeof desc->field, value, bytes)
  switch (attribute) {
  case CUBLASLT_MATMUL_DESC_COMPUTE_TYPE:
    SET (compute);
  case CUBLASLT_MATMUL_DESC_SCALE_TYPE:
    SET (scale);
  case CUBLASLT_MATMUL_DESC_POINTER_MODE:
    SET (pointer_mode);
  case CUBLASLT_MATMUL_DESC_TRANSA:
    SET (trans_a);
  case CUBLASLT_MATMUL_DESC_TRANSB:
    SET (trans_b);
  case CUBLASLT_MATMUL_DESC_EPILOGUE:
    SET (epilogue);
  case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
    SET (bias);
  case CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE:
    SET (bias_stride);
  case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE:
    SET (bias_type);
  }
#undef SET
  return CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t
cublasLtMatrixLayoutCreate (cublasLtMatrixLayout_t *layout, cudaDataType type, uint64_t rows,
                            uint64_t cols, int64_t ld)
{
  *layout = new cudasim_layout{ type, CUBLASLT_ORDER_COL, rows, cols, ld, 1, 0 };
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasLtMatrixLayoutDestroy (cublasLtMatrixLayout_t layout)
{
  delete layout;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasLtMatrixLayoutSetAttribute (cublasLtMatrixLayout_t layout,
                                  cublasLtMatrixLayoutAttribute_t attribute, const void *value,
                                  size_t bytes)
{
#define SET(field) return set (&layout->field, sizeof layout->field, value, bytes)
  switch (attribute) {
  case CUBLASLT_MATRIX_LAYOUT_TYPE:
    SET (type);
  case CUBLASLT_MATRIX_LAYOUT_ORDER:
    SET (order);
  case CUBLASLT_MATRIX_LAYOUT_ROWS:
    SET (rows);
  case CUBLASLT_MATRIX_LAYOUT_COLS:
    SET (cols);
  case CUBLASLT_MATRIX_LAYOUT_LD:
    SET (ld);
  case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT:
    SET (batch);
  case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET:
    SET (stride);
  }
#undef SET
  return CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t
cublasLtMatmulPreferenceCreate (cublasLtMatmulPreference_t *preference)
{
  *preference = new cudasim_preference{ 0, 0, ~0u, { 256, 256, 256, 256 } };
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasLtMatmulPreferenceDestroy (cublasLtMatmulPreference_t preference)
{
  delete preference;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasLtMatmulPreferenceSetAttribute (cublasLtMatmulPreference_t preference,
                                      cublasLtMatmulPreferenceAttributes_t attribute,
                                      const void *value, size_t bytes)
{
#define SET(field) return set (&preference->field, sizeof preference->field, value, bytes)
  switch (attribute) {
  case CUBLASLT_MATMUL_PREF_SEARCH_MODE:
    SET (search);
  case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
    SET (workspace);
  case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
    SET (reductions);
  case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
    SET (align[0]);
  case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
    SET (align[1]);
  case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
    SET (align[2]);
  case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
    SET (align[3]);
  }
#undef SET
  return CUBLAS_STATUS_INVALID_VALUE;
}

/* Two of them: one that uses what workspace it may, one that needs none. */
cublasStatus_t
cublasLtMatmulAlgoGetHeuristic (cublasLtHandle_t handle, cublasLtMatmulDesc_t desc,
                                cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                cublasLtMatmulPreference_t preference, int n_wanted,
                                cublasLtMatmulHeuristicResult_t *results, int *n_results)
{
  *n_results = 0;
  if (!handle || n_wanted < 1)
    return CUBLAS_STATUS_INVALID_VALUE;
  if (cublasStatus_t status = check (*desc, *a, *b, *c, *d))
    return status;
  for (int i = 0; i < n_wanted && i < 2; i++, ++*n_results) {
    cublasLtMatmulHeuristicResult_t *r = &results[i];
    uint64_t most = preference ? preference->workspace : 0;

    *r = cublasLtMatmulHeuristicResult_t ();
    r->workspaceSize = i ? 0 : std::min<uint64_t> (most, 64 << 10) / 256 * 256;
    r->wavesCount = 1;
    r->algo.data[ALGO_MAGIC] = MAGIC;
    r->algo.data[ALGO_KIND] = kind_of (*desc, *a, *d);
    r->algo.data[ALGO_WORKSPACE] = r->workspaceSize;
    for (int k = 0; k < 4; k++)
      r->algo.data[ALGO_ALIGN + k] = std::min (preference ? preference->align[k] : 256u, 16u);
    r->algo.data[ALGO_BIAS] = alignment_of (desc->bias);
  }
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasLtMatmul (cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, const void *alpha,
                const void *a, cublasLtMatrixLayout_t a_layout, const void *b,
                cublasLtMatrixLayout_t b_layout, const void *beta, const void *c,
                cublasLtMatrixLayout_t c_layout, void *d, cublasLtMatrixLayout_t d_layout,
                const cublasLtMatmulAlgo_t *algo, void *workspace, size_t workspace_bytes,
                cudaStream_t stream)
{
  Entry entry;
  bool on_device = desc->pointer_mode == CUBLASLT_POINTER_MODE_DEVICE;
  MatmulCall call = { *desc, *a_layout, *b_layout, *c_layout, *d_layout, 0,         0, NULL,
                      NULL,  a,         b,         c,         d,         workspace, 0 };
  const void *const matrices[] = { a, b, c, d };
  const int types[] = { call.la.type, call.lb.type, call.lc.type, call.ld.type };

  if (!handle || !alpha || !beta || !a || !b || !d)
    return CUBLAS_STATUS_INVALID_VALUE;
  if (cublasStatus_t status = check (*desc, *a_layout, *b_layout, *c_layout, *d_layout))
    return status;
  for (int i = 0; i < 4; i++)
    if ((uintptr_t) matrices[i] % (algo ? algo->data[ALGO_ALIGN + i] : element_bytes (types[i])))
      return CUBLAS_STATUS_NOT_SUPPORTED;
  if (desc->epilogue & CUBLASLT_EPILOGUE_BIAS) {
    if (!desc->bias)
      return CUBLAS_STATUS_INVALID_VALUE;
    if (algo && (uintptr_t) desc->bias % algo->data[ALGO_BIAS])
      return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  if (algo) {
    call.workspace_bytes = algo->data[ALGO_WORKSPACE];
    if (algo->data[ALGO_MAGIC] != MAGIC || call.workspace_bytes > workspace_bytes)
      return CUBLAS_STATUS_INVALID_VALUE;
    if (algo->data[ALGO_KIND] != kind_of (*desc, *a_layout, *d_layout))
      return CUBLAS_STATUS_NOT_SUPPORTED;
  } else {
    call.workspace_bytes = workspace_bytes;
  }
  if (call.workspace_bytes
      && ((uintptr_t) workspace % 16 || !is_device (workspace, call.workspace_bytes)))
    return CUBLAS_STATUS_INVALID_VALUE;
  if (on_device) {
    call.alpha_at = alpha;
    call.beta_at = beta;
  } else {
    call.alpha = *(const float *) alpha;
    call.beta = *(const float *) beta;
  }
  check_memory (call, on_device || call.beta != 0);
  if (desc->epilogue & CUBLASLT_EPILOGUE_BIAS
      && !is_device (desc->bias, (call.ld.rows + (size_t) ((call.ld.batch - 1) * desc->bias_stride))
                                     * element_bytes (bias_type (*desc, *d_layout))))
    fatal ("cublasLtMatmul: the bias is not in device memory");
  return enqueue (stream, [call] { matmul (call); }) ? CUBLAS_STATUS_EXECUTION_FAILED
                                                     : CUBLAS_STATUS_SUCCESS;
}
}
