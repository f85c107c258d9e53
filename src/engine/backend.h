/* backend.h - what computes.
 *
 * A backend is a table of ops and a few memory functions. The CPU's is compiled in; any other is a
 * module, a shared object that exports em_module_open and is loaded by name. Everything here is
 * valid C++. A backend is used by one thread at a time. */
#pragma once
#include "base/error.h"
#include "engine/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

#define EM_BACKEND_VERSION 5

typedef struct EmBackend EmBackend;

typedef enum { EM_ACT_NONE, EM_ACT_RELU, EM_ACT_GELU, EM_ACT_SIGMOID, EM_ACT_STEP } EmAct;
/* GELU is the exact erf form; STEP is 1 where x > 0, else 0. */

typedef enum {
  EM_FILTER_BILINEAR,           /* align_corners=False, never antialiased */
  EM_FILTER_BILINEAR_ANTIALIAS, /* as PyTorch's antialias=True */
} EmFilter;

typedef struct {
#define EM_OP(name, args) void (*name) args;
#include "engine/ops.def"
#undef EM_OP
} EmOps;

typedef enum {
#define EM_OP(name, args) EM_OP_##name,
#include "engine/ops.def"
#undef EM_OP
  EM_N_OPS,
} EmOpId;

struct EmBackend {
  int version;
  const char *name;    /* "cpu" */
  char device[256];    /* for people: "2 threads, avx512, oneDNN" */
  EmDtype compute;     /* of activations and weights: EM_F32 or EM_BF16; see ops.h */
  bool host_memory;    /* ops take any host pointer: mapped f32 weights are used where they lie */
  bool memory_on_host; /* what alloc and reserve give may be read and written by the CPU */
  /* Ops are gathered and replayed as a whole where they come again with the same addresses: what
   * changes from one time to the next, inputs and state, has to be copied to where it was before
   * (em_enter). What an op or a copy reports may then come late, with the next download. */
  bool replays;
  EmOps ops;
  /* What an op, which returns nothing, could not do. Sticks until em_ctx_end_pass takes it. */
  EmError err;
  size_t used_bytes; /* of the device's memory; 0 where that is the host's */

  /* Memory for weights and state, all of it there. NULL: none is left. */
  void *(*alloc) (EmBackend *be, size_t bytes);
  void (*free) (EmBackend *be, void *memory, size_t bytes);
  /* For scratch: address space, of which the first `bytes` are there once commit has said so.
   * commit NULL: pages come as they are touched. False: no memory is left. */
  void *(*reserve) (EmBackend *be, size_t bytes);
  bool (*commit) (EmBackend *be, void *memory, size_t bytes);
  void (*unreserve) (EmBackend *be, void *memory, size_t bytes);

  /* In the order of the ops, and each ends what is gathered; `host` may be reused at once. A
   * download has waited for all before it. */
  bool (*upload) (EmBackend *be, void *device, const void *host, size_t bytes);
  bool (*download) (EmBackend *be, void *host, const void *device, size_t bytes);
  void (*copy) (EmBackend *be, void *to, const void *from, size_t bytes);
  /* Within scratch, part of what is gathered; may overlap. */
  void (*move) (EmBackend *be, void *to, const void *from, size_t bytes);
  /* Whatever was asked for is done. */
  bool (*finish) (EmBackend *be);
  /* Seconds the device spent on ops so far, for benchmarks; NULL: a clock on the host tells. The
   * first call starts the measuring. */
  double (*spent) (EmBackend *be);
  /* Gives back what can be made again (graphs, forms of weights, idle pages); bytes freed. NULL:
   * there is nothing of the kind. */
  size_t (*trim) (EmBackend *be);
  /* What went a slow way: ops that the host's CPU did, by name, and products that the device's
   * library did not take, with their m x n x k. "" if none; NULL: it is the CPU. */
  const char *(*slow_ops) (EmBackend *be);

  /* A promise: these bytes do not change until let_go with the same arguments, so a backend may
   * keep a form of its own of what it reads there. of_file: they are pages of a mapped file, whose
   * memory may be given back at any time. */
  void (*hold) (EmBackend *be, const void *data, size_t bytes, bool of_file);
  void (*let_go) (EmBackend *be, const void *data, size_t bytes);
  void (*close) (EmBackend *be);
};

/* "auto", "cpu", "cuda", "cuda:K" (the K-th device, from 0), or the name of another module; NULL
 * with *err if it cannot be had. Release with em_backend_close. "auto" is the GPU where there is
 * one, else the CPU, with a line in the log and at the end of its `device` that says why. Modules
 * are earmark-NAME.so, looked for in $EARMARK_MODULES, then beside the program.
 *
 * A further ":bf16" or ":f32" is the type of products. A GPU computes in bf16 unless told
 * otherwise: activations and weights are stored so; sums, norms, softmax and logits are f32. A CPU
 * computes in f32 unless told otherwise. Its bf16 is EM_E_DEVICE without hardware for it, and
 * means: both sides of linear layers, convolutions and attention are rounded as they are read; all
 * else is f32, activations in memory too, and so are products of a few rows (tokens, pointers,
 * heads) and em_matmul.
 *
 * For tests, "cpu:baseline", "cpu:avx2" and "cpu:avx512" hold the CPU to an instruction set, which
 * it must have, and a further ":own" to the own matrix product where a library is built in. A
 * further ":host=OP,OP" of "cuda" sends ops through the CPU, to find the one that is at fault. */
EmBackend *em_backend_open (const char *name, EmError *err);
void em_backend_close (EmBackend *be); /* NULL is fine */

/* What a module is handed, so that it links nothing of the engine. */
typedef struct {
  int version;                                                         /* EM_BACKEND_VERSION */
  bool (*fail) (EmError *err, EmStatus code, const char *format, ...); /* em_fail */
  void (*bug) (const char *file, int line, const char *claim);         /* em_bug */
  EmBackend *(*open_cpu) (const char *how, EmError *err); /* for ops that the module lacks */
} EmModuleHost;
/* The one symbol of a module. `how`: what followed its name and a colon, or "". NULL with *err: one
 * line that says what is missing. */
typedef EmBackend *EmModuleOpen (const EmModuleHost *host, const char *how, EmError *err);

#ifdef __cplusplus
}
#endif
