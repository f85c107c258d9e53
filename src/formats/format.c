/* format.c - the table of formats, and what every export has in common: a temporary folder, a
 * manifest, a rename. */
#include "formats/format.h"
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "formats/export.h"

static const EmFormat *const formats[] = { &em_format_avsbench_s4, &em_format_avsbench_ms3,
                                           &em_format_coco_rle, &em_format_davis, &em_format_png };

const EmFormat *
em_formats (int *n)
{
  static EmFormat table[sizeof formats / sizeof *formats];

  *n = (int) (sizeof formats / sizeof *formats);
  for (int i = 0; i < *n; i++)
    table[i] = *formats[i];
  return table;
}

const EmFormat *
em_format_find (const char *name)
{
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
    if (strcmp (formats[i]->name, name) == 0)
      return formats[i];
  return NULL;
}

EmExportOptions
em_export_defaults (void)
{
  return (EmExportOptions){ .frames = EM_FRAMES_GRID,
                            .split = "train",
                            .grid_phase = 0.5,
                            .sounding_share = 0.5,
                            .tool = "earmark" };
}

static int
remove_entry (const char *path, const struct stat *info, int kind, struct FTW *where)
{
  return remove (path);
}

/* The target must not exist or be empty: an export never mixes with what is there. */
static bool
check_target (const char *folder, EmError *err)
{
  struct stat info;
  DIR *dir;
  int n = 0;

  if (stat (folder, &info) != 0)
    return errno == ENOENT
           || em_fail (err, EM_E_INPUT, "cannot look at %s: %s", folder, strerror (errno));
  if (!S_ISDIR (info.st_mode))
    return em_fail (err, EM_E_INPUT, "%s is a file; name a folder to export to", folder);
  if (!(dir = opendir (folder)))
    return em_fail (err, EM_E_INPUT, "cannot read the folder %s: %s", folder, strerror (errno));
  for (struct dirent *e; (e = readdir (dir));)
    n += strcmp (e->d_name, ".") != 0 && strcmp (e->d_name, "..") != 0;
  closedir (dir);
  return !n || em_fail (err, EM_E_INPUT, "the folder %s is not empty; export to a new one", folder);
}

/* What is wrong with a mask, NULL if nothing. */
static const char *
flaw_of (const EmTracks *t, const EmTrackMask *m, int frame_before)
{
  int64_t sum = 0;

  if (m->frame <= frame_before || m->frame >= t->n_frames)
    return "is of no frame of the clip";
  if (!m->mask.counts)
    return NULL; /* an empty one */
  if (m->mask.width != t->width || m->mask.height != t->height)
    return "is of another size than the clip";
  for (int i = 0; i < m->mask.n; i++) {
    if (i && !m->mask.counts[i])
      return "has an empty run";
    sum += m->mask.counts[i];
  }
  return sum == (int64_t) t->width * t->height ? NULL : "has runs that do not fill it";
}

static int
by_text (const void *a, const void *b)
{
  return strcmp (a, b);
}

/* Two clips of one name on disk would lie over each other. */
static bool
check_names (EmTracks *const *clips, int n_clips, EmError *err)
{
  char (*names)[EM_EXPORT_NAME] = calloc ((size_t) n_clips + 1, sizeof *names);
  const char *twice = NULL;

  EM_BUG_UNLESS (names);
  for (int i = 0; i < n_clips; i++)
    em_export_safe (clips[i]->name, names[i]);
  qsort (names, (size_t) n_clips, sizeof *names, by_text);
  for (int i = 1; i < n_clips; i++)
    twice = strcmp (names[i], names[i - 1]) == 0 ? names[i] : twice;
  if (twice)
    em_fail (err, EM_E_INPUT, "two clips would both be called %s; rename one", twice);
  free (names);
  return !twice;
}

