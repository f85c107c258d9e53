/* em-audio.h - what a clip sounds like, on the clock of its pictures.
 *
 * The whole sound track, decoded once: as the model hears it (16 kHz, two ears, float), as people
 * hear it (the track's own rate, in a temporary file), and as the waveform shows it (peaks of
 * that). Sample 0 is the moment of the first frame, the last one the end of the clip: container
 * offsets are applied, what is missing is silence. A clip without sound is a valid EmAudio with 0
 * samples. Immutable once loaded; any thread. */
#pragma once
#include "media/em-frame-index.h"

G_BEGIN_DECLS

#define EM_TYPE_AUDIO (em_audio_get_type ())
G_DECLARE_FINAL_TYPE (EmAudio, em_audio, EM, AUDIO, GObject)

#define EM_AUDIO_MODEL_RATE 16000

/* Blocks (100 times faster than real time or better), for a worker thread. `track` counts from 0;
 * one that is not there is no error, it is silent. */
EmAudio *em_audio_load (EmFrameIndex *index, const char *path, int track, GCancellable *cancellable,
                        GError **error);

bool em_audio_has_sound (EmAudio *self); /* false: every count below is 0 */

/* 16 kHz stereo, interleaved, -1..1; a mono track is doubled, more channels are mixed to two.
 * *n_samples per channel. Valid as long as the object; NULL without sound. */
const float *em_audio_samples (EmAudio *self, int64_t *n_samples);

/* As people hear it: interleaved signed 16 bit at the track's rate, 1 or 2 channels. */
int em_audio_rate (EmAudio *self);
int em_audio_channels (EmAudio *self);
int64_t em_audio_n_samples (EmAudio *self); /* per channel */
/* Copies up to `n` samples per channel from sample `first` on; returns how many, 0 at the end. */
int64_t em_audio_read (EmAudio *self, int64_t first, int64_t n, int16_t *out);

/* The waveform between two moments as `n` columns: the least and the largest sample of each,
 * -1..1. `channel` -1 mixes. Columns outside the clip are 0. Microseconds at any zoom. */
void em_audio_peaks (EmAudio *self, int channel, int64_t from_ns, int64_t to_ns, int n, float *low,
                     float *high);

/* Root mean square, both channels, of [from, to), 0..1. */
double em_audio_rms (EmAudio *self, int64_t from_ns, int64_t to_ns);

typedef enum {
  EM_SPECTRUM_MEL,    /* logarithm of mel bands over the track's own rate */
  EM_SPECTRUM_LINEAR, /* logarithm of the magnitude */
  EM_SPECTRUM_MODEL,  /* the 64 bands the model hears: 125 to 7500 Hz at 16 kHz */
} EmSpectrumKind;

/* The spectrogram between two moments: width x height bytes, row 0 the highest pitch, 0 silence to
 * 255 loudest. `window` is a power of two from 256 to 8192 samples (the model's is fixed, it is
 * ignored there). `channel` -1 mixes. Blocks: about 2 us per column and transform, for a worker. */
void em_audio_spectrogram (EmAudio *self, EmSpectrumKind kind, int window, int channel,
                           int64_t from_ns, int64_t to_ns, int width, int height, uint8_t *pixels);

G_END_DECLS
