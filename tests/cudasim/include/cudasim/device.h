/* device.h - what a kernel may call.
 *
 * Threads of a block are fibres of one thread of the host: they change places only inside the
 * functions that wait, so atomics are plain. Whoever waits is named by its source line; all that
 * meet in one call have to come from the same line. */
#pragma once

#define CUDASIM_HIDDEN __attribute__ ((visibility ("hidden")))
#define CUDASIM_AT     const char *file = __builtin_FILE(), int line = __builtin_LINE()

CUDASIM_HIDDEN extern uint3 threadIdx, blockIdx;
CUDASIM_HIDDEN extern dim3 blockDim, gridDim;
constexpr int warpSize = 32;

/* Shared memory, NaN before each block. `key` tells one array from another. */
CUDASIM_HIDDEN void *cudasim_shared (const void *key, size_t bytes);
CUDASIM_HIDDEN void *cudasim_dynamic_shared ();

enum cudasim_barrier_kind {
  CUDASIM_BARRIER,
  CUDASIM_BARRIER_COUNT,
  CUDASIM_BARRIER_AND,
  CUDASIM_BARRIER_OR,
};
CUDASIM_HIDDEN int cudasim_barrier (cudasim_barrier_kind kind, int claim, const char *file,
                                    int line);
CUDASIM_HIDDEN int cudasim_lane ();
CUDASIM_HIDDEN unsigned cudasim_living_lanes ();
/* The bits that lane `from` of the warp has given. */
CUDASIM_HIDDEN uint64_t cudasim_exchange (unsigned mask, uint64_t bits, int from, const char *file,
                                          int line);
CUDASIM_HIDDEN unsigned cudasim_ballot (unsigned mask, bool claim, const char *file, int line);
CUDASIM_HIDDEN void cudasim_sync_warp (unsigned mask, const char *file, int line);
CUDASIM_HIDDEN void cudasim_mma (float *d, const uint32_t *a, const uint32_t *b, const char *file,
                                 int line);
CUDASIM_HIDDEN void cudasim_ldmatrix (uint32_t *r, const void *row, bool transposed,
                                      const char *file, int line);
CUDASIM_HIDDEN void cudasim_cp_async (void *shared, const void *global, bool valid,
                                      const char *file, int line);
CUDASIM_HIDDEN void cudasim_cp_async_commit ();
CUDASIM_HIDDEN void cudasim_cp_async_complete (int but);
[[noreturn]] CUDASIM_HIDDEN void cudasim_trap (const char *what, const char *file, int line);

static inline void
__syncthreads (CUDASIM_AT)
{
  cudasim_barrier (CUDASIM_BARRIER, 0, file, line);
}

static inline int
__syncthreads_count (int claim, CUDASIM_AT)
{
  return cudasim_barrier (CUDASIM_BARRIER_COUNT, claim, file, line);
}

static inline int
__syncthreads_and (int claim, CUDASIM_AT)
{
  return cudasim_barrier (CUDASIM_BARRIER_AND, claim, file, line);
}

static inline int
__syncthreads_or (int claim, CUDASIM_AT)
{
  return cudasim_barrier (CUDASIM_BARRIER_OR, claim, file, line);
}

static inline void
__syncwarp (unsigned mask = 0xffffffffu, CUDASIM_AT)
{
  cudasim_sync_warp (mask, file, line);
}

static inline unsigned
__ballot_sync (unsigned mask, int claim, CUDASIM_AT)
{
  return cudasim_ballot (mask, claim, file, line);
}

static inline int
__any_sync (unsigned mask, int claim, CUDASIM_AT)
{
  return cudasim_ballot (mask, claim, file, line) != 0;
}

static inline int
__all_sync (unsigned mask, int claim, CUDASIM_AT)
{
  return cudasim_ballot (mask, !claim, file, line) == 0;
}

static inline unsigned
__activemask ()
{
  return cudasim_living_lanes ();
}

template <typename T> struct cudasim_shuffles : std::is_arithmetic<T> {
};

template <typename T>
static inline T
cudasim_shuffle (unsigned mask, T value, int from, int width, const char *file, int line)
{
  static_assert (cudasim_shuffles<T>::value && (sizeof (T) == 4 || sizeof (T) == 8),
                 "what a shuffle can carry");
  uint64_t bits = 0;

  if (width < 1 || width > 32 || (width & (width - 1)))
    cudasim_trap ("a shuffle's width is a power of two up to 32", file, line);
  memcpy (&bits, &value, sizeof value);
  bits = cudasim_exchange (mask, bits, from, file, line);
  memcpy (&value, &bits, sizeof value);
  return value;
}

template <typename T>
static inline T
__shfl_sync (unsigned mask, T value, int from, int width = 32, CUDASIM_AT)
{
  int group = cudasim_lane () & ~(width - 1);

  return cudasim_shuffle (mask, value, group | (from & (width - 1)), width, file, line);
}

