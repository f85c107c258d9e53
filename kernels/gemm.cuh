/* gemm.cuh - matrix products with their last touches, for the files that gather their operands. */
#pragma once
#include "common.cuh"

/* Row-major y [m, n] = act (scale op (a) op (b) + bias) + residual, `batch` times. */
struct EmCudaGemm {
  int64_t m, n, k;
  const void *a; /* [m, k]; [k, m] if ta */
  int64_t lda;
  const void *b; /* [k, n]; [n, k] if tb */
  int64_t ldb;
  void *y;
  int64_t ldy;
  bool ta, tb;
  const void *bias; /* [n] or NULL */
  EmAct act;
  const void *residual; /* laid out as y, or NULL; may be y itself */
  float scale;
  int64_t batch, stride_a, stride_b, stride_y; /* a stride of 0: one for all */
  EmDtype type;   /* of a, b, bias; of residual where y has it too */
  EmDtype y_type; /* of y and residual: `type` or EM_F32 */
};

void em_cuda_gemm (EmCuda *c, const char *what, const EmCudaGemm *g);

/* The last touches alone, on a y of one batch: y = act (y + bias) + residual. */
void em_cuda_finish (EmCuda *c, const EmCudaGemm *g);

/* dnn.cu: y = x * w without bias, the weight [out, kh, kw, c]. False: cuDNN does not take this one.
 */
bool em_cuda_dnn_conv (EmCuda *c, EmTensor *y, const EmTensor *x, const EmTensor *w,
                       const void *taps_last, int stride, int pad);
