/* cuda.cuh - the device from inside: what cuda.cu, memory.cu, queue.cu and gemm.cu share.
 *
 * One EmCuda is one device used by one thread: a stream that everything goes to, the library's
 * handle, scratch for ops, second forms of weights, and the ops that are gathered. */
#pragma once
#include <cublasLt.h>
#include <string>
#include <vector>
#include "common.cuh"

/* Address space with memory behind its beginning. */
struct EmCudaRange {
  char *base;
  size_t bytes, committed;
  std::vector<unsigned long long> handles; /* of physical memory, in order */
  std::vector<size_t> sizes;
};

struct EmCudaHeld {
  const char *data, *end;
};

struct EmCudaMadeForm {
  const void *data;
  EmForm form;
  void *made;
  size_t bytes;
};

/* Gathered calls that came before, and what replays them. */
struct EmCudaReplay {
  std::vector<char> calls;
  uint64_t hash, used;
  cudaGraphExec_t exec; /* NULL: seen once, or not to be captured */
  bool eager;
};

struct EmCudaQueue {
  std::vector<char> calls;
  int n_calls;
  bool has_host_op; /* which no graph can hold */
  std::vector<EmCudaReplay> replays;
  uint64_t clock;
  int64_t n_replayed; /* launches of graphs so far */
};

struct EmCudaSpan {
  cudaEvent_t begin, end;
};

struct EmCuda {
  EmBackend base;
  EmModuleHost host;
  int device, processors;
  size_t shared_most, granularity;
  cudaStream_t stream;
  cublasLtHandle_t lt;
  struct EmCudaDnn *dnn; /* NULL: not wanted yet */
  bool has_no_dnn;

  std::vector<EmCudaRange *> ranges;
  EmCudaRange *scratch;
  size_t scratch_used;
  char *ring; /* pinned: what is on its way */
  size_t ring_used;
  std::vector<EmCudaHeld> held;
  std::vector<EmCudaMadeForm> forms;

  EmCudaQueue queue;
  bool timing;
  double seconds;
  std::vector<EmCudaSpan> spans; /* under way */

  EmBackend *cpu;                 /* for ops that go through the host; opened when first wanted */
  bool on_host[EM_N_OPS];         /* asked for */
  bool was_slow[EM_N_OPS];
  std::vector<std::string> refused; /* by a library: "linear 12x256x4 bf16" */
  char slow[512];
};

/* cuda.cu */
/* Several devices may be open: calls of the runtime go to the one that is the thread's. */
void em_cuda_make_current (EmCuda *c);
/* A library did not take this one: a kernel of our own serves, and slow_ops tells. */
void em_cuda_refused (EmCuda *c, const char *what, EmDtype type, int64_t m, int64_t n, int64_t k);

/* memory.cu */
bool em_cuda_memory_open (EmCuda *c, EmError *err);
void em_cuda_memory_close (EmCuda *c);
void em_cuda_drop_forms (EmCuda *c, const void *data, size_t bytes);
size_t em_cuda_form_bytes (const EmCuda *c);

/* queue.cu */
/* Runs what is gathered. False: an error sticks. */
bool em_cuda_flush (EmCuda *c);
/* Graphs are made anew: what they point to is about to go. */
void em_cuda_forget_replays (EmCuda *c);
/* Those that may point there. */
void em_cuda_forget_replays_of (EmCuda *c, const void *memory, size_t bytes);
/* The table whose entries gather; on_host says which go through the CPU. */
void em_cuda_fill_table (EmCuda *c, EmOps *ops);
void em_cuda_gather_move (EmBackend *be, void *to, const void *from, size_t bytes);
/* A span of device time begins and ends around work on the stream. */
void em_cuda_span_begin (EmCuda *c);
void em_cuda_span_end (EmCuda *c);
void em_cuda_spans_collect (EmCuda *c); /* after the stream was waited for */

/* dnn.cu */
void em_cuda_dnn_close (EmCuda *c);

/* The launchers. */
#define EM_OP(name, args) void cuda_##name args;
#include "engine/ops.def"
#undef EM_OP
