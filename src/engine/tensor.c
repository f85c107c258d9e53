/* tensor.c - shapes as text, and the half-precision types in storage. */
#include "engine/tensor.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/error.h"

size_t
em_dtype_bytes (EmDtype dtype)
{
  switch (dtype) {
  case EM_F32:
  case EM_I32:
    return 4;
  case EM_BF16:
  case EM_F16:
    return 2;
  case EM_I64:
    return 8;
  case EM_U8:
    break;
  }
  return 1;
}

const char *
em_dtype_name (EmDtype dtype)
{
  static const char *const names[] = { "F32", "BF16", "F16", "I32", "I64", "U8" };

  return names[dtype];
}

bool
em_same_shape (const EmTensor *a, const EmTensor *b)
{
  return a->ndim == b->ndim && memcmp (a->shape, b->shape, a->ndim * sizeof *a->shape) == 0;
}

EmTensor
em_tensor_of (EmDtype dtype, void *data, int ndim, const int64_t *shape)
{
  EmTensor t = { .dtype = dtype, .ndim = ndim, .data = data };

  EM_BUG_UNLESS (ndim >= 0 && ndim <= EM_MAX_DIMS);
  for (int i = 0; i < EM_MAX_DIMS; i++)
    t.shape[i] = i < ndim ? shape[i] : 1;
  return t;
}

char *
em_shape_text (const EmTensor *t, char *text, size_t bytes)
{
  size_t at = (size_t) snprintf (text, bytes, "[");

  for (int i = 0; i < t->ndim && at < bytes; i++)
    at += (size_t) snprintf (text + at, bytes - at, i ? ", %" PRId64 : "%" PRId64, t->shape[i]);
  if (at < bytes)
    snprintf (text + at, bytes - at, "]");
  return text;
}

float
em_f16_to_f32 (uint16_t x)
{
  uint32_t sign = (uint32_t) (x & 0x8000) << 16, rest = x & 0x7fff, bits;
  float f;

  if (rest < 0x400) { /* zero or subnormal: an exact multiple of 2^-24 */
    f = (float) rest * 0x1p-24f;
    memcpy (&bits, &f, sizeof bits);
    bits |= sign;
  } else {
    bits = sign
           | (rest >= 0x7c00 ? 0x7f800000 | (rest & 0x3ff) << 13
                             : (rest << 13) + ((127u - 15u) << 23));
  }
  memcpy (&f, &bits, sizeof f);
  return f;
}

uint16_t
em_f32_to_f16 (float x)
{
  uint32_t bits, sign, rest;

  memcpy (&bits, &x, sizeof bits);
  sign = bits >> 16 & 0x8000;
  rest = bits & 0x7fffffff;
  if (rest > 0x7f800000)
    return (uint16_t) (sign | 0x7e00);
  if (rest >= 0x477ff000) /* rounds to 2^16 or more */
    return (uint16_t) (sign | 0x7c00);
  if (rest < 0x38800000) { /* subnormal: adding 0.5 leaves the rounded multiple of 2^-24 below */
    float f;
    uint32_t low;

    memcpy (&f, &rest, sizeof f);
    f += 0.5f;
    memcpy (&low, &f, sizeof low);
    return (uint16_t) (sign | (low - 0x3f000000));
  }
  rest += 0xfff + (rest >> 13 & 1);
  return (uint16_t) (sign | ((rest - ((127u - 15u) << 23)) >> 13));
}

void
em_to_f32 (float *out, const void *in, EmDtype dtype, int64_t n)
{
  const uint16_t *half = in;

  switch (dtype) {
  case EM_F32:
    memcpy (out, in, (size_t) n * sizeof *out);
    return;
  case EM_BF16:
    for (int64_t i = 0; i < n; i++)
      out[i] = em_bf16_to_f32 (half[i]);
    return;
  case EM_F16:
    for (int64_t i = 0; i < n; i++)
      out[i] = em_f16_to_f32 (half[i]);
    return;
  case EM_I32:
  case EM_I64:
  case EM_U8:
    break;
  }
  EM_BUG_UNLESS (!"a float type");
}

void
em_of_f32 (void *out, EmDtype dtype, const float *in, int64_t n)
{
  uint16_t *half = out;

  switch (dtype) {
  case EM_F32:
    memcpy (out, in, (size_t) n * sizeof *in);
    return;
  case EM_BF16:
    for (int64_t i = 0; i < n; i++)
      half[i] = em_f32_to_bf16 (in[i]);
    return;
  case EM_F16:
    for (int64_t i = 0; i < n; i++)
      half[i] = em_f32_to_f16 (in[i]);
    return;
  case EM_I32:
  case EM_I64:
  case EM_U8:
    break;
  }
  EM_BUG_UNLESS (!"a float type");
}
