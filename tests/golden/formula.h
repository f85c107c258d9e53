/* formula.h - the numbers that goldens are drawn from.
 *
 * A tensor's name, a seed and an element's index give its value, on the reference's side and here
 * alike: FNV-1a of the name, one step of SplitMix64. Nothing here allocates. */
#pragma once
#include <stdint.h>

typedef struct {
  double scale, offset; /* value = offset + scale * (2u - 1) */
} FormulaRange;

uint64_t formula_hash (const char *name);
/* The 64 bits of element i, and u in [0, 1) from their upper 24. */
uint64_t formula_bits (uint64_t hash, uint64_t seed, uint64_t i);
double formula_unit (uint64_t hash, uint64_t seed, uint64_t i);
/* In double, rounded once. */
float formula_value (uint64_t hash, uint64_t seed, uint64_t i, FormulaRange range);
void formula_fill (float *out, const char *name, uint64_t seed, int64_t n, FormulaRange range);

/* Of a weight under its official name without package prefix ("vgg." stays: VGGish is called so
 * everywhere). Zero scale and offset: all zero. */
FormulaRange formula_weight_range (const char *name, int ndim, const int64_t *shape);
