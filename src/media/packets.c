/* packets.c - filesrc ! parsebin with a probe on every pad.
 *
 * A pad probe and not an appsink, because sinks drop what lies outside the segment, and those
 * packets are needed to decode what lies inside. Every pad ends in a sink of its own, or the
 * demuxer would stall. */
#include "media/packets.h"
#include <gst/pbutils/pbutils.h>
#include <string.h>

typedef struct {
  EmRun run;
  EmPackets *out;
  EmPacketFn fn;
  void *self;
  GMutex lock;      /* pads appear on any streaming thread */
  GstPad *video;    /* the chosen one, not owned */
  gint is_timeless; /* a picture packet had no time, atomic */
} Pass;

typedef struct {
  Pass *pass;
  GstSegment segment;
  int caps;  /* video: index of the current caps, -1 before the first */
  int track; /* audio: its number, else -1 */
  bool is_video;
} Track;

void
em_packets_clear (EmPackets *packets)
{
  g_clear_pointer (&packets->caps, g_ptr_array_unref);
}

static void
take_caps (Track *t, GstCaps *caps)
{
  EmPackets *out = t->pass->out;

  if (t->is_video) {
    for (guint i = 0; i < out->caps->len; i++)
      if (gst_caps_is_strictly_equal (out->caps->pdata[i], caps)) {
        t->caps = (int) i;
        return;
      }
    t->caps = (int) out->caps->len;
    g_ptr_array_add (out->caps, gst_caps_ref (caps));
  } else if (t->track >= 0) {
    EmAudioTrack *audio = &out->audio[t->track];
    g_autofree char *codec = gst_pb_utils_get_codec_description (caps);
    GstStructure *s = gst_caps_get_structure (caps, 0);

    gst_structure_get_int (s, "rate", &audio->rate);
    gst_structure_get_int (s, "channels", &audio->channels);
    g_strlcpy (audio->codec, codec ? codec : "", sizeof audio->codec);
  }
}

static void
take_event (Track *t, GstEvent *event)
{
  GstCaps *caps;
  GstTagList *tags;

  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_CAPS:
    gst_event_parse_caps (event, &caps);
    take_caps (t, caps);
    break;
  case GST_EVENT_SEGMENT:
    gst_event_copy_segment (event, &t->segment);
    break;
  case GST_EVENT_TAG:
    gst_event_parse_tag (event, &tags);
    if (t->is_video)
      gst_video_orientation_from_tag (tags, &t->pass->out->orientation);
    break;
  default:
    break;
  }
}

/* A VP8 packet says itself whether it can be decoded alone (bit 0 of its first byte is 0) and
 * whether it is shown (bit 4). WebM stores what is not shown as packets of their own and calls them
 * key frames. */
static void
take_kind (const Track *t, GstBuffer *buffer, EmPacket *packet)
{
  GstCaps *caps = t->pass->out->caps->pdata[t->caps];
  uint8_t tag;

  packet->is_key = !GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DELTA_UNIT);
  packet->is_hidden |= GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DECODE_ONLY);
  if (gst_structure_has_name (gst_caps_get_structure (caps, 0), "video/x-vp8")
      && gst_buffer_extract (buffer, 0, &tag, 1) == 1) {
    packet->is_key = !(tag & 0x01);
    packet->is_hidden |= !(tag & 0x10);
  }
}

/* False if the packet carries no time at all. */
static bool
take_time (Track *t, GstBuffer *buffer, EmPacket *packet)
{
  GstClockTime pts = GST_BUFFER_PTS (buffer), start, stop;
  guint64 duration = GST_BUFFER_DURATION_IS_VALID (buffer) ? GST_BUFFER_DURATION (buffer) : 0;
  guint64 stream;
  int sign;

  packet->is_guess = !GST_CLOCK_TIME_IS_VALID (pts);
  if (packet->is_guess)
    pts = GST_BUFFER_DTS (buffer);
  packet->duration_ns = (int64_t) duration;
  if (!GST_CLOCK_TIME_IS_VALID (pts) || t->segment.format != GST_FORMAT_TIME)
    return false;
  if (gst_segment_clip (&t->segment, GST_FORMAT_TIME, pts, duration ? pts + duration : pts, &start,
                        &stop)) {
    /* A picture that was cut at the segment's start is shown from there, as decoders do it. */
    if (duration && stop > start)
      packet->duration_ns = (int64_t) (stop - start);
    pts = start;
  } else {
    packet->is_hidden = true;
  }
  sign = gst_segment_to_stream_time_full (&t->segment, GST_FORMAT_TIME, pts, &stream);
  packet->time_ns = sign * (int64_t) stream;
  return sign != 0;
}

