/* playback.c - picture and sound in step. */
#include "media/playback.h"
#include "media/index_private.h"
#include "media/run.h"
#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>
#include <gst/audio/audio.h>

#define SOUND_BLOCKS_PER_SECOND 25
#define PREROLL_TIME            (10 * GST_SECOND)
#define MAX_LATENESS            (40 * GST_MSECOND) /* later pictures are left out */

struct EmPlayback {
  EmFrameIndex *index;
  EmUnits *units;
  EmAudio *audio; /* NULL without sound */
  char *name;
  EmPlaybackEvents events;
  GstElement *pipeline, *pictures, *screen, *samples, *volume;
  int64_t origin; /* tag of frame 0: the pipeline's time of the clip's start */

  GMutex lock; /* what follows: sources' threads read it, the owner writes */
  guint run;
  int first, last; /* frames */
  int next_unit;
  bool is_fresh;
  int caps;
  int64_t next_sample, end_sample;
};

/* What is to be fed to come from frame `first`; the caller holds the lock. */
static void
rewind_pictures (EmPlayback *p)
{
  p->next_unit = em_units_key_before (p->units, p->index->frames[p->first].unit, 0);
  p->is_fresh = true;
}

static int64_t
sample_at (EmPlayback *p, int64_t t_ns)
{
  return (int64_t) gst_util_uint64_scale_round ((guint64) MAX (t_ns, 0),
                                                (guint64) em_audio_rate (p->audio), GST_SECOND);
}

static void
rewind_samples (EmPlayback *p)
{
  const EmFrame *last = &p->index->frames[p->last];

  p->next_sample = sample_at (p, p->index->frames[p->first].pts_ns);
  p->end_sample
      = MIN (sample_at (p, last->pts_ns + last->duration_ns), em_audio_n_samples (p->audio));
}

static void
need_picture_cb (GstAppSrc *source, guint length, gpointer data)
{
  EmPlayback *p = data;
  GstBuffer *buffer = NULL;
  GstCaps *caps = NULL;

  g_mutex_lock (&p->lock);
  if (p->next_unit < em_units_count (p->units)) {
    buffer = em_units_read (p->units, p->next_unit, NULL);
    if (buffer && p->is_fresh)
      GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DISCONT);
    if (buffer && em_units_table (p->units)[p->next_unit].caps != p->caps) {
      p->caps = em_units_table (p->units)[p->next_unit].caps;
      caps = em_units_caps (p->units, p->next_unit);
    }
    p->is_fresh = false;
    p->next_unit++;
  }
  g_mutex_unlock (&p->lock);
  if (caps)
    gst_app_src_set_caps (source, caps);
  if (buffer)
    gst_app_src_push_buffer (source, buffer);
  else
    gst_app_src_end_of_stream (source);
}

static gboolean
seek_picture_cb (GstAppSrc *source, guint64 offset, gpointer data)
{
  EmPlayback *p = data;

  g_mutex_lock (&p->lock);
  rewind_pictures (p);
  g_mutex_unlock (&p->lock);
  return TRUE;
}

static void
need_samples_cb (GstAppSrc *source, guint length, gpointer data)
{
  EmPlayback *p = data;
  int rate = em_audio_rate (p->audio);
  int frame_bytes = em_audio_channels (p->audio) * (int) sizeof (int16_t);
  GstBuffer *buffer = NULL;

  g_mutex_lock (&p->lock);
  if (p->next_sample < p->end_sample) {
    int64_t n = MIN (p->end_sample - p->next_sample, rate / SOUND_BLOCKS_PER_SECOND);
    GstMapInfo map;

    buffer = gst_buffer_new_allocate (NULL, (gsize) (n * frame_bytes), NULL);
    gst_buffer_map (buffer, &map, GST_MAP_WRITE);
    em_audio_read (p->audio, p->next_sample, n, (int16_t *) (void *) map.data);
    gst_buffer_unmap (buffer, &map);
    GST_BUFFER_PTS (buffer)
        = (GstClockTime) p->origin
          + gst_util_uint64_scale_round ((guint64) p->next_sample, GST_SECOND, (guint64) rate);
    GST_BUFFER_DURATION (buffer)
        = gst_util_uint64_scale_round ((guint64) n, GST_SECOND, (guint64) rate);
    p->next_sample += n;
  }
  g_mutex_unlock (&p->lock);
  if (buffer)
    gst_app_src_push_buffer (source, buffer);
  else
    gst_app_src_end_of_stream (source);
}

