/* clip_source.c - a clip of media as the predictor sees it. */
#include "service/clip_source.h"
#include "base/tracks.h"
#include "media/gerror.h"

static bool
read_frame (void *self, int frame, uint8_t *rgb, EmError *err)
{
  EmMediaSource *source = self;
  g_autoptr (GError) error = NULL;

  if (em_decoder_read_rgb (source->decoder, frame, rgb, NULL, &error))
    return true;
  return em_fail (err, error->domain == EM_ERROR ? (EmStatus) error->code : EM_E_INPUT, "%s",
                  error->message);
}

EmMediaSource *
em_media_source_new (EmDecoder *decoder, EmAudio *audio, double grid_phase)
{
  EmMediaSource *m = g_new0 (EmMediaSource, 1);
  EmFrameIndex *index = em_decoder_index (decoder);
  int64_t duration = em_frame_index_duration (index);
  int room = (int) (duration / 1000000000) + 2;
  EmClipSource *s = &m->source;

  m->decoder = g_object_ref (decoder);
  m->index = g_object_ref (index);
  m->audio = audio ? g_object_ref (audio) : NULL;
  s->self = m;
  s->n_frames = em_frame_index_n_frames (index);
  s->width = em_frame_index_width (index);
  s->height = em_frame_index_height (index);
  s->read = read_frame;
  m->pts_ns = g_new (int64_t, s->n_frames);
  em_frame_index_copy_pts (index, m->pts_ns);
  m->grid = g_new (int, room);
  m->n_grid = em_grid_frames (m->pts_ns, s->n_frames, duration, grid_phase, m->grid, room);
  s->pts_ns = m->pts_ns;
  s->grid = m->grid;
  s->n_grid = m->n_grid;
  if (audio)
    s->sound = em_audio_samples (audio, &s->n_samples);
  return m;
}

void
em_media_source_free (EmMediaSource *source)
{
  if (!source)
    return;
  g_clear_object (&source->audio);
  g_clear_object (&source->decoder);
  g_clear_object (&source->index);
  g_free (source->grid);
  g_free (source->pts_ns);
  g_free (source);
}

EmMediaSource *
em_media_source_open (const char *path, double grid_phase, GCancellable *cancellable,
                      GError **error)
{
  g_autoptr (EmFrameIndex) index = em_frame_index_open (path, cancellable, error);
  g_autoptr (EmDecoder) decoder = NULL;
  g_autoptr (EmAudio) audio = NULL;

  if (!index)
    return NULL;
  audio = em_audio_load (index, path, 0, cancellable, error);
  if (!audio)
    return NULL;
  decoder = em_decoder_open (index, path, cancellable, error);
  return decoder ? em_media_source_new (decoder, audio, grid_phase) : NULL;
}
