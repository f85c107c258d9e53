/* product.c - a matrix product spread over threads, with its last touches while it is in cache.
 *
 * Bias, activation and residual read and write each element of y once more: 12 bytes for a handful
 * of operations. At 20 GB/s a pass over a large y costs as much as its product with k = 150, so
 * each thread multiplies a block of y that fits its second-level cache and finishes it there. */
#include "engine/cpu/product.h"
#include "engine/cpu/vec.h"

#define BLOCK_FLOATS (128 * 1024) /* of y */
#define BLOCK_COLS   512          /* a block as square as can be packs least of a and b */

void
EM_CPU (finish) (float *y, int64_t ldy, int64_t rows, int64_t n, const float *bias, EmAct act,
                 const float *residual, int64_t ldr)
{
  if (!bias && act == EM_ACT_NONE && !residual)
    return;
#define ROW(constant)                                                                              \
  if (bias && residual) {                                                                          \
    _Pragma ("omp simd") for (int64_t j = 0; j < n; j++) row[j]                                    \
        = activate_f32 (row[j] + bias[j], constant) + more[j];                                     \
  } else if (bias) {                                                                               \
    _Pragma ("omp simd") for (int64_t j = 0; j < n; j++) row[j]                                    \
        = activate_f32 (row[j] + bias[j], constant);                                               \
  } else if (residual) {                                                                           \
    _Pragma ("omp simd") for (int64_t j = 0; j < n; j++) row[j]                                    \
        = activate_f32 (row[j], constant) + more[j];                                               \
  } else {                                                                                         \
    _Pragma ("omp simd") for (int64_t j = 0; j < n; j++) row[j] = activate_f32 (row[j], constant); \
  }
  for (int64_t r = 0; r < rows; r++) {
    float *row = y + r * ldy;
    const float *more = residual ? residual + r * ldr : NULL;

    WITH_ACT (act, ROW);
  }
#undef ROW
}

static int64_t
smaller (int64_t a, int64_t b)
{
  return a < b ? a : b;
}

static int64_t
blocks_of (const EmProduct *p, int64_t rows, int64_t cols)
{
  return ((p->m + rows - 1) / rows) * ((p->n + cols - 1) / cols);
}

void
EM_CPU (product) (EmCpu *cpu, const EmProduct *p)
{
  int64_t cols = smaller (p->n, BLOCK_COLS), rows = BLOCK_FLOATS / (cols ? cols : 1);

  if (p->m == 0 || p->n == 0)
    return;
  rows = smaller (rows, p->m);
  while (blocks_of (p, rows, cols) < cpu->n_threads && (rows > 64 || cols > 64))
    if (rows >= cols)
      rows = (rows + 1) / 2;
    else
      cols = (cols + 63) / 64 * 32;

  int64_t across = (p->n + cols - 1) / cols, down = (p->m + rows - 1) / rows;
#pragma omp parallel for schedule(dynamic) if (across * down > 1)
  for (int64_t i = 0; i < across * down; i++) {
    int64_t r = i / across * rows, c = i % across * cols;
    int64_t m = smaller (rows, p->m - r), n = smaller (cols, p->n - c);
    float *y = p->y + r * p->ldy + c;

    cpu->gemm (p->ta, p->tb, m, n, p->k, p->scale, p->ta ? p->a + r : p->a + r * p->lda, p->lda,
               p->tb ? p->b + c * p->ldb : p->b + c, p->ldb, 0, y, p->ldy);
    EM_CPU (finish)
    (y, p->ldy, m, n, p->bias ? p->bias + c : NULL, p->act,
     p->residual ? p->residual + r * p->ldy + c : NULL, p->ldy);
  }
}
