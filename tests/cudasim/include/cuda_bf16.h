/* cuda_bf16.h - bfloat16 for the simulator: storage and conversions, no arithmetic. */
#pragma once
#include "cuda_runtime.h"

struct __nv_bfloat16_raw {
  unsigned short x;
};

struct __nv_bfloat16 {
  unsigned short bits;
  __nv_bfloat16 () = default;
  constexpr __nv_bfloat16 (__nv_bfloat16_raw raw) : bits (raw.x)
  {
  }
};

struct alignas (4) __nv_bfloat162 {
  __nv_bfloat16 x, y;
};
static_assert (sizeof (__nv_bfloat16) == 2 && sizeof (__nv_bfloat162) == 4
                   && std::is_trivial_v<__nv_bfloat16> && std::is_trivial_v<__nv_bfloat162>,
               "a bfloat16 is two bytes and no more");

template <> struct cudasim_shuffles<__nv_bfloat162> : std::true_type {
};

/* Nearest even; NaN is NaN, the one that hardware makes. */
static inline __nv_bfloat16
__float2bfloat16_rn (float x)
{
  uint32_t bits = __float_as_uint (x);
  unsigned short top = (unsigned short) ((bits + 0x7fff + (bits >> 16 & 1)) >> 16);

  return __nv_bfloat16_raw{ x == x ? top : (unsigned short) 0x7fff };
}

static inline __nv_bfloat16
__float2bfloat16 (float x)
{
  return __float2bfloat16_rn (x);
}

static inline float
__bfloat162float (__nv_bfloat16 x)
{
  return __uint_as_float ((uint32_t) x.bits << 16);
}

static inline __nv_bfloat162
__floats2bfloat162_rn (float low, float high)
{
  return { __float2bfloat16_rn (low), __float2bfloat16_rn (high) };
}

static inline __nv_bfloat162
__float22bfloat162_rn (float2 v)
{
  return __floats2bfloat162_rn (v.x, v.y);
}

static inline float2
__bfloat1622float2 (__nv_bfloat162 v)
{
  return { __bfloat162float (v.x), __bfloat162float (v.y) };
}

static inline __nv_bfloat162
__halves2bfloat162 (__nv_bfloat16 low, __nv_bfloat16 high)
{
  return { low, high };
}

static inline float
__low2float (__nv_bfloat162 v)
{
  return __bfloat162float (v.x);
}

static inline float
__high2float (__nv_bfloat162 v)
{
  return __bfloat162float (v.y);
}

static inline __nv_bfloat16
__low2bfloat16 (__nv_bfloat162 v)
{
  return v.x;
}

static inline __nv_bfloat16
__high2bfloat16 (__nv_bfloat162 v)
{
  return v.y;
}

static inline unsigned short
__bfloat16_as_ushort (__nv_bfloat16 x)
{
  return x.bits;
}

static inline __nv_bfloat16
__ushort_as_bfloat16 (unsigned short bits)
{
  return __nv_bfloat16_raw{ bits };
}
