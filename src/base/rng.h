/* rng.h - numbers from a formula.
 *
 * Counter-based: the i-th number of the stream (name, seed) depends on nothing else, so streams are
 * drawn in any order, on any number of threads, and by anybody who knows the formula: FNV-1a of the
 * name plus odd multiples of seed and counter, through the finalizer of splitmix64. */
#pragma once
#include <stdint.h>

uint64_t em_rng_hash (const char *name); /* FNV-1a, 64 bits */

static inline uint64_t
em_rng_bits (uint64_t hash, uint64_t seed, uint64_t i)
{
  uint64_t z
      = hash + seed * UINT64_C (0xD1B54A32D192ED03) + (i + 1) * UINT64_C (0x9E3779B97F4A7C15);

  z = (z ^ (z >> 30)) * UINT64_C (0xBF58476D1CE4E5B9);
  z = (z ^ (z >> 27)) * UINT64_C (0x94D049BB133111EB);
  return z ^ (z >> 31);
}

/* In [0, 1), a multiple of 2^-24. */
static inline double
em_rng_unit (uint64_t hash, uint64_t seed, uint64_t i)
{
  return (double) (em_rng_bits (hash, seed, i) >> 40) / 16777216.0;
}

/* out[i] = offset + scale * (2 u - 1), in double, rounded once. */
void em_rng_fill (float *out, int64_t n, const char *name, uint64_t seed, double scale,
                  double offset);
