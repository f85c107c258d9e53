/* davis.c - DAVIS 2017: one palette picture a frame, index 1..n in list order.
 *
 * Where objects overlap the first in the list is on top and the covered pixels are counted. Index
 * 255 is void in DAVIS: a frame nobody labelled is written as void, which says "unknown", and not
 * as background, which would say "nothing is there". */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/png.h"
#include "formats/export.h"

#define MOST 254 /* objects: 0 is background, 255 void */

static bool
is_labelled (const EmTracks *t, int frame)
{
  for (int i = 0; i < t->n_objects; i++)
    if (em_track_object_at (&t->objects[i], frame))
      return true;
  return false;
}

static bool
write_clip (EmExport *x, int clip, FILE *list, EmError *err)
{
  const EmTracks *t = x->clips[clip];
  size_t size = (size_t) t->width * (size_t) t->height;
  uint8_t *pixels = malloc (size);
  char name[EM_EXPORT_NAME], path[EM_EXPORT_NAME + 80];
  int n, n_void = 0, *frames = em_export_frames (x, t, &n);
  bool ok = pixels != NULL;

  em_export_safe (t->name, name);
  if (t->n_objects > MOST)
    ok = em_fail (err, EM_E_INPUT, "%s has %d objects; this format holds %d", t->name, t->n_objects,
                  MOST);
  for (int i = 0; i < n && ok; i++) {
    if (is_labelled (t, frames[i]))
      em_export_layer (x, t, frames[i], pixels);
    else {
      memset (pixels, 255, size);
      n_void++;
    }
    snprintf (path, sizeof path, "Annotations/Full-Resolution/%s/%05d.png", name, frames[i]);
    ok = em_export_labels (x, clip, frames[i], true, pixels, path, err);
    if (ok && x->options->with_frames) {
      snprintf (path, sizeof path, "JPEGImages/Full-Resolution/%s/%05d.jpg", name, frames[i]);
      ok = em_export_picture (x, clip, frames[i], path, err);
    }
  }
  if (ok && n_void)
    em_export_skip (x, clip, t->name, "%d frames without any label are void (255)", n_void);
  if (ok && x->options->with_audio) {
    ok = em_export_path (x, err, "Audio/%s.wav", name)
         && x->media->save_sound (x->media->self, clip, 0, t->duration_ns, x->path, err)
         && em_export_wrote (x, clip, -1, err);
  }
  fprintf (list, "%s\n", name);
  free (frames);
  free (pixels);
  return ok;
}

static bool
write_davis (EmExport *x, EmError *err)
{
  char *text = NULL, path[EM_EXPORT_NAME + 40], split[EM_EXPORT_NAME];
  size_t bytes = 0;
  FILE *list = open_memstream (&text, &bytes);
  json_t *objects = json_object ();
  bool ok = true;

  EM_BUG_UNLESS (list);
  for (int i = 0; i < x->n_clips && ok; i++) {
    json_t *names = json_array ();

    for (int j = 0; j < x->clips[i]->n_objects; j++)
      json_array_append_new (names, json_pack ("{s:i, s:I, s:s, s:s}", "index", j + 1, "id",
                                               (json_int_t) x->clips[i]->objects[j].id, "name",
                                               x->clips[i]->objects[j].name, "class",
                                               x->clips[i]->objects[j].class_name));
    json_object_set_new (objects, x->clips[i]->name, names);
    ok = write_clip (x, i, list, err) && em_export_done (x, i + 1, err);
  }
  fclose (list);
  em_export_note (x, "objects", objects);
  snprintf (path, sizeof path, "ImageSets/2017/%s.txt", em_export_safe (x->options->split, split));
  ok = ok && em_export_text (x, -1, text, path, err);
  free (text);
  return ok;
}

/* ---- reading ---- */

