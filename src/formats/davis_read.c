/* davis_read.c - DAVIS 2017 label pictures read back. */
#include "formats/davis_read.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/png.h"
#include "formats/folder.h"

#define STEP_NS     (1000000000 / 24) /* the set gives no times; its videos run at 24 a second */
#define MOST_FRAMES 1000000

/* "00017.png" -> 17; -1 for another name. */
static int
frame_of (const char *file)
{
  char *end;
  long frame = strtol (file, &end, 10);

  return isdigit ((unsigned char) *file) && strcmp (end, ".png") == 0 && frame < MOST_FRAMES
             ? (int) frame
             : -1;
}

/* Indices other than 0 and 255 become objects. One that a frame does not show has no mask there:
 * the format cannot tell absent from unlabelled. */
static bool
take_frame (EmTracks *t, int frame, const EmPng *png, const char *path, EmError *err)
{
  size_t size = (size_t) png->width * (size_t) png->height;
  bool there[256] = { false };
  uint8_t *one;

  if (png->width != t->width || png->height != t->height || png->kind == EM_PNG_RGB)
    return em_fail (err, EM_E_INPUT, "%s is not a label picture of %d x %d pixels", path, t->width,
                    t->height);
  one = malloc (size);
  EM_BUG_UNLESS (one);
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
new_clip (const char *name, int n_frames, const EmPng *png)
{
  int64_t *pts = calloc ((size_t) n_frames, sizeof *pts);
  EmTracks *t;

  EM_BUG_UNLESS (pts);
  for (int f = 0; f < n_frames; f++)
    pts[f] = (int64_t) f * STEP_NS;
  t = em_tracks_new (name, png->width, png->height, n_frames, pts, (int64_t) n_frames * STEP_NS);
  free (pts);
  return t;
}

static EmTracks *
read_clip (const char *folder, const char *name, EmError *err)
{
  EmTracks *t = NULL;
  EmNames names;
  int n_frames = 0;
  bool good = em_names_in (folder, ".png", &names, err);

  for (int i = 0; i < names.n; i++)
    if (frame_of (names.items[i]) >= n_frames)
      n_frames = frame_of (names.items[i]) + 1;
  for (int i = 0; i < names.n && good; i++) {
    char *path = em_path (folder, "%s", names.items[i]);
    int frame = frame_of (names.items[i]);
    EmPng png;

    if (frame >= 0 && (good = em_png_read (path, &png, err))) {
      t = t ? t : new_clip (name, n_frames, &png);
      good = take_frame (t, frame, &png, path, err);
      free (png.pixels);
    }
    free (path);
  }
  em_names_clear (&names);
  if (good && !t)
    em_fail (err, EM_E_INPUT, "%s holds no label pictures", folder);
  if (good)
    return t;
  em_tracks_free (t);
  return NULL;
}

bool
em_davis_read (const char *path, EmTracks ***out, int *n, EmError *err)
{
  char *root = em_path (path, "Annotations/Full-Resolution");
  EmClips clips = { 0 };
  EmNames names;
  bool good;

  if (!em_is_folder (root)) {
    free (root);
    root = em_path (path, "Annotations/480p");
  }
  good = em_names_in (root, "", &names, err);
  for (int i = 0; i < names.n && good; i++) {
    char *folder = em_path (root, "%s", names.items[i]);

    if (em_is_folder (folder)) {
      EmTracks *t = read_clip (folder, names.items[i], err);

      good = t != NULL;
      if (t)
        em_clips_add (&clips, t);
    }
    free (folder);
  }
  if (good && !clips.n)
    good = em_fail (err, EM_E_INPUT, "%s holds no folder of label pictures", root);
  em_names_clear (&names);
  free (root);
  return em_clips_hand_out (&clips, good, out, n);
}
