/* truth.c - what is true about clips. */
#include "cli/truth.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/png.h"
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

/* The fields of a line; a field in quotes may hold commas, and quotes as pairs. */
static char **
split_line (const char *line)
{
  GStrvBuilder *fields = g_strv_builder_new ();
  GString *field = g_string_new ("");
  bool quoted = false;
  char **all;

  for (const char *p = line; *p && *p != '\r'; p++)
    if (quoted && p[0] == '"' && p[1] == '"') {
      g_string_append_c (field, *p++);
    } else if (*p == '"') {
      quoted = !quoted;
    } else if (*p == ',' && !quoted) {
      g_strv_builder_add (fields, field->str);
      g_string_truncate (field, 0);
    } else {
      g_string_append_c (field, *p);
    }
  g_strv_builder_add (fields, field->str);
  g_string_free (field, TRUE);
  all = g_strv_builder_end (fields);
  g_strv_builder_unref (fields);
  return all;
}

/* The lines after the first, which must be `header`, each of as many fields. NULL with *err;
 * `optional`: an absent file is an empty table. */
static GPtrArray *
read_table (const char *folder, const char *name, const char *header, bool optional, EmError *err)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL, columns = split_line (header);
  GPtrArray *rows = g_ptr_array_new_with_free_func ((GDestroyNotify) g_strfreev);

  if (!g_file_get_contents (path, &text, NULL, NULL)) {
    if (optional)
      return rows;
    em_fail (err, EM_E_INPUT, "cannot read %s", path);
    goto fail;
  }
  lines = g_strsplit (text, "\n", 0);
  if (!lines[0] || strcmp (g_strchomp (lines[0]), header) != 0) {
    em_fail (err, EM_E_INPUT, "%s begins with \"%.60s\", expected \"%s\"", path,
             lines[0] ? lines[0] : "", header);
    goto fail;
  }
  for (int i = 1; lines[i]; i++) {
    char **fields;

    if (!lines[i][0])
      continue;
    fields = split_line (lines[i]);
    g_ptr_array_add (rows, fields);
    if (g_strv_length (fields) != g_strv_length (columns)) {
      em_fail (err, EM_E_INPUT, "%s, line %d: expected %d fields", path, i + 1,
               (int) g_strv_length (columns));
      goto fail;
    }
  }
  return rows;

fail:
  g_ptr_array_unref (rows);
  return NULL;
}

static bool
parse_int (const char *text, int64_t low, int64_t *out, const EmTruthClip *clip, const char *file,
           EmError *err)
{
  char *end;

  *out = g_ascii_strtoll (text, &end, 10);
  if (end == text || *end || *out < low)
    return em_fail (err, EM_E_INPUT, "%s/%s: \"%.40s\" is not a number that can stand there",
                    clip->name, file, text);
  return true;
}

/* Frame times; the last frame lasts as long as the one before it. */
static EmTracks *
read_frames (const EmTruthClip *clip, int width, int height, EmError *err)
{
  GPtrArray *rows = read_table (clip->folder, "frames.csv", "frame,pts_ns", false, err);
  g_autofree int64_t *pts = NULL;
  EmTracks *tracks = NULL;
  int n;

  if (!rows)
    return NULL;
  n = (int) rows->len;
  pts = g_new0 (int64_t, n + 1);
  for (int i = 0; i < n; i++) {
    char **fields = g_ptr_array_index (rows, i);
    int64_t frame;

    if (!parse_int (fields[0], 0, &frame, clip, "frames.csv", err)
        || !parse_int (fields[1], 0, &pts[i], clip, "frames.csv", err))
      goto out;
    if (frame != i || (i && pts[i] <= pts[i - 1])) {
      em_fail (err, EM_E_INPUT, "%s/frames.csv: frame %d is out of order", clip->name, i);
      goto out;
    }
  }
  if (n < 1)
    em_fail (err, EM_E_INPUT, "%s/frames.csv has no frames", clip->name);
  else
    tracks = em_tracks_new (clip->name, width, height, n, pts,
                            n > 1 ? 2 * pts[n - 1] - pts[n - 2] : 1000000000);
out:
  g_ptr_array_unref (rows);
  return tracks;
}

static char *
mask_path (const EmTruthClip *clip, int64_t object, int frame)
{
  return g_strdup_printf ("%s/%03d/%05d.png", clip->folder, (int) object, frame);
}

