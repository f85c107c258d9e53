/* clip.h - a clip that is drawn: discs that move over a pattern, and a note as sound.
 *
 * Any frame can be read in any order and costs a copy and the discs; every machine reads the same.
 * One frame is a second where `sound` is asked for, so that a window of sound is as many frames. */
#pragma once
#include "predict/predictor.h"

typedef struct {
  EmClipSource source; /* valid until bench_clip_clear; its address must not change */
  int n_discs;
  uint8_t *ground; /* the pattern, [height, width, 3] */
  float *sound;
  int *grid;
  int64_t *pts_ns;
} BenchClip;

/* `seconds` of sound, 0: none. */
void bench_clip_init (BenchClip *c, int width, int height, int n_frames, int n_discs, int seconds);
void bench_clip_clear (BenchClip *c);
/* Where a disc is, in pixels, and its radius. */
void bench_clip_disc (const BenchClip *c, int disc, int frame, int *x, int *y, int *radius);
