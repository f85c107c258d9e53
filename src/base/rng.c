/* rng.c - numbers from a formula. */
#include "base/rng.h"

uint64_t
em_rng_hash (const char *name)
{
  uint64_t h = UINT64_C (0xcbf29ce484222325);

  for (; *name; name++)
    h = (h ^ (unsigned char) *name) * UINT64_C (0x100000001b3);
  return h;
}

void
em_rng_fill (float *out, int64_t n, const char *name, uint64_t seed, double scale, double offset)
{
  uint64_t h = em_rng_hash (name);

  for (int64_t i = 0; i < n; i++)
    out[i] = (float) (offset + scale * (2 * em_rng_unit (h, seed, (uint64_t) i) - 1));
}
