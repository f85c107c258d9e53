/* audio_decode.c - a sound track as samples on the clip's clock.
 *
 * Samples are placed by the time of their buffers: a first buffer that is late leaves silence
 * before it, one that is early is cut. Later buffers follow end to end unless their times say that
 * something is missing, because containers round times (Matroska to a millisecond) and a correction
 * per buffer would be a click each. */
#include "media/audio_private.h"
#include "media/folder.h"
#include "media/run.h"
#include <gst/audio/audio.h>
#include <math.h>

#define JITTER_NS (40 * (int64_t) GST_MSECOND)

typedef struct {
  EmRun run;
  EmAudio *audio;
  int64_t start_ns, length_ns;
  GMutex lock; /* pads appear on any streaming thread */
  int track, n_tracks;
  bool is_linked;
  /* The sound's streaming thread only. */
  GstSegment segment;
  GstAudioInfo info;
  int64_t n_written, n_wanted; /* samples per channel */
} Decode;

/* The clip's sample that begins at this buffer. */
static int64_t
place_of (Decode *d, GstBuffer *buffer)
{
  guint64 stream;
  int sign;
  int64_t ns;

  if (!GST_BUFFER_PTS_IS_VALID (buffer))
    return d->n_written;
  sign = gst_segment_to_stream_time_full (&d->segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer),
                                          &stream);
  if (!sign)
    return d->n_written;
  ns = sign * (int64_t) stream - d->start_ns;
  return llround ((double) ns * d->info.rate / GST_SECOND);
}

static void
take_samples (Decode *d, GstBuffer *buffer)
{
  int64_t place = place_of (d, buffer), n, skip = 0;
  int64_t jitter = JITTER_NS * d->info.rate / (int64_t) GST_SECOND;
  int frame_bytes = d->info.bpf;
  GstMapInfo map;

  if (d->n_written > 0 && ABS (place - d->n_written) <= jitter)
    place = d->n_written;
  if (!gst_buffer_map (buffer, &map, GST_MAP_READ))
    return;
  n = (int64_t) map.size / frame_bytes;
  if (place > d->n_written) {
    int64_t gap = MIN (place, d->n_wanted) - d->n_written;
    em_spool_write_zeros (&d->audio->pcm, (uint64_t) (gap * frame_bytes));
    d->n_written += gap;
  }
  if (place < d->n_written)
    skip = MIN (d->n_written - place, n);
  n = MIN (n - skip, d->n_wanted - d->n_written);
  em_spool_write (&d->audio->pcm, map.data + skip * frame_bytes, (gsize) (n * frame_bytes));
  d->n_written += n;
  gst_buffer_unmap (buffer, &map);
}

static GstPadProbeReturn
samples_cb (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Decode *d = data;

  g_atomic_int_inc (&d->run.n_packets);
  if (info->type & GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM) {
    GstEvent *event = GST_PAD_PROBE_INFO_EVENT (info);
    GstAudioInfo audio_info;
    GstCaps *caps;

    if (GST_EVENT_TYPE (event) == GST_EVENT_SEGMENT)
      gst_event_copy_segment (event, &d->segment);
    if (GST_EVENT_TYPE (event) != GST_EVENT_CAPS)
      return GST_PAD_PROBE_OK;
    gst_event_parse_caps (event, &caps);
    if (gst_audio_info_from_caps (&audio_info, caps) && d->n_written == 0) {
      d->info = audio_info;
      d->n_wanted = (int64_t) ceil ((double) d->length_ns * audio_info.rate / GST_SECOND);
    }
  } else if (d->n_wanted > 0) {
    take_samples (d, GST_PAD_PROBE_INFO_BUFFER (info));
    if (d->n_written >= d->n_wanted || d->audio->pcm.failed)
      g_atomic_int_set (&d->run.is_stopped, 1);
  }
  return GST_PAD_PROBE_OK;
}

static void
link_sink (Decode *d, GstPad *pad)
{
  GstElement *sink = em_media_element ("fakesink");
  g_autoptr (GstPad) to = gst_element_get_static_pad (sink, "sink");

  g_object_set (sink, "sync", FALSE, "async", FALSE, NULL);
  gst_bin_add (GST_BIN (d->run.pipeline), sink);
  gst_pad_link (pad, to);
  gst_element_sync_state_with_parent (sink);
}

