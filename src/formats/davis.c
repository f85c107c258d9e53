/* davis.c - DAVIS 2017: one palette picture a frame, index 1..n in list order.
 *
 * Where objects overlap the first in the list is on top and the covered pixels are counted. Index
 * 255 is void in DAVIS: a frame nobody labelled is written as void, which says "unknown", and not
 * as background, which would say "nothing is there". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "formats/davis_read.h"
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

const EmFormat em_format_davis
    = { .name = "davis",
        .title = "DAVIS 2017",
        .keeps = "every object as an index, every frame",
        .loses = "overlap (the first object is on top), classes, intervals, times",
        .frames = EM_FRAMES_ALL,
        .write = write_davis,
        .read = em_davis_read };
