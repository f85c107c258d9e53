/* common.cuh - what all files of the module share: the device, launching, numbers.
 *
 * A launcher has the name and signature of its op with "cuda_" in front. It launches on the
 * device's stream, never waits, takes scratch from em_cuda_scratch only, and reports through
 * em_cuda_launch. Tensors it is given lie in the device's memory, are contiguous, and where not
 * said otherwise all of one type, f32 or bf16; sums are f32 in both. Views may begin anywhere that
 * is a multiple of their element.
 * The same files are compiled as plain C++ for the simulator in tests/cudasim, which runs blocks
 * and threads on the CPU; so nothing here uses <<<>>> or extern __shared__. */
#pragma once
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include "engine/backend.h"

typedef __nv_bfloat16 bf16;

#define WARP 32

struct EmCuda; /* cuda.cuh */

static inline EmCuda *
em_cuda_of (EmBackend *be)
{
  return (EmCuda *) be;
}

cudaStream_t em_cuda_stream (EmCuda *c);
int em_cuda_processors (EmCuda *c);     /* multiprocessors */
size_t em_cuda_shared_most (EmCuda *c); /* bytes a block may ask for */
/* A failed call sticks to the backend: `what` is the op or what was being done. */
bool em_cuda_check (EmCuda *c, cudaError_t status, const char *what);
/* 256-byte aligned, for the op that asks; the next op reuses it. Several calls in one op give
 * several pieces. NULL: out of memory, which has been reported. */
void *em_cuda_scratch (EmCuda *c, size_t bytes);
/* A second form of a weight that holds still: made by `make` the first time, found again later.
 * `form` numbers the kinds of forms over all files (enum EmForm). Where the weight was not promised
 * to hold still it is made in scratch every time. NULL: out of memory. */
enum EmForm { EM_FORM_TAPS_LAST, EM_FORM_TRANSPOSED };
typedef void EmMakeForm (EmCuda *c, void *to, const EmTensor *w);
void *em_cuda_form (EmCuda *c, const EmTensor *w, EmForm form, size_t bytes, EmMakeForm *make);

/* A caller's bug. */
[[noreturn]] void em_cuda_bug (const char *file, int line, const char *claim);
#undef EM_BUG_UNLESS
#define EM_BUG_UNLESS(claim)                                                                       \
  do {                                                                                             \
    if (!(claim))                                                                                  \
      em_cuda_bug (__FILE__, __LINE__, #claim);                                                    \
  } while (0)

/* One launch. Nothing happens where the grid is empty or an error sticks already; `shared` is the
 * dynamic shared memory that em_shared () points to. */
bool em_cuda_ready (EmCuda *c);
template <typename... P, typename... A>
static void
em_cuda_launch (EmCuda *c, const char *what, void (*kernel) (P...), dim3 grid, int block,
                size_t shared, A... arguments)
{
  cudaLaunchConfig_t config = {};

  if (!em_cuda_ready (c) || !grid.x || !grid.y || !grid.z)
    return;
  config.gridDim = grid;
  config.blockDim = dim3 ((unsigned) block);
  config.dynamicSmemBytes = shared;
  config.stream = em_cuda_stream (c);
  if (shared > 48 << 10
      && !em_cuda_check (c,
                         cudaFuncSetAttribute (kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                               (int) shared),
                         what))
    return;
  em_cuda_check (c, cudaLaunchKernelEx (&config, kernel, (P) arguments...), what);
}

/* Blocks of `block` threads for n of them. */
static inline unsigned
em_cuda_blocks (int64_t n, int64_t block)
{
  return (unsigned) ((n + block - 1) / block);
}

/* Shared memory. EM_SHARED declares an array of a fixed size in a kernel; em_shared () is the
 * dynamic part, 128-byte aligned. The simulator fills both with NaN before every block. */
#ifdef EM_CUDASIM
#define EM_SHARED(type, name, n)                                                                   \
  static char name##_key;                                                                          \
  type *name = (type *) cudasim_shared (&name##_key, sizeof (type) * (n))
static inline unsigned char *
em_shared ()
{
  return (unsigned char *) cudasim_dynamic_shared ();
}
#else
#define EM_SHARED(type, name, n) __shared__ type name[n]
static __device__ inline unsigned char *
em_shared ()
{
  extern __shared__ __align__ (128) unsigned char em_dynamic_shared[];

  return em_dynamic_shared;
}
#endif

/* Numbers. */
static __device__ inline float
to_f32 (float x)
{
  return x;
}

static __device__ inline float
to_f32 (bf16 x)
{
  return __bfloat162float (x);
}

template <typename T> static __device__ inline T of_f32 (float x);
template <>
__device__ inline float
of_f32<float> (float x)
{
  return x;
}
template <>
__device__ inline bf16
of_f32<bf16> (float x)
{
  return __float2bfloat16_rn (x);
}

static __device__ inline float
warp_sum (float x)
{
  for (int step = WARP / 2; step; step /= 2)
    x += __shfl_xor_sync (0xffffffffu, x, step);
  return x;
}

static __device__ inline float
warp_max (float x)
{
  for (int step = WARP / 2; step; step /= 2)
    x = fmaxf (x, __shfl_xor_sync (0xffffffffu, x, step));
  return x;
}

/* GELU is the exact form; erfc keeps its digits where 1 + erf would cancel. STEP of NaN is 0. */
static __device__ inline float
activated (float x, EmAct act)
{
  switch (act) {
  case EM_ACT_NONE:
    break;
  case EM_ACT_RELU:
    return x < 0 ? 0 : x;
  case EM_ACT_GELU:
    return 0.5f * x * erfcf (-0.70710678f * x);
  case EM_ACT_SIGMOID:
    return 1 / (1 + expf (-x));
  case EM_ACT_STEP:
    return x > 0 ? 1.0f : 0.0f;
  }
  return x;
}

/* Runs what follows with T as the type of a tensor's elements. */
#define WITH_TYPE(dtype, T, ...)                                                                   \
  do {                                                                                             \
    if ((dtype) == EM_F32) {                                                                       \
      typedef float T;                                                                             \
      __VA_ARGS__;                                                                                 \
    } else {                                                                                       \
      typedef bf16 T;                                                                              \
      __VA_ARGS__;                                                                                 \
    }                                                                                              \
  } while (0)