/* Rate is fixed by the first caps: a track that changes it half way is resampled to the first. */
static void
decoded_cb (GstElement *decode, GstPad *pad, gpointer data)
{
  Decode *d = data;
  GstElement *convert = em_media_element ("audioconvert");
  GstElement *resample = em_media_element ("audioresample");
  GstElement *filter = em_media_element ("capsfilter");
  g_autoptr (GstPad) in = gst_element_get_static_pad (convert, "sink");
  g_autoptr (GstPad) out = gst_element_get_static_pad (filter, "src");
  g_autoptr (GstCaps) now = gst_pad_get_current_caps (pad);
  g_autoptr (GstCaps) caps = gst_caps_from_string (
      "audio/x-raw, format=" GST_AUDIO_NE (S16) ", layout=interleaved, channels=[1,2]");
  int rate;

  if (now && gst_structure_get_int (gst_caps_get_structure (now, 0), "rate", &rate))
    gst_caps_set_simple (caps, "rate", G_TYPE_INT, rate, NULL);
  g_object_set (filter, "caps", caps, NULL);
  gst_util_set_object_arg (G_OBJECT (convert), "dithering", "none");
  gst_bin_add_many (GST_BIN (d->run.pipeline), convert, resample, filter, NULL);
  gst_element_link_many (convert, resample, filter, NULL);
  gst_pad_add_probe (out, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM | GST_PAD_PROBE_TYPE_BUFFER,
                     samples_cb, d, NULL);
  link_sink (d, out);
  gst_element_sync_state_with_parent (filter);
  gst_element_sync_state_with_parent (resample);
  gst_element_sync_state_with_parent (convert);
  gst_pad_link (pad, in);
}

static void
parsed_cb (GstElement *parse, GstPad *pad, gpointer data)
{
  Decode *d = data;
  g_autoptr (GstCaps) caps = gst_pad_query_caps (pad, NULL);
  bool is_ours = false;

  g_mutex_lock (&d->lock);
  if (!gst_caps_is_empty (caps) && !gst_caps_is_any (caps)
      && g_str_has_prefix (gst_structure_get_name (gst_caps_get_structure (caps, 0)), "audio/"))
    is_ours = d->n_tracks++ == d->track;
  g_mutex_unlock (&d->lock);
  if (is_ours) {
    GstElement *decode = em_media_element ("decodebin");
    g_autoptr (GstPad) in = gst_element_get_static_pad (decode, "sink");

    g_signal_connect (decode, "pad-added", G_CALLBACK (decoded_cb), d);
    gst_bin_add (GST_BIN (d->run.pipeline), decode);
    gst_element_sync_state_with_parent (decode);
    gst_pad_link (pad, in);
  } else {
    link_sink (d, pad);
  }
}

bool
em_audio_decode (EmAudio *self, const char *path, int track, int64_t start_ns, int64_t length_ns,
                 GCancellable *cancellable, GError **error)
{
  Decode d = { .audio = self, .start_ns = start_ns, .length_ns = length_ns, .track = track };
  g_autoptr (GError) fault = NULL;
  bool is_done;

  gst_segment_init (&d.segment, GST_FORMAT_TIME);
  g_mutex_init (&d.lock);
  g_signal_connect (em_run_open (&d.run, path), "pad-added", G_CALLBACK (parsed_cb), &d);
  is_done = em_run_to_end (&d.run, path, cancellable, &fault);
  if (!is_done && d.n_written > 0 && fault->code != EM_E_CANCELLED)
    is_done = true; /* a track that breaks off is heard up to there */
  if (is_done && d.n_written == 0 && d.run.missing) {
    em_media_take_message (d.run.missing, path, &fault);
    is_done = false;
  }
  g_clear_pointer (&d.run.missing, gst_message_unref);
  g_mutex_clear (&d.lock);
  if (d.n_written > 0) {
    em_spool_write_zeros (&self->pcm, (uint64_t) ((d.n_wanted - d.n_written) * d.info.bpf));
    self->rate = d.info.rate;
    self->channels = d.info.channels;
    self->n = d.n_wanted;
  }
  if (!is_done)
    g_propagate_error (error, g_steal_pointer (&fault));
  return is_done;
}
