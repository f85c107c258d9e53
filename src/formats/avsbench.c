/* avsbench.c - AVSBench-object: single source (S4) and multiple sources (MS3).
 *
 * Both hold windows of five seconds with one binary mask a second: the union of what is visible and
 * sounds then. A clip is cut into windows end to end; a rest shorter than a window is skipped and
 * said so. Masks are 8-bit gray 0/255, the one encoding that both stock loaders read alike, and a
 * silent second is a black file, never a missing one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "formats/csv.h"
#include "formats/export.h"

#define WINDOW 5 /* seconds, of both sets */

static const int64_t second_ns = 1000000000;

typedef struct {
  int clip, first; /* second */
  char name[EM_EXPORT_NAME + 32];
  const char *class_name;
  char folder[EM_EXPORT_NAME]; /* of the class */
} Window;

/* The class of a window of the single-source set: that of what sounds in it, else of what is there.
 * NULL with *err if two different ones sound, without if there is none. */
static const char *
class_of (EmExport *x, const Window *w, const int *grid, EmError *err)
{
  const EmTracks *t = x->clips[w->clip];
  const char *heard = NULL, *there = NULL;

  for (int i = 0; i < t->n_objects; i++) {
    const EmTrackObject *o = &t->objects[i];

    for (int k = w->first; k < w->first + WINDOW; k++) {
      if (em_track_object_at (o, grid[k]))
        there = there ? there : o->class_name;
      if (!em_export_sounds (x, t, o, grid[k], k * second_ns, (k + 1) * second_ns))
        continue;
      if (heard && strcmp (heard, o->class_name) != 0) {
        em_fail (err, EM_E_INPUT,
                 "%s has sounds of %s and of %s within one window; the single-source layout takes "
                 "one class, use avsbench-ms3",
                 t->name, heard, o->class_name);
        return NULL;
      }
      heard = o->class_name;
    }
  }
  heard = heard ? heard : there;
  return heard && *heard ? heard : NULL;
}

static void
draw_second (EmExport *x, const EmTracks *t, int frame, int second, uint8_t *pixels)
{
  size_t size = (size_t) t->width * (size_t) t->height;
  uint8_t *one = malloc (size);

  EM_BUG_UNLESS (one);
  memset (pixels, 0, size);
  for (int i = 0; i < t->n_objects; i++) {
    const EmTrackMask *m = em_track_object_at (&t->objects[i], frame);

    if (!m || !m->mask.counts
        || !em_export_sounds (x, t, &t->objects[i], frame, second * second_ns,
                              (second + 1) * second_ns))
      continue;
    em_rle_decode (&m->mask, one, 255);
    for (size_t p = 0; p < size; p++)
      pixels[p] |= one[p];
  }
  free (one);
}

static bool
write_window (EmExport *x, const Window *w, const int *grid, bool single, EmError *err)
{
  const EmTracks *t = x->clips[w->clip];
  const char *split = x->options->split, *name = w->name;
  /* The published single-source training split has the first mask of each window only. */
  int n_masks = single && strcmp (split, "train") == 0 ? 1 : WINDOW;
  uint8_t *pixels = malloc ((size_t) t->width * (size_t) t->height);
  char path[1200];
  bool ok = true;

  EM_BUG_UNLESS (pixels);
  for (int k = 1; k <= WINDOW && ok; k++) {
    int frame = grid[w->first + k - 1];

    if (k <= n_masks) {
      draw_second (x, t, frame, w->first + k - 1, pixels);
      if (single)
        snprintf (path, sizeof path, "Single-source/s4_data/gt_masks/%s/%s/%s/%s_%d.png", split,
                  w->folder, name, name, k);
      else
        snprintf (path, sizeof path, "Multi-sources/ms3_data/gt_masks/%s/%s/%s_%d.png", split, name,
                  name, k);
      ok = em_export_labels (x, w->clip, frame, false, pixels, path, err);
    }
    if (ok && x->options->with_frames) {
      if (single)
        snprintf (path, sizeof path, "Single-source/s4_data/visual_frames/%s/%s/%s/%s_%d.png",
                  split, w->folder, name, name, k);
      else
        snprintf (path, sizeof path, "Multi-sources/ms3_data/visual_frames/%s/%s.mp4_%d.png", name,
                  name, k);
      ok = em_export_picture (x, w->clip, frame, path, err);
    }
  }
  free (pixels);
  if (ok && x->options->with_audio) {
    if (single)
      snprintf (path, sizeof path, "Single-source/s4_data/audio_wav/%s/%s/%s.wav", split, w->folder,
                name);
    else
      snprintf (path, sizeof path, "Multi-sources/ms3_data/audio_wav/%s/%s.wav", split, name);
    ok = em_export_path (x, err, "%s", path)
         && x->media->save_sound (x->media->self, w->clip, w->first * second_ns,
                                  (w->first + WINDOW) * second_ns, x->path, err)
         && em_export_wrote (x, w->clip, -1, err);
  }
  return ok;
}

