/* Exports of small invented clips: file lists and bytes as the formats demand, readers on them, and
 * targets that cannot be written. */
#include "formats/format.h"
#include <errno.h>
#include <ftw.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/json.h"
#include "base/png.h"
#include "check.h"

static const int64_t second = 1000000000;
static char folder[] = "/tmp/earmark-formats-XXXXXX";

static int
remove_entry (const char *path, const struct stat *info, int kind, struct FTW *where)
{
  return remove (path);
}

/* Stands in for the media layer: a file that says which picture it would be. */
static bool
save_picture (void *self, int clip, int frame, const char *path, EmError *err)
{
  FILE *f = fopen (path, "wb");

  if (!f)
    return em_fail (err, EM_E_INPUT, "cannot write %s", path);
  fprintf (f, "clip %d frame %d\n", clip, frame);
  return fclose (f) == 0;
}

static bool
save_sound (void *self, int clip, int64_t start, int64_t end, const char *path, EmError *err)
{
  return save_picture (self, (int) (start / second), (int) (end / second), path, err);
}

static const EmExportMedia media = { NULL, save_picture, save_sound, NULL };

/* 6 x 4 pixels, 10 frames a second. "Violin" (id 7) sounds from 0.4 s to 1.6 s and is visible in
 * every frame; "Drum" (id 9) is never said to sound; "Bird" (id 11) has no intervals at all. */
static EmTracks *
a_clip (const char *name, double seconds)
{
  const uint8_t m[24] = { 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0 };
  const uint8_t d[24] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1 };
  int n = (int) (seconds * 10);
  int64_t *pts = calloc ((size_t) n, sizeof *pts);
  EmTrackObject *o;
  EmTracks *t;

  for (int f = 0; f < n; f++)
    pts[f] = f * second / 10;
  t = em_tracks_new (name, 6, 4, n, pts, n * second / 10);
  o = em_tracks_add_object (t, 7, "Violin", "guitar", 3, 0xE69F00);
  for (int f = 0; f < n; f++)
    em_track_object_set (o, f, f ? EM_STATE_PROPAGATED : EM_STATE_KEYFRAME,
                         em_rle_encode (m, 6, 4));
  o = em_tracks_add_object (t, 9, "Drum", "guitar", 3, 0x56B4E9);
  em_track_object_set (o, 5, EM_STATE_APPROVED, em_rle_encode (d, 6, 4));
  em_track_object_set (o, 6, EM_STATE_ABSENT, em_rle_new (6, 4));
  em_tracks_add_interval (t, 7, 4 * second / 10, 16 * second / 10);
  em_tracks_add_interval (t, 9, 100 * second, 101 * second);
  free (pts);
  return t;
}

