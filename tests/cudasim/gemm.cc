/* gemm.cc - the matrix product behind cuBLASLt and cuDNN: packed to f32, tiles of 8 x 4. */
#include "sim.h"
#include <algorithm>

namespace sim
{

typedef float v4 __attribute__ ((vector_size (16)));

enum { MR = 8, NR = 4, KC = 512 };

/* MR rows of a, [k, MR], and NR columns of b, [k, NR]; what is missing is 0. */
static void
pack (float *to, int width, int64_t n, const Matrix &m, int64_t first, int64_t k0, int64_t k,
      bool rows)
{
  for (int64_t l = 0; l < k; l++)
    for (int i = 0; i < width; i++)
      to[l * width + i] = first + i >= n ? 0
                          : rows ? load (m.data, m.is_bf16, (first + i) * m.row + (k0 + l) * m.col)
                                 : load (m.data, m.is_bf16, (k0 + l) * m.row + (first + i) * m.col);
}

static void
tile (int64_t k, const float *a, const float *b, float out[NR][MR])
{
  v4 sum[NR][2] = {};

  for (int64_t l = 0; l < k; l++, a += MR, b += NR) {
    v4 top = *(const v4 *) a, bottom = *(const v4 *) (a + 4);

    for (int j = 0; j < NR; j++) {
      sum[j][0] += top * b[j];
      sum[j][1] += bottom * b[j];
    }
  }
  memcpy (out, sum, sizeof sum);
}

void
multiply (int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, float *d)
{
  int64_t row_tiles = (m + MR - 1) / MR, col_tiles = (n + NR - 1) / NR;
  std::vector<v4> packed ((size_t) (row_tiles * MR * std::min<int64_t> (k, KC) / 4 + 1));
  float *rows = (float *) packed.data ();

  std::fill (d, d + m * n, 0.0f);
  for (int64_t k0 = 0; k0 < k; k0 += KC) {
    int64_t kc = std::min<int64_t> (KC, k - k0);

#pragma omp parallel for
    for (int64_t i = 0; i < row_tiles; i++)
      pack (rows + i * MR * kc, MR, m, a, i * MR, k0, kc, true);
#pragma omp parallel for
    for (int64_t j = 0; j < col_tiles; j++) {
      float columns[KC * NR], out[NR][MR];
      int nr = (int) std::min<int64_t> (NR, n - j * NR);

      pack (columns, NR, n, b, j * NR, k0, kc, false);
      for (int64_t i = 0; i < row_tiles; i++) {
        int mr = (int) std::min<int64_t> (MR, m - i * MR);

        tile (kc, rows + i * MR * kc, columns, out);
        for (int x = 0; x < nr; x++)
          for (int y = 0; y < mr; y++)
            d[(j * NR + x) * m + i * MR + y] += out[x][y];
      }
    }
  }
}

} /* namespace sim */
