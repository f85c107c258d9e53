/* places.c - paths and scanning. */
#include "service/places.h"
#include "media/em-frame-index.h"
#include <errno.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <string.h>

#define MAX_DEPTH 4 /* sub-folders of a dataset: split, class, clip */

bool
em_is_project_path (const char *path)
{
  return g_str_has_suffix (path, EM_PROJECT_SUFFIX);
}

static char *
make_folder (const char *name, GError **error)
{
  g_autofree char *folder = g_build_filename (g_get_user_data_dir (), "earmark", name, NULL);

  if (g_mkdir_with_parents (folder, 0700) == 0)
    return g_steal_pointer (&folder);
  g_set_error (error, EM_ERROR, EM_E_INPUT, _ ("%s cannot be made: %s"), folder,
               g_strerror (errno));
  return NULL;
}

char *
em_project_path_for_media (const char *media_path)
{
  g_autofree char *whole = g_canonicalize_filename (media_path, NULL);
  g_autofree char *base = g_path_get_basename (whole), *folder = NULL, *name = NULL;
  g_autofree char *digest = g_compute_checksum_for_string (G_CHECKSUM_SHA256, whole, -1);
  char *dot = strrchr (base, '.');

  if (dot && dot != base && !g_file_test (whole, G_FILE_TEST_IS_DIR))
    *dot = '\0';
  digest[8] = '\0';
  folder = make_folder ("projects", NULL);
  if (folder == NULL) /* opening will say what is wrong with it */
    folder = g_build_filename (g_get_user_data_dir (), "earmark", "projects", NULL);
  name = g_strdup_printf ("%s-%s" EM_PROJECT_SUFFIX, base, digest);
  return g_build_filename (folder, name, NULL);
}

char *
em_place_demo (GBytes *clip, char **clip_path, GError **error)
{
  g_autofree char *folder = make_folder ("demo", error), *path = NULL;
  gsize n;
  const char *bytes = g_bytes_get_data (clip, &n);
  GStatBuf info;

  if (folder == NULL)
    return NULL;
  path = g_build_filename (folder, "demo.webm", NULL);
  if ((g_stat (path, &info) != 0 || info.st_size != (goffset) n)
      && !g_file_set_contents (path, bytes, (gssize) n, error))
    return NULL;
  *clip_path = g_steal_pointer (&path);
  return g_build_filename (folder, "demo" EM_PROJECT_SUFFIX, NULL);
}

static bool
has_suffix_of (const char *name, const char *const *suffixes)
{
  const char *dot = strrchr (name, '.');

  for (int i = 0; dot && suffixes[i]; i++)
    if (g_ascii_strcasecmp (dot + 1, suffixes[i]) == 0)
      return true;
  return false;
}

static int
by_name (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

/* A folder of pictures is one clip; any other is looked through. */
static bool
scan (const char *folder, int depth, GPtrArray *found, GCancellable *cancellable, GError **error)
{
  static const char *const pictures[] = { "png", "jpg", "jpeg", NULL };
  g_autoptr (GPtrArray) inner = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, error);
  int n_pictures = 0, n_media = 0;
  const char *name;

  if (dir == NULL)
    return false;
  while ((name = g_dir_read_name (dir)) && !g_cancellable_is_cancelled (cancellable)) {
    char *path = g_build_filename (folder, name, NULL);

    if (*name == '.') {
      g_free (path);
    } else if (g_file_test (path, G_FILE_TEST_IS_DIR)) {
      g_ptr_array_add (inner, path);
    } else if (has_suffix_of (name, em_media_suffixes ())) {
      g_ptr_array_add (found, path);
      n_media++;
    } else {
      n_pictures += has_suffix_of (name, pictures);
      g_free (path);
    }
  }
  if (n_media == 0 && n_pictures > 1)
    g_ptr_array_add (found, g_strdup (folder));
  else
    for (guint i = 0; depth > 0 && i < inner->len; i++)
      scan (inner->pdata[i], depth - 1, found, cancellable, NULL); /* what cannot be read is left */
  return !g_cancellable_set_error_if_cancelled (cancellable, error);
}

GPtrArray *
em_find_clips (const char *path, GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *whole = g_canonicalize_filename (path, NULL), *tried = NULL;

  if (!g_file_test (whole, G_FILE_TEST_EXISTS)) {
    g_set_error (error, EM_ERROR, EM_E_INPUT, _ ("%s is not there"), whole);
    return NULL;
  }
  if (!g_file_test (whole, G_FILE_TEST_IS_DIR))
    g_ptr_array_add (found, g_strdup (whole));
  else if (!scan (whole, MAX_DEPTH, found, cancellable, error))
    return NULL;
  if (found->len == 0) {
    tried = g_strjoinv (", ", (char **) em_media_suffixes ());
    g_set_error (error, EM_ERROR, EM_E_INPUT,
                 _ ("No clips found in %s. Looked for %s and folders of PNG or JPEG pictures"),
                 whole, tried);
    return NULL;
  }
  g_ptr_array_sort (found, by_name);
  return g_steal_pointer (&found);
}
