/* clip_source.h - a clip of media as the predictor sees it.
 *
 * Fills an EmClipSource from an index, a decoder and the sound. What it points to lives in the
 * EmMediaSource, which holds references; free it after the predictor is closed. One thread. */
#pragma once
#include <glib.h>
#include "media/em-audio.h"
#include "media/em-decoder.h"
#include "predict/predictor.h"

G_BEGIN_DECLS

typedef struct {
  EmClipSource source; /* what em_predictor_open takes */
  EmFrameIndex *index;
  EmDecoder *decoder;
  EmAudio *audio;
  int64_t *pts_ns;
  int *grid; /* the frame of each second */
  int n_grid;
} EmMediaSource;

/* `audio` may be NULL or without sound: then n_grid is still the clip's, sound is NULL. */
EmMediaSource *em_media_source_new (EmDecoder *decoder, EmAudio *audio, double grid_phase);
void em_media_source_free (EmMediaSource *source); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EmMediaSource, em_media_source_free)

/* Index, sound and decoder of the clip at `path` in one blocking call: the command line's way in.
 */
EmMediaSource *em_media_source_open (const char *path, double grid_phase, GCancellable *cancellable,
                                     GError **error);

G_END_DECLS
