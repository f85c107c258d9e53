/* device_math.h - the device functions that C's math.h lacks. The fast, inexact ones (__expf and
 * the like) are left out: no kernel should use them. */
#pragma once

template <typename To, typename From>
static inline To
cudasim_bits (From from)
{
  static_assert (sizeof (To) == sizeof (From), "");
  To to;

  memcpy (&to, &from, sizeof to);
  return to;
}

static inline unsigned
__float_as_uint (float x)
{
  return cudasim_bits<unsigned> (x);
}

static inline int
__float_as_int (float x)
{
  return cudasim_bits<int> (x);
}

static inline float
__uint_as_float (unsigned x)
{
  return cudasim_bits<float> (x);
}

static inline float
__int_as_float (int x)
{
  return cudasim_bits<float> (x);
}

/* Conversions saturate; NaN is 0. */
static inline int
cudasim_to_int (float x)
{
  return x != x ? 0 : x < -0x1p31f ? INT32_MIN : x >= 0x1p31f ? INT32_MAX : (int) x;
}

static inline int
__float2int_rn (float x)
{
  return cudasim_to_int (rintf (x));
}

static inline int
__float2int_rz (float x)
{
  return cudasim_to_int (x);
}

static inline int
__float2int_rd (float x)
{
  return cudasim_to_int (floorf (x));
}

static inline int
__float2int_ru (float x)
{
  return cudasim_to_int (ceilf (x));
}

static inline unsigned
__float2uint_rn (float x)
{
  return x != x || x <= 0 ? 0 : x >= 0x1p32f ? UINT32_MAX : (unsigned) rintf (x);
}

static inline float
__int2float_rn (int x)
{
  return (float) x;
}

static inline float
__uint2float_rn (unsigned x)
{
  return (float) x;
}

/* These are never contracted into something else; the empty asm keeps the compiler from it. */
static inline float
cudasim_exactly (float x)
{
  __asm__("" : "+m"(x));
  return x;
}

static inline float
__fmul_rn (float a, float b)
{
  return cudasim_exactly (a * b);
}

static inline float
__fadd_rn (float a, float b)
{
  return cudasim_exactly (a + b);
}

static inline float
__fsub_rn (float a, float b)
{
  return cudasim_exactly (a - b);
}

static inline float
__fdiv_rn (float a, float b)
{
  return cudasim_exactly (a / b);
}

static inline float
__fsqrt_rn (float x)
{
  return sqrtf (x);
}

static inline float
__fmaf_rn (float a, float b, float c)
{
  return fmaf (a, b, c);
}

static inline float
__saturatef (float x)
{
  return x > 0 ? x < 1 ? x : 1.0f : 0.0f;
}

static inline float
rsqrtf (float x)
{
  return 1 / sqrtf (x);
}

static inline float
sinpif (float x)
{
  return (float) sin (M_PI * fmod ((double) x, 2));
}

static inline float
cospif (float x)
{
  return (float) cos (M_PI * fmod ((double) x, 2));
}

static inline void
sincospif (float x, float *s, float *c)
{
  *s = sinpif (x);
  *c = cospif (x);
}

static inline int
__popc (unsigned x)
{
  return __builtin_popcount (x);
}

static inline int
__popcll (unsigned long long x)
{
  return __builtin_popcountll (x);
}

static inline int
__ffs (int x)
{
  return __builtin_ffs (x);
}

static inline int
__clz (int x)
{
  return x ? __builtin_clz ((unsigned) x) : 32;
}

static inline unsigned
__umulhi (unsigned a, unsigned b)
{
  return (unsigned) ((unsigned long long) a * b >> 32);
}

static inline int
__mulhi (int a, int b)
{
  return (int) ((long long) a * b >> 32);
}

#define CUDASIM_MIN_MAX(T)                                                                         \
  static inline T min (T a, T b)                                                                   \
  {                                                                                                \
    return a < b ? a : b;                                                                          \
  }                                                                                                \
  static inline T max (T a, T b)                                                                   \
  {                                                                                                \
    return a > b ? a : b;                                                                          \
  }
CUDASIM_MIN_MAX (int)
CUDASIM_MIN_MAX (unsigned)
CUDASIM_MIN_MAX (long)
CUDASIM_MIN_MAX (unsigned long)
CUDASIM_MIN_MAX (long long)
CUDASIM_MIN_MAX (unsigned long long)
#undef CUDASIM_MIN_MAX

/* As fminf: the other one where one is NaN. */
static inline float
min (float a, float b)
{
  return fminf (a, b);
}

static inline float
max (float a, float b)
{
  return fmaxf (a, b);
}

static inline double
min (double a, double b)
{
  return fmin (a, b);
}

static inline double
max (double a, double b)
{
  return fmax (a, b);
}