static bool
write_clip (EmExport *x, int clip, bool single, FILE *table, EmError *err)
{
  const EmTracks *t = x->clips[clip];
  int room = (int) (t->duration_ns / second_ns) + 2, n, rest;
  int *grid = malloc ((size_t) room * sizeof *grid);
  bool ok = true;

  EM_BUG_UNLESS (grid);
  n = em_grid_frames (t->pts_ns, t->n_frames, t->duration_ns, x->options->grid_phase, grid, room);
  for (int first = 0; first + WINDOW <= n && ok; first += WINDOW) {
    Window w = { .clip = clip, .first = first };
    char safe[EM_EXPORT_NAME];

    em_export_safe (t->name, safe);
    if (n == WINDOW)
      snprintf (w.name, sizeof w.name, "%s", safe);
    else
      snprintf (w.name, sizeof w.name, "%s_%d_%d", safe, first * 1000, (first + WINDOW) * 1000);
    if (single && !(w.class_name = class_of (x, &w, grid, err))) {
      ok = !err || err->code == EM_OK;
      if (ok)
        em_export_skip (x, clip, w.name, "no object with a class is in this window");
      continue;
    }
    if (single)
      em_export_safe (w.class_name, w.folder);
    ok = write_window (x, &w, grid, single, err);
    em_csv_put (table, w.name);
    fputc (',', table);
    if (single) {
      fprintf (table, "%d,", first);
      em_csv_put (table, w.class_name);
      fputc (',', table);
    }
    em_csv_put (table, x->options->split);
    fputc ('\n', table);
  }
  rest = n % WINDOW;
  if (ok && rest)
    em_export_skip (x, clip, t->name, "its last %d s are shorter than a window of %d s", rest,
                    WINDOW);
  free (grid);
  return ok;
}

static bool
write_set (EmExport *x, bool single, EmError *err)
{
  char *text = NULL;
  size_t bytes = 0;
  FILE *table = open_memstream (&text, &bytes);
  bool ok = true;

  EM_BUG_UNLESS (table);
  fputs (single ? "name,start,category,split\n" : "video_id,split\n", table);
  for (int i = 0; i < x->n_clips && ok; i++)
    ok = write_clip (x, i, single, table, err) && em_export_done (x, i + 1, err);
  fclose (table);
  ok = ok
       && em_export_text (
           x, -1, text,
           single ? "Single-source/s4_meta_data.csv" : "Multi-sources/ms3_meta_data.csv", err);
  free (text);
  em_export_note (x, "left_out", json_string ("audio_log_mel: made by the dataset's own script"));
  return ok;
}

static bool
write_s4 (EmExport *x, EmError *err)
{
  return write_set (x, true, err);
}

static bool
write_ms3 (EmExport *x, EmError *err)
{
  return write_set (x, false, err);
}

const EmFormat em_format_avsbench_s4
    = { .name = "avsbench-s4",
        .title = "AVSBench, single source",
        .keeps = "what sounds in each second as one mask, one class per window of 5 s",
        .loses = "instances, intervals, frames off the grid",
        .frames = EM_FRAMES_GRID,
        .only_frames = true,
        .write = write_s4 };

const EmFormat em_format_avsbench_ms3
    = { .name = "avsbench-ms3",
        .title = "AVSBench, multiple sources",
        .keeps = "what sounds in each second as one mask",
        .loses = "classes, instances, intervals, frames off the grid",
        .frames = EM_FRAMES_GRID,
        .only_frames = true,
        .write = write_ms3 };
