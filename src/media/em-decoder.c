/* em-decoder.c - picture i, exactly.
 *
 * Feeding starts at the key unit from which the wanted picture can be predicted and goes on until a
 * sample carries the wanted tag. Everything that comes out on the way is kept in the ring, so a
 * step back is usually there already; a step forward goes on where feeding stopped. */
#include "media/em-decoder.h"
#include "media/decoder_private.h"
#include "media/feed.h"
#include "media/index_private.h"
#include "media/picture.h"

#define RING_BYTES ((size_t) 64 << 20)

struct _EmDecoder {
  GObject parent_instance;
  EmFrameIndex *index;
  EmUnits *units;
  char *name;
  GMutex lock; /* everything below */
  EmFeed *feed;
  int64_t started; /* tag of the key unit that feeding started from */
  int64_t reached; /* tag of the last sample pulled, -1 after a fault or before the first */
  GQueue ring;     /* GstSample, the last pulled first */
  size_t ring_bytes, ring_limit;
  EmPictureMaker maker;
};

G_DEFINE_FINAL_TYPE (EmDecoder, em_decoder, G_TYPE_OBJECT)

static void
em_decoder_finalize (GObject *object)
{
  EmDecoder *self = EM_DECODER (object);

  em_feed_close (self->feed);
  g_queue_clear_full (&self->ring, (GDestroyNotify) gst_sample_unref);
  em_picture_maker_clear (&self->maker);
  em_units_unref (self->units);
  g_clear_object (&self->index);
  g_free (self->name);
  g_mutex_clear (&self->lock);
  G_OBJECT_CLASS (em_decoder_parent_class)->finalize (object);
}

static void
em_decoder_class_init (EmDecoderClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = em_decoder_finalize;
}

static void
em_decoder_init (EmDecoder *self)
{
  g_mutex_init (&self->lock);
  g_queue_init (&self->ring);
  self->reached = -1;
  self->ring_limit = RING_BYTES;
}

EmDecoder *
em_decoder_open (EmFrameIndex *index, const char *path, GCancellable *cancellable, GError **error)
{
  EmUnits *units = em_index_open_units (index, path, cancellable, error);
  EmDecoder *self;

  if (!units)
    return NULL;
  self = g_object_new (EM_TYPE_DECODER, NULL);
  self->index = g_object_ref (index);
  self->units = units;
  self->name = em_media_name (path);
  self->feed = em_feed_open (units, self->name);
  return self;
}

EmFrameIndex *
em_decoder_index (EmDecoder *self)
{
  return self->index;
}

EmUnits *
em_decoder_units (EmDecoder *self)
{
  return self->units;
}

static int64_t
tag_of (GstSample *sample)
{
  return (int64_t) GST_BUFFER_PTS (gst_sample_get_buffer (sample));
}

static void
trim_ring (EmDecoder *self)
{
  while (self->ring.length > 1 && self->ring_bytes > self->ring_limit) {
    GstSample *oldest = g_queue_pop_tail (&self->ring);
    self->ring_bytes -= gst_buffer_get_size (gst_sample_get_buffer (oldest));
    gst_sample_unref (oldest);
  }
}

static GstSample *
find_in_ring (EmDecoder *self, int64_t tag)
{
  for (GList *l = self->ring.head; l; l = l->next)
    if (tag_of (l->data) == tag)
      return l->data;
  return NULL;
}

/* Going on pays if no restart would be nearer: the picture is ahead and no later key unit leads to
 * it. */
static bool
can_go_on (EmDecoder *self, int64_t tag, int key)
{
  return self->reached >= 0 && tag > self->reached
         && em_units_table (self->units)[key].tag <= self->reached;
}

static void
keep (EmDecoder *self, GstSample *sample)
{
  /* What is shown before the key unit is predicted from what was not fed: decoders give it all the
   * same, some with holes in it. */
  if (tag_of (sample) < self->started || find_in_ring (self, tag_of (sample))) {
    gst_sample_unref (sample);
    return;
  }
  self->ring_bytes += gst_buffer_get_size (gst_sample_get_buffer (sample));
  g_queue_push_head (&self->ring, sample);
  trim_ring (self);
}

