/* dnn.cc - cudnnConvolutionForward, queued on its handle's stream: patches, then a product.
 *
 * Only what the real library has for channels-last tensors: all of one type, f32 or bf16, sums in
 * f32, one of the two implicit products. */
#include "include/cudnn.h"
#include "sim.h"

struct cudnnContext {
  cudaStream_t stream;
};

struct cudnnTensorStruct {
  cudnnDataType_t type;
  int64_t n, c, h, w;
  int64_t sn, sc, sh, sw; /* strides in elements */
};

struct cudnnFilterStruct {
  cudnnDataType_t type;
  cudnnTensorFormat_t format;
  int64_t k, c, h, w;
};

struct cudnnConvolutionStruct {
  int pad_h, pad_w, stride_h, stride_w, dilation_h, dilation_w, n_groups;
  cudnnConvolutionMode_t mode;
  cudnnDataType_t compute;
  cudnnMathType_t math;
};

namespace sim
{

typedef cudnnTensorStruct Tensor;
typedef cudnnFilterStruct Filter;
typedef cudnnConvolutionStruct Convolution;

struct ConvCall {
  Tensor x, y;
  Filter w;
  Convolution conv;
  float alpha, beta;
  const char *x_data, *w_data;
  char *y_data, *workspace;
  size_t workspace_bytes;
};

static size_t
element_bytes (cudnnDataType_t type)
{
  return type == CUDNN_DATA_BFLOAT16 ? 2 : 4;
}

static size_t
tensor_bytes (const Tensor &t)
{
  return (size_t) (t.n * t.c * t.h * t.w) * element_bytes (t.type);
}

static size_t
filter_bytes (const Filter &w)
{
  return (size_t) (w.k * w.c * w.h * w.w) * element_bytes (w.type);
}

static int64_t
out_size (int64_t in, int64_t taps, int pad, int stride, int dilation)
{
  return (in + 2 * pad - ((taps - 1) * dilation + 1)) / stride + 1;
}

static cudnnStatus_t
check (const Tensor &x, const Filter &w, const Convolution &conv, const Tensor &y, int algo)
{
  if (conv.stride_h < 1 || conv.stride_w < 1 || conv.dilation_h < 1 || conv.dilation_w < 1
      || x.n < 1 || w.k < 1)
    return CUDNN_STATUS_BAD_PARAM;
  if (x.c != w.c * conv.n_groups || w.k % conv.n_groups || y.n != x.n || y.c != w.k
      || y.h != out_size (x.h, w.h, conv.pad_h, conv.stride_h, conv.dilation_h)
      || y.w != out_size (x.w, w.w, conv.pad_w, conv.stride_w, conv.dilation_w))
    return CUDNN_STATUS_BAD_PARAM;
  if (x.type != y.type || x.type != w.type || conv.compute != CUDNN_DATA_FLOAT
      || conv.mode != CUDNN_CROSS_CORRELATION
      || (x.type != CUDNN_DATA_FLOAT && x.type != CUDNN_DATA_BFLOAT16)
      || (x.sc == 1) != (w.format == CUDNN_TENSOR_NHWC)
      || (algo != CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM
          && algo != CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM))
    return CUDNN_STATUS_NOT_SUPPORTED;
  return CUDNN_STATUS_SUCCESS;
}

/* What the filter's taps see at one output, in the filter's own order. */
static void
patch (float *to, const ConvCall &call, int64_t n, int64_t first_c, int64_t oy, int64_t ox)
{
  const Tensor &x = call.x;
  const Filter &w = call.w;
  const Convolution &conv = call.conv;
  bool is_bf16 = x.type == CUDNN_DATA_BFLOAT16, last = w.format == CUDNN_TENSOR_NHWC;
  int64_t tap_step = last ? w.c : 1, c_step = last ? 1 : w.h * w.w;

  for (int64_t r = 0; r < w.h; r++)
    for (int64_t s = 0; s < w.w; s++) {
      int64_t iy = oy * conv.stride_h - conv.pad_h + r * conv.dilation_h;
      int64_t ix = ox * conv.stride_w - conv.pad_w + s * conv.dilation_w;
      bool inside = iy >= 0 && iy < x.h && ix >= 0 && ix < x.w;
      int64_t at = n * x.sn + first_c * x.sc + iy * x.sh + ix * x.sw;

      for (int64_t c = 0; c < w.c; c++)
        to[(r * w.w + s) * tap_step + c * c_step]
            = inside ? load (call.x_data, is_bf16, at + c * x.sc) : 0;
    }
}

static void
convolve (const ConvCall &call)
{
  const Tensor &y = call.y;
  int64_t taps = call.w.c * call.w.h * call.w.w, pixels = y.h * y.w;
  int64_t k = call.w.k / call.conv.n_groups;
  bool is_bf16 = y.type == CUDNN_DATA_BFLOAT16;
  std::vector<float> patches ((size_t) (taps * pixels)), product ((size_t) (k * pixels));

  if (call.workspace_bytes)
    memset (call.workspace, 0xff, call.workspace_bytes);
  for (int64_t n = 0; n < y.n; n++)
    for (int64_t group = 0; group < call.conv.n_groups; group++) {
      Matrix filter = { call.w_data + (size_t) (group * k * taps) * element_bytes (call.w.type),
                        call.w.type == CUDNN_DATA_BFLOAT16, taps, 1 };
      Matrix seen = { patches.data (), false, 1, taps };

#pragma omp parallel for
      for (int64_t i = 0; i < pixels; i++)
        patch (&patches[(size_t) (i * taps)], call, n, group * call.w.c, i / y.w, i % y.w);
      multiply (k, pixels, taps, filter, seen, product.data ());
      for (int64_t i = 0; i < pixels; i++)
        for (int64_t j = 0; j < k; j++) {
          int64_t at = n * y.sn + (group * k + j) * y.sc + i / y.w * y.sh + i % y.w * y.sw;
          float value = call.alpha * product[(size_t) (i * k + j)];

          if (call.beta != 0)
            value += call.beta * load (call.y_data, is_bf16, at);
          store (call.y_data, is_bf16, at, value);
        }
    }
}

} /* namespace sim */

