/* bind.h - struct field <-> tensor name and shape, said once.
 *
 * A part of a model describes its weights in one function, em_PART_bind (binder, part, config),
 * which visits every field with its name and shape. The binder decides what a visit means: tell the
 * name and shape to a listener (to draw test weights, to compare a foreign file), or look the
 * tensor up in a package, check it and point the field at it. Errors stick: a bind function needs
 * no checks.
 *
 *   size_t mark = em_bind_enter (b, "blocks.%d.", i);
 *   em_bind_pair (b, &block->norm1, "norm1", c);
 *   em_bind_pair (b, &block->qkv, "attn.qkv", 3 * c, c);
 *   em_bind_leave (b, mark);                                                                     */
#pragma once
#include "engine/backend.h"
#include "weights/weights.h"

/* The usual two. */
typedef struct {
  EmTensor *w, *b;
} EmPair;

typedef struct EmBinder EmBinder;

/* Appends to the prefix of every name visited from here on; leave restores it. */
size_t em_bind_enter (EmBinder *b, const char *format, ...) __attribute__ ((format (printf, 2, 3)));
void em_bind_leave (EmBinder *b, size_t mark);

typedef enum {
  EM_BIND_REQUIRED,
  EM_BIND_OPTIONAL, /* the field is NULL where the package lacks it */
  EM_BIND_DEAD,  /* official files have it, nothing uses it: `field` is NULL, a listener is told */
  EM_BIND_BYTES, /* U8 of any length, no weights: see em_bind_bytes */
} EmBindNeed;

/* *field becomes a tensor of exactly this shape in the backend's memory, once loading ends, in its
 * compute type, whatever the package stores. */
void em_bind_tensor (EmBinder *b, EmTensor **field, const char *name, EmBindNeed need, int ndim,
                     const int64_t *shape);
#define em_bind(b, field, name, ...)                                                               \
  em_bind_tensor ((b), (field), (name), EM_BIND_REQUIRED, EM_BIND_SHAPE (__VA_ARGS__))
#define em_bind_optional(b, field, name, ...)                                                      \
  em_bind_tensor ((b), (field), (name), EM_BIND_OPTIONAL, EM_BIND_SHAPE (__VA_ARGS__))
/* The same, but f32 on every backend: for positions, whose digits matter. */
void em_bind_exact_tensor (EmBinder *b, EmTensor **field, const char *name, int ndim,
                           const int64_t *shape);
#define em_bind_exact(b, field, name, ...)                                                         \
  em_bind_exact_tensor ((b), (field), (name), EM_BIND_SHAPE (__VA_ARGS__))
#define em_bind_dead(b, name, ...)                                                                 \
  em_bind_tensor ((b), NULL, (name), EM_BIND_DEAD, EM_BIND_SHAPE (__VA_ARGS__))
#define EM_BIND_SHAPE(...)                                                                         \
  (int) (sizeof ((int64_t[]){ __VA_ARGS__ }) / sizeof (int64_t)), (int64_t[])                      \
  {                                                                                                \
    __VA_ARGS__                                                                                    \
  }

/* A file that travels with the weights, such as a vocabulary: *field becomes the package's own
 * tensor, U8 [n] in the host's memory, as long as the package is open. Required; n is free, and a
 * listener is told of [0]. */
void em_bind_bytes (EmBinder *b, const EmTensor **field, const char *name);

/* NAME.weight of the given shape and NAME.bias of its first dimension. */
void em_bind_pair_of (EmBinder *b, EmPair *pair, const char *name, int ndim, const int64_t *shape);
#define em_bind_pair(b, pair, name, ...)                                                           \
  em_bind_pair_of ((b), (pair), (name), EM_BIND_SHAPE (__VA_ARGS__))
/* Its dead twin. */
void em_bind_dead_pair_of (EmBinder *b, const char *name, int ndim, const int64_t *shape);
#define em_bind_dead_pair(b, name, ...)                                                            \
  em_bind_dead_pair_of ((b), (name), EM_BIND_SHAPE (__VA_ARGS__))

/* A binder that tells. `shape` is valid during the call. */
typedef void (*EmListFn) (void *self, const char *name, int ndim, const int64_t *shape,
                          EmBindNeed need);
EmBinder *em_binder_new_list (EmListFn fn, void *self);
/* A binder that loads. `w` and `be` must outlive what it loads: an aligned f32 tensor is used where
 * the package has it if the backend's memory is the host's; anything else is converted once. */
EmBinder *em_binder_new_load (EmWeights *w, EmBackend *be);

typedef struct EmBound EmBound; /* the tensors a loading binder made, and their memory */
/* Ends a walk and frees the binder. A loading one: converts, and *bound (may be NULL for a listing
 * one) owns the result; false with *err on the first missing tensor or wrong shape. */
bool em_binder_finish (EmBinder *b, EmBound **bound, EmError *err);
void em_bound_free (EmBound *bound); /* NULL is fine */
