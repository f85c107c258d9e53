/* tensor.h - a dense array: its shape, its type, where its bytes are.
 *
 * Tensors are always contiguous, last axis fastest. Feature maps are channels-last everywhere in
 * the engine, [n, h, w, c], so that a 1x1 convolution, a linear layer and a norm are all "over the
 * last axis". Weights keep the checkpoint's layout ([out, in], [out, in, kh, kw], ...).
 * A tensor does not own its bytes: scratch belongs to the arena of its context, weights to the
 * package, state to whoever allocated it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { EM_F32, EM_BF16, EM_F16, EM_I32, EM_I64, EM_U8 } EmDtype;

#define EM_MAX_DIMS 5

typedef struct {
  EmDtype dtype;
  int ndim;                   /* 0: a scalar */
  int64_t shape[EM_MAX_DIMS]; /* unused entries are 1 */
  void *data;                 /* NULL only in the nil tensor */
} EmTensor;

static inline int64_t
em_numel (const EmTensor *t)
{
  int64_t n = 1;

  for (int i = 0; i < t->ndim; i++)
    n *= t->shape[i];
  return n;
}

static inline int64_t
em_last_dim (const EmTensor *t)
{
  return t->ndim ? t->shape[t->ndim - 1] : 1;
}

static inline int64_t
em_rows (const EmTensor *t) /* everything before the last axis; 0 if that is empty */
{
  return em_last_dim (t) ? em_numel (t) / em_last_dim (t) : 0;
}

static inline int64_t
em_count_before (const EmTensor *t, int axis) /* blocks that the axes before this one make */
{
  int64_t n = 1;

  for (int i = 0; i < axis; i++)
    n *= t->shape[i];
  return n;
}

static inline int64_t
em_count_from (const EmTensor *t, int axis) /* elements of such a block */
{
  int64_t n = 1;

  for (int i = axis; i < t->ndim; i++)
    n *= t->shape[i];
  return n;
}

static inline bool
em_is_nil (const EmTensor *t)
{
  return !t->data;
}

static inline float *
em_f32 (const EmTensor *t)
{
  return (float *) t->data;
}

static inline int32_t *
em_i32 (const EmTensor *t)
{
  return (int32_t *) t->data;
}

size_t em_dtype_bytes (EmDtype dtype);
const char *em_dtype_name (EmDtype dtype); /* safetensors' word: "F32", "BF16" ... */
bool em_same_shape (const EmTensor *a, const EmTensor *b);

/* A tensor over bytes that live elsewhere: stack array, weights, a file's mapping. */
EmTensor em_tensor_of (EmDtype dtype, void *data, int ndim, const int64_t *shape);
#define em_tensor_f32(data, ...)                                                                   \
  em_tensor_of (EM_F32, (data), (int) (sizeof ((int64_t[]){ __VA_ARGS__ }) / sizeof (int64_t)),    \
                (int64_t[]){ __VA_ARGS__ })

/* "[1, 64, 64, 256]" into `text`; returns `text`. */
char *em_shape_text (const EmTensor *t, char *text, size_t bytes);

/* Half precision in storage. Rounding is to nearest even, NaN
 * stays NaN. */
static inline float
em_bf16_to_f32 (uint16_t x)
{
  uint32_t bits = (uint32_t) x << 16;
  float f;

  memcpy (&f, &bits, sizeof f);
  return f;
}

static inline uint16_t
em_f32_to_bf16 (float x)
{
  uint32_t bits, nan;

  memcpy (&bits, &x, sizeof bits);
  nan = bits >> 16 | 0x40; /* rounding could carry a NaN into infinity */
  bits = (bits & 0x7fffffff) > 0x7f800000 ? nan : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  return (uint16_t) bits;
}

float em_f16_to_f32 (uint16_t x);
uint16_t em_f32_to_f16 (float x);
/* n elements of `dtype` (a float type) to f32, and back. */
void em_to_f32 (float *out, const void *in, EmDtype dtype, int64_t n);
void em_of_f32 (void *out, EmDtype dtype, const float *in, int64_t n);

#ifdef __cplusplus
}
#endif
