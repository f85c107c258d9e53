/* vec.h - vectors as wide as the copy being compiled, and functions the compiler can vectorise. */
#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>
#include "engine/backend.h"

#if defined __AVX512F__
#include <immintrin.h>
#define VEC 16
#elif defined __AVX__
#define VEC 8
#else
#define VEC 4
#endif

typedef float Vec __attribute__ ((vector_size (VEC * 4)));
typedef int32_t VecBits __attribute__ ((vector_size (VEC * 4)));
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

/* The first n lanes, 0 < n < VEC; the others are 0, and memory behind them is not touched. */
static inline Vec
vec_load_part (const float *p, int64_t n)
{
#if VEC == 16
  return _mm512_maskz_loadu_ps ((__mmask16) ((1u << n) - 1), p);
#else
  Vec v = { 0 };

  for (int64_t i = 0; i < n; i++)
    v[i] = p[i];
  return v;
#endif
}

static inline void
vec_store_part (float *p, Vec v, int64_t n)
{
#if VEC == 16
  _mm512_mask_storeu_ps (p, (__mmask16) ((1u << n) - 1), v);
#else
  for (int64_t i = 0; i < n; i++)
    p[i] = v[i];
#endif
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

/* VEC rows of VEC values change places with its columns. One round interleaves row i with row
 * i + VEC / 2; after log2 (VEC) rounds every value has moved from (i, j) to (j, i). */
static inline __attribute__ ((always_inline)) void
vec_transpose (Vec *rows)
{
#if VEC == 16
#define LOW(a, b)                                                                                  \
  __builtin_shufflevector (a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define HIGH(a, b)                                                                                 \
  __builtin_shufflevector (a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#elif VEC == 8
#define LOW(a, b)  __builtin_shufflevector (a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define HIGH(a, b) __builtin_shufflevector (a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#else
#define LOW(a, b)  __builtin_shufflevector (a, b, 0, 4, 1, 5)
#define HIGH(a, b) __builtin_shufflevector (a, b, 2, 6, 3, 7)
#endif
  for (int round = VEC; round > 1; round /= 2) {
    Vec mixed[VEC];

#pragma GCC unroll 8
    for (int i = 0; i < VEC / 2; i++) {
      mixed[2 * i] = LOW (rows[i], rows[i + VEC / 2]);
      mixed[2 * i + 1] = HIGH (rows[i], rows[i + VEC / 2]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < VEC; i++)
      rows[i] = mixed[i];
  }
#undef LOW
#undef HIGH
}

static inline Vec
vec_max (Vec a, Vec b)
{
  VecBits greater = a > b;

  return (Vec) (((VecBits) a & greater) | ((VecBits) b & ~greater));
}

/* Over the lanes: each step folds in the lanes 8, 4, 2, 1 away. */
#if VEC == 16
#define FOLD(v, fold)                                                                              \
  v = fold (v,                                                                                     \
            __builtin_shufflevector (v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7)); \
  v = fold (v,                                                                                     \
            __builtin_shufflevector (v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11)); \
  v = fold (v,                                                                                     \
            __builtin_shufflevector (v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13)); \
  v = fold (v, __builtin_shufflevector (v, v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14))
#elif VEC == 8
#define FOLD(v, fold)                                                                              \
  v = fold (v, __builtin_shufflevector (v, v, 4, 5, 6, 7, 0, 1, 2, 3));                            \
  v = fold (v, __builtin_shufflevector (v, v, 2, 3, 0, 1, 6, 7, 4, 5));                            \
  v = fold (v, __builtin_shufflevector (v, v, 1, 0, 3, 2, 5, 4, 7, 6))
#else
#define FOLD(v, fold)                                                                              \
  v = fold (v, __builtin_shufflevector (v, v, 2, 3, 0, 1));                                        \
  v = fold (v, __builtin_shufflevector (v, v, 1, 0, 3, 2))
#endif

static inline float
vec_top (Vec v)
{
  FOLD (v, vec_max);
  return v[0];
}

static inline Vec
vec_add (Vec a, Vec b)
{
  return a + b;
}

static inline float
vec_sum (Vec v)
{
  FOLD (v, vec_add);
  return v[0];
}

/* e^x within 2 ulp between -87 and 88.3, below it 0 and above infinity; NaN for NaN. Nothing on the
 * way is ever subnormal: such numbers cost a hundred cycles each. n is read from the last bits of
 * x / log 2 + 1.5 * 2^23. */
static inline float
exp_f32 (float x)
{
  float at = x < -87.0f ? -87.0f : x > 89.0f ? 89.0f : x;
  float shifted = at * 1.442695041f + 12582912.0f, n = shifted - 12582912.0f;
  float r = at - n * 0.693359375f + n * 2.12194440e-4f;
  float p = 1.392618359e-03f;

  p = p * r + 8.363179053e-03f;
  p = p * r + 4.166655462e-02f;
  p = p * r + 1.666657699e-01f;
  p = p * r + 0.5f;
  p = p * r * r + r + 1.0f;
  p = p * float_of_bits ((bits_of_float (shifted) - 0x4b400000 + 127) << 23);
  return x < -87.0f ? 0.0f : p;
}

/* exp_f32 of every lane. With AVX-512 the power of two needs no bits moved and no range: 2^n of any
 * n is an instruction. */
static inline Vec
vec_exp (Vec x)
{
#if VEC == 16
  __m512 at = _mm512_max_ps (_mm512_set1_ps (-87.0f), (__m512) x); /* x if it is NaN */
  __m512 n = _mm512_roundscale_ps (_mm512_mul_ps (at, _mm512_set1_ps (1.442695041f)), 8);
  Vec r = (Vec) at - (Vec) n * 0.693359375f + (Vec) n * 2.12194440e-4f;
  Vec p = vec_all (1.392618359e-03f);

  p = p * r + 8.363179053e-03f;
  p = p * r + 4.166655462e-02f;
  p = p * r + 1.666657699e-01f;
  p = p * r + 0.5f;
  p = p * r * r + r + 1.0f;
  return (Vec) _mm512_mask_scalef_ps (
      _mm512_setzero_ps (), _mm512_cmp_ps_mask ((__m512) x, _mm512_set1_ps (-87.0f), _CMP_NLT_UQ),
      (__m512) p, n);
#else
  Vec y;

#pragma omp simd
  for (int i = 0; i < VEC; i++)
    y[i] = exp_f32 (x[i]);
  return y;
#endif
}

/* The share of a normal distribution below x, within 3e-8: the tail beyond a = |x| is
 * e^(-a^2/2) times a polynomial in 1 / (1 + a/4), fitted on [0, 12]; farther out it is none. */
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
  p = a > 12.0f ? 0.0f : p * t * exp_f32 (-0.5f * a * a);
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
