/* playback.h - picture and sound in step.
 *
 * Two sources, the clip's units and its samples, in one pipeline with one clock: no demuxer takes
 * part, so a start is exact to the frame and to the sample. One thread owns a playback; the picture
 * callback comes from the pipeline's thread at the moment a picture is due. Internal to media. */
#pragma once
#include <gst/gst.h>
#include "media/em-audio.h"
#include "media/units.h"

typedef struct EmPlayback EmPlayback;

typedef struct {
  void *self;
  /* A picture is due: the sample is the callee's to unref. `run` is that of em_playback_start. */
  void (*picture) (void *self, guint run, int frame, GstSample *sample);
  void (*end) (void *self, guint run);
  /* `error` is the callee's. The playback is of no use any more. */
  void (*fault) (void *self, guint run, GError *error);
} EmPlaybackEvents;

/* `audio` NULL or without sound: pictures alone. `is_mute` plays the sound into the void, in time:
 * for a machine whose sound device fails. */
EmPlayback *em_playback_open (EmFrameIndex *index, EmUnits *units, EmAudio *audio, bool is_mute,
                              const char *name, const EmPlaybackEvents *events);
void em_playback_close (EmPlayback *p); /* NULL is fine; no event comes after it */

/* From frame `first` to the end of frame `last` at `rate`; replaces what was playing. */
bool em_playback_start (EmPlayback *p, guint run, int first, int last, double rate, GError **error);
void em_playback_stop (EmPlayback *p); /* pauses; pictures may still come until the next start */
bool em_playback_has_sound (EmPlayback *p);

/* From any thread. */
int64_t em_playback_position (EmPlayback *p); /* ns from the first frame, -1 if unknown */
void em_playback_set_volume (EmPlayback *p, double linear, bool is_muted);
