/* dnn.cu - convolutions by cuDNN, where patches overlap.
 *
 * Roofline: 2 kh kw c operations on each output. Gathering the patches of a 3 x 3 kernel writes and
 * reads every pixel of x nine times; cuDNN's implicit product reads them from x: for VGGish's
 * widest, 10 x 12 x 8 of 512 into 512, 0.9 MB instead of 8.8. Where patches do not overlap there is
 * nothing to save, and conv.cu gathers. */
#include <cudnn.h>
#include <dlfcn.h>
#include <stdio.h>
#include "cuda.cuh"
#include "gemm.cuh"

struct EmCudaDnn {
  cudnnHandle_t handle;
};

/* cuDNN is a shell that loads its parts with the first call, and aborts where one is missing. */
static bool
is_whole ()
{
#ifndef EM_CUDASIM
  static const char *const parts[] = { "graph", "ops", "cnn" };

  for (const char *part : parts) {
    char name[64];

    snprintf (name, sizeof name, "libcudnn_%s.so.%d", part, CUDNN_MAJOR);
    if (!dlopen (name, RTLD_LAZY | RTLD_LOCAL)) /* stays: it is loaded again at once */
      return false;
  }
#endif
  return true;
}

/* NULL: cuDNN does not start on this machine, and is not asked again. */
static EmCudaDnn *
dnn_of (EmCuda *c)
{
  if (!c->dnn && !c->has_no_dnn && !(c->has_no_dnn = !is_whole ())) {
    c->dnn = new EmCudaDnn ();
    if (cudnnCreate (&c->dnn->handle) != CUDNN_STATUS_SUCCESS
        || cudnnSetStream (c->dnn->handle, c->stream) != CUDNN_STATUS_SUCCESS)
      em_cuda_dnn_close (c);
    c->has_no_dnn = !c->dnn;
  }
  return c->dnn;
}

void
em_cuda_dnn_close (EmCuda *c)
{
  if (c->dnn && c->dnn->handle)
    cudnnDestroy (c->dnn->handle);
  delete c->dnn;
  c->dnn = NULL;
}

/* What cuDNN is told of one convolution. */
struct Description {
  cudnnTensorDescriptor_t x, y;
  cudnnFilterDescriptor_t w;
  cudnnConvolutionDescriptor_t conv;
  bool good;

  Description (const EmTensor *y_, const EmTensor *x_, const EmTensor *w_, int stride, int pad)
      : x (NULL), y (NULL), w (NULL), conv (NULL)
  {
    cudnnDataType_t type = x_->dtype == EM_BF16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
    const int64_t *a = x_->shape, *b = y_->shape, *f = w_->shape;

    good = ok (cudnnCreateTensorDescriptor (&x)) && ok (cudnnCreateTensorDescriptor (&y))
           && ok (cudnnCreateFilterDescriptor (&w)) && ok (cudnnCreateConvolutionDescriptor (&conv))
           && ok (cudnnSetTensor4dDescriptor (x, CUDNN_TENSOR_NHWC, type, (int) a[0], (int) a[3],
                                              (int) a[1], (int) a[2]))
           && ok (cudnnSetTensor4dDescriptor (y, CUDNN_TENSOR_NHWC, type, (int) b[0], (int) b[3],
                                              (int) b[1], (int) b[2]))
           && ok (cudnnSetFilter4dDescriptor (w, type, CUDNN_TENSOR_NHWC, (int) f[0], (int) f[1],
                                              (int) f[2], (int) f[3]))
           && ok (cudnnSetConvolution2dDescriptor (conv, pad, pad, stride, stride, 1, 1,
                                                   CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT))
           /* f32 stays f32: no shorter products behind its back */
           && ok (cudnnSetConvolutionMathType (
               conv, type == CUDNN_DATA_FLOAT ? CUDNN_FMA_MATH : CUDNN_TENSOR_OP_MATH));
  }

  ~Description ()
  {
    if (x)
      cudnnDestroyTensorDescriptor (x);
    if (y)
      cudnnDestroyTensorDescriptor (y);
    if (w)
      cudnnDestroyFilterDescriptor (w);
    if (conv)
      cudnnDestroyConvolutionDescriptor (conv);
  }

  static bool
  ok (cudnnStatus_t status)
  {
    return status == CUDNN_STATUS_SUCCESS;
  }
};

bool
em_cuda_dnn_conv (EmCuda *c, EmTensor *y, const EmTensor *x, const EmTensor *w,
                  const void *taps_last, int stride, int pad)
{
  const cudnnConvolutionFwdAlgo_t algo = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
  const float one = 1, zero = 0;
  EmCudaDnn *dnn = em_cuda_ready (c) ? dnn_of (c) : NULL;
  size_t bytes = 0;

  if (!dnn)
    return false;
  Description d (y, x, w, stride, pad);
  bool takes = d.good
               && cudnnGetConvolutionForwardWorkspaceSize (dnn->handle, d.x, d.w, d.conv, d.y, algo,
                                                           &bytes)
                      == CUDNN_STATUS_SUCCESS;
  void *workspace = takes && bytes ? em_cuda_scratch (c, bytes) : NULL;
  if (takes && bytes && !workspace)
    return false;
  takes = takes
          && cudnnConvolutionForward (dnn->handle, &one, d.x, x->data, d.w, taps_last, d.conv, algo,
                                      workspace, bytes, &zero, d.y, y->data)
                 == CUDNN_STATUS_SUCCESS;
  if (!takes)
    em_cuda_refused (c, "conv2d", x->dtype, em_rows (y), w->shape[0], em_numel (w) / w->shape[0]);
  return takes;
}
