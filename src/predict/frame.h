/* frame.h - pictures into the model, masks out of it.
 *
 * On the way in, a picture is stretched to the model's square with Pillow's bicubic filter, in the
 * same fixed-point arithmetic, so that a frame gives the numbers that SAM 2's own loader gives. On
 * the way out, logits at S/4 become runs at display size without the picture in between. Plain
 * functions on host memory; a stretcher belongs to one thread. */
#pragma once
#include <stdint.h>
#include "base/rle.h"

/* Tables and row buffer for one size. */
typedef struct EmStretch EmStretch;

EmStretch *em_stretch_new (int width, int height, int side);
void em_stretch_free (EmStretch *s); /* NULL is fine */
/* rgb [height, width, 3] -> out [side, side, 3]. */
void em_stretch_run (EmStretch *s, const uint8_t *rgb, uint8_t *out);

/* n pixels of u8 RGB -> (x / 255 - mean) / std, channels last as they come. */
void em_normalise_pixels (const uint8_t *rgb, int64_t n, float *out);
/* [3, n] -> [n, 3]. */
void em_planes_to_pixels (const float *planes, int64_t n, float *out);

/* logits [side, side] -> [height, width], bilinear with half-pixel centres, never antialiased. */
void em_logits_resize (const float *logits, int side, float *out, int width, int height);
/* The runs of em_logits_resize () > 0, without making it. */
EmRle em_logits_mask (const float *logits, int side, int width, int height);
