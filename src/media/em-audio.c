/* em-audio.c - what a clip sounds like, on the clock of its pictures. */
#include "media/audio_private.h"
#include "media/folder.h"
#include "media/index_private.h"
#include "media/run.h"
#include <gst/audio/audio.h>
#include <math.h>
#include <string.h>

#define RESAMPLER_QUALITY 10

G_DEFINE_FINAL_TYPE (EmAudio, em_audio, G_TYPE_OBJECT)

static void
em_audio_finalize (GObject *object)
{
  EmAudio *self = EM_AUDIO (object);

  em_spool_close (&self->pcm);
  em_spool_close (&self->model);
  em_audio_clear_peaks (self);
  G_OBJECT_CLASS (em_audio_parent_class)->finalize (object);
}

static void
em_audio_class_init (EmAudioClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = em_audio_finalize;
}

static void
em_audio_init (EmAudio *self)
{
  self->pcm.fd = self->model.fd = -1;
}

/* Writes n samples per channel as the model hears them, both ears. */
static void
write_ears (EmAudio *self, const float *in, int64_t n)
{
  float room[512][2];

  while (n > 0) {
    int64_t part = MIN (n, (int64_t) G_N_ELEMENTS (room));
    for (int64_t i = 0; i < part; i++) {
      room[i][0] = *in;
      room[i][1] = self->channels == 2 ? in[1] : *in;
      in += self->channels;
    }
    em_spool_write (&self->model, room, (gsize) part * sizeof *room);
    n -= part;
  }
}

static GstAudioConverter *
new_converter (EmAudio *self)
{
  GstAudioInfo from, to;
  GstStructure *options = gst_structure_new_empty ("options");

  gst_audio_info_set_format (&from, GST_AUDIO_FORMAT_S16, self->rate, self->channels, NULL);
  gst_audio_info_set_format (&to, GST_AUDIO_FORMAT_F32, EM_AUDIO_MODEL_RATE, self->channels, NULL);
  gst_audio_resampler_options_set_quality (GST_AUDIO_RESAMPLER_METHOD_KAISER, RESAMPLER_QUALITY,
                                           self->rate, EM_AUDIO_MODEL_RATE, options);
  return gst_audio_converter_new (GST_AUDIO_CONVERTER_FLAG_NONE, &from, &to, options);
}

/* 16 kHz from the track's own samples. At 16 kHz already it is a division and nothing else, so what
 * a file of that rate holds reaches the model bit for bit. */
static bool
make_model_samples (EmAudio *self, GCancellable *cancellable, GError **error)
{
  GstAudioConverter *converter = new_converter (self);
  const int16_t *in = self->pcm.map;
  int64_t left = self->n, wanted = self->n_model;
  int block = self->rate;
  gsize room_n = gst_audio_converter_get_out_frames (converter, (gsize) block) + 64;
  g_autofree float *room = g_new (float, room_n *(gsize) self->channels);
  g_autofree int16_t *silence = g_new0 (int16_t, (gsize) block * (gsize) self->channels);

  while (wanted > 0 && !g_cancellable_is_cancelled (cancellable)) {
    /* Past the end silence drives the last samples out of the filter. */
    gsize n_in = left > 0 ? (gsize) MIN (left, block) : (gsize) block;
    gsize n_out = gst_audio_converter_get_out_frames (converter, n_in);
    gpointer from[1] = { left > 0 ? (gpointer) in : silence }, to[1] = { room };

    gst_audio_converter_samples (converter, 0, from, n_in, to, n_out);
    n_out = (gsize) MIN ((int64_t) n_out, wanted);
    write_ears (self, room, (int64_t) n_out);
    wanted -= (int64_t) n_out;
    left -= (int64_t) n_in;
    in += (gsize) self->channels * n_in;
  }
  gst_audio_converter_free (converter);
  if (wanted > 0) {
    g_set_error_literal (error, EM_ERROR, EM_E_CANCELLED, "reading the sound was cancelled");
    return false;
  }
  return em_spool_map (&self->model, error);
}

EmAudio *
em_audio_load (EmFrameIndex *index, const char *path, int track, GCancellable *cancellable,
               GError **error)
{
  g_autoptr (EmAudio) self = g_object_new (EM_TYPE_AUDIO, NULL);
  g_autofree char *file = NULL;

  if (track < 0 || track >= index->n_audio)
    return g_steal_pointer (&self);
  file = em_folder_sound (path);
  if (!file) {
    g_autofree char *name = em_media_name (path);
    g_set_error (error, EM_ERROR, EM_E_INPUT, "%s: its sound file is gone", name);
    return NULL;
  }
  if (!em_spool_open (&self->pcm, error)
      || !em_audio_decode (self, file, track, index->start_ns, index->duration_ns, cancellable,
                           error))
    return NULL;
  if (self->n == 0)
    return g_steal_pointer (&self);
  self->n_model = (int64_t) ceil ((double) index->duration_ns * EM_AUDIO_MODEL_RATE / GST_SECOND);
  if (!em_spool_map (&self->pcm, error) || !em_spool_open (&self->model, error)
      || !make_model_samples (self, cancellable, error))
    return NULL;
  em_audio_make_peaks (self);
  return g_steal_pointer (&self);
}

bool
em_audio_has_sound (EmAudio *self)
{
  return self->n > 0;
}

const float *
em_audio_samples (EmAudio *self, int64_t *n_samples)
{
  *n_samples = self->n_model;
  return self->model.map;
}

int
em_audio_rate (EmAudio *self)
{
  return self->rate;
}

int
em_audio_channels (EmAudio *self)
{
  return self->channels;
}

int64_t
em_audio_n_samples (EmAudio *self)
{
  return self->n;
}

int64_t
em_audio_read (EmAudio *self, int64_t first, int64_t n, int16_t *out)
{
  const int16_t *pcm = self->pcm.map;

  EM_BUG_UNLESS (first >= 0 && n >= 0);
  n = MIN (n, self->n - MIN (first, self->n));
  if (n > 0)
    memcpy (out, pcm + first * self->channels, (gsize) (n * self->channels) * sizeof *out);
  return n;
}

double
em_audio_rms (EmAudio *self, int64_t from_ns, int64_t to_ns)
{
  const float *samples = self->model.map;
  int64_t a = MAX (from_ns, 0) * EM_AUDIO_MODEL_RATE / (int64_t) GST_SECOND;
  int64_t b = MIN (to_ns * EM_AUDIO_MODEL_RATE / (int64_t) GST_SECOND, self->n_model);
  double sum = 0;

  if (b <= a)
    return 0;
  for (int64_t i = 2 * a; i < 2 * b; i++)
    sum += (double) samples[i] * samples[i];
  return sqrt (sum / (double) (2 * (b - a)));
}
