/* cpu.c - opens the CPU backend: the best copy of the loops that this machine runs. */
#include "engine/cpu/cpu.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#define SCRATCH_MOST  ((size_t) 1 << 36)
#define SCRATCH_LEAST ((size_t) 1 << 28)

typedef struct {
  const char *name;
  const EmOps *ops;
  EmGemm gemm;
} Copy;

/* The best first; bf16 only by name, since it is less exact. */
static const Copy copies[] = {
#ifdef EM_HAVE_X86
  { "avx512", &em_cpu_avx512_ops, em_cpu_avx512_gemm },
  { "avx2", &em_cpu_avx2_ops, em_cpu_avx2_gemm },
#endif
  { "baseline", &em_cpu_baseline_ops, em_cpu_baseline_gemm },
#ifdef EM_HAVE_BF16
  { "bf16", &em_cpu_avx512bf16_ops, em_cpu_avx512_gemm },
#endif
};

static bool
machine_runs (const char *name)
{
#ifdef EM_HAVE_X86
  bool avx512 = __builtin_cpu_supports ("avx512f") && __builtin_cpu_supports ("avx512bw")
                && __builtin_cpu_supports ("avx512dq") && __builtin_cpu_supports ("avx512vl");

  if (strcmp (name, "bf16") == 0)
    return avx512 && __builtin_cpu_supports ("avx512bf16");
  if (strcmp (name, "avx512") == 0)
    return avx512;
  if (strcmp (name, "avx2") == 0)
    return __builtin_cpu_supports ("avx2") && __builtin_cpu_supports ("fma");
#endif
  return strcmp (name, "baseline") == 0;
}

static void *
cpu_reserve (EmBackend *be, size_t bytes)
{
  return em_arena_reserve (bytes);
}

static void
cpu_unreserve (EmBackend *be, void *memory, size_t bytes)
{
  em_arena_unreserve (memory, bytes);
}

static bool
cpu_copy_in (EmBackend *be, void *device, const void *host, size_t bytes)
{
  memcpy (device, host, bytes);
  return true;
}

static bool
cpu_copy_out (EmBackend *be, void *host, const void *device, size_t bytes)
{
  memcpy (host, device, bytes);
  return true;
}

static void
cpu_copy (EmBackend *be, void *to, const void *from, size_t bytes)
{
  memcpy (to, from, bytes);
}

static bool
cpu_finish (EmBackend *be)
{
  return true;
}

static void
cpu_move (EmBackend *be, void *to, const void *from, size_t bytes)
{
  memmove (to, from, bytes);
}

static void
cpu_hold (EmBackend *be, const void *data, size_t bytes, bool of_file)
{
  em_held_range (&em_cpu_of (be)->held, data, bytes, of_file);
}

static void
cpu_let_go (EmBackend *be, const void *data, size_t bytes)
{
  em_held_drop (&em_cpu_of (be)->held, data, bytes);
}

static void
cpu_close (EmBackend *be)
{
  EmCpu *cpu = em_cpu_of (be);

  void *memory = cpu->scratch.base;
  size_t size = cpu->scratch.size;

  em_arena_end (&cpu->scratch);
  em_arena_unreserve (memory, size);
  em_held_clear (&cpu->held);
  free (cpu);
}

/* "avx2:own" is the copy "avx2" and the own product; an empty name is the best copy. */
static const Copy *
choose (const char *how, bool *own)
{
  size_t length = strcspn (how, ":");

  *own = strcmp (how + length, ":own") == 0;
  if (how[length] && !*own)
    return NULL;
  for (size_t i = 0; i < sizeof copies / sizeof *copies; i++)
    if ((!length
         || (strlen (copies[i].name) == length && strncmp (how, copies[i].name, length) == 0))
        && machine_runs (copies[i].name))
      return &copies[i];
  return NULL;
}

EmBackend *
em_cpu_open (const char *how, EmError *err)
{
  bool own;
  const Copy *copy = choose (how, &own);
  size_t size = SCRATCH_MOST;
  void *memory = NULL;

  if (!copy && strcmp (how, "bf16") == 0) {
    em_fail (err, EM_E_DEVICE,
             "this processor has no bf16 products (AVX512_BF16): f32 is what it can");
    return NULL;
  }
  if (!copy) {
    em_fail (err, EM_E_DEVICE, "this machine has no CPU backend \"%s\"", how);
    return NULL;
  }
  while (size >= SCRATCH_LEAST && !(memory = em_arena_reserve (size)))
    size /= 2;
  if (!memory) {
    em_fail (err, EM_E_DEVICE, "cpu: no room for scratch memory");
    return NULL;
  }

  EmCpu *cpu = calloc (1, sizeof *cpu);
  EM_BUG_UNLESS (cpu);
  em_arena_init (&cpu->scratch, memory, size, true);
  cpu->gemm = own || !em_gemm_library () ? copy->gemm : em_gemm_library ();
  cpu->n_threads = 1;
#ifdef _OPENMP
  cpu->n_threads = omp_get_max_threads ();
#endif
  cpu->base = (EmBackend){
    .version = EM_BACKEND_VERSION,
    .name = "cpu",
    .ops = *copy->ops,
    .compute = EM_F32,
    .alloc = cpu_reserve,
    .free = cpu_unreserve,
    .reserve = cpu_reserve,
    .unreserve = cpu_unreserve,
    .upload = cpu_copy_in,
    .download = cpu_copy_out,
    .copy = cpu_copy,
    .move = cpu_move,
    .finish = cpu_finish,
    .hold = cpu_hold,
    .let_go = cpu_let_go,
    .host_memory = true,
    .memory_on_host = true,
    .close = cpu_close,
  };
  snprintf (cpu->base.device, sizeof cpu->base.device, "%d thread%s, %s, %s", cpu->n_threads,
            cpu->n_threads == 1 ? "" : "s", copy->name,
            cpu->gemm == copy->gemm ? "own matrix product" : em_gemm_library_name ());
  return &cpu->base;
}

float *
em_cpu_scratch (EmCpu *cpu, int64_t n)
{
  float *p = em_arena_alloc (&cpu->scratch, (size_t) n * sizeof *p);

  EM_BUG_UNLESS (p);
  return p;
}

void
em_cpu_scratch_end (EmCpu *cpu)
{
  em_arena_release (&cpu->scratch, 0);
}
