/* png_tree.c - a picture per object and frame: the plainest tree there is, nothing decided.
 *
 *   CLIP/001/00000.png   8-bit gray 0/255 at display size; absent: black; not labelled: no file
 *   CLIP/objects.csv     object,name,class,color
 *   CLIP/frames.csv      frame,pts_ns
 *   CLIP/sounding.csv    object,start_ns,end_ns */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "formats/csv.h"
#include "formats/export.h"
#include "formats/folder.h"
#include "formats/png_tree.h"

static bool
write_tables (EmExport *x, int clip, const char *name, EmError *err)
{
  const EmTracks *t = x->clips[clip];
  static const char *const files[] = { "objects", "frames", "sounding" };
  bool ok = true;

  for (int k = 0; k < 3 && ok; k++) {
    char *text = NULL, path[EM_EXPORT_NAME + 20];
    size_t bytes = 0;
    FILE *out = open_memstream (&text, &bytes);

    EM_BUG_UNLESS (out);
    if (k == 0) {
      fputs ("object,name,class,color\n", out);
      for (int i = 0; i < t->n_objects; i++) {
        fprintf (out, "%lld,", (long long) t->objects[i].id);
        em_csv_put (out, t->objects[i].name);
        fputc (',', out);
        em_csv_put (out, t->objects[i].class_name);
        fprintf (out, ",#%06x\n", t->objects[i].color);
      }
    } else if (k == 1) {
      fputs ("frame,pts_ns\n", out);
      for (int f = 0; f < t->n_frames; f++)
        fprintf (out, "%d,%lld\n", f, (long long) t->pts_ns[f]);
    } else {
      fputs ("object,start_ns,end_ns\n", out);
      for (int i = 0; i < t->n_intervals; i++)
        fprintf (out, "%lld,%lld,%lld\n", (long long) t->intervals[i].object,
                 (long long) t->intervals[i].start_ns, (long long) t->intervals[i].end_ns);
    }
    fclose (out);
    snprintf (path, sizeof path, "%s/%s.csv", name, files[k]);
    ok = em_export_text (x, clip, text, path, err);
    free (text);
  }
  return ok;
}

static bool
write_clip (EmExport *x, int clip, EmError *err)
{
  const EmTracks *t = x->clips[clip];
  uint8_t *pixels = malloc ((size_t) t->width * (size_t) t->height);
  int n, *frames = em_export_frames (x, t, &n);
  char name[EM_EXPORT_NAME], path[EM_EXPORT_NAME + 60];
  bool ok = pixels != NULL;

  em_export_safe (t->name, name);
  for (int i = 0; i < n && ok; i++) {
    for (int j = 0; j < t->n_objects && ok; j++) {
      const EmTrackMask *m = em_track_object_at (&t->objects[j], frames[i]);

      if (!m)
        continue;
      if (m->mask.counts)
        em_rle_decode (&m->mask, pixels, 255);
      else
        memset (pixels, 0, (size_t) t->width * (size_t) t->height);
      snprintf (path, sizeof path, "%s/%03lld/%05d.png", name, (long long) t->objects[j].id,
                frames[i]);
      ok = em_export_labels (x, clip, frames[i], false, pixels, path, err);
    }
    if (ok && x->options->with_frames) {
      snprintf (path, sizeof path, "%s/frames/%05d.png", name, frames[i]);
      ok = em_export_picture (x, clip, frames[i], path, err);
    }
  }
  if (ok && x->options->with_audio)
    ok = em_export_path (x, err, "%s/audio.wav", name)
         && x->media->save_sound (x->media->self, clip, 0, t->duration_ns, x->path, err)
         && em_export_wrote (x, clip, -1, err);
  ok = ok && write_tables (x, clip, name, err);
  free (frames);
  free (pixels);
  return ok;
}

static bool
write_png (EmExport *x, EmError *err)
{
  for (int i = 0; i < x->n_clips; i++)
    if (!write_clip (x, i, err) || !em_export_done (x, i + 1, err))
      return false;
  return true;
}

/* Below `path`, to any depth that is not absurd: a folder with frames.csv is a clip, named by its
 * way from there. */
static bool
search (const char *path, const char *below, int depth, EmClips *clips, EmError *err)
{
  char *folder = *below ? em_path (path, "%s", below) : strdup (path);
  char *frames = em_path (folder, "frames.csv");
  EmNames names = { 0 };
  bool good = true;

  if (access (frames, F_OK) == 0) {
    const char *slash = strrchr (folder, '/');
    EmTracks *t = em_png_tree_read (folder, *below ? below : slash ? slash + 1 : folder, err);

    good = t != NULL;
    if (t)
      em_clips_add (clips, t);
  } else if (depth > 0) {
    good = em_names_in (folder, "", &names, err);
    for (int i = 0; i < names.n && good; i++) {
      char *next = *below ? em_path (below, "%s", names.items[i]) : strdup (names.items[i]);
      char *full = em_path (path, "%s", next);

      good = !em_is_folder (full) || search (path, next, depth - 1, clips, err);
      free (full);
      free (next);
    }
  }
  em_names_clear (&names);
  free (frames);
  free (folder);
  return good;
}

static bool
read_png (const char *path, EmTracks ***out, int *n, EmError *err)
{
  EmClips clips = { 0 };
  bool good = search (path, "", 4, &clips, err)
              && (clips.n
                  || em_fail (err, EM_E_INPUT,
                              "%s holds no labelled clip (a folder with frames.csv)", path));

  return em_clips_hand_out (&clips, good, out, n);
}

const EmFormat em_format_png
    = { .name = "png",
        .title = "A picture per object",
        .keeps = "every mask of every object, overlap, times, sounding intervals",
        .loses = "states, prompts",
        .frames = EM_FRAMES_ANNOTATED,
        .write = write_png,
        .read = read_png };
