/* feed.c - units in, decoded samples out.
 *
 * The pump sits in appsrc's need-data callback: a unit is handed over when the decoder has taken
 * the one before. A flushing seek is what starts over, because it also brings an appsrc back that
 * has said its end. */
#include "media/feed.h"
#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>
#include <gst/pbutils/pbutils.h>

#define PATIENCE_US (10 * G_USEC_PER_SEC)

struct EmFeed {
  EmUnits *units;
  char *name;
  GstElement *pipeline, *source, *sink;
  GstBus *bus;
  GMutex lock; /* the pump runs on appsrc's thread */
  int first, next, last;
  int caps;        /* of the unit before */
  bool is_fresh;   /* the next unit is the first after a start */
  GError *error;   /* reading a unit failed */
  bool is_running; /* this and below: the caller's thread only */
};

static void
need_data_cb (GstAppSrc *source, guint length, gpointer data)
{
  EmFeed *feed = data;
  GstBuffer *buffer = NULL;
  GstCaps *caps = NULL;

  g_mutex_lock (&feed->lock);
  if (feed->next <= feed->last && !feed->error) {
    buffer = em_units_read (feed->units, feed->next, &feed->error);
    if (buffer && feed->is_fresh)
      GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DISCONT);
    if (buffer && feed->caps != em_units_table (feed->units)[feed->next].caps) {
      feed->caps = em_units_table (feed->units)[feed->next].caps;
      caps = em_units_caps (feed->units, feed->next);
    }
    feed->is_fresh = false;
    feed->next++;
  }
  g_mutex_unlock (&feed->lock);

  if (!buffer) {
    gst_app_src_end_of_stream (source);
  } else {
    if (caps)
      gst_app_src_set_caps (source, caps);
    gst_app_src_push_buffer (source, buffer);
  }
}

static void
rewind_pump (EmFeed *feed)
{
  feed->next = feed->first;
  feed->is_fresh = true;
}

/* Called with the source's thread stopped: only here can no unit of the old run slip in. */
static gboolean
seek_data_cb (GstAppSrc *source, guint64 offset, gpointer data)
{
  EmFeed *feed = data;

  g_mutex_lock (&feed->lock);
  rewind_pump (feed);
  g_mutex_unlock (&feed->lock);
  return TRUE;
}

static void
pad_added_cb (GstElement *decode, GstPad *pad, gpointer data)
{
  EmFeed *feed = data;
  g_autoptr (GstPad) sink = gst_element_get_static_pad (feed->sink, "sink");

  if (!gst_pad_is_linked (sink))
    gst_pad_link (pad, sink);
}

EmFeed *
em_feed_open (EmUnits *units, const char *name)
{
  EmFeed *feed = g_new0 (EmFeed, 1);
  GstElement *decode = em_media_element ("decodebin");
  g_autoptr (GstCaps) raw = gst_caps_new_empty_simple ("video/x-raw");
  GstAppSrcCallbacks callbacks = { .need_data = need_data_cb, .seek_data = seek_data_cb };

  feed->units = em_units_ref (units);
  feed->name = g_strdup (name);
  feed->last = -1;
  g_mutex_init (&feed->lock);
  feed->pipeline = gst_pipeline_new (NULL);
  feed->source = em_media_element ("appsrc");
  feed->sink = em_media_element ("appsink");
  feed->bus = gst_element_get_bus (feed->pipeline);
  g_object_set (feed->source, "format", GST_FORMAT_TIME, "stream-type",
                GST_APP_STREAM_TYPE_SEEKABLE, "max-bytes", (guint64) 0, "caps",
                em_units_caps (units, 0), NULL);
  gst_app_src_set_callbacks (GST_APP_SRC (feed->source), &callbacks, feed, NULL);
  /* Planes in ordinary memory, decoded the same way on every machine. */
  g_object_set (decode, "force-sw-decoders", TRUE, NULL);
  g_object_set (feed->sink, "sync", FALSE, "max-buffers", 4, "caps", raw, "enable-last-sample",
                FALSE, NULL);
  gst_bin_add_many (GST_BIN (feed->pipeline), feed->source, decode, feed->sink, NULL);
  gst_element_link (feed->source, decode);
  g_signal_connect (decode, "pad-added", G_CALLBACK (pad_added_cb), feed);
  return feed;
}

