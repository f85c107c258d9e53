/* product.c - a matrix product spread over threads, with its last touches while it is in cache.
 *
 * Bias, activation and residual read and write each element of y once more: 12 bytes for a handful
 * of operations. At 20 GB/s a pass over a large y costs as much as its product with k = 150, so
 * each thread multiplies a block of y that fits its second-level cache and finishes it there. */
#include "engine/cpu/kernel.h"
#include "engine/cpu/product.h"

#define BLOCK_FLOATS (128 * 1024) /* of y */
#define BLOCK_COLS   512          /* a block as square as can be packs least of a and b */

#define FEW 16 /* rows below which reading the weights is what takes the time */
#define ROWS_MOST                                                                                  \
  (8 * TILE_ROWS)           /* of a block of packed products: its tile stays in the first cache */
#define A_UNITS (96 * 1024) /* of its part of a, in the second */

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

/* By the library, or what stands for it. */
static void
product_of_rows (EmCpu *cpu, const EmProduct *p)
{
  int64_t cols = smaller (p->n, BLOCK_COLS), rows = smaller (BLOCK_FLOATS / cols, p->m);

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

/* Rows of a in a block: an odd number of cache lines apart, or a dozen of them would meet in the
 * same places of the first cache. */
static int64_t
row_units (int64_t k)
{
  return (UNITS (k) + 15) / 16 * 16 | 16;
}

static int64_t
rows_of_block (int64_t m, int64_t k)
{
  int64_t rows = A_UNITS / row_units (k) / TILE_ROWS * TILE_ROWS;

  rows = rows < 2 * TILE_ROWS ? 2 * TILE_ROWS : rows;
  return smaller (smaller (rows, ROWS_MOST), m);
}

int64_t
EM_CPU (product_work) (int64_t m, int64_t k)
{
  return rows_of_block (m, k) * (row_units (k) + TILE_COLS);
}

/* finish from one place to another; inlined for a whole panel, whose loops then vanish. */
static inline __attribute__ ((always_inline)) void
finish_tile (float *restrict y, int64_t ldy, const float *restrict tile, int64_t rows, int64_t n,
             const float *bias, EmAct act, const float *residual)
{
#define ROW(constant)                                                                              \
  for (int64_t r = 0; r < rows; r++) {                                                             \
    _Pragma ("omp simd") for (int64_t j = 0; j < n; j++)                                           \
    {                                                                                              \
      float x = tile[r * TILE_COLS + j] + (bias ? bias[j] : 0);                                    \
      y[r * ldy + j] = activate_f32 (x, constant) + (residual ? residual[r * ldy + j] : 0);        \
    }                                                                                              \
  }
  WITH_ACT (act, ROW);
#undef ROW
}

/* One block of rows times panels first .. last - 1. */
static void
block_product (const EmProduct *p, int64_t r, int64_t m, int64_t first, int64_t last, float *work)
{
  int64_t depth = UNITS (p->k), lda = row_units (p->k);
  Unit *a = (Unit *) work;
  float *tile = work + m * lda;

  for (int64_t i = 0; i < m; i++)
    units_from (a + i * lda, p->a + (r + i) * p->lda, p->k);
  for (int64_t panel = first; panel < last; panel++) {
    int64_t c = panel * TILE_COLS, n = smaller (TILE_COLS, p->n - c);
    const float *bias = p->bias ? p->bias + c : NULL;
    const float *residual = p->residual ? p->residual + r * p->ldy + c : NULL;
    float *y = p->y + r * p->ldy + c;

    tile_rows (n > VEC, m, depth, a, lda, (const Unit *) p->panels + c * depth, TILE_COLS, tile,
               TILE_COLS, false);
    if (n < TILE_COLS)
      finish_tile (y, p->ldy, tile, m, n, bias, p->act, residual);
    else if (bias && !residual)
      finish_tile (y, p->ldy, tile, m, TILE_COLS, bias, p->act, NULL);
    else
      finish_tile (y, p->ldy, tile, m, TILE_COLS, bias, p->act, residual);
  }
}

/* The right side lies ready; the left side of a block is brought into units once and meets it panel
 * by panel. */
static void
product_of_panels (EmCpu *cpu, const EmProduct *p)
{
  int64_t rows = rows_of_block (p->m, p->k), size = EM_CPU (product_work) (p->m, p->k);
  int64_t down = (p->m + rows - 1) / rows, panels = (p->n + TILE_COLS - 1) / TILE_COLS;
  int64_t threads = p->work ? 1 : cpu->n_threads, want = down >= 2 * threads ? 1 : 2 * threads;
  int64_t wide = threads == 1 ? panels : (panels + want - 1) / want;
  int64_t across = (panels + wide - 1) / wide;
  float *work = p->work ? p->work : em_cpu_scratch (cpu, threads * size);

#pragma omp parallel for schedule(dynamic)                                                         \
    num_threads(threads) if (threads > 1 && across * down > 1)
  for (int64_t i = 0; i < across * down; i++) {
    int64_t r = i / across * rows, first = i % across * wide;

    block_product (p, r, smaller (rows, p->m - r), first, smaller (first + wide, panels),
                   p->work ? work : work + em_cpu_thread () * size);
  }
}

void
EM_CPU (product) (EmCpu *cpu, const EmProduct *p)
{
  if (p->m == 0 || p->n == 0)
    return;
  if (p->panels)
    product_of_panels (cpu, p);
  else
    product_of_rows (cpu, p);
}

/* [n, k] in the order of the panels' columns and depth. */
static const float *
in_order (EmCpu *cpu, const float *w, EmForm form, int64_t n, int64_t k, int64_t taps)
{
  float *to;

  if (form == EM_FORM_ROWS || (form == EM_FORM_TAPS_LAST && (taps == 1 || k == taps)))
    return w;
  to = em_cpu_scratch (cpu, n * k);
#pragma omp parallel for if (n * k > 16384)
  for (int64_t j = 0; j < n; j++)
    for (int64_t i = 0; i < k; i++) {
      int64_t c = form == EM_FORM_TAPS_LAST ? k / taps : n / taps;

      to[j * k + i] = form == EM_FORM_TAPS_LAST ? w[(j * c + i % c) * taps + i / c]
                                                : w[(i * c + j % c) * taps + j / c];
    }
  return to;
}

const void *
EM_CPU (panels) (EmCpu *cpu, const float *w, EmForm form, int64_t m, int64_t n, int64_t k,
                 int64_t taps)
{
  int64_t panels = (n + TILE_COLS - 1) / TILE_COLS, size = UNITS (k) * TILE_COLS;
  const float *ordered;
  Unit *to;
  bool held;

  if (m < FEW || n * k == 0)
    return NULL;
  if ((to = em_held_find (&cpu->held, w, n, form)))
    return to;
  held = em_held_holds (&cpu->held, w);
  if (!held && PER_UNIT == 1)
    return NULL;
  ordered = in_order (cpu, w, form, n, k, taps);
  to = held ? em_held_add (&cpu->held, w, n, form, (size_t) (panels * size) * sizeof *to)
            : (Unit *) em_cpu_scratch (cpu, panels * size);
#pragma omp parallel for if (n * k > 16384)
  for (int64_t p = 0; p < panels; p++) {
    const float *rows[TILE_COLS];

    for (int64_t j = 0; j < TILE_COLS && p * TILE_COLS + j < n; j++)
      rows[j] = ordered + (p * TILE_COLS + j) * k;
    pack_panel (to + p * size, rows, smaller (TILE_COLS, n - p * TILE_COLS), k);
  }
  if (held)
    em_held_used (&cpu->held, w, (size_t) (n * k) * sizeof *w);
  return to;
}
