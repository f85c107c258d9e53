/* stream.c - f32 is what one float type becomes another through. */
#include "weights/stream.h"
#include <math.h>

#define N_PIECE 16384 /* elements; both buffers lie on the stack */

static bool
is_float (EmDtype dtype)
{
  return dtype == EM_F32 || dtype == EM_BF16 || dtype == EM_F16;
}

EmDtype
em_stored_dtype (const EmTensor *t, int dtype)
{
  return dtype >= 0 && is_float (t->dtype) ? (EmDtype) dtype : t->dtype;
}

static bool
narrow (uint16_t *out, const float *in, int64_t n, EmDtype dtype, const char *name, EmError *err)
{
  for (int64_t i = 0; i < n; i++) {
    out[i] = dtype == EM_F16 ? em_f32_to_f16 (in[i]) : em_f32_to_bf16 (in[i]);
    if (dtype == EM_F16 && isfinite (in[i]) && !isfinite (em_f16_to_f32 (out[i])))
      return em_fail (err, EM_E_WEIGHTS,
                      "%.200s has the value %g, too large for f16: use bf16 or f32", name, in[i]);
  }
  return true;
}

bool
em_tensor_stream (const EmTensor *t, EmDtype dtype, const char *name, EmSinkFn sink, void *self,
                  EmError *err)
{
  int64_t total = em_numel (t), width = (int64_t) em_dtype_bytes (t->dtype);
  float wide[N_PIECE];
  uint16_t half[N_PIECE];

  if (dtype == t->dtype)
    return total == 0 || sink (self, t->data, (size_t) (total * width));
  EM_BUG_UNLESS (is_float (dtype) && is_float (t->dtype));
  for (int64_t at = 0; at < total; at += N_PIECE) {
    int64_t n = total - at < N_PIECE ? total - at : N_PIECE;

    em_to_f32 (wide, (const char *) t->data + at * width, t->dtype, n);
    if (dtype != EM_F32 && !narrow (half, wide, n, dtype, name, err))
      return false;
    if (!sink (self, dtype == EM_F32 ? (const void *) wide : half, n * em_dtype_bytes (dtype)))
      return false;
  }
  return true;
}