using namespace sim;

extern "C" {

size_t
cudnnGetVersion (void)
{
  return CUDNN_VERSION;
}

const char *
cudnnGetErrorString (cudnnStatus_t status)
{
  switch (status) {
#define NAME(code)                                                                                 \
  case code:                                                                                       \
    return #code
    NAME (CUDNN_STATUS_SUCCESS);
    NAME (CUDNN_STATUS_NOT_INITIALIZED);
    NAME (CUDNN_STATUS_BAD_PARAM);
    NAME (CUDNN_STATUS_NOT_SUPPORTED);
    NAME (CUDNN_STATUS_ARCH_MISMATCH);
    NAME (CUDNN_STATUS_INTERNAL_ERROR);
    NAME (CUDNN_STATUS_ALLOC_FAILED);
    NAME (CUDNN_STATUS_EXECUTION_FAILED);
#undef NAME
  }
  return "unknown";
}

cudnnStatus_t
cudnnCreate (cudnnHandle_t *handle)
{
  *handle = new cudnnContext ();
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t
cudnnDestroy (cudnnHandle_t handle)
{
  delete handle;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t
cudnnSetStream (cudnnHandle_t handle, cudaStream_t stream)
{
  if (!handle || !stream_is_known (stream))
    return CUDNN_STATUS_BAD_PARAM;
  handle->stream = stream;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t
cudnnCreateTensorDescriptor (cudnnTensorDescriptor_t *desc)
{
  *desc = new cudnnTensorStruct ();
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t
cudnnSetTensor4dDescriptor (cudnnTensorDescriptor_t desc, cudnnTensorFormat_t format,
                            cudnnDataType_t type, int n, int c, int h, int w)
{
  int64_t plane = (int64_t) h * w;

  if (n < 1 || c < 1 || h < 1 || w < 1)
    return CUDNN_STATUS_BAD_PARAM;
  *desc = format == CUDNN_TENSOR_NHWC ? Tensor{ type, n, c, h, w, c * plane, 1, (int64_t) w * c, c }
                                      : Tensor{ type, n, c, h, w, c * plane, plane, w, 1 };
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t
cudnnDestroyTensorDescriptor (cudnnTensorDescriptor_t desc)
{
  delete desc;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t
cudnnCreateFilterDescriptor (cudnnFilterDescriptor_t *desc)
{
  *desc = new cudnnFilterStruct ();
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t
cudnnSetFilter4dDescriptor (cudnnFilterDescriptor_t desc, cudnnDataType_t type,
                            cudnnTensorFormat_t format, int k, int c, int h, int w)
{
  if (k < 1 || c < 1 || h < 1 || w < 1)
    return CUDNN_STATUS_BAD_PARAM;
  *desc = { type, format, k, c, h, w };
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t
cudnnDestroyFilterDescriptor (cudnnFilterDescriptor_t desc)
{
  delete desc;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t
cudnnCreateConvolutionDescriptor (cudnnConvolutionDescriptor_t *desc)
{
  *desc = new cudnnConvolutionStruct ();
  (*desc)->n_groups = 1;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t
cudnnSetConvolution2dDescriptor (cudnnConvolutionDescriptor_t desc, int pad_h, int pad_w,
                                 int stride_h, int stride_w, int dilation_h, int dilation_w,
                                 cudnnConvolutionMode_t mode, cudnnDataType_t compute)
{
  if (pad_h < 0 || pad_w < 0 || stride_h < 1 || stride_w < 1 || dilation_h < 1 || dilation_w < 1)
    return CUDNN_STATUS_BAD_PARAM;
  desc->pad_h = pad_h;
  desc->pad_w = pad_w;
  desc->stride_h = stride_h;
  desc->stride_w = stride_w;
  desc->dilation_h = dilation_h;
  desc->dilation_w = dilation_w;
  desc->mode = mode;
  desc->compute = compute;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t
cudnnSetConvolutionMathType (cudnnConvolutionDescriptor_t desc, cudnnMathType_t type)
{
  desc->math = type;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t
cudnnSetConvolutionGroupCount (cudnnConvolutionDescriptor_t desc, int n_groups)
{
  if (n_groups < 1)
    return CUDNN_STATUS_BAD_PARAM;
  desc->n_groups = n_groups;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t
cudnnDestroyConvolutionDescriptor (cudnnConvolutionDescriptor_t desc)
{
  delete desc;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t
cudnnGetConvolution2dForwardOutputDim (cudnnConvolutionDescriptor_t desc, cudnnTensorDescriptor_t x,
                                       cudnnFilterDescriptor_t w, int *n, int *c, int *h,
                                       int *width)
{
  *n = (int) x->n;
  *c = (int) w->k;
  *h = (int) out_size (x->h, w->h, desc->pad_h, desc->stride_h, desc->dilation_h);
  *width = (int) out_size (x->w, w->w, desc->pad_w, desc->stride_w, desc->dilation_w);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t
cudnnGetConvolutionForwardWorkspaceSize (cudnnHandle_t handle, cudnnTensorDescriptor_t x,
                                         cudnnFilterDescriptor_t w,
                                         cudnnConvolutionDescriptor_t desc,
                                         cudnnTensorDescriptor_t y, cudnnConvolutionFwdAlgo_t algo,
                                         size_t *bytes)
{
  (void) handle;
  if (cudnnStatus_t status = check (*x, *w, *desc, *y, algo))
    return status;
  *bytes = algo == CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM
               ? (size_t) (w->c * w->h * w->w * 4 + 1024)
               : 0;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t
cudnnGetConvolutionForwardAlgorithm_v7 (cudnnHandle_t handle, cudnnTensorDescriptor_t x,
                                        cudnnFilterDescriptor_t w,
                                        cudnnConvolutionDescriptor_t desc,
                                        cudnnTensorDescriptor_t y, int n_wanted, int *n_results,
                                        cudnnConvolutionFwdAlgoPerf_t *results)
{
  static const cudnnConvolutionFwdAlgo_t BEST_FIRST[] = {
    CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM,
    CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM,
  };

  *n_results = 0;
  for (; *n_results < n_wanted && *n_results < 2; ++*n_results) {
    cudnnConvolutionFwdAlgoPerf_t *r = &results[*n_results];

    *r = cudnnConvolutionFwdAlgoPerf_t ();
    r->algo = BEST_FIRST[*n_results];
    r->time = -1;
    r->mathType = desc->math;
    r->status
        = cudnnGetConvolutionForwardWorkspaceSize (handle, x, w, desc, y, r->algo, &r->memory);
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t
cudnnConvolutionForward (cudnnHandle_t handle, const void *alpha, cudnnTensorDescriptor_t x_desc,
                         const void *x, cudnnFilterDescriptor_t w_desc, const void *w,
                         cudnnConvolutionDescriptor_t desc, cudnnConvolutionFwdAlgo_t algo,
                         void *workspace, size_t workspace_bytes, const void *beta,
                         cudnnTensorDescriptor_t y_desc, void *y)
{
  Entry entry;
  size_t needed, y_bytes = tensor_bytes (*y_desc);

  if (!handle || !alpha || !beta || !x || !w || !y)
    return CUDNN_STATUS_BAD_PARAM;
  if (cudnnStatus_t status = cudnnGetConvolutionForwardWorkspaceSize (handle, x_desc, w_desc, desc,
                                                                      y_desc, algo, &needed))
    return status;
  if (needed > workspace_bytes || (needed && !is_device (workspace, needed)))
    return CUDNN_STATUS_BAD_PARAM;
  if (!is_device (x, tensor_bytes (*x_desc)) || !is_device (w, filter_bytes (*w_desc))
      || !is_device (y, y_bytes))
    fatal ("cudnnConvolutionForward: a tensor is not in device memory");
  if (overlap (y, y_bytes, x, tensor_bytes (*x_desc))
      || overlap (y, y_bytes, w, filter_bytes (*w_desc))
      || (needed
          && (overlap (workspace, needed, y, y_bytes)
              || overlap (workspace, needed, x, tensor_bytes (*x_desc))
              || overlap (workspace, needed, w, filter_bytes (*w_desc)))))
    fatal ("cudnnConvolutionForward: what is written overlaps what is read");
  ConvCall call = { *x_desc,
                    *y_desc,
                    *w_desc,
                    *desc,
                    *(const float *) alpha,
                    *(const float *) beta,
                    (const char *) x,
                    (const char *) w,
                    (char *) y,
                    (char *) workspace,
                    needed };
  return enqueue (handle->stream, [call] { convolve (call); }) ? CUDNN_STATUS_EXECUTION_FAILED
                                                               : CUDNN_STATUS_SUCCESS;
}
}
