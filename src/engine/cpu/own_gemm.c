/* own_gemm.c - the matrix product where no library was found.
 *
 * Panels of TILE_COLS columns of op (b) are packed, DEPTH deep, into a buffer that fits the first
 * cache; the rows of a walk past it. A transposed a is packed likewise, ROWS at a time. The packed
 * panel carries alpha. */
#include "engine/cpu/cpu.h"
#include "engine/cpu/kernel.h"

#define DEPTH 256
#define ROWS  (4 * TILE_ROWS)

static void
pack_right (bool tb, const float *b, int64_t ldb, int64_t depth, int64_t cols, float alpha,
            float *panel)
{
  for (int64_t i = 0; i < depth; i++)
    for (int64_t j = 0; j < TILE_COLS; j++)
      panel[i * TILE_COLS + j] = j < cols ? alpha * (tb ? b[j * ldb + i] : b[i * ldb + j]) : 0;
}

/* One panel against rows of c; `keep`: add to what is there. */
static void
walk (int64_t m, int64_t depth, int64_t cols, const float *a, int64_t lda, const float *panel,
      float *c, int64_t ldc, bool keep)
{
  if (cols == TILE_COLS || cols == VEC) {
    tile_rows (cols == TILE_COLS, m, depth, a, lda, panel, TILE_COLS, c, ldc, keep);
    return;
  }
  for (int64_t r = 0; r < m; r += TILE_ROWS) { /* the last columns: by way of a full tile */
    float tile[TILE_ROWS * TILE_COLS];
    int64_t rows = m - r < TILE_ROWS ? m - r : TILE_ROWS;

    tile_rows (cols > VEC, rows, depth, a + r * lda, lda, panel, TILE_COLS, tile, TILE_COLS, false);
    for (int64_t i = 0; i < rows; i++)
      for (int64_t j = 0; j < cols; j++)
        c[(r + i) * ldc + j] = tile[i * TILE_COLS + j] + (keep ? c[(r + i) * ldc + j] : 0);
  }
}

static void
scale (float *c, int64_t m, int64_t n, int64_t ldc, float beta)
{
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < n; j++)
      c[i * ldc + j] = beta == 0 ? 0 : beta * c[i * ldc + j];
}

void
EM_CPU (gemm) (bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
               int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
  float panel[DEPTH * TILE_COLS], left[ROWS * DEPTH];

  if ((beta != 0 && beta != 1) || k == 0)
    scale (c, m, n, ldc, beta);
  for (int64_t i = 0; i < k; i += DEPTH) {
    int64_t depth = k - i < DEPTH ? k - i : DEPTH;
    bool keep = i > 0 || beta != 0;

    for (int64_t r = 0; r < m; r += ta ? ROWS : m) {
      int64_t rows = ta && m - r > ROWS ? ROWS : m - r;
      const float *from = a + r * lda + i;

      if (ta) {
        for (int64_t d = 0; d < depth; d++)
          for (int64_t j = 0; j < rows; j++)
            left[j * DEPTH + d] = a[(i + d) * lda + r + j];
        from = left;
      }
      for (int64_t j = 0; j < n; j += TILE_COLS) {
        int64_t cols = n - j < TILE_COLS ? n - j : TILE_COLS;

        pack_right (tb, tb ? b + j * ldb + i : b + i * ldb + j, ldb, depth, cols, alpha, panel);
        walk (rows, depth, cols, from, ta ? DEPTH : lda, panel, c + r * ldc + j, ldc, keep);
      }
    }
  }
}
