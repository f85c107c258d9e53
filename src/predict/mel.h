/* mel.h - sound as the ear's network hears it: log-mel examples.
 *
 * An example is 0.96 s of both ears, 96 frames of 64 bands; examples follow each other without
 * overlap and without looking at the clock, so that example k begins at 0.96 k s. Sound is 16 kHz
 * stereo, interleaved, -1..1. Arithmetic is double until the last cast. Nothing here fails but for
 * memory, which aborts. */
#pragma once
#include <stdint.h>

#define EM_MEL_RATE    16000
#define EM_MEL_BINS    257 /* of a 512-point spectrum */
#define EM_MEL_BANDS   64
#define EM_MEL_FRAMES  96
#define EM_MEL_EXAMPLE (2 * EM_MEL_FRAMES * EM_MEL_BANDS) /* floats of one example */

/* Whole examples in n samples per ear: 1 needs 15600, 5 need 77040, 10 need 153840. */
int em_mel_count (int64_t n);

/* The first em_mel_count (n) examples, [count, 2, 96, 64]. */
void em_mel_examples (const float *stereo, int64_t n, float *out);

/* Exactly t examples, [t, 2, 96, 64]: what is beyond is not heard, what is missing repeats the last
 * one; sound too short for one example goes on in silence. */
void em_mel_clip (const float *stereo, int64_t n, int t, float *out);

/* The weight of spectrum bin b in band m at [b * 64 + m]. */
void em_mel_matrix (double out[EM_MEL_BINS * EM_MEL_BANDS]);
