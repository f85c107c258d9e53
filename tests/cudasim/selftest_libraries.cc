/* selftest_libraries.cc - cuBLASLt and cuDNN against plain loops, and bfloat16. */
#include "selftest.h"
#include <cmath>
#include <cublasLt.h>
#include <cudnn.h>

static void
test_bf16 ()
{
  for (uint32_t bits = 0; bits < 0x10000; bits++) {
    float x = of_bf16 ((uint16_t) bits);
    uint16_t back = bf16_of (x), next = (uint16_t) (bits + 1);

    if (x != x) {
      EXPECT (of_bf16 (back) != of_bf16 (back));
      continue;
    }
    EXPECT (back == bits);
    if (isinf (x))
      continue;
    /* Half way to the next, the even one wins. */
    EXPECT (bf16_of (__uint_as_float (bits << 16 | 0x8000)) == (bits & 1 ? next : bits));
    EXPECT (bf16_of (__uint_as_float (bits << 16 | 0x7fff)) == bits);
    EXPECT (bf16_of (__uint_as_float (bits << 16 | 0x8001)) == next);
  }
  __nv_bfloat162 two = __floats2bfloat162_rn (1, -3);
  EXPECT (__low2float (two) == 1 && __high2float (two) == -3 && pack_bf16 (1, -3) == 0xc0403f80);
  passed ("bfloat16");
}

struct Numbers { /* on the device, f32 or bf16, and what they are */
  bool is_bf16;
  std::vector<float> host;
  Device<char> device;
  Numbers (size_t n, bool is_bf16)
      : is_bf16 (is_bf16), host (random_floats (n)), device (n * (is_bf16 ? 2 : 4))
  {
    std::vector<uint16_t> narrow (n);

    for (size_t i = 0; i < n; i++)
      narrow[i] = bf16_of (host[i]);
    for (size_t i = 0; i < n && is_bf16; i++)
      host[i] = of_bf16 (narrow[i]);
    SUCCEED (cudaMemcpy (device.data, is_bf16 ? (void *) narrow.data () : (void *) host.data (),
                         device.n, cudaMemcpyHostToDevice));
  }
  std::vector<float>
  read () const
  {
    std::vector<char> bytes = device.read ();
    std::vector<float> to (host.size ());

    for (size_t i = 0; i < to.size (); i++)
      to[i] = is_bf16 ? of_bf16 (((uint16_t *) bytes.data ())[i]) : ((float *) bytes.data ())[i];
    return to;
  }
};

struct Product {
  int m, n, k, batch;
  bool trans_a, trans_b, bf16_in, bf16_out;
  cublasLtEpilogue_t epilogue;
  float beta;
};

template <typename T>
static void
set (cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t attribute, T value)
{
  SUCCEED (cublasLtMatmulDescSetAttribute (desc, attribute, &value, sizeof value));
}

/* With leading dimensions three larger than need be. */
static cublasLtMatrixLayout_t
layout (bool is_bf16, int rows, int cols, int batch)
{
  cublasLtMatrixLayout_t l;
  int64_t stride = (int64_t) (rows + 3) * cols;

  SUCCEED (cublasLtMatrixLayoutCreate (&l, is_bf16 ? CUDA_R_16BF : CUDA_R_32F, (uint64_t) rows,
                                       (uint64_t) cols, rows + 3));
  SUCCEED (cublasLtMatrixLayoutSetAttribute (l, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &batch,
                                             sizeof batch));
  SUCCEED (cublasLtMatrixLayoutSetAttribute (l, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET,
                                             &stride, sizeof stride));
  return l;
}

