/* audio_private.h - the insides of an EmAudio that its files share. */
#pragma once
#include "media/em-audio.h"

/* Bytes appended to a temporary file that has no name, then mapped: an hour of sound costs page
 * cache, not memory. */
typedef struct {
  int fd; /* -1: closed */
  uint64_t bytes;
  int failed; /* errno of the first failure */
  void *map;  /* after em_spool_map; NULL if empty */
} EmSpool;

bool em_spool_open (EmSpool *s, GError **error);
void em_spool_write (EmSpool *s, const void *bytes, gsize n);
void em_spool_write_zeros (EmSpool *s, uint64_t n);
bool em_spool_map (EmSpool *s, GError **error);
void em_spool_close (EmSpool *s);

#define EM_PEAK_FIRST  64 /* samples in a block of the finest level */
#define EM_PEAK_STEP   8  /* blocks in a block of the next */
#define EM_PEAK_LEVELS 8

typedef struct {
  int16_t low, high;
} EmPeak;

/* The least and the largest sample of every block, at every level. */
typedef struct {
  GArray *levels[EM_PEAK_LEVELS]; /* EmPeak */
} EmPeaks;

struct _EmAudio {
  GObject parent_instance;
  int rate, channels; /* of pcm; channels 1 or 2, 0 without sound */
  int64_t n;          /* samples per channel in pcm */
  EmSpool pcm;        /* int16, interleaved */
  int64_t n_model;
  EmSpool model;    /* float, 2 channels, 16 kHz */
  EmPeaks peaks[3]; /* each channel; both mixed */
};

/* Decodes a track to `self->pcm`, `n` nanoseconds long from `start_ns` of the container's clock.
 * Sets rate, channels and n; all 0 if nothing was there. */
bool em_audio_decode (EmAudio *self, const char *path, int track, int64_t start_ns,
                      int64_t length_ns, GCancellable *cancellable, GError **error);
void em_audio_make_peaks (EmAudio *self);
void em_audio_clear_peaks (EmAudio *self);
