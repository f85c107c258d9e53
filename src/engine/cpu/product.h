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
} EmProduct;

void EM_CPU (product) (EmCpu *cpu, const EmProduct *p);
/* The last touches alone, on `rows` rows of n. */
void EM_CPU (finish) (float *y, int64_t ldy, int64_t rows, int64_t n, const float *bias, EmAct act,
                      const float *residual, int64_t ldr);
