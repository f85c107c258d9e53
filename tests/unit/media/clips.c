/* clips.c - drawn clips for the media tests, and what GStreamer itself makes of them. */
#include "clips.h"
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <gst/app/gstappsink.h>
#include <gst/gst.h>

static char *folder;
static GHashTable *drawn; /* kind -> path, or "" */
static int n_drawn;

static void
remove_folder (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);

  for (const char *name; dir && (name = g_dir_read_name (dir));) {
    g_autofree char *file = g_build_filename (path, name, NULL);
    if (g_file_test (file, G_FILE_TEST_IS_DIR))
      remove_folder (file);
    else
      g_unlink (file);
  }
  g_rmdir (path);
}

void
clips_open (void)
{
  g_autofree char *cache = NULL;

  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR | G_LOG_LEVEL_WARNING);
  folder = g_dir_make_tmp ("earmark-media-XXXXXX", NULL);
  cache = g_build_filename (folder, "cache", NULL);
  /* A cache folder that cannot be made is a case of its own. */
  g_setenv ("XDG_CACHE_HOME", g_getenv ("EARMARK_TEST_NO_CACHE") ? "/proc/none" : cache, TRUE);
  drawn = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  gst_init (NULL, NULL);
}

void
clips_close (void)
{
  g_hash_table_unref (drawn);
  remove_folder (folder);
  g_free (folder);
}

int
clips_finish (int n_failures)
{
  fprintf (stderr, "%d clips drawn, %d checks failed\n", n_drawn, n_failures);
  return n_failures ? 1 : n_drawn ? 0 : 77;
}

char *
clips_path (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

const char *
clip (const char *kind)
{
  const char *path = g_hash_table_lookup (drawn, kind);
  g_autofree char *fresh = NULL;
  int status = -1;

  if (path)
    return path[0] ? path : NULL;
  fresh = g_build_filename (folder, kind, NULL);
  const char *argv[] = { MAKE_CLIP, kind, fresh, NULL };
  if (!g_spawn_sync (NULL, (char **) argv, NULL, 0, NULL, NULL, NULL, NULL, &status, NULL)
      || (status != 0 && WEXITSTATUS (status) != 77)) {
    fprintf (stderr, "make-clip.sh %s failed\n", kind);
    exit (1);
  }
  if (status != 0) {
    fprintf (stderr, "no plugin for %s: left out\n", kind);
    g_hash_table_insert (drawn, g_strdup (kind), g_strdup (""));
    return NULL;
  }
  n_drawn++;
  g_hash_table_insert (drawn, g_strdup (kind), g_strdup (fresh));
  return g_hash_table_lookup (drawn, kind);
}

EmFrameIndex *
open_index (const char *path)
{
  EmFrameIndex *index;

  MUST (index = em_frame_index_open (path, NULL, &error));
  return index;
}

EmDecoder *
open_decoder (EmFrameIndex *index, const char *path)
{
  EmDecoder *decoder;

  MUST (decoder = em_decoder_open (index, path, NULL, &error));
  return decoder;
}

char *
picture_hash (EmDecoder *decoder, int frame)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) picture = em_decoder_read (decoder, frame, NULL, &error);

  if (!picture) {
    fprintf (stderr, "frame %d: %s\n", frame, error->message);
    return g_strdup ("");
  }
  return g_compute_checksum_for_bytes (G_CHECKSUM_MD5, picture);
}

Reference
reference_decode (const char *path)
{
  Reference r = { 0 };
  g_autoptr (GPtrArray) hashes = g_ptr_array_new ();
  g_autoptr (GArray) times = g_array_new (FALSE, FALSE, sizeof (int64_t));
  g_autofree char *text
      = g_strdup_printf ("filesrc location=\"%s\" ! decodebin ! videoconvert "
                         "! video/x-raw,format=RGBA ! videoflip video-direction=auto "
                         "! appsink name=s sync=false",
                         path);
  GstElement *pipeline = gst_parse_launch (text, NULL);
  g_autoptr (GstElement) sink = gst_bin_get_by_name (GST_BIN (pipeline), "s");
  GstSample *sample;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while ((sample = gst_app_sink_try_pull_sample (GST_APP_SINK (sink), 20 * GST_SECOND))) {
    GstBuffer *buffer = gst_sample_get_buffer (sample);
    int64_t stream = (int64_t) gst_segment_to_stream_time (
        gst_sample_get_segment (sample), GST_FORMAT_TIME, GST_BUFFER_PTS (buffer));
    GstMapInfo map;

    gst_buffer_map (buffer, &map, GST_MAP_READ);
    g_ptr_array_add (hashes, g_compute_checksum_for_data (G_CHECKSUM_MD5, map.data, map.size));
    gst_buffer_unmap (buffer, &map);
    g_array_append_val (times, stream);
    gst_sample_unref (sample);
  }
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  r.n = (int) times->len;
  r.pts_ns = g_new (int64_t, MAX (r.n, 1));
  for (int i = 0; i < r.n; i++)
    r.pts_ns[i] = g_array_index (times, int64_t, i) - g_array_index (times, int64_t, 0);
  g_ptr_array_add (hashes, NULL);
  r.hashes = (char **) g_ptr_array_free (g_steal_pointer (&hashes), FALSE);
  return r;
}

void
reference_clear (Reference *r)
{
  g_free (r->pts_ns);
  g_strfreev (r->hashes);
}
