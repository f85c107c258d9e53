/* index_bytes.c - an index as bytes for the project file.
 *
 * Little endian on every machine. What comes back may be anybody's, so nothing in it is believed:
 * an index that passes here cannot make its users read out of bounds. */
#include "media/index_private.h"
#include <string.h>

#define VERSION 1
/* version, fingerprint, codec, width, height, duration, start, audio offset, tracks, frames */
#define TYPE     "(ussiixxxa(iis)a(xxib))"
#define MAX_SIDE 32768

GBytes *
em_frame_index_to_bytes (EmFrameIndex *self)
{
  GVariantBuilder tracks, frames;
  g_autoptr (GVariant) all = NULL;

  g_variant_builder_init (&tracks, G_VARIANT_TYPE ("a(iis)"));
  for (int i = 0; i < self->n_audio; i++)
    g_variant_builder_add (&tracks, "(iis)", self->audio[i].rate, self->audio[i].channels,
                           self->audio[i].codec);
  g_variant_builder_init (&frames, G_VARIANT_TYPE ("a(xxib)"));
  for (int i = 0; i < self->n_frames; i++)
    g_variant_builder_add (&frames, "(xxib)", self->frames[i].pts_ns, self->frames[i].duration_ns,
                           self->frames[i].unit, self->frames[i].is_key);
  all = g_variant_ref_sink (
      g_variant_new (TYPE, VERSION, self->fingerprint, self->codec, self->width, self->height,
                     self->duration_ns, self->start_ns, self->audio_offset_ns, &tracks, &frames));
  if (G_BYTE_ORDER == G_BIG_ENDIAN) {
    GVariant *swapped = g_variant_byteswap (all);
    g_variant_unref (all);
    all = swapped;
  }
  return g_variant_get_data_as_bytes (all);
}

static bool
is_sound (EmFrameIndex *self)
{
  if (self->n_frames < 1 || self->width < 1 || self->width > MAX_SIDE || self->height < 1
      || self->height > MAX_SIDE || strlen (self->fingerprint) != 64
      || strspn (self->fingerprint, "0123456789abcdef") != 64 || self->frames[0].pts_ns != 0)
    return false;
  for (int i = 0; i < self->n_frames; i++) {
    const EmFrame *f = &self->frames[i];
    if (f->unit < 0 || f->duration_ns <= 0 || (i > 0 && f->pts_ns <= f[-1].pts_ns))
      return false;
  }
  return self->duration_ns > self->frames[self->n_frames - 1].pts_ns;
}

static EmFrameIndex *
refuse (GError **error)
{
  g_set_error_literal (error, EM_ERROR, EM_E_INPUT,
                       "the frame table is damaged or of another version, index the clip again");
  return NULL;
}

EmFrameIndex *
em_frame_index_from_bytes (GBytes *bytes, GError **error)
{
  g_autoptr (EmFrameIndex) self = g_object_new (EM_TYPE_FRAME_INDEX, NULL);
  g_autoptr (GVariant) all
      = g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE (TYPE), bytes, FALSE));
  g_autoptr (GVariantIter) tracks = NULL, frames = NULL;
  guint32 version;
  const char *codec;
  gboolean is_key;

  if (G_BYTE_ORDER == G_BIG_ENDIAN) {
    GVariant *swapped = g_variant_byteswap (all);
    g_variant_unref (all);
    all = swapped;
  }
  if (!g_variant_is_normal_form (all))
    return refuse (error);
  g_variant_get (all, TYPE, &version, &self->fingerprint, &self->codec, &self->width, &self->height,
                 &self->duration_ns, &self->start_ns, &self->audio_offset_ns, &tracks, &frames);
  if (version != VERSION)
    return refuse (error);
  for (EmAudioTrack *t = self->audio;
       self->n_audio < EM_MAX_AUDIO_TRACKS
       && g_variant_iter_next (tracks, "(ii&s)", &t->rate, &t->channels, &codec);
       t++, self->n_audio++)
    g_strlcpy (t->codec, codec, sizeof t->codec);
  self->frames = g_new0 (EmFrame, g_variant_iter_n_children (frames) + 1);
  for (EmFrame *f = self->frames;
       g_variant_iter_next (frames, "(xxib)", &f->pts_ns, &f->duration_ns, &f->unit, &is_key);
       f++, self->n_frames++)
    f->is_key = is_key;
  return is_sound (self) ? g_steal_pointer (&self) : refuse (error);
}
