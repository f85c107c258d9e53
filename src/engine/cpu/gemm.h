/* gemm.h - one thread's matrix product, row-major.
 *
 * c [m, n] = alpha op(a) op(b) + beta c, op (a) [m, k], op (b) [k, n]; the letters name leading
 * dimensions. Called inside parallel regions, so a library must not open another there (oneDNN and
 * OpenMP BLAS libraries do not). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef void (*EmGemm) (bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha,
                        const float *a, int64_t lda, const float *b, int64_t ldb, float beta,
                        float *c, int64_t ldc);

/* The library's, NULL if the build has none; its name for people in either case. */
EmGemm em_gemm_library (void);
const char *em_gemm_library_name (void);
