/* product.h - a matrix product spread over threads, with its last touches while it is in cache. */
#pragma once
#include "engine/cpu/cpu.h"

/* y [m, n] = act (op (a) op (b) * scale + bias) + residual. */
typedef struct {
  bool ta, tb;
  int64_t m, n, k;
  float scale;
  const float *a, *b;
  int64_t lda, ldb;
  const float *bias; /* [n] or NULL */
  EmAct act;
  const float *residual; /* laid out as y, or NULL */
  float *y;
  int64_t ldy;
  const void *panels; /* op (b) packed by EM_CPU (panels), in place of b; ta false, scale 1 */
  float *work;        /* with panels, inside a parallel region: product_work floats; else NULL */
} EmProduct;

void EM_CPU (product) (EmCpu *cpu, const EmProduct *p);
/* Room that one thread needs for products of m rows, k deep. */
int64_t EM_CPU (product_work) (int64_t m, int64_t k);
/* The last touches alone, on `rows` rows of n. */
void EM_CPU (finish) (float *y, int64_t ldy, int64_t rows, int64_t n, const float *bias, EmAct act,
                      const float *residual, int64_t ldr);

/* How a weight becomes the right side [k, n] of a product. */
typedef enum {
  EM_FORM_ROWS,       /* [n, k]: columns as they lie */
  EM_FORM_TAPS_LAST,  /* [n, c, taps], k runs over taps, then c */
  EM_FORM_TRANSPOSED, /* [k, c, taps], n runs over taps, then c */
} EmForm;

/* w packed for products of m rows; NULL where they are left to the library: few rows, and in f32
 * weights that nobody promised to hold still. The result is valid until the op ends at least. */
const void *EM_CPU (panels) (EmCpu *cpu, const float *w, EmForm form, int64_t m, int64_t n,
                             int64_t k, int64_t taps);
