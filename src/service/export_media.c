/* export_media.c - frames through the exact decoder, JPEG through GStreamer, WAV by hand. */
#include "service/export_media.h"
#include "base/png.h"
#include "media/em-audio.h"
#include "media/em-decoder.h"
#include "media/gerror.h"
#include <gst/video/video.h>
#include <math.h>
#include <string.h>

struct EmExportSource {
  char **paths;
  int n;
  GCancellable *cancellable;
  int open; /* the clip that the following belong to, -1: none */
  EmFrameIndex *index;
  EmDecoder *decoder;
  EmAudio *audio;
};

static bool
give (GError *error, EmError *err)
{
  if (error == NULL)
    return true;
  em_fail (err, error->domain == EM_ERROR ? (EmStatus) error->code : EM_E_INPUT, "%s",
           error->message);
  g_error_free (error);
  return false;
}

static void
close_clip (EmExportSource *s)
{
  g_clear_object (&s->audio);
  g_clear_object (&s->decoder);
  g_clear_object (&s->index);
  s->open = -1;
}

static bool
open_clip (EmExportSource *s, int clip, EmError *err)
{
  GError *error = NULL;

  if (s->open == clip)
    return true;
  close_clip (s);
  if (clip < 0 || clip >= s->n || s->paths[clip] == NULL)
    return em_fail (err, EM_E_INPUT, "the media of clip %d are not there", clip + 1);
  s->index = em_frame_index_open (s->paths[clip], s->cancellable, &error);
  if (s->index == NULL)
    return give (error, err);
  s->open = clip;
  return true;
}

static GstSample *
make_sample (GBytes *rgba, int width, int height)
{
  g_autoptr (GstCaps) caps = gst_caps_new_simple (
      "video/x-raw", "format", G_TYPE_STRING, "RGBA", "width", G_TYPE_INT, width, "height",
      G_TYPE_INT, height, "framerate", GST_TYPE_FRACTION, 0, 1, NULL);
  g_autoptr (GstBuffer) buffer = gst_buffer_new_wrapped_bytes (rgba);

  GST_BUFFER_PTS (buffer) = 0;
  return gst_sample_new (buffer, caps, NULL, NULL);
}

static bool
write_jpeg (const char *path, GBytes *rgba, int width, int height, EmError *err)
{
  g_autoptr (GstSample) raw = make_sample (rgba, width, height);
  g_autoptr (GstCaps) caps = gst_caps_new_empty_simple ("image/jpeg");
  GError *error = NULL;
  g_autoptr (GstSample) jpeg = gst_video_convert_sample (raw, caps, 10 * GST_SECOND, &error);
  GstMapInfo map;

  if (jpeg == NULL)
    return give (error, err);
  gst_buffer_map (gst_sample_get_buffer (jpeg), &map, GST_MAP_READ);
  g_file_set_contents (path, (const char *) map.data, (gssize) map.size, &error);
  gst_buffer_unmap (gst_sample_get_buffer (jpeg), &map);
  return give (error, err);
}

static bool
write_png (const char *path, GBytes *rgba, int width, int height, EmError *err)
{
  const guint8 *in = g_bytes_get_data (rgba, NULL);
  g_autofree guint8 *rgb = g_malloc ((gsize) width * height * 3);

  for (gsize i = 0; i < (gsize) width * height; i++)
    memcpy (rgb + i * 3, in + i * 4, 3);
  return em_png_write (path, EM_PNG_RGB, rgb, width, height, err);
}

static bool
save_picture (void *self, int clip, int frame, const char *path, EmError *err)
{
  EmExportSource *s = self;
  g_autoptr (GBytes) rgba = NULL;
  GError *error = NULL;
  int width, height;

  if (!open_clip (s, clip, err))
    return false;
  if (s->decoder == NULL
      && !(s->decoder = em_decoder_open (s->index, s->paths[clip], s->cancellable, &error)))
    return give (error, err);
  if (!(rgba = em_decoder_read (s->decoder, frame, s->cancellable, &error)))
    return give (error, err);
  width = em_frame_index_width (s->index);
  height = em_frame_index_height (s->index);
  return g_str_has_suffix (path, ".png") ? write_png (path, rgba, width, height, err)
                                         : write_jpeg (path, rgba, width, height, err);
}

static void
put_le (guint8 *to, guint32 value, int bytes)
{
  for (int i = 0; i < bytes; i++)
    to[i] = (guint8) (value >> 8 * i);
}

/* Two channels of 16 bit at 16 kHz; what lies outside the sound is silence. */
static bool
write_wav (const char *path, const float *samples, int64_t have, int64_t first, int64_t n,
           EmError *err)
{
  gsize bytes = 44 + (gsize) n * 4;
  g_autofree guint8 *wav = g_malloc0 (bytes);
  GError *error = NULL;

  memcpy (wav, "RIFF....WAVEfmt ", 16);
  put_le (wav + 4, (guint32) bytes - 8, 4);
  put_le (wav + 16, 16, 4);
  put_le (wav + 20, 1, 2); /* PCM */
  put_le (wav + 22, 2, 2);
  put_le (wav + 24, EM_AUDIO_MODEL_RATE, 4);
  put_le (wav + 28, EM_AUDIO_MODEL_RATE * 4, 4);
  put_le (wav + 32, 4, 2);
  put_le (wav + 34, 16, 2);
  memcpy (wav + 36, "data", 4);
  put_le (wav + 40, (guint32) n * 4, 4);
  for (int64_t i = 0; i < n; i++)
    for (int c = 0; c < 2; c++) {
      int64_t at = first + i;
      float v = at >= 0 && at < have ? samples[at * 2 + c] : 0;

      put_le (wav + 44 + i * 4 + c * 2, (guint32) (gint32) lrintf (CLAMP (v, -1, 1) * 32767), 2);
    }
  g_file_set_contents (path, (const char *) wav, (gssize) bytes, &error);
  return give (error, err);
}

static bool
save_sound (void *self, int clip, int64_t start_ns, int64_t end_ns, const char *path, EmError *err)
{
  EmExportSource *s = self;
  GError *error = NULL;
  const float *samples;
  int64_t have = 0, first, last;

  if (!open_clip (s, clip, err))
    return false;
  if (s->audio == NULL
      && !(s->audio = em_audio_load (s->index, s->paths[clip], 0, s->cancellable, &error)))
    return give (error, err);
  samples = em_audio_samples (s->audio, &have);
  first = start_ns * EM_AUDIO_MODEL_RATE / G_GINT64_CONSTANT (1000000000);
  last = end_ns * EM_AUDIO_MODEL_RATE / G_GINT64_CONSTANT (1000000000);
  return write_wav (path, samples, have, first, MAX (last - first, 0), err);
}

EmExportSource *
em_export_source_new (const char *const *paths, int n, GCancellable *cancellable)
{
  EmExportSource *s = g_new0 (EmExportSource, 1);

  s->paths = g_new0 (char *, n + 1);
  for (int i = 0; i < n; i++)
    s->paths[i] = g_strdup (paths[i]);
  s->n = n;
  s->open = -1;
  g_set_object (&s->cancellable, cancellable);
  return s;
}

void
em_export_source_free (EmExportSource *s)
{
  if (s == NULL)
    return;
  close_clip (s);
  for (int i = 0; i < s->n; i++)
    g_free (s->paths[i]);
  g_free (s->paths);
  g_clear_object (&s->cancellable);
  g_free (s);
}

void
em_export_source_fill (EmExportSource *s, EmExportMedia *media)
{
  media->self = s;
  media->save_picture = save_picture;
  media->save_sound = save_sound;
}
