/* inputs.h - what goes into the models: drawn by the formula, with the moving shapes on top.
 *
 * Every function that returns an array allocates it; the caller frees. Where the golden holds the
 * input too, it is compared on the way. */
#pragma once
#include "golden.h"

/* Plain draws: input.spect, .fpn0..2, .text, .curr, .curr_pos, .memory, .memory_pos, .pix_feat,
 * .mem_mask, .pred_logits. n elements. */
float *input_draw (Golden *g, const char *name, int64_t n);

/* [t, 3, side, side], the normalised pictures. */
float *input_frames (Golden *g, int t, int side);
/* [side / 4, side / 4] logits; the shape is metadata `mask_prompt`. */
float *input_mask_prompt (Golden *g, int side);
/* [n, 2] samples in [-1, 1). */
double *input_wave (Golden *g, int n);
/* [n] mono. `key` names the stored copy ("input.44100"). */
double *input_resample (Golden *g, const char *key, int n);
/* [t, size, size]: see golden `metrics`. */
float *input_metric_logits (Golden *g, int t, int size);

/* Is pixel (x, y) of frame t inside "square" or "disk", for pictures of `side`? */
bool input_shape_holds (const char *shape, int side, int t, int x, int y);