static gboolean
seek_samples_cb (GstAppSrc *source, guint64 offset, gpointer data)
{
  EmPlayback *p = data;

  g_mutex_lock (&p->lock);
  rewind_samples (p);
  g_mutex_unlock (&p->lock);
  return TRUE;
}

static GstFlowReturn
new_sample_cb (GstAppSink *sink, gpointer data)
{
  EmPlayback *p = data;
  GstSample *theirs = gst_app_sink_pull_sample (sink), *ours;
  int64_t pts;
  guint run;
  int frame;

  if (!theirs)
    return GST_FLOW_EOS;
  /* Theirs is written to again by the sink. */
  ours = gst_sample_new (gst_sample_get_buffer (theirs), gst_sample_get_caps (theirs), NULL, NULL);
  gst_sample_unref (theirs);
  pts = (int64_t) GST_BUFFER_PTS (gst_sample_get_buffer (ours)) - p->origin;
  frame = em_frame_index_at (p->index, pts);
  g_mutex_lock (&p->lock);
  run = p->run;
  g_mutex_unlock (&p->lock);
  p->events.picture (p->events.self, run, frame, ours);
  return GST_FLOW_OK;
}

static GstBusSyncReply
bus_cb (GstBus *bus, GstMessage *message, gpointer data)
{
  EmPlayback *p = data;
  guint run;

  g_mutex_lock (&p->lock);
  run = p->run;
  g_mutex_unlock (&p->lock);
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS) {
    p->events.end (p->events.self, run);
  } else if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
    GError *error = NULL;
    em_media_take_message (message, p->name, &error);
    p->events.fault (p->events.self, run, error);
  }
  gst_message_unref (message);
  return GST_BUS_DROP;
}

static void
pad_added_cb (GstElement *decode, GstPad *pad, gpointer data)
{
  g_autoptr (GstPad) sink = gst_element_get_static_pad (GST_ELEMENT (data), "sink");

  if (!gst_pad_is_linked (sink))
    gst_pad_link (pad, sink);
}

static GstElement *
new_source (EmPlayback *p, GstCaps *caps, const GstAppSrcCallbacks *callbacks)
{
  GstElement *source = em_media_element ("appsrc");

  g_object_set (source, "format", GST_FORMAT_TIME, "stream-type", GST_APP_STREAM_TYPE_SEEKABLE,
                "max-bytes", (guint64) 0, "caps", caps, NULL);
  gst_app_src_set_callbacks (GST_APP_SRC (source), (GstAppSrcCallbacks *) callbacks, p, NULL);
  return source;
}

static void
add_pictures (EmPlayback *p)
{
  GstAppSrcCallbacks feed = { .need_data = need_picture_cb, .seek_data = seek_picture_cb };
  GstAppSinkCallbacks show = { .new_sample = new_sample_cb };
  GstElement *decode = em_media_element ("decodebin"), *queue = em_media_element ("queue");
  g_autoptr (GstCaps) raw = gst_caps_new_empty_simple ("video/x-raw");

  p->pictures = new_source (p, em_units_caps (p->units, 0), &feed);
  p->screen = em_media_element ("appsink");
  g_object_set (decode, "force-sw-decoders", TRUE, NULL);
  g_object_set (queue, "max-size-buffers", 3, "max-size-bytes", 0, "max-size-time", (guint64) 0,
                NULL);
  g_object_set (p->screen, "sync", TRUE, "qos", TRUE, "max-lateness", (gint64) MAX_LATENESS, "caps",
                raw, "enable-last-sample", FALSE, NULL);
  gst_app_sink_set_callbacks (GST_APP_SINK (p->screen), &show, p, NULL);
  gst_bin_add_many (GST_BIN (p->pipeline), p->pictures, decode, queue, p->screen, NULL);
  gst_element_link (p->pictures, decode);
  gst_element_link (queue, p->screen);
  g_signal_connect (decode, "pad-added", G_CALLBACK (pad_added_cb), queue);
}