static char *in (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

static char *
in (const char *format, ...)
{
  static char path[1024];
  size_t n = (size_t) snprintf (path, sizeof path, "%s/", folder);
  va_list args;

  va_start (args, format);
  vsnprintf (path + n, sizeof path - n, format, args);
  va_end (args);
  return path;
}

static bool
there (const char *path)
{
  return access (path, R_OK) == 0;
}

static int
pixels_set (const char *path, int value)
{
  EmError err = EM_ERROR_INIT;
  EmPng png;
  int n = 0;

  if (!em_png_read (path, &png, &err))
    return -1;
  for (int i = 0; i < png.width * png.height; i++)
    n += png.pixels[i] == value;
  free (png.pixels);
  return n;
}

static void
multiple_sources (void)
{
  EmTracks *clips[] = { a_clip ("short", 5), a_clip ("long", 12) };
  EmExportOptions options = em_export_defaults ();
  EmExportReport report = { 0 };
  EmError err = EM_ERROR_INIT;
  const char *masks = "ms3/Multi-sources/ms3_data/gt_masks/val";
  json_t *manifest;

  options.split = "val";
  options.with_frames = options.with_audio = true;
  CHECK (em_export (em_format_find ("avsbench-ms3"), clips, 2, &options, &media, in ("ms3"),
                    &report, &err));
  CHECK_TEXT (err.text, "");
  /* Three windows of five masks; the last two seconds of "long" are shorter than a window. */
  CHECK_INT (report.n_masks, 15);
  CHECK_INT (report.n_skipped, 1);
  /* 0.4 to 1.6: 0.6 of both seconds, none of the third. A silent second is black, not missing. */
  CHECK_INT (pixels_set (in ("%s/short/short_1.png", masks), 255), 6);
  CHECK_INT (pixels_set (in ("%s/short/short_2.png", masks), 255), 6);
  CHECK_INT (pixels_set (in ("%s/short/short_3.png", masks), 255), 0);
  CHECK_INT (pixels_set (in ("%s/short/short_5.png", masks), 0), 24);
  CHECK (there (in ("%s/long_0_5000/long_0_5000_5.png", masks)));
  CHECK (there (in ("%s/long_5000_10000/long_5000_10000_1.png", masks)));
  CHECK (!there (in ("%s/long_10000_15000/long_10000_15000_1.png", masks)));
  CHECK (there (in ("ms3/Multi-sources/ms3_data/visual_frames/short/short.mp4_1.png")));
  CHECK (there (in ("ms3/Multi-sources/ms3_data/audio_wav/val/short.wav")));
  manifest = em_json_read_file (in ("ms3/manifest.json"), EM_E_INPUT, &err);
  CHECK (manifest && json_array_size (json_object_get (manifest, "files")) == 15 + 15 + 3 + 1);
  CHECK_TEXT (json_string_value (json_object_get (
                  json_array_get (json_object_get (manifest, "skipped"), 0), "clip")),
              "long");
  json_decref (manifest);
  em_tracks_free (clips[0]);
  em_tracks_free (clips[1]);
}

static void
single_source (void)
{
  EmTracks *t = a_clip ("a/b clip", 5);
  EmExportOptions options = em_export_defaults ();
  EmError err = EM_ERROR_INIT;
  EmExportReport report;

  CHECK (em_export (em_format_find ("avsbench-s4"), &t, 1, &options, &media, in ("s4"), &report,
                    &err));
  CHECK_TEXT (err.text, "");
  CHECK_INT (report.n_masks, 1); /* training has the first only */
  CHECK_INT (
      pixels_set (in ("s4/Single-source/s4_data/gt_masks/train/guitar/a_b clip/a_b clip_1.png"),
                  255),
      6);
  /* A second sounding class cannot be held; nothing may be left behind. */
  em_track_object_set (em_tracks_add_object (t, 12, "Dog", "../dog", 5, 0), 5, EM_STATE_KEYFRAME,
                       em_rle_new (6, 4));
  CHECK (!em_export (em_format_find ("avsbench-s4"), &t, 1, &options, &media, in ("s4b"), &report,
                     &err));
  CHECK_INT (err.code, EM_E_INPUT);
  CHECK (strstr (err.text, "guitar") && strstr (err.text, "../dog"));
  CHECK (!there (in ("s4b")));
  em_tracks_free (t);
}

static void
coco_and_back (void)
{
  EmTracks *t = a_clip ("clip01", 1.2), **back = NULL;
  EmExportOptions options = em_export_defaults ();
  EmError err = EM_ERROR_INIT;
  EmExportReport report;
  json_t *root, *row;
  int n = 0;

  options.frames = EM_FRAMES_ALL;
  options.with_frames = true;
  CHECK (
      em_export (em_format_find ("coco-rle"), &t, 1, &options, &media, in ("coco"), &report, &err));
  CHECK_TEXT (err.text, "");
  CHECK_INT (report.n_masks, 13); /* twelve violins, a drum; its absence is no annotation */
  root = em_json_read_file (in ("coco/annotations.json"), EM_E_INPUT, &err);
  row = json_array_get (json_object_get (root, "annotations"), 0);
  CHECK_TEXT (json_string_value (json_object_get (json_object_get (row, "segmentation"), "counts")),
              "5220007");
  CHECK_INT (json_integer_value (json_object_get (row, "area")), 6);
  CHECK_INT (json_integer_value (json_array_get (json_object_get (row, "bbox"), 2)), 3);
  CHECK_INT (json_integer_value (json_object_get (row, "id")), 1);
  json_decref (root);

  CHECK (em_format_find ("coco-rle")->read (in ("coco"), &back, &n, &err));
  CHECK_TEXT (err.text, "");
  CHECK_INT (n, 1);
  if (n == 1) {
    CHECK_TEXT (back[0]->name, "clip01");
    CHECK_INT (back[0]->n_frames, 12);
    CHECK_INT (back[0]->pts_ns[7], t->pts_ns[7]);
    for (int f = 0; f < 12; f++)
      CHECK (em_rle_equal (&em_track_object_at (em_tracks_object (back[0], 7), f)->mask,
                           &em_track_object_at (em_tracks_object (t, 7), f)->mask));
    CHECK_TEXT (em_tracks_object (back[0], 9)->class_name, "guitar");
    CHECK_INT (em_track_object_at (em_tracks_object (back[0], 9), 5)->state, EM_STATE_APPROVED);
    CHECK (!em_track_object_at (em_tracks_object (back[0], 9), 6));
    em_tracks_free (back[0]);
  }
  free (back);
  em_tracks_free (t);
}

static void
davis_and_back (void)
{
  EmTracks *t = a_clip ("clip01", 1.2), **back = NULL;
  EmExportOptions options = em_export_defaults ();
  EmError err = EM_ERROR_INIT;
  EmExportReport report;
  int n = 0;

  em_rle_clear (&t->objects[0].masks[3].mask); /* frame 3 is nobody's */
  memmove (t->objects[0].masks + 3, t->objects[0].masks + 4, 8 * sizeof *t->objects[0].masks);
  t->objects[0].n_masks--;
  options.frames = EM_FRAMES_ALL;
  CHECK (
      em_export (em_format_find ("davis"), &t, 1, &options, &media, in ("davis"), &report, &err));
  CHECK_TEXT (err.text, "");
  CHECK_INT (pixels_set (in ("davis/Annotations/Full-Resolution/clip01/00005.png"), 1), 6);
  /* The drum lies below the violin where they meet: two pixels were decided. */
  CHECK_INT (pixels_set (in ("davis/Annotations/Full-Resolution/clip01/00005.png"), 2), 3);
  CHECK_INT (report.overlap_pixels, 2);
  CHECK_INT (pixels_set (in ("davis/Annotations/Full-Resolution/clip01/00003.png"), 255), 24);
  CHECK (there (in ("davis/ImageSets/2017/train.txt")));
  CHECK (em_format_find ("davis")->read (in ("davis"), &back, &n, &err));
  CHECK_TEXT (err.text, "");
  CHECK_INT (n, 1);
  if (n == 1) {
    CHECK_INT (back[0]->n_frames, 12);
    CHECK_INT (back[0]->n_objects, 2);
    CHECK (!em_track_object_at (em_tracks_object (back[0], 1), 3));
    CHECK (em_rle_equal (&em_track_object_at (em_tracks_object (back[0], 1), 5)->mask,
                         &em_track_object_at (em_tracks_object (t, 7), 5)->mask));
    em_tracks_free (back[0]);
  }
  free (back);
  em_tracks_free (t);
}

static void
a_picture_each (void)
{
  EmTracks *t = a_clip ("clip01", 1.2);
  EmExportOptions options = em_export_defaults ();
  EmError err = EM_ERROR_INIT;
  EmExportReport report;

  options.frames = EM_FRAMES_ANNOTATED;
  CHECK (em_export (em_format_find ("png"), &t, 1, &options, &media, in ("png"), &report, &err));
  CHECK_INT (report.n_masks, 14);
  CHECK_INT (pixels_set (in ("png/clip01/007/00011.png"), 255), 6);
  CHECK_INT (pixels_set (in ("png/clip01/009/00006.png"), 0), 24); /* absent: black */
  CHECK (!there (in ("png/clip01/009/00007.png")));                /* not labelled: no file */
  CHECK (there (in ("png/clip01/sounding.csv")));
  em_tracks_free (t);
}

static bool
stop (void *self, int done, int total)
{
  return false;
}

static void
nothing_half_written (void)
{
  EmTracks *t = a_clip ("clip01", 1.2);
  EmExportOptions options = em_export_defaults ();
  EmExportMedia impatient = { NULL, save_picture, save_sound, stop };
  const EmFormat *coco = em_format_find ("coco-rle");
  EmError err = EM_ERROR_INIT;

  CHECK (!em_export (coco, &t, 1, &options, &media, "/proc/nowhere/out", NULL, &err));
  CHECK_INT (err.code, EM_E_INPUT);
  err = (EmError) EM_ERROR_INIT;
  CHECK (!em_export (coco, &t, 1, &options, &media, folder, NULL, &err)); /* not empty */
  CHECK_INT (err.code, EM_E_INPUT);
  err = (EmError) EM_ERROR_INIT;
  CHECK (!em_export (coco, &t, 1, &options, &impatient, in ("stopped"), NULL, &err));
  CHECK_INT (err.code, EM_E_CANCELLED);
  CHECK (!there (in ("stopped")) && !there (in ("stopped.part-%ld", (long) getpid ())));
  em_tracks_free (t);
}

static void
strange_files (void)
{
  static const char *const bad[] = {
    "",
    "{}",
    "{\"images\": 3, \"annotations\": []}",
    "{\"images\": [{\"id\": 1, \"width\": 6, \"height\": 4}], \"annotations\": [{\"image_id\": "
    "2}]}",
    "{\"images\": [{\"id\": 1, \"width\": 6, \"height\": 4}], \"annotations\": [{\"image_id\": "
    "1, \"segmentation\": {\"counts\": \"~~\"}}]}",
    "{\"images\": [{\"id\": 1, \"width\": -6, \"height\": 4}], \"annotations\": []}",
    "{\"images\": [{\"id\": 1, \"width\": 6, \"height\": 4, \"video_id\": 1, \"frame_index\": "
    "-2}], \"annotations\": []}",
    "{\"images\": [{\"id\": 1, \"width\": 6, \"height\": 4}], \"annotations\": [{\"image_id\": "
    "1, \"segmentation\": [[1,1,4,1,4,3,1,3]]}]}"
  };

  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    EmError err = EM_ERROR_INIT;
    EmTracks **clips = NULL;
    FILE *f = fopen (in ("bad.json"), "wb");
    int n = 0;

    fputs (bad[i], f);
    fclose (f);
    CHECK (!em_format_find ("coco-rle")->read (in ("bad.json"), &clips, &n, &err));
    CHECK_INT (err.code, EM_E_INPUT);
    CHECK (!clips && n == 0);
  }
}

static void
clean_up (void)
{
  CHECK_INT (nftw (folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void
begin (void)
{
  CHECK (mkdtemp (folder) != NULL);
}

CHECK_MAIN (begin, multiple_sources, single_source, coco_and_back, davis_and_back, a_picture_each,
            nothing_half_written, strange_files, clean_up)
