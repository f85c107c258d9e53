/* selftest.h - what the simulator's own tests share. */
#pragma once
#include "mma.cuh"
#include <cstdio>
#include <cstdlib>
#include <vector>

#define EXPECT(claim)                                                                              \
  do {                                                                                             \
    if (!(claim)) {                                                                                \
      fprintf (stderr, "%s:%d: %s\n", __FILE__, __LINE__, #claim);                                 \
      exit (1);                                                                                    \
    }                                                                                              \
  } while (0)
#define SUCCEED(call) EXPECT (!(call))

/* Says "ok NAME". */
void passed (const char *name);
/* Runs `body` in a child, which has to end badly. `message` is a part of what it says; NULL, or
 * under AddressSanitizer where `or_asan`: anything. */
void dies (const char *name, const char *message, bool or_asan, void (*body) ());

/* The same numbers every time, in [-1, 1). */
float random_float ();
std::vector<float> random_floats (size_t n);
uint16_t bf16_of (float x);
float of_bf16 (uint16_t x);
bool near (float got, double wanted, double tolerance);

template <typename T> struct Device { /* an array on the device */
  T *data = NULL;
  size_t n;
  explicit Device (size_t n) : n (n)
  {
    SUCCEED (cudaMalloc (&data, n * sizeof (T)));
  }
  explicit Device (const std::vector<T> &from) : Device (from.size ())
  {
    SUCCEED (cudaMemcpy (data, from.data (), n * sizeof (T), cudaMemcpyHostToDevice));
  }
  Device (const Device &) = delete;
  ~Device ()
  {
    cudaFree (data);
  }
  std::vector<T>
  read () const
  {
    std::vector<T> to (n);

    SUCCEED (cudaMemcpy (to.data (), data, n * sizeof (T), cudaMemcpyDeviceToHost));
    return to;
  }
};

template <typename... P, typename... A>
static inline cudaError_t
launch_on (cudaStream_t stream, void (*kernel) (P...), dim3 grid, dim3 block, size_t shared,
           A... arguments)
{
  cudaLaunchConfig_t config = {};

  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared;
  config.stream = stream;
  return cudaLaunchKernelEx (&config, kernel, (P) arguments...);
}

template <typename... P, typename... A>
static inline void
launch (void (*kernel) (P...), dim3 grid, dim3 block, A... arguments)
{
  SUCCEED (launch_on (NULL, kernel, grid, block, 0, arguments...));
}

void test_threads ();
void test_tensor_cores ();
void test_memory ();
void test_streams ();
void test_libraries ();
