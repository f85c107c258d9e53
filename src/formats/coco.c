/* coco.c - COCO instances with compressed runs, a row per object and frame.
 *
 * Every frame of the set is an image, also one without annotation (unlabelled and absent differ:
 * the image's "unlabelled" says which). Ids count from 1 because the evaluator takes 0 for "no
 * match"; video_id, frame_index, pts_ns, track_id and state are our additions, which readers
 * ignore. Sounding intervals have no place in COCO and go to intervals.json beside it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "formats/export.h"

typedef struct {
  json_t *images, *annotations, *categories, *videos, *intervals;
  json_int_t image_id, annotation_id;
} Coco;

/* The id of a class, entered when it is met first. An object without one is an "object". */
static json_int_t
category_of (Coco *c, const char *name)
{
  json_t *row;
  size_t i;

  name = *name ? name : "object";
  json_array_foreach (c->categories, i,
                      row) if (strcmp (json_string_value (json_object_get (row, "name")), name)
                               == 0) return (json_int_t) i
      + 1;
  json_array_append_new (c->categories, json_pack ("{s:I, s:s, s:s}", "id",
                                                   (json_int_t) json_array_size (c->categories) + 1,
                                                   "name", name, "supercategory", ""));
  return (json_int_t) json_array_size (c->categories);
}

static void
add_annotation (Coco *c, const EmTracks *t, int video, const EmTrackObject *o, const EmTrackMask *m,
                json_int_t image)
{
  char *runs = em_rle_to_string (&m->mask);
  EmBox box = em_rle_box (&m->mask);

  json_array_append_new (
      c->annotations,
      json_pack ("{s:I, s:I, s:I, s:i, s:I, s:[i,i,i,i], s:{s:[i,i], s:s}, s:i, s:i, s:I, s:s}",
                 "id", ++c->annotation_id, "image_id", image, "category_id",
                 category_of (c, o->class_name), "iscrowd", 0, "area",
                 (json_int_t) em_rle_area (&m->mask), "bbox", box.x, box.y, box.width, box.height,
                 "segmentation", "size", t->height, t->width, "counts", runs, "video_id", video,
                 "frame_index", m->frame, "track_id", (json_int_t) o->id, "state",
                 em_state_name (m->state)));
  free (runs);
}

static bool
add_clip (EmExport *x, Coco *c, int clip, EmError *err)
{
  const EmTracks *t = x->clips[clip];
  int n, *frames = em_export_frames (x, t, &n);
  char name[EM_EXPORT_NAME], path[EM_EXPORT_NAME + 40];
  bool ok = true;

  em_export_safe (t->name, name);
  json_array_append_new (c->videos,
                         json_pack ("{s:i, s:s, s:i, s:i, s:i, s:I}", "id", clip + 1, "name",
                                    t->name, "width", t->width, "height", t->height, "length",
                                    t->n_frames, "duration_ns", (json_int_t) t->duration_ns));
  for (int i = 0; i < n && ok; i++) {
    bool labelled = false;

    c->image_id++;
    for (int j = 0; j < t->n_objects; j++) {
      const EmTrackMask *m = em_track_object_at (&t->objects[j], frames[i]);

      labelled = labelled || m;
      if (m && m->mask.counts && em_rle_area (&m->mask)) {
        add_annotation (c, t, clip + 1, &t->objects[j], m, c->image_id);
        x->report.n_masks++;
      }
    }
    snprintf (path, sizeof path, "images/%s/%05d.jpg", name, frames[i]);
    json_array_append_new (
        c->images, json_pack ("{s:I, s:s, s:i, s:i, s:i, s:i, s:I, s:b}", "id", c->image_id,
                              "file_name", path + strlen ("images/"), "width", t->width, "height",
                              t->height, "video_id", clip + 1, "frame_index", frames[i], "pts_ns",
                              (json_int_t) t->pts_ns[frames[i]], "unlabelled", !labelled));
    if (x->options->with_frames)
      ok = em_export_picture (x, clip, frames[i], path, err);
  }
  free (frames);
  for (int i = 0; i < t->n_intervals; i++)
    json_array_append_new (c->intervals,
                           json_pack ("{s:i, s:I, s:I, s:I}", "video_id", clip + 1, "track_id",
                                      (json_int_t) t->intervals[i].object, "start_ns",
                                      (json_int_t) t->intervals[i].start_ns, "end_ns",
                                      (json_int_t) t->intervals[i].end_ns));
  if (ok && x->options->with_audio)
    ok = em_export_path (x, err, "audio/%s.wav", name)
         && x->media->save_sound (x->media->self, clip, 0, t->duration_ns, x->path, err)
         && em_export_wrote (x, clip, -1, err);
  return ok;
}

