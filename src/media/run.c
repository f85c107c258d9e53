/* run.c - waiting for a pipeline without hanging on it. */
#include "media/run.h"
#include <gst/pbutils/pbutils.h>

/* Ten seconds without a packet from a local file is a demuxer that will never say so; before the
 * first packet, three without even a read: parsebin swallows the error of a demuxer that gives up
 * while it is being plugged in. */
#define STALL_US (10 * G_USEC_PER_SEC)
#define START_US (3 * G_USEC_PER_SEC)

void
em_media_init (void)
{
  static gsize done = 0;

  if (g_once_init_enter (&done)) {
    gst_init (NULL, NULL);
    gst_pb_utils_init ();
    g_once_init_leave (&done, 1);
  }
}

GstElement *
em_media_element (const char *factory)
{
  GstElement *element;

  em_media_init ();
  element = gst_element_factory_make (factory, NULL);
  if (!element)
    g_error ("GStreamer's element %s is missing: install its base plugins", factory);
  return element;
}

char *
em_media_name (const char *path)
{
  g_autofree char *base = g_path_get_basename (path);

  return g_filename_display_name (base);
}

void
em_media_take_message (GstMessage *message, const char *path, GError **error)
{
  g_autofree char *name = em_media_name (path);

  if (gst_is_missing_plugin_message (message)) {
    g_autofree char *what = gst_missing_plugin_message_get_description (message);
    g_set_error (error, EM_ERROR, EM_E_INPUT, "%s: GStreamer has no %s here, install it", name,
                 what);
  } else {
    g_autoptr (GError) cause = NULL;
    gst_message_parse_error (message, &cause, NULL);
    g_strdelimit (cause->message, "\n", ' ');
    g_set_error (error, EM_ERROR, EM_E_INPUT, "%s: %s", name, cause->message);
  }
}

static bool
wait_for_end (EmRun *run, const char *path, GCancellable *cancellable, GError **error)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (run->pipeline);
  g_autofree char *name = em_media_name (path);
  int64_t last_us = g_get_monotonic_time ();
  gint n_last = 0;

  while (!g_atomic_int_get (&run->is_stopped)) {
    g_autoptr (GstMessage) m = gst_bus_timed_pop_filtered (
        bus, 20 * GST_MSECOND, GST_MESSAGE_ERROR | GST_MESSAGE_EOS | GST_MESSAGE_ELEMENT);
    gint n = g_atomic_int_get (&run->n_packets) + g_atomic_int_get (&run->n_reads);

    if (g_cancellable_is_cancelled (cancellable)) {
      g_set_error (error, EM_ERROR, EM_E_CANCELLED, "%s: reading was cancelled", name);
      return false;
    }
    if (m && GST_MESSAGE_TYPE (m) == GST_MESSAGE_EOS)
      return true;
    if (m && GST_MESSAGE_TYPE (m) == GST_MESSAGE_ERROR) {
      em_media_take_message (run->missing ? run->missing : m, path, error);
      return false;
    }
    if (m && gst_is_missing_plugin_message (m) && !run->missing)
      run->missing = gst_message_ref (m);
    if (n != n_last || m) {
      n_last = n;
      last_us = g_get_monotonic_time ();
    } else if (g_get_monotonic_time () - last_us
               > (g_atomic_int_get (&run->n_packets) ? STALL_US : START_US)) {
      g_set_error (error, EM_ERROR, EM_E_INPUT, "%s: reading it came to a halt, it seems damaged",
                   name);
      return false;
    }
  }
  return true;
}

static GstPadProbeReturn
read_cb (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  g_atomic_int_inc (&((EmRun *) data)->n_reads);
  return GST_PAD_PROBE_OK;
}

GstElement *
em_run_open (EmRun *run, const char *path)
{
  GstElement *source = em_media_element ("filesrc"), *parse = em_media_element ("parsebin");
  g_autoptr (GstPad) pad = gst_element_get_static_pad (source, "src");

  *run = (EmRun){ .pipeline = gst_pipeline_new (NULL) };
  g_object_set (source, "location", path, NULL);
  gst_bin_add_many (GST_BIN (run->pipeline), source, parse, NULL);
  gst_element_link (source, parse);
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_PULL, read_cb, run, NULL);
  return parse;
}

bool
em_run_to_end (EmRun *run, const char *path, GCancellable *cancellable, GError **error)
{
  bool is_done;

  gst_element_set_state (run->pipeline, GST_STATE_PLAYING);
  is_done = wait_for_end (run, path, cancellable, error);
  gst_element_set_state (run->pipeline, GST_STATE_NULL);
  g_clear_pointer (&run->pipeline, gst_object_unref);
  return is_done;
}