static double
wanted (const Product &p, const Numbers &a, const Numbers &b, const Numbers &d, const Numbers &bias,
        int batch, int row, int col)
{
  int lda = (p.trans_a ? p.k : p.m) + 3, ldb = (p.trans_b ? p.n : p.k) + 3, ldd = p.m + 3;
  int a0 = batch * lda * (p.trans_a ? p.m : p.k), b0 = batch * ldb * (p.trans_b ? p.k : p.n);
  double sum = 0;

  for (int l = 0; l < p.k; l++)
    sum += (double) a.host[(size_t) (a0 + (p.trans_a ? row * lda + l : l * lda + row))]
           * b.host[(size_t) (b0 + (p.trans_b ? l * ldb + col : col * ldb + l))];
  sum = 0.5 * sum + p.beta * d.host[(size_t) (batch * ldd * p.n + col * ldd + row)];
  if (p.epilogue & CUBLASLT_EPILOGUE_BIAS)
    sum += bias.host[(size_t) row];
  if (p.epilogue & CUBLASLT_EPILOGUE_RELU)
    return sum < 0 ? 0 : sum;
  if (p.epilogue & CUBLASLT_EPILOGUE_GELU)
    return sum / 2 * (1 + tanh (sqrt (2 / M_PI) * (sum + 0.044715 * sum * sum * sum)));
  return sum;
}

static void
check_product (cublasLtHandle_t handle, const Product &p)
{
  Numbers a ((size_t) (((p.trans_a ? p.k : p.m) + 3) * (p.trans_a ? p.m : p.k) * p.batch),
             p.bf16_in);
  Numbers b ((size_t) (((p.trans_b ? p.n : p.k) + 3) * (p.trans_b ? p.k : p.n) * p.batch),
             p.bf16_in);
  Numbers d ((size_t) ((p.m + 3) * p.n * p.batch), p.bf16_out), bias ((size_t) p.m, p.bf16_out);
  Device<char> workspace (1 << 16);
  cublasLtMatrixLayout_t la, lb, ld;
  cublasLtMatmulDesc_t desc;
  cublasLtMatmulPreference_t preference;
  cublasLtMatmulHeuristicResult_t found;
  uint64_t most = workspace.n;
  float alpha = 0.5f;
  int n_found;

  la = p.trans_a ? layout (p.bf16_in, p.k, p.m, p.batch) : layout (p.bf16_in, p.m, p.k, p.batch);
  lb = p.trans_b ? layout (p.bf16_in, p.n, p.k, p.batch) : layout (p.bf16_in, p.k, p.n, p.batch);
  ld = layout (p.bf16_out, p.m, p.n, p.batch);
  SUCCEED (cublasLtMatmulDescCreate (&desc, CUBLAS_COMPUTE_32F, CUDA_R_32F));
  set (desc, CUBLASLT_MATMUL_DESC_TRANSA, p.trans_a ? CUBLAS_OP_T : CUBLAS_OP_N);
  set (desc, CUBLASLT_MATMUL_DESC_TRANSB, p.trans_b ? CUBLAS_OP_T : CUBLAS_OP_N);
  set (desc, CUBLASLT_MATMUL_DESC_EPILOGUE, p.epilogue);
  set (desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, (const void *) bias.device.data);
  SUCCEED (cublasLtMatmulPreferenceCreate (&preference));
  SUCCEED (cublasLtMatmulPreferenceSetAttribute (
      preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &most, sizeof most));
  SUCCEED (cublasLtMatmulAlgoGetHeuristic (handle, desc, la, lb, ld, ld, preference, 1, &found,
                                           &n_found));
  EXPECT (n_found == 1 && found.workspaceSize <= workspace.n);
  SUCCEED (cublasLtMatmul (handle, desc, &alpha, a.device.data, la, b.device.data, lb, &p.beta,
                           d.device.data, ld, d.device.data, ld, &found.algo, workspace.data,
                           workspace.n, NULL));
  std::vector<float> got = d.read ();
  for (int batch = 0; batch < p.batch; batch++)
    for (int col = 0; col < p.n; col++)
      for (int row = 0; row < p.m; row++)
        EXPECT (near (got[(size_t) ((batch * p.n + col) * (p.m + 3) + row)],
                      wanted (p, a, b, d, bias, batch, row, col), p.bf16_out ? 5e-3 : 1e-5));
  SUCCEED (cublasLtMatmulPreferenceDestroy (preference));
  SUCCEED (cublasLtMatmulDescDestroy (desc));
  for (cublasLtMatrixLayout_t l : { la, lb, ld })
    SUCCEED (cublasLtMatrixLayoutDestroy (l));
}

