/* replay.h - a mask from prompts alone, each decoded on the logits of those before it.
 *
 * The answer is a function of frame, prompts, base mask, sound and what is read with it. Answers to
 * the first k prompts are kept for every k, so one more click costs one more decoder pass, and
 * moving or removing one decodes again from there on. Nothing here knows the memory of tracking.
 * One thread. */
#pragma once
#include "predict/sound.h"

typedef struct EmReplay EmReplay;

/* All that is passed must outlive the replay. */
EmReplay *em_replay_new (EmCtx *ctx, const EmModel *model, const EmClipSource *source,
                         const EmPredictorOptions *options, EmFeatureStore *features,
                         EmSoundStore *sound);
void em_replay_free (EmReplay *r); /* NULL is fine */

typedef struct {
  const float *low_res; /* [S/4, S/4], gated unless sound took part; until the next call */
  float iou, score;
} EmReplayed;
/* The set has been checked: it says something, its points are finite, its base fits the clip. */
bool em_replay_decode (EmReplay *r, int frame, const EmPromptSet *set, EmReplayed *out,
                       EmError *err);
/* Decoder passes so far. */
int64_t em_replay_passes (const EmReplay *r);

/* Points of prompts in model pixels, box corners first. */
void em_replay_points (const EmPrompt *items, int n, const EmClipSource *source, int image_size,
                       EmPointSet *out);
