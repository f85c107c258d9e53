/* sim.h - what the parts of the simulator share.
 *
 * A GPU with one thread: a stream is a list of closures that a synchronising call runs, and a
 * launch is one of them. Every entry point holds `Entry`, so the simulator is used by one thread of
 * the host at a time. A mistake in the use of the device that a real one would leave undefined ends
 * the program with one line. */
#pragma once
#include "include/cuda_runtime.h"
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#if defined __SANITIZE_ADDRESS__
#define SIM_ASAN 1
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define SIM_ASAN 1
#endif
#endif
#ifndef SIM_ASAN
#define SIM_ASAN 0
#endif

#pragma GCC visibility push(hidden)
namespace sim
{

/* "cudasim: ", the kernel and thread where one runs, the text; then abort. */
[[noreturn]] __attribute__ ((format (printf, 1, 2))) void fatal (const char *format, ...);
std::string name_of (const void *function);
/* Where the device is: "kernel k, block (0, 0, 0), thread (3, 0, 0): ", or nothing. */
std::string where ();

long environment (const char *name, long otherwise);
/* What the environment says of the device. */
int arch (); /* 90 */
size_t shared_most ();
int n_devices ();
int current_device (); /* the calling thread's */

extern std::recursive_mutex one_at_a_time;
struct Entry {
  std::lock_guard<std::recursive_mutex> lock{ one_at_a_time };
};
cudaError_t result (cudaError_t status); /* kept for cudaGetLastError */

/* launch.cc */
struct Launch {
  const void *kernel;
  dim3 grid, block;
  size_t dynamic_bytes;
  std::function<void ()> body;
};
void run (const Launch &launch);
extern unsigned seed;

/* stream.cc */
typedef std::function<void ()> Work;
bool stream_is_known (cudaStream_t stream);
/* The device that the stream was made on is the thread's: nothing is launched on another. */
bool stream_is_here (cudaStream_t stream);
/* Runs at the next synchronising call, or with the graph that is being captured. */
cudaError_t enqueue (cudaStream_t stream, Work work);
bool is_capturing (cudaStream_t stream);
/* A call that no capture may see: then it breaks the capture and fails. */
cudaError_t unless_capturing ();
void finish_all ();

/* memory.cc. Device memory can be touched only while an `Opened` lives: work on a stream has one,
 * the code of the host has none. */
struct Opened {
  Opened ();
  ~Opened ();
};
bool is_device (const void *memory, size_t bytes); /* all of it */
bool touches_device (const void *memory, size_t bytes);
bool is_pinned (const void *memory, size_t bytes);
bool take_budget (size_t bytes);
void give_budget (size_t bytes);
void check_guards (); /* with memory open */
/* For memory that comes and goes in pieces: a range that is there now, or no more. */
void add_range (void *memory, size_t bytes);
void remove_range (void *memory, size_t bytes);
std::string explain_address (const void *address);

/* Numbers and ranges, for the libraries. */
static inline float
load (const void *data, bool is_bf16, int64_t at)
{
  return is_bf16 ? __uint_as_float ((uint32_t) ((const uint16_t *) data)[at] << 16)
                 : ((const float *) data)[at];
}

static inline void
store (void *data, bool is_bf16, int64_t at, float x)
{
  uint32_t bits = __float_as_uint (x);

  if (!is_bf16)
    ((float *) data)[at] = x;
  else
    ((uint16_t *) data)[at]
        = x == x ? (uint16_t) ((bits + 0x7fff + (bits >> 16 & 1)) >> 16) : 0x7fff;
}

static inline bool
overlap (const void *a, size_t a_bytes, const void *b, size_t b_bytes)
{
  return (const char *) a < (const char *) b + b_bytes
         && (const char *) b < (const char *) a + a_bytes;
}

/* gemm.cc. Column-major d[m, n] = a[m, k] b[k, n], all sums f32; `a` has element (i, l) at
 * a_row * i + a_col * l, and so on. */
struct Matrix {
  const void *data;
  bool is_bf16;
  int64_t row, col; /* strides in elements */
};
void multiply (int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, float *d);

} /* namespace sim */
#pragma GCC visibility pop
