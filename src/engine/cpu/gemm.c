/* gemm.c - the matrix product of the library that was found. */
#include "engine/cpu/gemm.h"
#include <stddef.h>

#if defined EM_GEMM_DNNL

/* Declared here because the header's status type moved between versions 2 and 3 while the symbol
 * did not. Dimensions are 64 bit, the layout is row-major. */
int dnnl_sgemm (char transa, char transb, int64_t m, int64_t n, int64_t k, float alpha,
                const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c,
                int64_t ldc);

static void
gemm (bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
      const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
  dnnl_sgemm (ta ? 'T' : 'N', tb ? 'T' : 'N', m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}
#define NAME "oneDNN"

#elif defined EM_GEMM_CBLAS

#include <cblas.h>

static void
gemm (bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
      const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
  cblas_sgemm (CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans,
               (int) m, (int) n, (int) k, alpha, a, (int) lda, b, (int) ldb, beta, c, (int) ldc);
}
#define NAME "CBLAS"

#else
#define gemm NULL
#define NAME "none"
#endif

EmGemm
em_gemm_library (void)
{
  return gemm;
}

const char *
em_gemm_library_name (void)
{
  return NAME;
}
