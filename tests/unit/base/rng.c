/* Numbers from the formula, against values worked out elsewhere. */
#include "base/rng.h"
#include "check.h"

static void
known_values (void)
{
  static const float want[4] = { -0.392647922f, 0.260151386f, 0.199745893f, -0.457666695f };
  float got[4];
  uint64_t h = em_rng_hash ("input.frames");

  CHECK (h == UINT64_C (0xc0d83f850a711ea5));
  CHECK (em_rng_bits (h, 1, 0) == UINT64_C (0x1b7b6dc87dfa8fb3));
  em_rng_fill (got, 4, "input.frames", 1, 0.5, 0);
  for (int i = 0; i < 4; i++)
    CHECK_NEAR (got[i], want[i], 1e-9);
}

static void
even_and_independent (void)
{
  uint64_t a = em_rng_hash ("a"), b = em_rng_hash ("b");
  double sum = 0, product = 0;

  for (uint64_t i = 0; i < 100000; i++) {
    double x = em_rng_unit (a, 1, i), y = em_rng_unit (b, 1, i);

    CHECK (x >= 0 && x < 1);
    sum += x;
    product += (x - 0.5) * (y - 0.5);
  }
  CHECK_NEAR (sum / 100000, 0.5, 0.005);
  CHECK_NEAR (product / 100000, 0, 0.002);
  CHECK (em_rng_bits (a, 1, 5) != em_rng_bits (a, 2, 5));
}

CHECK_MAIN (known_values, even_and_independent)