static int
by_name (const void *a, const void *b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

/* Names in a folder, sorted; those that begin with a point are left out. */
static char **
names_in (const char *folder, int *n, EmError *err)
{
  DIR *dir = opendir (folder);
  char **names = NULL;
  int room = 0;

  *n = 0;
  if (!dir) {
    em_fail (err, EM_E_INPUT, "cannot read the folder %s: %s", folder, strerror (errno));
    return NULL;
  }
  for (struct dirent *e; (e = readdir (dir));) {
    if (e->d_name[0] == '.')
      continue;
    if (*n == room) {
      room = room ? 2 * room : 64;
      names = realloc (names, (size_t) room * sizeof *names);
      EM_BUG_UNLESS (names);
    }
    names[(*n)++] = strdup (e->d_name);
  }
  closedir (dir);
  if (*n)
    qsort (names, (size_t) *n, sizeof *names, by_name);
  return names;
}

static void
free_names (char **names, int n)
{
  for (int i = 0; i < n; i++)
    free (names[i]);
  free (names);
}

/* Indices other than 0 and 255 become objects; a frame that is void everywhere stays unlabelled. */
static bool
take_frame (EmTracks *t, int frame, const EmPng *png, const char *path, EmError *err)
{
  size_t size = (size_t) png->width * (size_t) png->height;
  uint8_t *one = malloc (size);
  bool there[256] = { false };

  EM_BUG_UNLESS (one);
  if (png->width != t->width || png->height != t->height || png->kind == EM_PNG_RGB) {
    free (one);
    return em_fail (err, EM_E_INPUT, "%s is not a label picture of %d x %d pixels", path, t->width,
                    t->height);
  }
  for (size_t p = 0; p < size; p++)
    there[png->pixels[p]] = true;
  for (int id = 1; id < 255; id++) {
    char name[32];

    if (!there[id])
      continue;
    snprintf (name, sizeof name, "Object %d", id);
    if (!em_tracks_object (t, id))
      em_tracks_add_object (t, id, name, "", 0, 0x808080);
    for (size_t p = 0; p < size; p++)
      one[p] = png->pixels[p] == id;
    em_track_object_set (em_tracks_object (t, id), frame, EM_STATE_IMPORTED,
                         em_rle_encode (one, t->width, t->height));
  }
  free (one);
  return true;
}

static EmTracks *
read_clip (const char *folder, const char *name, EmError *err)
{
  const int64_t frame_ns = 1000000000 / 24; /* the set gives no times; its videos run at 24 fps */
  EmTracks *t = NULL;
  int n, n_frames = 0;
  char **names = names_in (folder, &n, err);

  for (int i = 0; i < n; i++) {
    int f = atoi (names[i]);

    n_frames = f >= n_frames && f < 1000000 ? f + 1 : n_frames;
  }
  for (int i = 0; i < n && err->code == EM_OK; i++) {
    char *path, *end;
    long frame = strtol (names[i], &end, 10);
    EmPng png;

    if (strcmp (end, ".png") != 0 || frame < 0 || frame >= n_frames)
      continue;
    EM_BUG_UNLESS (asprintf (&path, "%s/%s", folder, names[i]) > 0);
    if (!em_png_read (path, &png, err)) {
      free (path);
      break;
    }
    if (!t) {
      int64_t *pts = calloc ((size_t) n_frames, sizeof *pts);

      EM_BUG_UNLESS (pts);
      for (int f = 0; f < n_frames; f++)
        pts[f] = f * frame_ns;
      t = em_tracks_new (name, png.width, png.height, n_frames, pts, n_frames * frame_ns);
      free (pts);
    }
    take_frame (t, (int) frame, &png, path, err);
    free (png.pixels);
    free (path);
  }
  free_names (names, n);
  if (err->code == EM_OK && !t)
    em_fail (err, EM_E_INPUT, "%s holds no label pictures", folder);
  if (err->code != EM_OK) {
    em_tracks_free (t);
    return NULL;
  }
  return t;
}

static bool
read_davis (const char *path, EmTracks ***clips, int *n, EmError *err)
{
  EmError local = EM_ERROR_INIT;
  char *root;
  int n_names;
  char **names;

  *n = 0;
  EM_BUG_UNLESS (asprintf (&root, "%s/Annotations/Full-Resolution", path) > 0);
  names = names_in (root, &n_names, &local);
  *clips = calloc ((size_t) n_names + 1, sizeof **clips);
  EM_BUG_UNLESS (*clips);
  for (int i = 0; i < n_names && local.code == EM_OK; i++) {
    char *folder;
    EmTracks *t;

    EM_BUG_UNLESS (asprintf (&folder, "%s/%s", root, names[i]) > 0);
    if ((t = read_clip (folder, names[i], &local)))
      (*clips)[(*n)++] = t;
    free (folder);
  }
  free_names (names, n_names);
  free (root);
  if (local.code == EM_OK)
    return true;
  for (int i = 0; i < *n; i++)
    em_tracks_free ((*clips)[i]);
  free (*clips);
  *clips = NULL;
  *n = 0;
  return em_fail (err, local.code, "%s", local.text);
}

const EmFormat em_format_davis
    = { .name = "davis",
        .title = "DAVIS 2017",
        .keeps = "every object as an index, every frame",
        .loses = "overlap (the first object is on top), classes, intervals, times",
        .frames = EM_FRAMES_ALL,
        .write = write_davis,
        .read = read_davis };
