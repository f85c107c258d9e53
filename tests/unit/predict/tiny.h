/* tiny.h - a model small enough for tests, its weights drawn from their names, and a clip to try it
 * on: moving blocks on noise, with a tone that starts and stops. */
#pragma once
#include "models/model.h"
#include "predict/predictor.h"

#define TINY_WIDTH  40
#define TINY_HEIGHT 30
#define TINY_T      3         /* seconds the fuser hears at once */
#define TINY_MAP    (16 * 16) /* logits of an answer */

typedef struct {
  EmBackend *be;
  EmWeights *weights;
  EmModel *model;
  int n;
  char **names;
  EmTensor *tensors;
} Tiny;

typedef struct {
  bool v20, deaf, cond_middle, reads;
  bool still;       /* for single pictures; deaf too */
  float score_bias; /* of the object score: below 0 objects tend to be absent */
  int size;         /* that the package names; 0: 64 */
  int seen_at;      /* opened at this size; 0: the package's */
} TinyKind;

void tiny_open (Tiny *t, TinyKind kind);
void tiny_close (Tiny *t);

/* A clip of its own; every field may be changed before it is used. `fps` frames make a second. */
typedef struct {
  EmClipSource source;
  int n_reads, fails_at; /* frame that cannot be read; -1: none */
  int *grid;
  int64_t *pts;
  float *sound;
} TinyClip;

void tiny_clip_open (TinyClip *c, int n_frames, int fps);
void tiny_clip_close (TinyClip *c);

/* Things to say of it. */
EmPrompt tiny_point (float x, float y, bool positive);
EmRle tiny_mask (void); /* a block at its left; the caller's */