static void
take_packet (Track *t, GstBuffer *buffer)
{
  Pass *pass = t->pass;
  EmPacket packet = { .caps = t->caps };

  if (!take_time (t, buffer, &packet)) {
    /* Headers sent as packets are in the caps as well. */
    if (t->is_video && !GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_HEADER)) {
      g_atomic_int_set (&pass->is_timeless, 1);
      g_atomic_int_set (&pass->run.is_stopped, 1);
    }
    return;
  }
  if (t->track == 0 && pass->out->audio_start_ns == INT64_MIN && !packet.is_hidden)
    pass->out->audio_start_ns = packet.time_ns;
  if (!t->is_video || t->caps < 0 || g_atomic_int_get (&pass->run.is_stopped))
    return;
  take_kind (t, buffer, &packet);
  if (!pass->fn (&packet, buffer, pass->self))
    g_atomic_int_set (&pass->run.is_stopped, 1);
}

static GstPadProbeReturn
probe_cb (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Track *t = data;

  if (info->type & GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM) {
    take_event (t, GST_PAD_PROBE_INFO_EVENT (info));
  } else if (info->type & GST_PAD_PROBE_TYPE_BUFFER) {
    g_atomic_int_inc (&t->pass->run.n_packets);
    take_packet (t, GST_PAD_PROBE_INFO_BUFFER (info));
  }
  return GST_PAD_PROBE_OK;
}

static void
pad_added_cb (GstElement *parsebin, GstPad *pad, gpointer data)
{
  Pass *pass = data;
  Track *t = g_new0 (Track, 1);
  g_autoptr (GstCaps) caps = gst_pad_get_current_caps (pad);
  GstElement *sink = em_media_element ("fakesink");
  g_autoptr (GstPad) sink_pad = gst_element_get_static_pad (sink, "sink");
  const char *type;

  if (!caps)
    caps = gst_pad_query_caps (pad, NULL);
  type = gst_caps_is_empty (caps) || gst_caps_is_any (caps)
             ? ""
             : gst_structure_get_name (gst_caps_get_structure (caps, 0));
  t->pass = pass;
  t->caps = t->track = -1;
  gst_segment_init (&t->segment, GST_FORMAT_UNDEFINED);
  g_mutex_lock (&pass->lock);
  if (!pass->video && (g_str_has_prefix (type, "video/") || g_str_has_prefix (type, "image/"))) {
    pass->video = pad;
    t->is_video = true;
  } else if (g_str_has_prefix (type, "audio/") && pass->out->n_audio < EM_MAX_AUDIO_TRACKS) {
    t->track = pass->out->n_audio++;
  }
  g_mutex_unlock (&pass->lock);

  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM | GST_PAD_PROBE_TYPE_BUFFER, probe_cb,
                     t, g_free);
  g_object_set (sink, "sync", FALSE, "async", FALSE, NULL);
  gst_bin_add (GST_BIN (pass->run.pipeline), sink);
  gst_pad_link (pad, sink_pad);
  gst_element_sync_state_with_parent (sink);
}

/* What a pass that came to its end did not find. */
static bool
is_complete (Pass *pass, const char *path, GError **error)
{
  g_autofree char *name = em_media_name (path);

  if (g_atomic_int_get (&pass->is_timeless))
    g_set_error (error, EM_ERROR, EM_E_INPUT,
                 "%s: its pictures carry no times, put them into a container such as MP4 first",
                 name);
  else if (pass->out->caps->len > 0)
    return true;
  else if (pass->run.missing)
    em_media_take_message (pass->run.missing, path, error);
  else
    g_set_error (error, EM_ERROR, EM_E_INPUT, "%s: there is no picture in it", name);
  return false;
}

bool
em_packets_run (const char *path, EmPackets *out, EmPacketFn fn, void *self,
                GCancellable *cancellable, GError **error)
{
  Pass pass = { .out = out, .fn = fn, .self = self };
  bool is_read;

  *out = (EmPackets){ .caps = g_ptr_array_new_with_free_func ((GDestroyNotify) gst_caps_unref),
                      .audio_start_ns = INT64_MIN };
  g_mutex_init (&pass.lock);
  g_signal_connect (em_run_open (&pass.run, path), "pad-added", G_CALLBACK (pad_added_cb), &pass);
  is_read = em_run_to_end (&pass.run, path, cancellable, error) && is_complete (&pass, path, error);
  g_clear_pointer (&pass.run.missing, gst_message_unref);
  g_mutex_clear (&pass.lock);
  if (!is_read)
    em_packets_clear (out);
  return is_read;
}
