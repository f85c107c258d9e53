/* coco.c - COCO instances with compressed runs, a row per object and frame.
 *
 * Every frame of the set is an image, also one without annotation (unlabelled and absent differ:
 * the image's "unlabelled" says which). Ids count from 1 because the evaluator takes 0 for "no
 * match"; video_id, frame_index, pts_ns, track_id and state are our additions, which readers
 * ignore. Sounding intervals have no place in COCO and go to intervals.json beside it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "formats/coco_read.h"
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
  json_array_foreach (c->categories, i, row)
  {
    if (strcmp (json_string_value (json_object_get (row, "name")), name) == 0)
      return (json_int_t) i + 1;
  }
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

const EmFormat em_format_coco_rle
    = { .name = "coco-rle",
        .title = "COCO, run lengths",
        .keeps = "every mask of every object, overlap, classes, times; intervals in a side file",
        .loses = "prompts",
        .frames = EM_FRAMES_ANNOTATED,
        .write = write_coco,
        .read = em_coco_read };
