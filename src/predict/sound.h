/* sound.h - what a clip's sound says about its pictures.
 *
 * Seconds come in windows of T. A window's sound and the T grid frames go through the ear and the
 * fuser at once; what comes out are audio prompts for each of its frames, and with them the clip is
 * tracked frame by frame as AuralSAM2 does: conditioning frame first, then in order. A short last
 * window is filled with repetitions of its last second and frame. Another frame than the grid's has
 * prompts too: the fuser hears it in the place of its second's grid frame. A model that reads may
 * be given words beside the sound. Everything found is kept as long as there is room. One thread.
 */
#pragma once
#include "predict/head.h"

typedef struct EmSoundStore EmSoundStore;

/* All that is passed must outlive the store; `bytes` bounds what is kept. */
EmSoundStore *em_sound_store_new (EmCtx *ctx, const EmModel *model, const EmClipSource *source,
                                  EmFeatureStore *features, size_t bytes);
void em_sound_store_free (EmSoundStore *s); /* NULL is fine */
/* Forgets the audio prompts that are kept; `least`: and keeps no more than a window's from now on.
 */
void em_sound_store_shrink (EmSoundStore *s, bool least);

int em_sound_n_windows (const EmSoundStore *s); /* 0: no sound, or a model that does not hear */
double em_sound_rms (const EmSoundStore *s, int second);
/* The second that a frame belongs to; there must be sound. */
int em_sound_second (const EmSoundStore *s, int frame);
bool em_sound_on_grid (const EmSoundStore *s, int frame); /* is it its second's grid frame? */

/* What is read in every later answer: n tokens (at most config.text.rows) of a model with text; 0
 * for none, as at first. */
void em_sound_read (EmSoundStore *s, const int32_t *ids, int n);
/* Names what is read: answers with the same number belong together. 0: nothing is read. */
int64_t em_sound_text (const EmSoundStore *s);

/* What clip tracking answers for one second; valid until the next call on the store. */
typedef struct {
  const float *low_res; /* [S/4, S/4], not gated */
  float iou, score;
} EmHeard;
/* The answers of a window's seconds, at most T; returns how many, 0 on failure. */
int em_sound_window (EmSoundStore *s, int window, EmHeard *heard, EmError *err);

typedef struct {
  EmTensor v[EM_N_FUSION]; /* [1, N, d], stages 1..3 */
  EmTensor a[EM_N_FUSION]; /* [1, d] */
} EmAudioPrompts;
/* Of any frame; valid until the next call on the store. */
bool em_sound_prompts (EmSoundStore *s, int frame, EmAudioPrompts *prompts, EmError *err);
