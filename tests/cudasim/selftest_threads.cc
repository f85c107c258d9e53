/* selftest_threads.cc - blocks, barriers, warps. */
#include "selftest.h"

enum { N = 200 }; /* threads: six warps and a quarter */

static __global__ void
numbers (int *out)
{
  int block = (int) (blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z));
  int n_threads = (int) (blockDim.x * blockDim.y * blockDim.z);
  int thread = (int) (threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z));

  out[block * n_threads + thread] += block * 1000 + thread;
}

static void
test_numbers ()
{
  for (unsigned seed = 0; seed < 3; seed++) {
    Device<int> out (std::vector<int> (2 * 3 * 4 * 120));

    cudasim_set_seed (seed);
    launch (numbers, dim3 (2, 3, 4), dim3 (5, 6, 4), out.data);
    std::vector<int> got = out.read ();
    for (int i = 0; i < (int) got.size (); i++)
      EXPECT (got[(size_t) i] == i / 120 * 1000 + i % 120);
  }
  passed ("every thread of every block once");
}

/* Each thread ends after as many barriers as its number tells; those that live go on. */
static __global__ void
stairs (int *out)
{
  EM_SHARED (int, seen, N);
  int me = (int) threadIdx.x, sum = 0;

  for (int round = 0; round < me % 5; round++) {
    seen[me] = round + me;
    __syncthreads ();
    int other = (me + 5) % N; /* ends when this one does */
    sum += seen[other] - other;
    __syncthreads ();
  }
  out[me] = sum;
}

static __global__ void
claims (int *out)
{
  int me = (int) threadIdx.x;
  int n = __syncthreads_count (me % 3 == 0), all = __syncthreads_and (me < N);
  int not_all = __syncthreads_and (me < N - 1), any = __syncthreads_or (me == 77);
  int none = __syncthreads_or (me == N);

  out[me] = n * 10000 + all * 1000 + not_all * 100 + any * 10 + none;
}

static void
test_barriers ()
{
  for (unsigned seed = 0; seed < 3; seed++) {
    Device<int> out (N);

    cudasim_set_seed (seed);
    launch (stairs, 1, N, out.data);
    std::vector<int> got = out.read ();
    for (int i = 0; i < N; i++)
      EXPECT (got[(size_t) i] == (i % 5) * (i % 5 - 1) / 2);
    launch (claims, 1, N, out.data);
    for (int x : out.read ())
      EXPECT (x == (N + 2) / 3 * 10000 + 1010);
  }
  passed ("barriers");
}

static __global__ void
shuffles (int64_t *out)
{
  int lane = (int) threadIdx.x % 32;
  int64_t *mine = out + threadIdx.x * 8;
  int64_t wide = (int64_t) lane << 40;
  float real = (float) lane;

  mine[0] = __shfl_sync (0xffffffffu, wide, lane * 3);
  mine[1] = (int64_t) __shfl_up_sync (0xffffffffu, real, 3);
  mine[2] = (int64_t) __shfl_down_sync (0xffffffffu, real, 5, 8);
  mine[3] = __shfl_xor_sync (0xffffffffu, lane, 9);
  mine[4] = __shfl_sync (0xffffffffu, lane, 2, 4);
  mine[5] = (int64_t) warp_sum (real);
  /* Halves of a warp on their own ways. */
  if (lane < 16)
    mine[6] = __shfl_xor_sync (0x0000ffffu, lane, 15);
  else
    mine[6] = __shfl_xor_sync (0xffff0000u, lane, 1);
  mine[7] = __ballot_sync (0xffffffffu, lane % 3 == 0);
  mine[7] += __any_sync (0xffffffffu, lane == 31) + __all_sync (0xffffffffu, lane < 31);
  __syncwarp ();
}