static void
test_blas ()
{
  static const cublasLtEpilogue_t EPILOGUES[] = {
    CUBLASLT_EPILOGUE_DEFAULT,   CUBLASLT_EPILOGUE_BIAS, CUBLASLT_EPILOGUE_RELU,
    CUBLASLT_EPILOGUE_RELU_BIAS, CUBLASLT_EPILOGUE_GELU, CUBLASLT_EPILOGUE_GELU_BIAS,
  };
  static const int SIZES[][3] = { { 1, 1, 1 }, { 5, 7, 3 }, { 33, 17, 600 }, { 64, 20, 48 } };
  cublasLtHandle_t handle;
  int n = 0;

  SUCCEED (cublasLtCreate (&handle));
  for (auto &size : SIZES)
    for (int how = 0; how < 4; how++)
      for (int types = 0; types < 3; types++, n++)
        check_product (handle,
                       { size[0], size[1], size[2], 1 + n % 3, (how & 1) != 0, (how & 2) != 0,
                         types > 0, types > 1, EPILOGUES[n % 6], n % 2 ? 0.25f : 0 });
  SUCCEED (cublasLtDestroy (handle));
  passed ("cublasLtMatmul");
}

/* What the real one does not have either. */
static void
test_blas_refusals ()
{
  Device<char> memory (4096);
  cublasLtHandle_t handle;
  cublasLtMatmulDesc_t desc;
  cublasLtMatmulHeuristicResult_t found;
  cublasLtMatrixLayout_t wide = layout (false, 8, 8, 1), narrow = layout (true, 8, 8, 1);
  float one = 1, zero = 0;
  char *at = memory.data;
  int n;

  SUCCEED (cublasLtCreate (&handle));
  SUCCEED (cublasLtMatmulDescCreate (&desc, CUBLAS_COMPUTE_32F, CUDA_R_32F));
  EXPECT (
      cublasLtMatmulAlgoGetHeuristic (handle, desc, narrow, wide, wide, wide, NULL, 1, &found, &n)
      == CUBLAS_STATUS_NOT_SUPPORTED);
  SUCCEED (cublasLtMatmulAlgoGetHeuristic (handle, desc, narrow, narrow, wide, wide, NULL, 1,
                                           &found, &n));
  /* Chosen for aligned matrices, and these are not; left to itself it finds another. */
  EXPECT (cublasLtMatmul (handle, desc, &one, at + 2, narrow, at + 512, narrow, &zero, at + 1024,
                          wide, at + 1024, wide, &found.algo, NULL, 0, NULL)
          == CUBLAS_STATUS_NOT_SUPPORTED);
  SUCCEED (cublasLtMatmul (handle, desc, &one, at + 2, narrow, at + 512, narrow, &zero, at + 1024,
                           wide, at + 1024, wide, NULL, NULL, 0, NULL));
  SUCCEED (cublasLtMatmulDescDestroy (desc));
  SUCCEED (cublasLtMatrixLayoutDestroy (wide));
  SUCCEED (cublasLtMatrixLayoutDestroy (narrow));
  SUCCEED (cublasLtDestroy (handle));
  passed ("what cublasLtMatmul refuses");
}

struct Conv {
  int n, c, h, w, k, taps, stride, pad, dilation, groups;
};

