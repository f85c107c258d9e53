/* packets.h - one pass over a file's packets, nothing decoded.
 *
 * Every picture packet of the first video track is shown to a callback in decode order, with its
 * time on the container's clock; what the other tracks are is noted on the way. Blocks; the
 * callback runs on a streaming thread, one packet at a time. Internal to media. */
#pragma once
#include <gst/gst.h>
#include <gst/video/video.h>
#include "media/em-frame-index.h"
#include "media/run.h"

#define EM_MAX_AUDIO_TRACKS 8

typedef struct {
  int64_t time_ns;     /* when it is shown */
  bool is_guess;       /* the packet says when to decode it only, and that was taken */
  int64_t duration_ns; /* 0 if unknown */
  bool is_key;
  bool is_hidden; /* outside the container's edit, or never meant to be shown */
  int caps;       /* which of EmPackets.caps it belongs to */
} EmPacket;

typedef struct {
  GPtrArray *caps; /* GstCaps, in order of appearance; at least one */
  GstVideoOrientationMethod orientation;
  int n_audio;
  EmAudioTrack audio[EM_MAX_AUDIO_TRACKS];
  int64_t audio_start_ns; /* when track 0 begins; INT64_MIN if never */
} EmPackets;

/* False stops the pass without an error. */
typedef bool (*EmPacketFn) (const EmPacket *packet, GstBuffer *buffer, void *self);

bool em_packets_run (const char *path, EmPackets *out, EmPacketFn fn, void *self,
                     GCancellable *cancellable, GError **error);
void em_packets_clear (EmPackets *packets);
