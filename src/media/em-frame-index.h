/* em-frame-index.h - which picture is frame i, and when it is shown.
 *
 * One pass over a clip's packets, without decoding them: every shown frame in presentation order,
 * its time from the first one, and how the pictures lie on screen. A clip is a media file or a
 * folder of numbered PNG or JPEG pictures with, if it has sound, one sound file in it or beside it
 * under the folder's name. An index is immutable and may be used by any thread. It does not
 * remember where the clip is: media move, the index and its fingerprint stay. */
#pragma once
#include <gio/gio.h>
#include <stdbool.h>
#include <stdint.h>
#include "media/gerror.h"

G_BEGIN_DECLS

#define EM_TYPE_FRAME_INDEX (em_frame_index_get_type ())
G_DECLARE_FINAL_TYPE (EmFrameIndex, em_frame_index, EM, FRAME_INDEX, GObject)

typedef struct {
  int64_t pts_ns;      /* from the first frame's 0, strictly rising */
  int64_t duration_ns; /* until the next frame; the last one's own */
  int unit;            /* its place in decode order, hidden units counted */
  bool is_key;
} EmFrame;

typedef struct {
  int rate, channels; /* as the container says; 0 if it does not */
  char codec[48];     /* for people: "MPEG-4 AAC" */
} EmAudioTrack;

/* Blocks: 20 ms to seconds, for a worker thread. Reads the file once (twice where the fingerprint
 * needs its own three megabytes) and decodes its first frame to learn the size. Fails with
 * EM_E_INPUT and one line within seconds on what is no clip, EM_E_CANCELLED if cancelled. */
EmFrameIndex *em_frame_index_open (const char *path, GCancellable *cancellable, GError **error);

/* For the project file: a few bytes per frame, the same on every machine. Reading checks
 * everything; EM_E_INPUT if it is not an index or of another version. */
GBytes *em_frame_index_to_bytes (EmFrameIndex *self);
EmFrameIndex *em_frame_index_from_bytes (GBytes *bytes, GError **error);

int em_frame_index_n_frames (EmFrameIndex *self); /* at least 1 */
const EmFrame *em_frame_index_frames (EmFrameIndex *self);
int64_t em_frame_index_pts (EmFrameIndex *self, int frame);
/* The frame on screen at `t_ns`: the last whose time is not later; 0 before the first. */
int em_frame_index_at (EmFrameIndex *self, int64_t t_ns);
/* Copies the times of all frames, n_frames of them, for whoever needs a plain array. */
void em_frame_index_copy_pts (EmFrameIndex *self, int64_t *pts_ns);

int em_frame_index_width (EmFrameIndex *self); /* display size: rotation and pixel aspect applied */
int em_frame_index_height (EmFrameIndex *self);
int64_t em_frame_index_duration (EmFrameIndex *self); /* to the end of the last frame, ns */
int64_t em_frame_index_start (EmFrameIndex *self);    /* the first frame on the container's clock */
const char *em_frame_index_fingerprint (EmFrameIndex *self); /* 64 hex digits */
const char *em_frame_index_codec (EmFrameIndex *self);       /* for people: "H.264" */

int em_frame_index_n_audio (EmFrameIndex *self);
const EmAudioTrack *em_frame_index_audio (EmFrameIndex *self, int track);
/* When track 0 begins, from the first frame: positive if the sound comes later. */
int64_t em_frame_index_audio_offset (EmFrameIndex *self);

/* Decodes every frame of the clip at `path` in one go and compares: EM_E_CHECK names the first
 * difference. Blocks for as long as decoding takes. */
bool em_frame_index_check (EmFrameIndex *self, const char *path, GCancellable *cancellable,
                           GError **error);

/* SHA-256 over size and first, middle and last MiB (the whole file below 4 MiB); of a folder over
 * the sorted names and sizes of its clip's files and the same pieces of them. Caller frees. */
char *em_fingerprint (const char *path, GError **error);

/* The suffixes (lower case, without the dot) that a folder scan tries, NULL-terminated. */
const char *const *em_media_suffixes (void);

G_END_DECLS
