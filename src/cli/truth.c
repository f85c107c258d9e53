/* truth.c - what is true about clips. */
#include "cli/truth.h"
#include <string.h>
#include "formats/png_tree.h"
#include "media/em-frame-index.h"

#define MAX_DEPTH 4

static void
clip_free (gpointer data)
{
  EmTruthClip *c = data;

  g_free (c->name);
  g_free (c->slice);
  g_free (c->folder);
  g_free (c->media);
  g_free (c);
}

char *
em_truth_media (const char *clips, const char *name)
{
  for (const char *const *suffix = em_media_suffixes (); *suffix; suffix++) {
    g_autofree char *file = g_strdup_printf ("%s.%s", name, *suffix);
    char *path = g_build_filename (clips, file, NULL);

    if (g_file_test (path, G_FILE_TEST_IS_REGULAR))
      return path;
    g_free (path);
  }
  return NULL;
}

/* `below` is the path from the root, "" at the root itself. */
static void
search (GPtrArray *found, const char *root, const char *clips, const char *below, int depth)
{
  g_autofree char *folder = g_build_filename (root, below, NULL);
  g_autofree char *frames = g_build_filename (folder, "frames.csv", NULL);
  GDir *dir;
  const char *entry;

  if (g_file_test (frames, G_FILE_TEST_EXISTS)) {
    EmTruthClip *c = g_new0 (EmTruthClip, 1);

    c->name = below[0] ? g_strdup (below) : g_path_get_basename (folder);
    c->slice = g_path_get_dirname (c->name);
    if (strcmp (c->slice, ".") == 0)
      c->slice[0] = 0;
    c->folder = g_strdup (folder);
    c->media = em_truth_media (clips, c->name);
    g_ptr_array_add (found, c);
    return;
  }
  if (depth == MAX_DEPTH || !(dir = g_dir_open (folder, 0, NULL)))
    return;
  while ((entry = g_dir_read_name (dir))) {
    g_autofree char *next = below[0] ? g_build_filename (below, entry, NULL) : g_strdup (entry);
    g_autofree char *path = g_build_filename (folder, entry, NULL);

    if (g_file_test (path, G_FILE_TEST_IS_DIR))
      search (found, root, clips, next, depth + 1);
  }
  g_dir_close (dir);
}

static int
by_name (gconstpointer a, gconstpointer b)
{
  const EmTruthClip *const *x = a, *const *y = b;

  return strcmp ((*x)->name, (*y)->name);
}

GPtrArray *
em_truth_find (const char *root, const char *clips, EmError *err)
{
  GPtrArray *found = g_ptr_array_new_with_free_func (clip_free);

  search (found, root, clips, "", 0);
  g_ptr_array_sort (found, by_name);
  if (found->len)
    return found;
  em_fail (err, EM_E_INPUT, "%s holds no labelled clip (a folder with frames.csv)", root);
  g_ptr_array_unref (found);
  return NULL;
}

EmTracks *
em_truth_read (const EmTruthClip *clip, EmError *err)
{
  return em_png_tree_read (clip->folder, clip->name, err);
}

bool
em_truth_sounds (const EmTracks *truth, int64_t object, int second)
{
  const int64_t ns = 1000000000;

  return 2 * em_tracks_sounding (truth, object, second * ns, (second + 1) * ns) >= ns;
}

const EmRle *
em_truth_mask (const EmTracks *truth, const EmTrackObject *object, int frame)
{
  const EmTrackMask *mask = em_track_object_at (object, frame);

  return mask ? &mask->mask : NULL;
}
