/* folder.c - a folder of numbered pictures as a clip. */
#include "media/folder.h"
#include "media/packets.h"
#include <gst/pbutils/pbutils.h>
#include <math.h>
#include <string.h>

#define DEFAULT_RATE 25.0

static const char *const SOUND_SUFFIXES[]
    = { "wav", "flac", "m4a", "mp3", "ogg", "opus", "aac", NULL };

/* A number differs by its value, all else by its bytes: no locale, the same order everywhere. */
int
em_folder_compare_names (const char *a, const char *b)
{
  const char *x = a, *y = b;

  while (*x && *y) {
    if (g_ascii_isdigit (*x) && g_ascii_isdigit (*y)) {
      gsize n, m;

      while (*x == '0')
        x++;
      while (*y == '0')
        y++;
      n = strspn (x, "0123456789");
      m = strspn (y, "0123456789");
      if (n != m)
        return n < m ? -1 : 1;
      for (; n > 0; n--, x++, y++)
        if (*x != *y)
          return *x < *y ? -1 : 1;
    } else if (*x != *y) {
      return (guchar) *x < (guchar) *y ? -1 : 1;
    } else {
      x++;
      y++;
    }
  }
  if (*x || *y)
    return *x ? 1 : -1;
  return strcmp (a, b); /* "01.png" and "1.png" are two files */
}

static int
by_name (gconstpointer a, gconstpointer b)
{
  return em_folder_compare_names (*(char *const *) a, *(char *const *) b);
}

static bool
has_suffix (const char *name, const char *suffix)
{
  const char *dot = strrchr (name, '.');

  return dot && g_ascii_strcasecmp (dot + 1, suffix) == 0;
}

static bool
is_sound (const char *name)
{
  for (int i = 0; SOUND_SUFFIXES[i]; i++)
    if (has_suffix (name, SOUND_SUFFIXES[i]))
      return true;
  return false;
}

static char *
sound_inside (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  g_autofree char *best = NULL;

  for (const char *name; dir && (name = g_dir_read_name (dir));) {
    bool is_named = g_str_has_prefix (name, "audio."),
         best_is = best && g_str_has_prefix (best, "audio.");
    if (!is_sound (name))
      continue;
    if (!best || (is_named && !best_is)
        || (is_named == best_is && em_folder_compare_names (name, best) < 0)) {
      g_free (best);
      best = g_strdup (name);
    }
  }
  return best ? g_build_filename (path, best, NULL) : NULL;
}

static char *
sound_beside (const char *path)
{
  g_autofree char *whole = g_canonicalize_filename (path, NULL);

  for (int i = 0; SOUND_SUFFIXES[i]; i++) {
    g_autofree char *file = g_strconcat (whole, ".", SOUND_SUFFIXES[i], NULL);
    if (g_file_test (file, G_FILE_TEST_IS_REGULAR))
      return g_steal_pointer (&file);
  }
  return NULL;
}

char *
em_folder_sound (const char *path)
{
  char *inside;

  if (!g_file_test (path, G_FILE_TEST_IS_DIR))
    return g_strdup (path);
  inside = sound_inside (path);
  return inside ? inside : sound_beside (path);
}

static double
usual_rate (double rate)
{
  static const double usual[]
      = { 1, 2, 4, 5, 6, 8, 10, 12, 12.5, 15, 24000.0 / 1001, 24, 25, 30, 48, 50, 60 };

  for (gsize i = 0; i < G_N_ELEMENTS (usual); i++)
    if (fabs (rate / usual[i] - 1) < 0.02)
      return usual[i];
  return rate;
}

/* Spreads the pictures over the sound, if its length can be found out. */
static double
rate_of (const EmFolder *folder)
{
  g_autoptr (GstDiscoverer) discoverer = NULL;
  g_autoptr (GstDiscovererInfo) info = NULL;
  g_autofree char *uri = folder->sound ? gst_filename_to_uri (folder->sound, NULL) : NULL;

  em_media_init ();
  if (uri && (discoverer = gst_discoverer_new (5 * GST_SECOND, NULL))
      && (info = gst_discoverer_discover_uri (discoverer, uri, NULL))) {
    GstClockTime length = gst_discoverer_info_get_duration (info);
    if (GST_CLOCK_TIME_IS_VALID (length) && length > 0)
      return usual_rate (folder->n / ((double) length / GST_SECOND));
  }
  return DEFAULT_RATE;
}

EmFolder *
em_folder_open (const char *path, GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) png = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) jpeg = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) cause = NULL;
  g_autoptr (GDir) dir = g_dir_open (path, 0, &cause);
  GPtrArray *most;
  EmFolder *folder;

  if (!dir) {
    g_set_error (error, EM_ERROR, EM_E_INPUT, "%s", cause->message);
    return NULL;
  }
  for (const char *name; (name = g_dir_read_name (dir));) {
    if (name[0] == '.')
      continue;
    if (has_suffix (name, "png"))
      g_ptr_array_add (png, g_strdup (name));
    else if (has_suffix (name, "jpg") || has_suffix (name, "jpeg"))
      g_ptr_array_add (jpeg, g_strdup (name));
  }
  most = png->len >= jpeg->len ? png : jpeg;
  if (most->len == 0) {
    g_autofree char *name = em_media_name (path);
    g_set_error (error, EM_ERROR, EM_E_INPUT, "%s: a folder without PNG or JPEG pictures", name);
    return NULL;
  }
  g_ptr_array_sort (most, by_name);

  folder = g_new0 (EmFolder, 1);
  folder->path = g_strdup (path);
  folder->n = (int) most->len;
  folder->media_type = g_strdup (most == png ? "image/png" : "image/jpeg");
  g_ptr_array_add (most, NULL);
  g_ptr_array_set_free_func (most, NULL);
  folder->pictures = (char **) g_memdup2 (most->pdata, most->len * sizeof *most->pdata);
  folder->sound = em_folder_sound (path);
  folder->rate = rate_of (folder);
  return folder;
}

void
em_folder_free (EmFolder *folder)
{
  if (!folder)
    return;
  g_free (folder->path);
  g_strfreev (folder->pictures);
  g_free (folder->media_type);
  g_free (folder->sound);
  g_free (folder);
}

int64_t
em_folder_pts (const EmFolder *folder, int picture)
{
  return (int64_t) llround (picture * 1e9 / folder->rate);
}
