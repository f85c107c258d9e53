/* kernel.h - the inner product of everything that is not left to a library.
 *
 * c [rows, nv * VEC] = a [rows, depth] b [depth, nv * VEC]: rows x nv accumulators stay in
 * registers, each step loads nv vectors of b and broadcasts one unit of a per row. With 14 x 2 of
 * 32 registers (AVX-512) or 6 x 2 of 16 every load of b feeds enough multiplications to keep both
 * units busy.
 *
 * A unit is what a lane multiplies at once: a float, or in the bf16 copy two bf16 that follow each
 * other along the depth, the earlier one in the lower half. Sums are f32 in either case. */
#pragma once
#include <stdbool.h>
#include "engine/cpu/vec.h"

#if VEC == 16
#define TILE_ROWS 14
#else
#define TILE_ROWS 6
#endif
#define TILE_COLS (2 * VEC)

#ifdef __AVX512BF16__
typedef uint32_t Unit;
typedef __m512i UnitVec;
#define PER_UNIT 2

static inline UnitVec
units_load (const Unit *p)
{
  return _mm512_loadu_si512 (p);
}

static inline Vec
units_dot (Vec sum, Unit a, UnitVec b)
{
  return (Vec) _mm512_dpbf16_ps ((__m512) sum, (__m512bh) _mm512_set1_epi32 ((int) a),
                                 (__m512bh) b);
}

/* VEC units of the 2 VEC floats in low and high, rounded to nearest even. */
static inline UnitVec
units_of (Vec low, Vec high)
{
  return (UnitVec) _mm512_cvtne2ps_pbh ((__m512) high, (__m512) low);
}
#else
typedef float Unit;
typedef Vec UnitVec;
#define PER_UNIT 1

static inline UnitVec
units_load (const Unit *p)
{
  return vec_load (p);
}

static inline Vec
units_dot (Vec sum, Unit a, UnitVec b)
{
  return sum + a * b;
}
#endif

#define UNITS(n) (((n) + PER_UNIT - 1) / PER_UNIT)

/* n floats in a row become units; what is missing to a whole one is 0. */
static inline void
units_from (Unit *to, const float *x, int64_t n)
{
#if PER_UNIT == 2
  int64_t i = 0;

  for (; i + 2 * VEC <= n; i += 2 * VEC)
    _mm512_storeu_si512 (to + i / 2, units_of (vec_load (x + i), vec_load (x + i + VEC)));
  if (i < n) {
    int64_t low = n - i < VEC ? n - i : VEC, high = n - i - low;
    UnitVec rest = units_of (vec_load_part (x + i, low),
                             high ? vec_load_part (x + i + VEC, high) : vec_all (0));

    _mm512_mask_storeu_epi32 (to + i / 2, (__mmask16) ((1u << UNITS (n - i)) - 1), rest);
  }
#else
  memcpy (to, x, (size_t) n * sizeof *to);
#endif
}

static inline __attribute__ ((always_inline)) void
tile_fixed (int rows, int nv, int64_t depth, const Unit *a, int64_t lda, const Unit *b, int64_t ldb,
            float *c, int64_t ldc, bool add)
{
  Vec sum[TILE_ROWS][2];

#pragma GCC unroll 16
  for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
    for (int v = 0; v < nv; v++)
      sum[r][v] = add ? vec_load (c + r * ldc + v * VEC) : vec_all (0);

  for (int64_t i = 0; i < depth; i++) {
    UnitVec right[2];

#pragma GCC unroll 2
    for (int v = 0; v < nv; v++)
      right[v] = units_load (b + i * ldb + v * VEC);
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
      for (int v = 0; v < nv; v++)
        sum[r][v] = units_dot (sum[r][v], a[r * lda + i], right[v]);
  }

#pragma GCC unroll 16
  for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
    for (int v = 0; v < nv; v++)
      vec_store (c + r * ldc + v * VEC, sum[r][v]);
}

/* Any number of rows; `wide`: TILE_COLS columns, else VEC. */
static inline void
tile_rows (bool wide, int64_t rows, int64_t depth, const Unit *a, int64_t lda, const Unit *b,
           int64_t ldb, float *c, int64_t ldc, bool add)
{
  int64_t r = 0;

  for (; r + TILE_ROWS <= rows; r += TILE_ROWS)
    if (wide)
      tile_fixed (TILE_ROWS, 2, depth, a + r * lda, lda, b, ldb, c + r * ldc, ldc, add);
    else
      tile_fixed (TILE_ROWS, 1, depth, a + r * lda, lda, b, ldb, c + r * ldc, ldc, add);
  for (; r + 4 <= rows; r += 4)
    if (wide)
      tile_fixed (4, 2, depth, a + r * lda, lda, b, ldb, c + r * ldc, ldc, add);
    else
      tile_fixed (4, 1, depth, a + r * lda, lda, b, ldb, c + r * ldc, ldc, add);
  for (; r < rows; r++)
    if (wide)
      tile_fixed (1, 2, depth, a + r * lda, lda, b, ldb, c + r * ldc, ldc, add);
    else
      tile_fixed (1, 1, depth, a + r * lda, lda, b, ldb, c + r * ldc, ldc, add);
}

/* VEC units from the n floats at x, 0 < n <= VEC * PER_UNIT; zero beyond them. */
static inline Vec
units_part (const float *x, int64_t n)
{
#if PER_UNIT == 2
  Vec low = n >= VEC ? vec_load (x) : vec_load_part (x, n);
  Vec high = n == 2 * VEC ? vec_load (x + VEC)
             : n > VEC    ? vec_load_part (x + VEC, n - VEC)
                          : vec_all (0);

  return (Vec) units_of (low, high);
#else
  return n == VEC ? vec_load (x) : vec_load_part (x, n);
#endif
}

/* The right side of a product, transposed: `n` rows of `depth` floats become the panel
 * [UNITS (depth), TILE_COLS], zero where there are fewer rows. */
static inline void
pack_panel (Unit *to, const float *const *rows, int64_t n, int64_t depth)
{
  const int64_t step = VEC * PER_UNIT;

  for (int64_t j = 0; j < TILE_COLS; j += VEC)
    for (int64_t i = 0; i < depth; i += step) {
      int64_t there = depth - i < step ? depth - i : step;
      Unit *at = to + i / PER_UNIT * TILE_COLS + j;
      Vec v[VEC];

      for (int r = 0; r < VEC; r++)
        v[r] = j + r >= n      ? vec_all (0)
               : there == step ? units_part (rows[j + r] + i, step)
                               : units_part (rows[j + r] + i, there);
      vec_transpose (v);
      for (int r = 0; r < UNITS (there); r++)
        memcpy (at + r * TILE_COLS, &v[r], sizeof *v);
    }
}
