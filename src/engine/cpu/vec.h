/* vec.h - vectors as wide as the copy being compiled, and functions the compiler can vectorise. */
#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>
#include "engine/backend.h"

#if defined __AVX512F__
#define VEC 16
#elif defined __AVX__
#define VEC 8
#else
#define VEC 4
#endif

typedef float Vec __attribute__ ((vector_size (VEC * 4)));
/* The same at any address. */
typedef float VecAny __attribute__ ((vector_size (VEC * 4), aligned (4), may_alias));

static inline Vec
vec_load (const float *p)
{
  return *(const VecAny *) p;
}

static inline void
vec_store (float *p, Vec v)
{
  *(VecAny *) p = v;
}

static inline Vec
vec_all (float x)
{
  return x - (Vec){ 0 };
}

static inline float
float_of_bits (uint32_t bits)
{
  float f;

  memcpy (&f, &bits, sizeof f);
  return f;
}

static inline uint32_t
bits_of_float (float f)
{
  uint32_t bits;

  memcpy (&bits, &f, sizeof bits);
  return bits;
}

/* e^x within 2 ulp, 0 far below, infinity far above, NaN for NaN. 2^n is applied in two halves, so
 * that neither leaves the range of exponents while the result is a subnormal. n is read from the
 * last bits of x / log 2 + 1.5 * 2^23. */
static inline float
exp_f32 (float x)
{
  float at = x < -110.0f ? -110.0f : x > 100.0f ? 100.0f : x;
  float shifted = at * 1.442695041f + 12582912.0f, n = shifted - 12582912.0f;
  float r = at - n * 0.693359375f + n * 2.12194440e-4f;
  float p = 1.392618359e-03f;
  uint32_t whole = bits_of_float (shifted) - 0x4b400000, half = (uint32_t) ((int32_t) whole >> 1);

  p = p * r + 8.363179053e-03f;
  p = p * r + 4.166655462e-02f;
  p = p * r + 1.666657699e-01f;
  p = p * r + 0.5f;
  p = p * r * r + r + 1.0f;
  p = p * float_of_bits ((half + 127) << 23) * float_of_bits ((whole - half + 127) << 23);
  return x == x ? p : x;
}

/* The share of a normal distribution below x, within 3e-8: the tail beyond a = |x| is
 * e^(-a^2/2) times a polynomial in 1 / (1 + a/4), fitted on [0, 12]. */
static inline float
normal_cdf (float x)
{
  float a = fabsf (x), t = 1.0f / (1.0f + 0.25f * a), p = 3.090530452e-02f;

  p = p * t - 1.784550234e-01f;
  p = p * t + 3.502298231e-01f;
  p = p * t - 2.692237228e-01f;
  p = p * t + 2.468831607e-01f;
  p = p * t + 1.302451295e-02f;
  p = p * t + 1.090545684e-01f;
  p = p * t + 9.773527231e-02f;
  p = p * t + 9.984609979e-02f;
  p = p * t * exp_f32 (-0.5f * a * a);
  return x < 0 ? p : 1.0f - p;
}

static inline float
activate_f32 (float x, EmAct act)
{
  switch (act) {
  case EM_ACT_NONE:
    break;
  case EM_ACT_RELU:
    return x > 0 ? x : x == x ? 0 : x;
  case EM_ACT_GELU:
    return x * normal_cdf (x);
  case EM_ACT_SIGMOID:
    return 1.0f / (1.0f + exp_f32 (-x));
  case EM_ACT_STEP:
    return x > 0 ? 1.0f : 0.0f;
  }
  return x;
}

/* Calls `body` with `act` a constant, so that the loop inside is compiled once per activation. */
#define WITH_ACT(act, body)                                                                        \
  do {                                                                                             \
    switch (act) {                                                                                 \
    case EM_ACT_NONE:                                                                              \
      body (EM_ACT_NONE);                                                                          \
      break;                                                                                       \
    case EM_ACT_RELU:                                                                              \
      body (EM_ACT_RELU);                                                                          \
      break;                                                                                       \
    case EM_ACT_GELU:                                                                              \
      body (EM_ACT_GELU);                                                                          \
      break;                                                                                       \
    case EM_ACT_SIGMOID:                                                                           \
      body (EM_ACT_SIGMOID);                                                                       \
      break;                                                                                       \
    case EM_ACT_STEP:                                                                              \
      body (EM_ACT_STEP);                                                                          \
      break;                                                                                       \
    }                                                                                              \
  } while (0)