/* The size of all pictures is that of the first one there is. */
static bool
picture_size (const EmTruthClip *clip, const GPtrArray *objects, int *width, int *height,
              EmError *err)
{
  for (guint i = 0; i < objects->len; i++) {
    char **fields = g_ptr_array_index ((GPtrArray *) objects, i);
    g_autofree char *folder
        = g_strdup_printf ("%s/%03d", clip->folder, (int) g_ascii_strtoll (fields[0], NULL, 10));
    GDir *dir = g_dir_open (folder, 0, NULL);
    const char *entry = dir ? g_dir_read_name (dir) : NULL;
    g_autofree char *path = entry ? g_build_filename (folder, entry, NULL) : NULL;
    EmPng png;

    if (dir)
      g_dir_close (dir);
    if (!path)
      continue;
    if (!em_png_read (path, &png, err))
      return false;
    free (png.pixels);
    *width = png.width;
    *height = png.height;
    return true;
  }
  return em_fail (err, EM_E_INPUT, "%s has no masks", clip->folder);
}

static bool
read_masks (const EmTruthClip *clip, EmTracks *tracks, EmTrackObject *object, EmError *err)
{
  for (int f = 0; f < tracks->n_frames; f++) {
    g_autofree char *path = mask_path (clip, object->id, f);
    EmPng png;
    EmRle mask;

    if (!g_file_test (path, G_FILE_TEST_EXISTS))
      continue;
    if (!em_png_read (path, &png, err))
      return false;
    if (png.kind == EM_PNG_RGB || png.width != tracks->width || png.height != tracks->height) {
      free (png.pixels);
      return em_fail (err, EM_E_INPUT, "%s is no gray picture of %d x %d pixels", path,
                      tracks->width, tracks->height);
    }
    mask = em_rle_encode (png.pixels, png.width, png.height);
    free (png.pixels);
    em_track_object_set (object, f, em_rle_area (&mask) ? EM_STATE_APPROVED : EM_STATE_ABSENT,
                         mask);
  }
  return true;
}

static bool
read_objects (const EmTruthClip *clip, EmTracks *tracks, const GPtrArray *rows, EmError *err)
{
  for (guint i = 0; i < rows->len; i++) {
    char **fields = g_ptr_array_index ((GPtrArray *) rows, i);
    EmTrackObject *object;
    int64_t id;

    if (!parse_int (fields[0], 1, &id, clip, "objects.csv", err))
      return false;
    if (em_tracks_object (tracks, id))
      return em_fail (err, EM_E_INPUT, "%s/objects.csv has object %d twice", clip->name, (int) id);
    object = em_tracks_add_object (tracks, id, fields[1], fields[2], 0, 0);
    if (!read_masks (clip, tracks, object, err))
      return false;
  }
  return true;
}

static bool
read_sounding (const EmTruthClip *clip, EmTracks *tracks, EmError *err)
{
  g_autofree char *path = g_build_filename (clip->folder, "sounding.csv", NULL);
  bool is_there = g_file_test (path, G_FILE_TEST_EXISTS), good = true;
  GPtrArray *rows = read_table (clip->folder, "sounding.csv", "object,start_ns,end_ns", true, err);

  if (!rows)
    return false;
  for (guint i = 0; good && i < rows->len; i++) {
    char **fields = g_ptr_array_index (rows, i);
    int64_t id, start, end;

    good = parse_int (fields[0], 1, &id, clip, "sounding.csv", err)
           && parse_int (fields[1], 0, &start, clip, "sounding.csv", err)
           && parse_int (fields[2], start + 1, &end, clip, "sounding.csv", err);
    if (good && !em_tracks_object (tracks, id))
      good = em_fail (err, EM_E_INPUT, "%s/sounding.csv names object %d, which is not there",
                      clip->name, (int) id);
    if (good)
      em_tracks_add_interval (tracks, id, start, end);
  }
  for (int i = 0; !is_there && i < tracks->n_objects; i++)
    em_tracks_add_interval (tracks, tracks->objects[i].id, 0, tracks->duration_ns);
  g_ptr_array_unref (rows);
  return good;
}

EmTracks *
em_truth_read (const EmTruthClip *clip, EmError *err)
{
  GPtrArray *objects
      = read_table (clip->folder, "objects.csv", "object,name,class,color", false, err);
  EmTracks *tracks = NULL;
  int width = 0, height = 0;

  if (objects && picture_size (clip, objects, &width, &height, err)
      && (tracks = read_frames (clip, width, height, err))
      && (!read_objects (clip, tracks, objects, err) || !read_sounding (clip, tracks, err)))
    g_clear_pointer (&tracks, em_tracks_free);
  if (objects)
    g_ptr_array_unref (objects);
  return tracks;
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