/* Pulls until `tag` comes out. NULL without an error if the decoder leaves it out. */
static GstSample *
pull_until (EmDecoder *self, int64_t tag, GCancellable *cancellable, GError **error)
{
  GstSample *sample;
  g_autoptr (GError) fault = NULL;

  while ((sample = em_feed_pull (self->feed, cancellable, &fault))) {
    self->reached = tag_of (sample);
    keep (self, sample);
    if (self->reached >= tag)
      return self->reached == tag ? find_in_ring (self, tag) : NULL;
  }
  self->reached = -1; /* at the end there is nothing to go on with either */
  if (fault)
    g_propagate_error (error, g_steal_pointer (&fault));
  return NULL;
}

/* The sample of a frame, owned by the ring. */
static GstSample *
fetch (EmDecoder *self, int frame, GCancellable *cancellable, GError **error)
{
  const EmUnit *table = em_units_table (self->units);
  int unit = em_frame_index_frames (self->index)[frame].unit;
  int64_t tag = table[unit].tag;
  GstSample *sample = find_in_ring (self, tag);
  g_autoptr (GError) fault = NULL;

  if (!sample && can_go_on (self, tag, em_units_key_before (self->units, unit, 0)))
    sample = pull_until (self, tag, cancellable, &fault);
  /* A key unit is no promise, containers lie about them: where the nearest does not lead to it, one
   * before may. */
  for (int attempt = 0; !sample && attempt < 3; attempt++) {
    int key = em_units_key_before (self->units, unit, (const int[]){ 0, 1, 4 }[attempt]);

    if (fault && fault->code == EM_E_CANCELLED)
      break;
    g_clear_error (&fault);
    self->started = MIN (table[key].tag, tag);
    em_feed_start (self->feed, key, em_units_count (self->units) - 1);
    sample = pull_until (self, tag, cancellable, &fault);
  }
  if (sample
      && GST_BUFFER_FLAG_IS_SET (gst_sample_get_buffer (sample), GST_BUFFER_FLAG_CORRUPTED)) {
    g_set_error (error, EM_ERROR, EM_E_INPUT, "%s: frame %d is damaged", self->name, frame);
    return NULL;
  }
  if (sample)
    return sample;
  if (fault && fault->code == EM_E_CANCELLED)
    g_propagate_error (error, g_steal_pointer (&fault));
  else
    g_set_error (error, EM_ERROR, EM_E_INPUT, "%s: frame %d cannot be decoded%s%s", self->name,
                 frame, fault ? ": " : "", fault ? fault->message : "");
  return NULL;
}

GBytes *
em_decoder_read (EmDecoder *self, int frame, GCancellable *cancellable, GError **error)
{
  GstSample *sample;
  GBytes *picture = NULL;

  EM_BUG_UNLESS (frame >= 0 && frame < em_frame_index_n_frames (self->index));
  g_mutex_lock (&self->lock);
  sample = fetch (self, frame, cancellable, error);
  if (sample)
    picture = em_picture_make (&self->maker, sample, em_units_orientation (self->units),
                               em_frame_index_width (self->index),
                               em_frame_index_height (self->index), error);
  g_mutex_unlock (&self->lock);
  return picture;
}

bool
em_decoder_read_rgb (EmDecoder *self, int frame, uint8_t *rgb, GCancellable *cancellable,
                     GError **error)
{
  g_autoptr (GBytes) picture = em_decoder_read (self, frame, cancellable, error);
  const uint8_t *rgba;
  gsize n;

  if (!picture)
    return false;
  rgba = g_bytes_get_data (picture, &n);
  for (; n >= 4; n -= 4, rgba += 4, rgb += 3) {
    rgb[0] = rgba[0];
    rgb[1] = rgba[1];
    rgb[2] = rgba[2];
  }
  return true;
}

void
em_decoder_set_ring_bytes (EmDecoder *self, size_t bytes)
{
  g_mutex_lock (&self->lock);
  self->ring_limit = bytes;
  trim_ring (self);
  g_mutex_unlock (&self->lock);
}
