/* index_private.h - the insides of an index that its own files and the decoder share. */
#pragma once
#include "media/em-frame-index.h"
#include "media/units.h"

struct _EmFrameIndex {
  GObject parent_instance;
  int n_frames;
  EmFrame *frames;
  int width, height;
  int64_t duration_ns, start_ns, audio_offset_ns;
  char *fingerprint, *codec;
  int n_audio;
  EmAudioTrack audio[EM_MAX_AUDIO_TRACKS];
};

/* The units of the clip at `path`, checked against the index: EM_E_INPUT if it is another clip. */
EmUnits *em_index_open_units (EmFrameIndex *self, const char *path, GCancellable *cancellable,
                              GError **error);
