/* png_read.c - trees with a picture per object and frame, read back. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/png.h"
#include "formats/csv.h"
#include "formats/folder.h"
#include "formats/png_tree.h"

#define LAST_TIME (INT64_MAX / 4)

typedef struct {
  const char *folder;
  EmCsv frames, objects, sounding;
  bool has_sounding;
} Tree;

static bool
read_table (const Tree *tree, EmCsv *csv, const char *name, const char *header, EmError *err)
{
  char *path = em_path (tree->folder, "%s", name);
  bool good = em_csv_read (csv, path, header, err);

  free (path);
  return good;
}

static bool
read_tables (Tree *tree, EmError *err)
{
  char *sounding = em_path (tree->folder, "sounding.csv");

  tree->has_sounding = access (sounding, F_OK) == 0;
  free (sounding);
  return read_table (tree, &tree->objects, "objects.csv", "object,name,class,color", err)
         && read_table (tree, &tree->frames, "frames.csv", "frame,pts_ns", err)
         && (!tree->has_sounding
             || read_table (tree, &tree->sounding, "sounding.csv", "object,start_ns,end_ns", err));
}

/* The size of all pictures is that of the first one there is. */
static bool
picture_size (const Tree *tree, int *width, int *height, EmError *err)
{
  for (int i = 0; i < tree->objects.n_rows; i++) {
    int64_t id;
    EmNames names = { 0 };

    if (!em_csv_int (&tree->objects, i, 0, 1, INT64_MAX, &id, err))
      return false;
    char *folder = em_path (tree->folder, "%03lld", (long long) id);
    if (em_is_folder (folder) && !em_names_in (folder, ".png", &names, err)) {
      free (folder);
      return false;
    }
    char *path = names.n ? em_path (folder, "%s", names.items[0]) : NULL;
    em_names_clear (&names);
    free (folder);
    if (!path)
      continue;

    EmPng png;
    bool good = em_png_read (path, &png, err);
    free (path);
    if (!good)
      return false;
    free (png.pixels);
    *width = png.width;
    *height = png.height;
    return true;
  }
  return em_fail (err, EM_E_INPUT, "%s has no masks", tree->folder);
}

static EmTracks *
make_clip (const Tree *tree, const char *name, EmError *err)
{
  const EmCsv *csv = &tree->frames;
  int n = csv->n_rows, width = 0, height = 0;
  int64_t frame, *pts = calloc ((size_t) n + 1, sizeof *pts);
  EmTracks *t = NULL;

  EM_BUG_UNLESS (pts);
  for (int i = 0; i < n; i++) {
    if (!em_csv_int (csv, i, 0, 0, INT32_MAX, &frame, err)
        || !em_csv_int (csv, i, 1, 0, LAST_TIME, &pts[i], err))
      goto out;
    if (frame != i || (i && pts[i] <= pts[i - 1])) {
      em_fail (err, EM_E_INPUT, "%s: frame %d is out of order", csv->path, i);
      goto out;
    }
  }
  if (n < 1)
    em_fail (err, EM_E_INPUT, "%s has no frames", csv->path);
  else if (picture_size (tree, &width, &height, err))
    t = em_tracks_new (name, width, height, n, pts,
                       n > 1 ? 2 * pts[n - 1] - pts[n - 2] : 1000000000);
out:
  free (pts);
  return t;
}

static bool
read_mask (EmTracks *t, EmTrackObject *o, int frame, const char *path, EmError *err)
{
  EmPng png;
  EmRle mask;

  if (!em_png_read (path, &png, err))
    return false;
  if (png.kind == EM_PNG_RGB || png.width != t->width || png.height != t->height) {
    free (png.pixels);
    return em_fail (err, EM_E_INPUT, "%s is no gray picture of %d x %d pixels", path, t->width,
                    t->height);
  }
  mask = em_rle_encode (png.pixels, png.width, png.height);
  free (png.pixels);
  em_track_object_set (o, frame, em_rle_area (&mask) ? EM_STATE_APPROVED : EM_STATE_ABSENT, mask);
  return true;
}

/* "00017.png" -> 17; -1 if that is no frame of the clip. */
static int
frame_of (const EmTracks *t, const char *file)
{
  char *end;
  long frame = strtol (file, &end, 10);

  return isdigit ((unsigned char) *file) && strcmp (end, ".png") == 0 && frame < t->n_frames
             ? (int) frame
             : -1;
}

static bool
read_masks (const Tree *tree, EmTracks *t, EmTrackObject *o, EmError *err)
{
  char *folder = em_path (tree->folder, "%03lld", (long long) o->id);
  EmNames names = { 0 };
  bool good = !em_is_folder (folder) || em_names_in (folder, ".png", &names, err);

  for (int i = 0; i < names.n && good; i++) {
    char *path = em_path (folder, "%s", names.items[i]);
    int frame = frame_of (t, names.items[i]);

    good = frame >= 0 ? read_mask (t, o, frame, path, err)
                      : em_fail (err, EM_E_INPUT, "%s is of no frame in frames.csv", path);
    free (path);
  }
  em_names_clear (&names);
  free (folder);
  return good;
}

static bool
read_objects (const Tree *tree, EmTracks *t, EmError *err)
{
  const EmCsv *csv = &tree->objects;

  for (int i = 0; i < csv->n_rows; i++) {
    const char *color = em_csv_cell (csv, i, 3);
    int64_t id;

    if (!em_csv_int (csv, i, 0, 1, INT64_MAX, &id, err))
      return false;
    if (em_tracks_object (t, id))
      return em_fail (err, EM_E_INPUT, "%s has object %lld twice", csv->path, (long long) id);
    EmTrackObject *o = em_tracks_add_object (
        t, id, em_csv_cell (csv, i, 1), em_csv_cell (csv, i, 2), 0,
        *color == '#' ? (uint32_t) strtoul (color + 1, NULL, 16) & 0xffffff : 0x808080);
    if (!read_masks (tree, t, o, err))
      return false;
  }
  return true;
}

static bool
read_sounding (const Tree *tree, EmTracks *t, EmError *err)
{
  const EmCsv *csv = &tree->sounding;

  for (int i = 0; i < csv->n_rows; i++) {
    int64_t id, start, end;

    if (!em_csv_int (csv, i, 0, 1, INT64_MAX, &id, err)
        || !em_csv_int (csv, i, 1, 0, LAST_TIME, &start, err)
        || !em_csv_int (csv, i, 2, start + 1, LAST_TIME, &end, err))
      return false;
    if (!em_tracks_object (t, id))
      return em_fail (err, EM_E_INPUT, "%s names object %lld, which is not there", csv->path,
                      (long long) id);
    em_tracks_add_interval (t, id, start, end);
  }
  for (int i = 0; !tree->has_sounding && i < t->n_objects; i++)
    em_tracks_add_interval (t, t->objects[i].id, 0, t->duration_ns);
  return true;
}

EmTracks *
em_png_tree_read (const char *folder, const char *name, EmError *err)
{
  Tree tree = { .folder = folder };
  EmTracks *t = NULL;

  if (read_tables (&tree, err) && (t = make_clip (&tree, name, err))
      && (!read_objects (&tree, t, err) || !read_sounding (&tree, t, err))) {
    em_tracks_free (t);
    t = NULL;
  }
  em_csv_clear (&tree.frames);
  em_csv_clear (&tree.objects);
  em_csv_clear (&tree.sounding);
  return t;
}