static void
test_warps ()
{
  for (unsigned seed = 0; seed < 3; seed++) {
    Device<int64_t> out (64 * 8);

    cudasim_set_seed (seed);
    launch (shuffles, 1, 64, out.data);
    std::vector<int64_t> got = out.read ();
    for (int i = 0; i < 64; i++) {
      const int64_t *x = &got[(size_t) i * 8];
      int lane = i % 32;

      EXPECT (x[0] == (int64_t) (lane * 3 % 32) << 40);
      EXPECT (x[1] == (lane < 3 ? lane : lane - 3));
      EXPECT (x[2] == (lane % 8 + 5 < 8 ? lane + 5 : lane));
      EXPECT (x[3] == (lane ^ 9));
      EXPECT (x[4] == lane / 4 * 4 + 2);
      EXPECT (x[5] == 31 * 16);
      EXPECT (x[6] == (lane ^ (lane < 16 ? 15 : 1)));
      EXPECT (x[7] == 0x49249249 + 1);
    }
  }
  passed ("shuffles and votes");
}

/* Turns 200 numbers round through shared memory. */
template <bool before, bool after>
static __global__ void
reverse (int *out, int rounds)
{
  EM_SHARED (int, box, N);
  int me = (int) threadIdx.x;

  for (int round = 0; round < rounds; round++) {
    box[me] = me + round;
    if (before)
      __syncthreads ();
    out[round * N + me] = box[N - 1 - me];
    if (after)
      __syncthreads ();
  }
}

template <bool before, bool after>
static int
wrong_under (unsigned seed)
{
  Device<int> out (N * 2);
  int n_wrong = 0;

  cudasim_set_seed (seed);
  launch (reverse<before, after>, 1, N, out.data, 2);
  std::vector<int> got = out.read ();
  for (int i = 0; i < 2 * N; i++)
    n_wrong += got[(size_t) i] != N - 1 - i % N + i / N;
  return n_wrong;
}

static void
test_missing_barrier ()
{
  int n_first = 0, n_second = 0;

  for (unsigned seed = 0; seed < 3; seed++) {
    EXPECT (!(wrong_under<true, true> (seed)));
    n_first += wrong_under<false, true> (seed);
    n_second += wrong_under<true, false> (seed);
  }
  EXPECT (n_first && n_second);
  passed ("a missing barrier gives wrong numbers");
}

static __global__ void
uninitialised (float *out)
{
  EM_SHARED (float, a, 3);

  out[blockIdx.x] = a[blockIdx.x % 3];
  a[0] = a[1] = a[2] = 0;
}

static __global__ void
dynamic (int *out, int n)
{
  int *box = (int *) em_shared ();

  for (int i = (int) threadIdx.x; i < n; i += (int) blockDim.x)
    box[i] = i;
  __syncthreads ();
  out[threadIdx.x] = box[n - 1 - (int) threadIdx.x];
}

static void
test_shared ()
{
  Device<float> out (5);
  Device<int> ints (32);

  launch (uninitialised, 5, 1, out.data);
  for (float x : out.read ())
    EXPECT (x != x);

  size_t much = 60 << 10, too_much = 1 << 20;
  EXPECT (launch_on (NULL, dynamic, 1, 32, much, ints.data, (int) much / 4)
          == cudaErrorInvalidValue);
  EXPECT (cudaPeekAtLastError () == cudaErrorInvalidValue);
  EXPECT (cudaGetLastError () == cudaErrorInvalidValue && cudaGetLastError () == cudaSuccess);
  EXPECT (
      cudaFuncSetAttribute (dynamic, cudaFuncAttributeMaxDynamicSharedMemorySize, (int) too_much)
      == cudaErrorInvalidValue);
  SUCCEED (cudaFuncSetAttribute (dynamic, cudaFuncAttributeMaxDynamicSharedMemorySize, (int) much));
  SUCCEED (launch_on (NULL, dynamic, 1, 32, much, ints.data, (int) much / 4));
  std::vector<int> got = ints.read ();
  EXPECT (got[0] == (int) much / 4 - 1 && got[31] == got[0] - 31);
  EXPECT (launch_on (NULL, dynamic, 1, 1025, 0, ints.data, 1) == cudaErrorInvalidConfiguration);
  EXPECT (launch_on (NULL, dynamic, 0, 32, 0, ints.data, 1) == cudaErrorInvalidConfiguration);
  EXPECT (launch_on (NULL, dynamic, dim3 (1, 65536), 32, 0, ints.data, 1)
          == cudaErrorInvalidConfiguration);
  cudaGetLastError ();
  passed ("shared memory and the limits of a launch");
}