static void
add_sound (EmPlayback *p, bool is_mute)
{
  static const char *const chain[]
      = { "audioconvert", "scaletempo", "audioconvert", "audioresample", "volume" };
  GstAppSrcCallbacks feed = { .need_data = need_samples_cb, .seek_data = seek_samples_cb };
  g_autoptr (GstCaps) caps = gst_caps_new_simple (
      "audio/x-raw", "format", G_TYPE_STRING, GST_AUDIO_NE (S16), "layout", G_TYPE_STRING,
      "interleaved", "rate", G_TYPE_INT, em_audio_rate (p->audio), "channels", G_TYPE_INT,
      em_audio_channels (p->audio), NULL);
  GstElement *sink = gst_element_factory_make (is_mute ? "fakesink" : "autoaudiosink", NULL), *last;

  last = p->samples = new_source (p, caps, &feed);
  gst_bin_add (GST_BIN (p->pipeline), p->samples);
  for (gsize i = 0; i < G_N_ELEMENTS (chain); i++) {
    GstElement *element = gst_element_factory_make (chain[i], NULL);
    if (!element) /* without scaletempo other rates change the pitch */
      continue;
    gst_bin_add (GST_BIN (p->pipeline), element);
    gst_element_link (last, element);
    last = element;
    if (i + 1 == G_N_ELEMENTS (chain))
      p->volume = element;
  }
  if (!sink)
    sink = em_media_element ("fakesink");
  if (g_object_class_find_property (G_OBJECT_GET_CLASS (sink), "silent"))
    g_object_set (sink, "sync", TRUE, NULL);
  gst_bin_add (GST_BIN (p->pipeline), sink);
  gst_element_link (last, sink);
}

EmPlayback *
em_playback_open (EmFrameIndex *index, EmUnits *units, EmAudio *audio, bool is_mute,
                  const char *name, const EmPlaybackEvents *events)
{
  EmPlayback *p = g_new0 (EmPlayback, 1);
  g_autoptr (GstBus) bus = NULL;

  g_mutex_init (&p->lock);
  p->index = g_object_ref (index);
  p->units = em_units_ref (units);
  p->audio = audio && em_audio_has_sound (audio) ? g_object_ref (audio) : NULL;
  p->name = g_strdup (name);
  p->events = *events;
  p->origin = em_units_table (units)[index->frames[0].unit].tag;
  p->last = index->n_frames - 1;
  em_media_init ();
  p->pipeline = gst_pipeline_new (NULL);
  add_pictures (p);
  if (p->audio)
    add_sound (p, is_mute);
  bus = gst_element_get_bus (p->pipeline);
  gst_bus_set_sync_handler (bus, bus_cb, p, NULL);
  return p;
}

void
em_playback_close (EmPlayback *p)
{
  if (!p)
    return;
  gst_element_set_state (p->pipeline, GST_STATE_NULL);
  gst_object_unref (p->pipeline);
  g_object_unref (p->index);
  em_units_unref (p->units);
  g_clear_object (&p->audio);
  g_mutex_clear (&p->lock);
  g_free (p->name);
  g_free (p);
}

bool
em_playback_start (EmPlayback *p, guint run, int first, int last, double rate, GError **error)
{
  const EmFrame *from = &p->index->frames[first], *to = &p->index->frames[last];
  GstState state;

  gst_element_get_state (p->pipeline, &state, NULL, 0);
  g_mutex_lock (&p->lock);
  p->run = run;
  p->first = first;
  p->last = last;
  if (state < GST_STATE_PAUSED) { /* the first start: nothing runs yet that a seek could rewind */
    rewind_pictures (p);
    if (p->audio)
      rewind_samples (p);
  }
  g_mutex_unlock (&p->lock);
  gst_element_set_state (p->pipeline, GST_STATE_PAUSED);
  if (gst_element_get_state (p->pipeline, NULL, NULL, PREROLL_TIME) != GST_STATE_CHANGE_SUCCESS
      || !gst_element_seek (p->pipeline, rate, GST_FORMAT_TIME,
                            GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE, GST_SEEK_TYPE_SET,
                            p->origin + from->pts_ns, GST_SEEK_TYPE_SET,
                            p->origin + to->pts_ns + to->duration_ns)) {
    g_set_error (error, EM_ERROR, EM_E_INPUT, "%s: cannot be played", p->name);
    return false;
  }
  gst_element_set_state (p->pipeline, GST_STATE_PLAYING);
  return true;
}

void
em_playback_stop (EmPlayback *p)
{
  gst_element_set_state (p->pipeline, GST_STATE_PAUSED);
}

bool
em_playback_has_sound (EmPlayback *p)
{
  return p->audio != NULL;
}

int64_t
em_playback_position (EmPlayback *p)
{
  gint64 position;

  if (!gst_element_query_position (p->pipeline, GST_FORMAT_TIME, &position))
    return -1;
  return MAX (position - p->origin, 0);
}

void
em_playback_set_volume (EmPlayback *p, double linear, bool is_muted)
{
  if (p->volume)
    g_object_set (p->volume, "volume", linear, "mute", (gboolean) is_muted, NULL);
}
