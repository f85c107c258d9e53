/* loops.cuh - what kernels that go over elements share: blocks, packs of 16 bytes, a grid that goes
 * round. */
#pragma once
#include "common.cuh"

#define BLOCK 256

/* V elements that are loaded and stored at once. */
template <typename T, int V> struct alignas (V * sizeof (T)) Pack {
  T at[V];
};

static inline bool
lies_at (const void *p, size_t multiple) /* NULL does */
{
  return (uintptr_t) p % multiple == 0;
}

/* Blocks for n threads, but no more than keep the device busy: kernels go round. */
static inline unsigned
grid_of (EmCuda *c, int64_t n)
{
  int64_t blocks = (n + BLOCK - 1) / BLOCK, most = 16ll * em_cuda_processors (c);

  return (unsigned) (blocks < most ? blocks : most);
}

static __device__ inline int64_t
my_index ()
{
  return blockIdx.x * (int64_t) BLOCK + threadIdx.x;
}

static __device__ inline int64_t
n_threads ()
{
  return gridDim.x * (int64_t) BLOCK;
}