static __global__ void
atomics (float *sum, unsigned *most, int *n)
{
  atomicAdd (sum, 0.5f);
  atomicMax (most, blockIdx.x * blockDim.x + threadIdx.x);
  atomicAdd (n, 1);
}

static void
test_atomics ()
{
  Device<float> sum (std::vector<float> (1));
  Device<unsigned> most (std::vector<unsigned> (1));
  Device<int> n (std::vector<int> (1));

  launch (atomics, 7, N, sum.data, most.data, n.data);
  EXPECT (sum.read ()[0] == 3.5f * N && most.read ()[0] == 7 * N - 1 && n.read ()[0] == 7 * N);
  passed ("atomics");
}

static __global__ void
half_a_barrier ()
{
  if (threadIdx.x < 40)
    __syncthreads ();
  else
    __shfl_sync (0xffffffffu, 1, 0);
}

static __global__ void
two_barriers ()
{
  if (threadIdx.x < 40)
    __syncthreads ();
  else
    __syncthreads ();
}

static __global__ void
lost_lane ()
{
  if (threadIdx.x != 7)
    __shfl_xor_sync (0xffffffffu, 1.0f, 1);
}

static __global__ void
deaf_lane (int *out)
{
  if (threadIdx.x < 16)
    out[threadIdx.x] = __shfl_sync (0xffffu, 1, (int) threadIdx.x + 8);
}

static __global__ void
overrun (int n)
{
  EM_SHARED (volatile int, box, N);

  box[(int) threadIdx.x + n] = 1;
}

static __global__ void
overrun_dynamic (int at)
{
  ((volatile unsigned char *) em_shared ())[at] = 1;
}

static __global__ void
endless (int n)
{
  volatile char much[1000];

  much[n] = 1;
  if (much[n])
    endless (n);
  much[0] = 2;
}

static void
test_mistakes ()
{
  dies ("deadlock", "half_a_barrier, block (0, 0, 0): deadlock: thread (0, 0, 0) and 39 more wait",
        false, [] { launch (half_a_barrier, 1, 64); });
  dies ("two barriers at once", "while thread (40, 0, 0) waits at __syncthreads", false,
        [] { launch (two_barriers, 1, 64); });
  dies ("a shuffle without one lane", "for lane 7, which has ended", false,
        [] { launch (lost_lane, 1, 32); });
  dies ("a shuffle in a broken warp", "which the block does not have", false,
        [] { launch (lost_lane, 1, 6); });
  dies ("a shuffle from outside the mask", "which is not in the mask 0000ffff", false, [] {
    static Device<int> out (32);

    launch (deaf_lane, 1, 32, out.data);
  });
  dies ("a stack that is too small", "fault at the end of its stack", true, [] {
    Device<int> first (1); /* from then on faults are explained */

    launch (endless, 1, 1, 1);
    cudaDeviceSynchronize ();
  });
  dies ("past the end of a shared array", "past the end of an array in shared memory", true,
        [] { launch (overrun, 1, N, 1); });
  dies ("before a shared array", "before an array in shared memory", true,
        [] { launch (overrun, 1, N, -1); });
  dies ("past the end of dynamic shared memory", "past the end of dynamic shared memory", true,
        [] { SUCCEED (launch_on (NULL, overrun_dynamic, 3, 1, 100, 100)); });
}

void
test_threads ()
{
  test_numbers ();
  test_barriers ();
  test_warps ();
  test_missing_barrier ();
  test_shared ();
  test_atomics ();
  test_mistakes ();
}