void
em_feed_close (EmFeed *feed)
{
  if (!feed)
    return;
  gst_element_set_state (feed->pipeline, GST_STATE_NULL);
  gst_object_unref (feed->bus);
  gst_object_unref (feed->pipeline);
  em_units_unref (feed->units);
  g_clear_error (&feed->error);
  g_mutex_clear (&feed->lock);
  g_free (feed->name);
  g_free (feed);
}

void
em_feed_start (EmFeed *feed, int unit, int last)
{
  g_mutex_lock (&feed->lock);
  feed->first = unit;
  feed->last = last;
  g_clear_error (&feed->error);
  if (!feed->is_running)
    rewind_pump (feed);
  g_mutex_unlock (&feed->lock);

  if (feed->is_running
      && !gst_element_seek_simple (feed->pipeline, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, 0))
    feed->is_running = false;
  if (!feed->is_running) {
    gst_element_set_state (feed->pipeline, GST_STATE_READY);
    gst_bus_set_flushing (feed->bus, TRUE);
    gst_bus_set_flushing (feed->bus, FALSE);
    g_mutex_lock (&feed->lock);
    rewind_pump (feed);
    g_mutex_unlock (&feed->lock);
    gst_element_set_state (feed->pipeline, GST_STATE_PLAYING);
    feed->is_running = true;
  }
}

/* Takes what went wrong, if anything did. */
static bool
take_fault (EmFeed *feed, GError **error)
{
  g_autoptr (GstMessage) missing = NULL;
  bool is_faulty;

  g_mutex_lock (&feed->lock);
  is_faulty = feed->error != NULL;
  if (is_faulty)
    g_propagate_error (error, g_steal_pointer (&feed->error));
  g_mutex_unlock (&feed->lock);
  while (!is_faulty) {
    g_autoptr (GstMessage) m
        = gst_bus_pop_filtered (feed->bus, GST_MESSAGE_ERROR | GST_MESSAGE_ELEMENT);
    if (!m)
      break;
    if (GST_MESSAGE_TYPE (m) == GST_MESSAGE_ERROR) {
      em_media_take_message (missing ? missing : m, feed->name, error);
      is_faulty = true;
    } else if (!missing && gst_is_missing_plugin_message (m)) {
      missing = gst_message_ref (m);
    }
  }
  if (is_faulty)
    feed->is_running = false;
  return is_faulty;
}

/* An appsink goes on using the sample object it hands out, and after a flush writes to it even if
 * somebody holds it: what we keep is a sample of our own. */
static GstSample *
own (GstSample *theirs)
{
  GstSample *ours = gst_sample_new (gst_sample_get_buffer (theirs), gst_sample_get_caps (theirs),
                                    gst_sample_get_segment (theirs), NULL);

  gst_sample_unref (theirs);
  return ours;
}

GstSample *
em_feed_pull (EmFeed *feed, GCancellable *cancellable, GError **error)
{
  int64_t start_us = g_get_monotonic_time ();

  while (feed->is_running) {
    GstSample *sample = gst_app_sink_try_pull_sample (GST_APP_SINK (feed->sink), 20 * GST_MSECOND);

    if (sample)
      return own (sample);
    if (take_fault (feed, error))
      return NULL;
    if (gst_app_sink_is_eos (GST_APP_SINK (feed->sink)))
      return NULL;
    if (g_cancellable_is_cancelled (cancellable)) {
      g_set_error (error, EM_ERROR, EM_E_CANCELLED, "%s: decoding was cancelled", feed->name);
      return NULL;
    }
    if (g_get_monotonic_time () - start_us > PATIENCE_US) {
      g_set_error (error, EM_ERROR, EM_E_INPUT, "%s: the decoder gives no picture", feed->name);
      feed->is_running = false;
    }
  }
  return NULL;
}
