/* kernel.h - the inner product of everything that is not left to a library.
 *
 * c [rows, nv * VEC] = a [rows, k] b [k, nv * VEC]: rows x nv accumulators stay in registers, each
 * step loads nv vectors of b and broadcasts one value of a per row. With 14 x 2 of 32 registers
 * (AVX-512) or 6 x 2 of 16 every load of b feeds enough multiplications to keep both units busy. */
#pragma once
#include <stdbool.h>
#include "engine/cpu/vec.h"

#if VEC == 16
#define TILE_ROWS 14
#else
#define TILE_ROWS 6
#endif
#define TILE_COLS (2 * VEC)

static inline __attribute__ ((always_inline)) void
tile_fixed (int rows, int nv, int64_t k, const float *a, int64_t lda, const float *b, int64_t ldb,
            float *c, int64_t ldc, bool add)
{
  Vec sum[TILE_ROWS][2];

#pragma GCC unroll 16
  for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
    for (int v = 0; v < nv; v++)
      sum[r][v] = add ? vec_load (c + r * ldc + v * VEC) : vec_all (0);

  for (int64_t i = 0; i < k; i++) {
    Vec right[2];

#pragma GCC unroll 2
    for (int v = 0; v < nv; v++)
      right[v] = vec_load (b + i * ldb + v * VEC);
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
      for (int v = 0; v < nv; v++)
        sum[r][v] += a[r * lda + i] * right[v];
  }

#pragma GCC unroll 16
  for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
    for (int v = 0; v < nv; v++)
      vec_store (c + r * ldc + v * VEC, sum[r][v]);
}

/* Any number of rows; `wide`: TILE_COLS columns, else VEC. */
static inline void
tile_rows (bool wide, int64_t rows, int64_t k, const float *a, int64_t lda, const float *b,
           int64_t ldb, float *c, int64_t ldc, bool add)
{
  int64_t r = 0;

  for (; r + TILE_ROWS <= rows; r += TILE_ROWS)
    if (wide)
      tile_fixed (TILE_ROWS, 2, k, a + r * lda, lda, b, ldb, c + r * ldc, ldc, add);
    else
      tile_fixed (TILE_ROWS, 1, k, a + r * lda, lda, b, ldb, c + r * ldc, ldc, add);
  for (; r + 4 <= rows; r += 4)
    if (wide)
      tile_fixed (4, 2, k, a + r * lda, lda, b, ldb, c + r * ldc, ldc, add);
    else
      tile_fixed (4, 1, k, a + r * lda, lda, b, ldb, c + r * ldc, ldc, add);
  for (; r < rows; r++)
    if (wide)
      tile_fixed (1, 2, k, a + r * lda, lda, b, ldb, c + r * ldc, ldc, add);
    else
      tile_fixed (1, 1, k, a + r * lda, lda, b, ldb, c + r * ldc, ldc, add);
}
