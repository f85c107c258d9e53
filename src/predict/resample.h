/* resample.h - sound at one rate to sound at another.
 *
 * Band-limited interpolation with the filter that the reference's data went through (50 zero
 * crossings, Kaiser window), in double throughout. Nothing here fails but for memory, which
 * aborts. */
#pragma once
#include <stdint.h>

/* floor (n target / rate) */
int64_t em_resample_length (int64_t n, int rate, int target);

/* `in` and `out` take every `stride`-th element (2 for an ear of interleaved stereo);
 * em_resample_length (n, rate, target) results. Rates are positive. */
void em_resample (const double *in, int64_t n, int rate, double *out, int target, int stride);

/* Half of the filter before it is scaled to the rates: EM_RESAMPLE_TABLE values. */
#define EM_RESAMPLE_CROSSINGS 50
#define EM_RESAMPLE_STEPS     8192 /* per crossing */
#define EM_RESAMPLE_TABLE     (EM_RESAMPLE_CROSSINGS * EM_RESAMPLE_STEPS + 1)
void em_resample_filter (double *out);
