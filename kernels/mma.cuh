/* mma.cuh - the tensor cores' instructions, sm_80 and later, one function each.
 *
 * All are done by a whole warp at once. Fragments are those of the PTX manual: with g = lane / 4
 * and t = lane % 4, of a product [16, 16] [16, 8],
 *   a[0] = (g, 2t..2t+1)  a[1] = (g + 8, 2t..)  a[2] = (g, 2t + 8..)  a[3] = (g + 8, 2t + 8..)
 *   b[0] = (2t..2t+1, g)  b[1] = (2t + 8.., g)
 *   d[0], d[1] = (g, 2t), (g, 2t + 1)           d[2], d[3] = (g + 8, 2t), (g + 8, 2t + 1)
 * two bf16 to a register, the lower column (of b: row) in the lower half.
 * The simulator has its own of each, with the same layout. */
#pragma once
#include "common.cuh"

#ifdef EM_CUDASIM
#define mma_bf16         cudasim_mma_bf16
#define ldmatrix_x4      cudasim_ldmatrix_x4
#define ldmatrix_x4_t    cudasim_ldmatrix_x4_t
#define cp_async16       cudasim_cp_async16
#define cp_async_commit  cudasim_cp_async_commit
#define cp_async_wait    cudasim_cp_async_wait
#else
/* d += a b */
static __device__ inline void
mma_bf16 (float d[4], const uint32_t a[4], const uint32_t b[2])
{
  asm volatile ("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/* Four 8 x 8 matrices of bf16: lane 8 i + r gives the address of row r of matrix i, 16-byte
 * aligned; r[i] becomes (lane / 4, 2 (lane % 4) ..) of matrix i. */
static __device__ inline void
ldmatrix_x4 (uint32_t r[4], const void *row)
{
  uint32_t at = (uint32_t) __cvta_generic_to_shared (row);

  asm volatile ("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                : "r"(at)
                : "memory");
}

/* The same, each matrix transposed: r[i] becomes (2 (lane % 4) .., lane / 4). */
static __device__ inline void
ldmatrix_x4_t (uint32_t r[4], const void *row)
{
  uint32_t at = (uint32_t) __cvta_generic_to_shared (row);

  asm volatile ("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                : "r"(at)
                : "memory");
}

/* 16 bytes from global to shared memory, both aligned to 16, without a register in between; zeros
 * where `valid` is false, and then `global` is not read. There once waited for. */
static __device__ inline void
cp_async16 (void *shared, const void *global, bool valid)
{
  uint32_t to = (uint32_t) __cvta_generic_to_shared (shared);

  asm volatile ("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(global),
                "r"(valid ? 16 : 0)
                : "memory");
}

static __device__ inline void
cp_async_commit ()
{
  asm volatile ("cp.async.commit_group;" ::: "memory");
}

/* Until at most n of this thread's groups are under way; other threads' copies need a barrier. */
template <int n>
static __device__ inline void
cp_async_wait ()
{
  asm volatile ("cp.async.wait_group %0;" ::"n"(n) : "memory");
}
#endif

static __device__ inline uint32_t
pack_bf16 (float low, float high)
{
  __nv_bfloat162 two = __floats2bfloat162_rn (low, high);
  uint32_t bits;

  memcpy (&bits, &two, sizeof bits);
  return bits;
}
