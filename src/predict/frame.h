/* frame.h - what pictures are stretched with, and logits at display size.
 *
 * On the way in, a picture is stretched to the model's square with Pillow's bicubic filter, in the
 * same fixed-point arithmetic, so that a frame gives the numbers that SAM 2's own loader gives; the
 * stretching itself is the backend's (em_picture). Plain functions on host memory. */
#pragma once
#include <stdint.h>

/* The table of em_picture that makes `out` pixels of `in`: [out, 1 + *taps]. Caller frees. */
int32_t *em_stretch_table (int in, int out, int *taps);

/* [3, n] -> [n, 3]. */
void em_planes_to_pixels (const float *planes, int64_t n, float *out);

/* logits [side, side] -> [height, width], bilinear with half-pixel centres, never antialiased. */
void em_logits_resize (const float *logits, int side, float *out, int width, int height);
