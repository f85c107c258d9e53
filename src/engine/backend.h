/* backend.h - what computes.
 *
 * A backend is a table of ops and a few memory functions. The CPU's is compiled in; any other is a
 * module that exports em_backend_open and is loaded by name. Everything here is valid C++. */
#pragma once
#include "base/error.h"
#include "engine/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

#define EM_BACKEND_VERSION 2

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
  const char *name; /* "cpu" */
  char device[128]; /* for people: "2 threads, avx512, oneDNN" */
  bool host_memory; /* ops take any host pointer: mapped f32 weights are used where they lie */
  EmOps ops;
  /* Scratch arenas and state live in memory that the device reaches. */
  void *(*reserve) (EmBackend *be, size_t bytes); /* address space, filled as touched; NULL: none */
  void (*unreserve) (EmBackend *be, void *memory, size_t bytes);
  bool (*upload) (EmBackend *be, void *device, const void *host, size_t bytes);
  bool (*download) (EmBackend *be, void *host, const void *device, size_t bytes);
  void (*move) (EmBackend *be, void *to, const void *from, size_t bytes); /* may overlap */
  /* A promise: these bytes do not change until let_go with the same arguments, so a backend may
   * keep a form of its own of what it reads there. of_file: they are pages of a mapped file, whose
   * memory may be given back at any time. */
  void (*hold) (EmBackend *be, const void *data, size_t bytes, bool of_file);
  void (*let_go) (EmBackend *be, const void *data, size_t bytes);
  bool memory_on_host; /* what reserve gives may be read and written by the CPU */
  void (*close) (EmBackend *be);
};

/* "cpu" or "auto", which picks. NULL with *err if there is none of that name. Release with
 * em_backend_close.
 * A further ":bf16" multiplies in bf16 where there is hardware for it, else EM_E_DEVICE: both sides
 * of linear layers, convolutions and attention are rounded as they are read; sums are f32, and so
 * is everything else, activations in memory too. Products of a few rows (tokens, pointers, heads)
 * and em_matmul stay f32.
 * For tests, "cpu:baseline", "cpu:avx2" and "cpu:avx512" hold the CPU to an instruction set, which
 * it must have, and a further ":own" to the own matrix product where a library is built in. A
 * backend is used by one thread at a time. */
EmBackend *em_backend_open (const char *name, EmError *err);
void em_backend_close (EmBackend *be); /* NULL is fine */

#ifdef __cplusplus
}
#endif