/* Nothing is written of clips that are not sound. */
static bool
check_clip (const EmTracks *t, EmError *err)
{
  for (int j = 0; j < t->n_objects; j++)
    for (int k = 0, before = -1; k < t->objects[j].n_masks; k++) {
      const EmTrackMask *m = &t->objects[j].masks[k];
      const char *flaw = flaw_of (t, m, before);

      if (flaw)
        return em_fail (err, EM_E_INPUT, "%s, object %s, frame %d: the mask %s", t->name,
                        t->objects[j].name, m->frame, flaw);
      before = m->frame;
    }
  return true;
}

static bool
check_clips (EmTracks *const *clips, int n_clips, EmError *err)
{
  for (int i = 0; i < n_clips; i++)
    if (!check_clip (clips[i], err))
      return false;
  return check_names (clips, n_clips, err);
}

static bool
write_manifest (EmExport *x, EmError *err)
{
  static const char *const sets[] = { "grid", "annotated", "all" };
  json_t *clips = json_array (), *manifest;
  bool ok;

  for (int i = 0; i < x->n_clips; i++)
    json_array_append_new (clips, json_pack ("{s:s, s:i, s:i, s:i, s:I}", "name", x->clips[i]->name,
                                             "width", x->clips[i]->width, "height",
                                             x->clips[i]->height, "frames", x->clips[i]->n_frames,
                                             "duration_ns", (json_int_t) x->clips[i]->duration_ns));
  manifest = json_pack ("{s:s, s:i, s:s, s:s, s:s?, s:s, s:s, s:f, s:i, s:I, s:o, s:O, s:O, s:O}",
                        "schema", "earmark-export", "version", 1, "format", x->format->name, "tool",
                        x->options->tool, "model", x->options->model_digest, "split",
                        x->options->split, "frame_set", sets[x->options->frames], "sounding_share",
                        x->options->sounding_share, "masks", x->report.n_masks, "overlap_pixels",
                        (json_int_t) x->report.overlap_pixels, "clips", clips, "files", x->files,
                        "skipped", x->skipped, "notes", x->notes);
  EM_BUG_UNLESS (manifest);
  ok = em_export_path (x, err, "manifest.json") && em_json_write_file (x->path, manifest, err);
  json_decref (manifest);
  return ok;
}

bool
em_export (const EmFormat *format, EmTracks *const *clips, int n_clips,
           const EmExportOptions *options, const EmExportMedia *media, const char *folder,
           EmExportReport *report, EmError *err)
{
  EmExportOptions chosen = *options;
  EmExport x = {
    .format = format, .options = &chosen, .media = media, .clips = clips, .n_clips = n_clips
  };
  size_t length = strlen (folder);
  bool ok;

  while (length > 1 && folder[length - 1] == '/')
    length--;
  EM_BUG_UNLESS (!options->with_frames || media->save_picture);
  EM_BUG_UNLESS (!options->with_audio || media->save_sound);
  if (format->only_frames)
    chosen.frames = format->frames;
  if (!check_target (folder, err) || !check_clips (clips, n_clips, err))
    return false;
  if (asprintf (&x.root, "%.*s.part-%ld", (int) length, folder, (long) getpid ()) < 0)
    return em_fail (err, EM_E_DEVICE, "out of memory");
  if (mkdir (x.root, 0777) != 0) {
    em_fail (err, EM_E_INPUT, "cannot make the folder %.*s: %s", (int) length, folder,
             strerror (errno));
    free (x.root);
    return false;
  }
  x.files = json_array ();
  x.skipped = json_array ();
  x.notes = json_object ();
  x.report.n_clips = n_clips;

  ok = format->write (&x, err) && write_manifest (&x, err);
  if (ok) {
    rmdir (folder); /* empty, or not there */
    if (rename (x.root, folder) != 0)
      ok = em_fail (err, EM_E_INPUT, "cannot rename the finished export to %s: %s", folder,
                    strerror (errno));
  }
  if (!ok)
    nftw (x.root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
  if (ok && report)
    *report = x.report;
  json_decref (x.files);
  json_decref (x.skipped);
  json_decref (x.notes);
  free (x.path);
  free (x.root);
  return ok;
}
