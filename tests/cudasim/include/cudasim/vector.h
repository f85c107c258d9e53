/* vector.h - CUDA's small vectors, aligned as a GPU wants them. */
#pragma once

#define CUDASIM_VECTOR(type, name, align1, align2, align4)                                         \
  struct name##1                                                                                   \
  {                                                                                                \
    type x;                                                                                        \
  };                                                                                               \
  struct alignas (align2) name##2                                                                  \
  {                                                                                                \
    type x, y;                                                                                     \
  };                                                                                               \
  struct name##3                                                                                   \
  {                                                                                                \
    type x, y, z;                                                                                  \
  };                                                                                               \
  struct alignas (align4) name##4                                                                  \
  {                                                                                                \
    type x, y, z, w;                                                                               \
  };                                                                                               \
  static inline name##1 make_##name##1(type x)                                                     \
  {                                                                                                \
    return { x };                                                                                  \
  }                                                                                                \
  static inline name##2 make_##name##2(type x, type y)                                             \
  {                                                                                                \
    return { x, y };                                                                               \
  }                                                                                                \
  static inline name##3 make_##name##3(type x, type y, type z)                                     \
  {                                                                                                \
    return { x, y, z };                                                                            \
  }                                                                                                \
  static inline name##4 make_##name##4(type x, type y, type z, type w)                             \
  {                                                                                                \
    return { x, y, z, w };                                                                         \
  }                                                                                                \
  static_assert (alignof (name##1) == align1, "")

CUDASIM_VECTOR (signed char, char, 1, 2, 4);
CUDASIM_VECTOR (unsigned char, uchar, 1, 2, 4);
CUDASIM_VECTOR (short, short, 2, 4, 8);
CUDASIM_VECTOR (unsigned short, ushort, 2, 4, 8);
CUDASIM_VECTOR (int, int, 4, 8, 16);
CUDASIM_VECTOR (unsigned, uint, 4, 8, 16);
CUDASIM_VECTOR (long long, longlong, 8, 16, 16);
CUDASIM_VECTOR (unsigned long long, ulonglong, 8, 16, 16);
CUDASIM_VECTOR (float, float, 4, 8, 16);
CUDASIM_VECTOR (double, double, 8, 16, 16);
#undef CUDASIM_VECTOR

struct dim3 {
  unsigned x, y, z;
  constexpr dim3 (unsigned x = 1, unsigned y = 1, unsigned z = 1) : x (x), y (y), z (z)
  {
  }
  constexpr dim3 (uint3 v) : x (v.x), y (v.y), z (v.z)
  {
  }
};