static bool
write_coco (EmExport *x, EmError *err)
{
  Coco c = { json_array (), json_array (), json_array (), json_array (), json_array (), 0, 0 };
  json_t *document, *intervals;
  bool ok = true;

  for (int i = 0; i < x->n_clips && ok; i++)
    ok = add_clip (x, &c, i, err) && em_export_done (x, i + 1, err);
  document = json_pack ("{s:{s:s}, s:[], s:o, s:o, s:o, s:o}", "info", "description",
                        x->options->tool, "licenses", "videos", c.videos, "images", c.images,
                        "annotations", c.annotations, "categories", c.categories);
  intervals = json_pack ("{s:o}", "intervals", c.intervals);
  EM_BUG_UNLESS (document && intervals);
  ok = ok && em_export_json (x, document, "annotations.json", err)
       && em_export_json (x, intervals, "intervals.json", err);
  json_decref (document);
  json_decref (intervals);
  return ok;
}

/* ---- reading ---- */

typedef struct {
  json_int_t video;
  EmTracks *tracks;
} Video;

typedef struct {
  const json_t *images, *annotations, *categories;
  Video *videos;
  int n_videos;
} Reader;

static Video *
video_of (Reader *r, json_int_t id)
{
  for (int i = 0; i < r->n_videos; i++)
    if (r->videos[i].video == id)
      return &r->videos[i];
  return NULL;
}

static const char *
name_in (const json_t *rows, json_int_t id)
{
  const json_t *row;
  size_t i;

  json_array_foreach (
      rows, i, row) if (json_integer_value (json_object_get (row, "id")) == id
                        && json_is_string (json_object_get (
                            row, "name"))) return json_string_value (json_object_get (row, "name"));
  return "";
}

/* An image outside any video is a clip of one frame; frames of a video are found by frame_index. */
static bool
place_of (const json_t *image, size_t i, json_int_t *video, long long *frame, EmError *err)
{
  long long v = -1 - (long long) i;

  *frame = 0;
  if (json_object_get (image, "video_id")
      && (!em_json_int (image, "video_id", 0, INT64_MAX, &v, EM_E_INPUT, err)
          || !em_json_int (image, "frame_index", 0, 10000000, frame, EM_E_INPUT, err)))
    return false;
  *video = v;
  return true;
}

/* First pass: how long each video is and how large. */
static bool
gather_videos (Reader *r, const json_t *root, EmError *err)
{
  size_t n_images = json_array_size (r->images), i;
  const json_t *image;
  long long frame, w, h;
  json_int_t id;

  r->videos = calloc (n_images + 1, sizeof *r->videos);
  EM_BUG_UNLESS (r->videos);
  json_array_foreach (r->images, i, image)
  {
    long long length = 0;
    const json_t *video, *rows = json_object_get (root, "videos");
    size_t k;

    if (!place_of (image, i, &id, &frame, err)
        || !em_json_int (image, "width", 1, 32768, &w, EM_E_INPUT, err)
        || !em_json_int (image, "height", 1, 32768, &h, EM_E_INPUT, err))
      return false;
    if (video_of (r, id))
      continue;
    json_array_foreach (rows, k,
                        video) if (json_integer_value (json_object_get (video, "id")) == id) length
        = json_integer_value (json_object_get (video, "length"));
    for (size_t j = i; j < n_images; j++) {
      json_int_t other;
      long long f;

      if (!place_of (json_array_get (r->images, j), j, &other, &f, err))
        return false;
      length = other == id && f >= length ? f + 1 : length;
    }
    if (length < 1 || length > 10000000)
      return em_fail (err, EM_E_INPUT, "a video of %lld frames is impossible", length);
    int64_t *pts = calloc ((size_t) length, sizeof *pts);
    EM_BUG_UNLESS (pts);
    for (long long f = 0; f < length; f++)
      pts[f] = f * (1000000000 / 24);
    for (size_t j = i; j < n_images; j++) {
      const json_t *other = json_array_get (r->images, j), *t = json_object_get (other, "pts_ns");
      json_int_t v;
      long long f;

      if (place_of (other, j, &v, &f, err) && v == id && json_is_integer (t))
        pts[f] = json_integer_value (t);
    }
    r->videos[r->n_videos++]
        = (Video){ id, em_tracks_new (id < 0 ? "image" : name_in (rows, id), (int) w, (int) h,
                                      (int) length, pts, length * (1000000000 / 24)) };
    free (pts);
  }
  return true;
}