static void
check_conv (cudnnHandle_t handle, const Conv &v, bool is_bf16)
{
  int span = (v.taps - 1) * v.dilation + 1, cg = v.c / v.groups;
  int oh = (v.h + 2 * v.pad - span) / v.stride + 1, ow = (v.w + 2 * v.pad - span) / v.stride + 1;
  Numbers x ((size_t) (v.n * v.h * v.w * v.c), is_bf16);
  Numbers w ((size_t) (v.k * v.taps * v.taps * cg), is_bf16);
  Numbers y ((size_t) (v.n * oh * ow * v.k), is_bf16);
  cudnnDataType_t type = is_bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
  cudnnConvolutionFwdAlgo_t algo = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
  cudnnTensorDescriptor_t x_desc, y_desc;
  cudnnFilterDescriptor_t w_desc;
  cudnnConvolutionDescriptor_t conv;
  float one = 1, zero = 0;
  size_t bytes;

  SUCCEED (cudnnCreateTensorDescriptor (&x_desc));
  SUCCEED (cudnnCreateTensorDescriptor (&y_desc));
  SUCCEED (cudnnCreateFilterDescriptor (&w_desc));
  SUCCEED (cudnnCreateConvolutionDescriptor (&conv));
  SUCCEED (cudnnSetTensor4dDescriptor (x_desc, CUDNN_TENSOR_NHWC, type, v.n, v.c, v.h, v.w));
  SUCCEED (cudnnSetTensor4dDescriptor (y_desc, CUDNN_TENSOR_NHWC, type, v.n, v.k, oh, ow));
  SUCCEED (cudnnSetFilter4dDescriptor (w_desc, type, CUDNN_TENSOR_NHWC, v.k, cg, v.taps, v.taps));
  SUCCEED (cudnnSetConvolution2dDescriptor (conv, v.pad, v.pad, v.stride, v.stride, v.dilation,
                                            v.dilation, CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT));
  SUCCEED (cudnnSetConvolutionGroupCount (conv, v.groups));
  SUCCEED (cudnnSetConvolutionMathType (conv, CUDNN_TENSOR_OP_MATH));
  SUCCEED (
      cudnnGetConvolutionForwardWorkspaceSize (handle, x_desc, w_desc, conv, y_desc, algo, &bytes));
  Device<char> workspace (bytes);
  SUCCEED (cudnnConvolutionForward (handle, &one, x_desc, x.device.data, w_desc, w.device.data,
                                    conv, algo, workspace.data, bytes, &zero, y_desc,
                                    y.device.data));
  std::vector<float> got = y.read ();
  for (size_t i = 0; i < got.size (); i++) {
    int k = (int) i % v.k, ox = (int) i / v.k % ow, oy = (int) i / v.k / ow % oh;
    int n = (int) i / v.k / ow / oh, c0 = k / (v.k / v.groups) * cg;
    double sum = 0;

    for (int r = 0; r < v.taps; r++)
      for (int s = 0; s < v.taps; s++)
        for (int c = 0; c < cg; c++) {
          int iy = oy * v.stride - v.pad + r * v.dilation,
              ix = ox * v.stride - v.pad + s * v.dilation;

          if (iy >= 0 && iy < v.h && ix >= 0 && ix < v.w)
            sum += (double) x.host[(size_t) (((n * v.h + iy) * v.w + ix) * v.c + c0 + c)]
                   * w.host[(size_t) (((k * v.taps + r) * v.taps + s) * cg + c)];
        }
    EXPECT (near (got[i], sum, is_bf16 ? 5e-3 : 1e-5));
  }
  SUCCEED (cudnnDestroyTensorDescriptor (x_desc));
  SUCCEED (cudnnDestroyTensorDescriptor (y_desc));
  SUCCEED (cudnnDestroyFilterDescriptor (w_desc));
  SUCCEED (cudnnDestroyConvolutionDescriptor (conv));
}

static void
test_dnn ()
{
  cudnnHandle_t handle;

  SUCCEED (cudnnCreate (&handle));
  for (bool is_bf16 : { false, true }) {
    check_conv (handle, { 1, 3, 9, 11, 5, 3, 1, 1, 1, 1 }, is_bf16);
    check_conv (handle, { 2, 4, 8, 7, 6, 7, 4, 3, 1, 1 }, is_bf16);
    check_conv (handle, { 1, 6, 10, 9, 6, 3, 1, 2, 2, 6 }, is_bf16);
    check_conv (handle, { 1, 16, 4, 4, 8, 1, 1, 0, 1, 2 }, is_bf16);
  }
  SUCCEED (cudnnDestroy (handle));
  passed ("cudnnConvolutionForward");
}

void
test_libraries ()
{
  test_bf16 ();
  test_blas ();
  test_blas_refusals ();
  test_dnn ();
}
