/* export.c - files, their manifest entries, and the questions every format asks of a clip. */
#include "formats/export.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/png.h"
#include "base/sha256.h"

const char *
em_export_path (EmExport *x, EmError *err, const char *relative, ...)
{
  char *name = NULL;
  va_list args;
  int n;

  va_start (args, relative);
  n = vasprintf (&name, relative, args);
  va_end (args);
  free (x->path);
  x->path = NULL;
  if (n < 0 || asprintf (&x->path, "%s/%s", x->root, name) < 0)
    x->path = NULL;
  free (name);
  EM_BUG_UNLESS (x->path);
  for (char *slash = x->path + strlen (x->root) + 1; (slash = strchr (slash, '/')); slash++) {
    *slash = '\0';
    n = mkdir (x->path, 0777);
    *slash = '/';
    if (n != 0 && errno != EEXIST) {
      em_fail (err, EM_E_INPUT, "cannot make the folder of %s: %s", x->path, strerror (errno));
      return NULL;
    }
  }
  return x->path;
}

static bool
digest_of (const char *path, char hex[EM_SHA256_HEX], EmError *err)
{
  FILE *file = fopen (path, "rb");
  uint8_t block[65536];
  EmSha256 s;
  bool ok;

  if (!file)
    return em_fail (err, EM_E_INPUT, "cannot read back %s: %s", path, strerror (errno));
  em_sha256_init (&s);
  for (size_t n; (n = fread (block, 1, sizeof block, file)) > 0;)
    em_sha256_update (&s, block, n);
  ok = !ferror (file);
  fclose (file);
  em_sha256_finish (&s, hex);
  return ok || em_fail (err, EM_E_INPUT, "cannot read back %s", path);
}

bool
em_export_wrote (EmExport *x, int clip, int frame, EmError *err)
{
  char hex[EM_SHA256_HEX];
  json_t *entry;

  if (!digest_of (x->path, hex, err))
    return false;
  entry = json_pack ("{s:s, s:s}", "path", x->path + strlen (x->root) + 1, "sha256", hex);
  if (clip >= 0)
    json_object_set_new (entry, "clip", json_string (x->clips[clip]->name));
  if (frame >= 0) {
    json_object_set_new (entry, "frame", json_integer (frame));
    json_object_set_new (entry, "pts_ns", json_integer (x->clips[clip]->pts_ns[frame]));
  }
  json_array_append_new (x->files, entry);
  x->report.n_files++;
  return true;
}

bool
em_export_labels (EmExport *x, int clip, int frame, bool palette, const uint8_t *pixels,
                  const char *relative, EmError *err)
{
  const EmTracks *t = x->clips[clip];

  x->report.n_masks++;
  return em_export_path (x, err, "%s", relative)
         && em_png_write (x->path, palette ? EM_PNG_PALETTE : EM_PNG_GRAY, pixels, t->width,
                          t->height, err)
         && em_export_wrote (x, clip, frame, err);
}

bool
em_export_picture (EmExport *x, int clip, int frame, const char *relative, EmError *err)
{
  return em_export_path (x, err, "%s", relative)
         && x->media->save_picture (x->media->self, clip, frame, x->path, err)
         && em_export_wrote (x, clip, frame, err);
}

bool
em_export_text (EmExport *x, int clip, const char *text, const char *relative, EmError *err)
{
  FILE *file;
  bool ok;

  if (!em_export_path (x, err, "%s", relative))
    return false;
  file = fopen (x->path, "wb");
  ok = file && fputs (text, file) >= 0;
  ok = file && fclose (file) == 0 && ok;
  if (!ok)
    return em_fail (err, EM_E_INPUT, "cannot write %s: %s", x->path, strerror (errno));
  return em_export_wrote (x, clip, -1, err);
}

bool
em_export_json (EmExport *x, const json_t *value, const char *relative, EmError *err)
{
  return em_export_path (x, err, "%s", relative) && em_json_write_file (x->path, value, err)
         && em_export_wrote (x, -1, -1, err);
}

const char *
em_export_safe (const char *name, char out[EM_EXPORT_NAME])
{
  snprintf (out, EM_EXPORT_NAME, "%s", *name ? name : "_");
  for (char *c = out; *c; c++)
    if (*c == '/' || *c == '\\' || (unsigned char) *c < 32)
      *c = '_';
  if (*out == '.')
    *out = '_';
  return out;
}

void
em_export_skip (EmExport *x, int clip, const char *what, const char *reason, ...)
{
  char text[256];
  va_list args;

  va_start (args, reason);
  vsnprintf (text, sizeof text, reason, args);
  va_end (args);
  json_array_append_new (x->skipped, json_pack ("{s:s, s:s, s:s}", "clip", x->clips[clip]->name,
                                                "what", what, "reason", text));
  x->report.n_skipped++;
}

void
em_export_note (EmExport *x, const char *key, json_t *value)
{
  json_object_set_new (x->notes, key, value);
}

bool
em_export_done (EmExport *x, int n_clips, EmError *err)
{
  if (x->media->progress && !x->media->progress (x->media->self, n_clips, x->n_clips))
    return em_fail (err, EM_E_CANCELLED, "the export was cancelled; nothing was written");
  return true;
}

int *
em_export_frames (const EmExport *x, const EmTracks *clip, int *n)
{
  int *frames = calloc ((size_t) clip->n_frames + 1, sizeof *frames);

  EM_BUG_UNLESS (frames);
  *n = 0;
  if (x->options->frames == EM_FRAMES_GRID) {
    int last = -1, asked;

    asked = em_grid_frames (clip->pts_ns, clip->n_frames, clip->duration_ns, x->options->grid_phase,
                            frames, clip->n_frames + 1);
    for (int i = 0; i < asked; i++) /* a slow clip may show one frame in two seconds */
      if (frames[i] != last)
        last = frames[(*n)++] = frames[i];
    return frames;
  }
  for (int f = 0; f < clip->n_frames; f++) {
    bool wanted = x->options->frames == EM_FRAMES_ALL;

    for (int i = 0; i < clip->n_objects && !wanted; i++)
      wanted = em_track_object_at (&clip->objects[i], f) != NULL;
    if (wanted)
      frames[(*n)++] = f;
  }
  return frames;
}

bool
em_export_sounds (const EmExport *x, const EmTracks *clip, const EmTrackObject *object, int frame,
                  int64_t start_ns, int64_t end_ns)
{
  for (int i = 0; i < clip->n_intervals; i++)
    if (clip->intervals[i].object == object->id)
      return (double) em_tracks_sounding (clip, object->id, start_ns, end_ns)
             >= x->options->sounding_share * (double) (end_ns - start_ns);
  return em_track_object_at (object, frame) != NULL;
}

void
em_export_layer (EmExport *x, const EmTracks *clip, int frame, uint8_t *pixels)
{
  size_t size = (size_t) clip->width * (size_t) clip->height;
  uint8_t *one = malloc (size);

  EM_BUG_UNLESS (one && clip->n_objects <= 254);
  memset (pixels, 0, size);
  for (int i = 0; i < clip->n_objects;
       i++) { /* the first is on top: later ones fill what is left */
    const EmTrackMask *m = em_track_object_at (&clip->objects[i], frame);

    if (!m || !m->mask.counts)
      continue;
    em_rle_decode (&m->mask, one, (uint8_t) (i + 1));
    for (size_t p = 0; p < size; p++) {
      if (one[p] && pixels[p])
        x->report.overlap_pixels++;
      else if (one[p])
        pixels[p] = one[p];
    }
  }
  free (one);
}