static bool
take_annotation (Reader *r, const json_t *row, size_t place, EmError *err)
{
  const json_t *image = NULL, *segmentation = json_object_get (row, "segmentation"), *candidate;
  long long image_id, category = 0, track, frame;
  const char *runs, *state;
  json_int_t video;
  EmTrackObject *o;
  size_t i, at = 0;
  EmTracks *t;
  EmState s;
  EmRle mask;

  if (!em_json_int (row, "image_id", INT64_MIN, INT64_MAX, &image_id, EM_E_INPUT, err))
    return false;
  json_array_foreach (r->images, i,
                      candidate) if (json_integer_value (json_object_get (candidate, "id"))
                                     == image_id)
  {
    image = candidate;
    at = i;
  }
  if (!image)
    return em_fail (err, EM_E_INPUT, "annotation %zu is of image %lld, which is not there", place,
                    image_id);
  if (!place_of (image, at, &video, &frame, err))
    return false;
  t = video_of (r, video)->tracks;
  if (!json_is_object (segmentation) || !json_is_string (json_object_get (segmentation, "counts")))
    return em_fail (err, EM_E_INPUT, "annotation %zu has no compressed runs", place);
  runs = json_string_value (json_object_get (segmentation, "counts"));
  if (!em_rle_from_string (&mask, runs, strlen (runs), t->width, t->height, err))
    return false;
  track = json_is_integer (json_object_get (row, "track_id"))
              ? json_integer_value (json_object_get (row, "track_id"))
              : (long long) place + 1;
  category = json_integer_value (json_object_get (row, "category_id"));
  o = em_tracks_object (t, track);
  if (!o) {
    char name[40];

    snprintf (name, sizeof name, "Object %lld", track);
    o = em_tracks_add_object (t, track, name, name_in (r->categories, category), category,
                              0x808080);
  }
  state = json_string_value (json_object_get (row, "state"));
  if (!state || !em_state_from_name (state, &s))
    s = EM_STATE_IMPORTED;
  em_track_object_set (o, (int) frame, s, mask);
  return true;
}

static bool
read_coco (const char *path, EmTracks ***clips, int *n, EmError *err)
{
  EmError local = EM_ERROR_INIT;
  Reader r = { 0 };
  char file[4096];
  json_t *root, *row;
  size_t i;

  *clips = NULL;
  *n = 0;
  snprintf (file, sizeof file, "%s%s", path,
            strlen (path) > 5 && strcmp (path + strlen (path) - 5, ".json") == 0
                ? ""
                : "/annotations.json");
  if (!(root = em_json_read_file (file, EM_E_INPUT, err)))
    return false;
  r.images = json_object_get (root, "images");
  r.annotations = json_object_get (root, "annotations");
  r.categories = json_object_get (root, "categories");
  if (!json_is_array (r.images) || !json_is_array (r.annotations))
    em_fail (&local, EM_E_INPUT, "%s has no lists \"images\" and \"annotations\"", file);
  else if (gather_videos (&r, root, &local)) {
    json_array_foreach (r.annotations, i, row) if (!take_annotation (&r, row, i, &local)) break;
  }
  json_decref (root);
  *clips = calloc ((size_t) r.n_videos + 1, sizeof **clips);
  EM_BUG_UNLESS (*clips);
  for (int k = 0; k < r.n_videos; k++)
    if (local.code == EM_OK)
      (*clips)[(*n)++] = r.videos[k].tracks;
    else
      em_tracks_free (r.videos[k].tracks);
  free (r.videos);
  if (local.code == EM_OK)
    return true;
  free (*clips);
  *clips = NULL;
  return em_fail (err, local.code, "%s", local.text);
}

const EmFormat em_format_coco_rle
    = { .name = "coco-rle",
        .title = "COCO, run lengths",
        .keeps = "every mask of every object, overlap, classes, times; intervals in a side file",
        .loses = "prompts",
        .frames = EM_FRAMES_ANNOTATED,
        .write = write_coco,
        .read = read_coco };
