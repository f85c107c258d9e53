/* cpu.h - the CPU backend from inside.
 *
 * The folder is compiled once per instruction set, each time with another EM_ISA; EM_CPU (name)
 * gives the copies different symbols. One EmCpu serves one thread at a time; inside an op OpenMP
 * spreads the work. Scratch within an op comes from the EmCpu and is gone when the op returns. */
#pragma once
#ifdef _OPENMP
#include <omp.h>
#endif
#include "base/arena.h"
#include "engine/backend.h"
#include "engine/cpu/gemm.h"
#include "engine/cpu/held.h"

typedef struct {
  EmBackend base;
  EmArena scratch;
  EmGemm gemm;   /* one thread's product */
  EmHeld held;   /* weights, and what was made of them */
  int n_threads; /* at most; whoever has a piece of scratch per thread asks for that many */
} EmCpu;

/* `how`: "", or an instruction set, then perhaps ":own" (see em_backend_open). */
EmBackend *em_cpu_open (const char *how, EmError *err);

static inline EmCpu *
em_cpu_of (EmBackend *be)
{
  return (EmCpu *) be;
}

/* Gone at the end of the op; aborts when address space is out, which takes a caller's bug. */
float *em_cpu_scratch (EmCpu *cpu, int64_t n);
void em_cpu_scratch_end (EmCpu *cpu);

#define EM_PASTE_(a, b, c) a##b##_##c
#define EM_PASTE(a, b, c)  EM_PASTE_ (a, b, c)

/* What each copy offers to the one that opens. */
#define EM_CPU_COPY(isa)                                                                           \
  extern const EmOps em_cpu_##isa##_ops;                                                           \
  void em_cpu_##isa##_gemm (bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha,        \
                            const float *a, int64_t lda, const float *b, int64_t ldb, float beta,  \
                            float *c, int64_t ldc);
EM_CPU_COPY (baseline)
EM_CPU_COPY (avx2)
EM_CPU_COPY (avx512)
extern const EmOps em_cpu_avx512bf16_ops;

static inline int
em_cpu_thread (void) /* in a parallel region of num_threads (n_threads): which */
{
#ifdef _OPENMP
  return omp_get_thread_num ();
#else
  return 0;
#endif
}

#ifdef EM_ISA
#define EM_CPU(name)      EM_PASTE (em_cpu_, EM_ISA, name)
#define EM_OP(name, args) void EM_CPU (name) args;
#include "engine/ops.def"
#undef EM_OP
#endif