template <typename T>
static inline T
__shfl_up_sync (unsigned mask, T value, unsigned by, int width = 32, CUDASIM_AT)
{
  int lane = cudasim_lane (), from = lane - (int) by;

  return cudasim_shuffle (mask, value, from < (lane & ~(width - 1)) ? lane : from, width, file,
                          line);
}

template <typename T>
static inline T
__shfl_down_sync (unsigned mask, T value, unsigned by, int width = 32, CUDASIM_AT)
{
  int lane = cudasim_lane (), from = lane + (int) by;

  return cudasim_shuffle (mask, value, from > (lane | (width - 1)) ? lane : from, width, file,
                          line);
}

template <typename T>
static inline T
__shfl_xor_sync (unsigned mask, T value, int with, int width = 32, CUDASIM_AT)
{
  int lane = cudasim_lane (), from = lane ^ with;

  return cudasim_shuffle (mask, value, from > (lane | (width - 1)) ? lane : from, width, file,
                          line);
}

/* Those of kernels/mma.cuh. */
static inline void
cudasim_mma_bf16 (float *d, const uint32_t *a, const uint32_t *b, CUDASIM_AT)
{
  cudasim_mma (d, a, b, file, line);
}

static inline void
cudasim_ldmatrix_x4 (uint32_t *r, const void *row, CUDASIM_AT)
{
  cudasim_ldmatrix (r, row, false, file, line);
}

static inline void
cudasim_ldmatrix_x4_t (uint32_t *r, const void *row, CUDASIM_AT)
{
  cudasim_ldmatrix (r, row, true, file, line);
}

static inline void
cudasim_cp_async16 (void *shared, const void *global, bool valid, CUDASIM_AT)
{
  cudasim_cp_async (shared, global, valid, file, line);
}

template <int n>
static inline void
cudasim_cp_async_wait ()
{
  cudasim_cp_async_complete (n);
}

static inline void
__threadfence ()
{
}

static inline void
__threadfence_block ()
{
}

[[noreturn]] static inline void
__trap (CUDASIM_AT)
{
  cudasim_trap ("__trap", file, line);
}

/* Atomics give what was there before. */
#define CUDASIM_ATOMIC(name, T, next)                                                              \
  static inline T name (T *at, T value)                                                            \
  {                                                                                                \
    T old = *at;                                                                                   \
    *at = next;                                                                                    \
    return old;                                                                                    \
  }
#define CUDASIM_ATOMIC_INTEGER(T)                                                                  \
  CUDASIM_ATOMIC (atomicExch, T, value)                                                            \
  CUDASIM_ATOMIC (atomicMax, T, old > value ? old : value)                                         \
  CUDASIM_ATOMIC (atomicMin, T, old < value ? old : value)                                         \
  CUDASIM_ATOMIC (atomicAnd, T, (T) (old & value))                                                 \
  CUDASIM_ATOMIC (atomicOr, T, (T) (old | value))                                                  \
  CUDASIM_ATOMIC (atomicXor, T, (T) (old ^ value))                                                 \
  static inline T atomicCAS (T *at, T expected, T value)                                           \
  {                                                                                                \
    T old = *at;                                                                                   \
    if (old == expected)                                                                           \
      *at = value;                                                                                 \
    return old;                                                                                    \
  }
CUDASIM_ATOMIC_INTEGER (int)
CUDASIM_ATOMIC_INTEGER (unsigned)
CUDASIM_ATOMIC_INTEGER (unsigned long long)
CUDASIM_ATOMIC (atomicExch, float, value)
CUDASIM_ATOMIC (atomicAdd, int, (int) ((unsigned) old + (unsigned) value))
CUDASIM_ATOMIC (atomicAdd, unsigned, old + value)
CUDASIM_ATOMIC (atomicAdd, unsigned long long, old + value)
CUDASIM_ATOMIC (atomicAdd, float, old + value)
CUDASIM_ATOMIC (atomicAdd, double, old + value)
CUDASIM_ATOMIC (atomicSub, int, (int) ((unsigned) old - (unsigned) value))
CUDASIM_ATOMIC (atomicSub, unsigned, old - value)
#undef CUDASIM_ATOMIC_INTEGER
#undef CUDASIM_ATOMIC

#define CUDASIM_LOAD(name)                                                                         \
  template <typename T> static inline T name (const T *at)                                         \
  {                                                                                                \
    return *at;                                                                                    \
  }
CUDASIM_LOAD (__ldg)
CUDASIM_LOAD (__ldcg)
CUDASIM_LOAD (__ldca)
CUDASIM_LOAD (__ldcs)
#undef CUDASIM_LOAD
#define CUDASIM_STORE(name)                                                                        \
  template <typename T> static inline void name (T *at, T value)                                   \
  {                                                                                                \
    *at = value;                                                                                   \
  }
CUDASIM_STORE (__stcg)
CUDASIM_STORE (__stcs)
CUDASIM_STORE (__stwb)
#undef CUDASIM_STORE

#include "device_math.h"
