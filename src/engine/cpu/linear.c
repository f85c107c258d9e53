/* linear.c - products of activations and weights.
 *
 * Roofline: 2 m n k operations, bound by the matrix product for every k above 100; what else is to
 * do to y is done by product.c while y is in cache. */
#include "engine/cpu/product.h"

void
EM_CPU (linear) (EmBackend *be, EmTensor *y, const EmTensor *x, const EmTensor *w,
                 const EmTensor *b, EmAct act, const EmTensor *residual)
{
  EmCpu *cpu = em_cpu_of (be);
  int64_t k = em_last_dim (x), n = w->shape[0], m = k ? em_numel (x) / k : em_rows (y);

  EM_CPU (product)
  (cpu, &(EmProduct){
            .tb = true,
            .m = m,
            .n = n,
            .k = k,
            .scale = 1,
            .a = em_f32 (x),
            .lda = k,
            .b = em_f32 (w),
            .ldb = k,
            .bias = b ? em_f32 (b) : NULL,
            .act = act,
            .residual = residual ? em_f32 (residual) : NULL,
            .y = em_f32 (y),
            .ldy = n,
            .panels = EM_CPU (panels) (cpu, em_f32 (w), EM_FORM_ROWS, m, n, k, 1),
        });
  em_cpu_scratch_end (cpu);
}

void
EM_CPU (matmul) (EmBackend *be, EmTensor *y, const EmTensor *a, bool ta, const EmTensor *b, bool tb,
                 float scale)
{
  int64_t batch = y->shape[0], m = y->shape[1], n = y->shape[2], k = a->shape[ta ? 1 : 2];
  EmProduct one = { .ta = ta, .tb = tb, .m = m, .n = n, .k = k, .scale = scale, .ldy = n };
  EmCpu *cpu = em_cpu_of (be);
  EmCpu alone = *cpu;
  bool spread = batch >= 2 * cpu->n_threads; /* a product per thread, or threads in a product */

  one.lda = ta ? m : k;
  one.ldb = tb ? k : n;
  alone.n_threads = spread ? 1 : cpu->n_threads;
#pragma omp parallel for if (spread)
  for (int64_t i = 0; i < batch; i++) {
    EmProduct p = one;

    p.a = em_f32 (a) + (a->shape[0] == 1 ? 0 : i * m * k);
    p.b = em_f32 (b) + (b->shape[0] == 1 ? 0 : i * n * k);
    p.y = em_f32 (y) + i * m * n;
    EM_CPU (product) (&alone, &p);
  }
}
