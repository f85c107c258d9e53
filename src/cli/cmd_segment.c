/* cmd_segment.c - earmark-cli segment: one clip without a project. */
#include <errno.h>
#include <glib/gstdio.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/json.h"
#include "base/png.h"
#include "cli/overlay.h"
#include "cli/segment.h"

#define GRID_PHASE 0.5

typedef struct {
  EmCliOptions shared;
  char *prompts, *text, *sound, *frames, *out;
  gboolean overlay;
} Options;

typedef struct {
  Options o;
  const char *path;
  EmCliModel model;
  EmCliClip clip;
  EmPromptsFile prompts;
  bool *wanted;
  EmSegments masks;
  double open_s, write_s;
} Job;

static double
seconds_since (gint64 start_us)
{
  return (double) (g_get_monotonic_time () - start_us) / 1e6;
}

static bool
sound_is_on (const Options *o)
{
  return !o->sound || strcmp (o->sound, "on") == 0;
}

/* --frames: "grid", "all" or "a:b", both ends included. */
static bool
choose_frames (Job *job, EmError *err)
{
  const EmClipSource *s = &job->clip.media->source;
  const char *text = job->o.frames ? job->o.frames : job->o.prompts ? "all" : "grid";
  int from = 0, to = s->n_frames - 1, end = 0;

  job->wanted = g_new0 (bool, s->n_frames);
  if (strcmp (text, "grid") == 0) {
    for (int k = 0; k < s->n_grid; k++)
      job->wanted[s->grid[k]] = true;
    return true;
  }
  if (strcmp (text, "all") != 0
      && (sscanf (text, "%d:%d%n", &from, &to, &end) != 2 || text[end] || from < 0 || from > to))
    return em_fail (err, EM_E_USAGE, "--frames is %s, expected grid, all or FIRST:LAST", text);
  if (to >= s->n_frames)
    return em_fail (err, EM_E_USAGE, "--frames %s: the clip has %d frames, 0 to %d", text,
                    s->n_frames, s->n_frames - 1);
  for (int f = from; f <= to; f++)
    job->wanted[f] = true;
  return true;
}

static int
n_wanted (const Job *job)
{
  int n = 0;

  for (int f = 0; f < job->clip.media->source.n_frames; f++)
    n += job->wanted[f];
  return n;
}

/* Without prompts the sound must have something to say, and without it nothing is read. */
static bool
can_begin (const Job *job, EmError *err)
{
  bool has_sound = job->clip.media->source.n_samples > 0;

  if (job->o.text && !has_sound)
    return em_fail (err, EM_E_INPUT, "%s has no sound: --text is read beside what is heard",
                    job->path);
  if (job->o.text) /* told here if the model cannot, or if it is no text */
    return em_predictor_set_text (job->clip.predictor, job->o.text, err);
  if (job->o.prompts)
    return true;
  if (!sound_is_on (&job->o))
    return em_fail (err, EM_E_USAGE, "without sound there is nothing to go by: give --prompts");
  if (!job->model.model->config.has_fuser)
    return em_fail (err, EM_E_USAGE, "the model %s cannot hear: give --prompts",
                    job->model.model->config.name);
  if (!has_sound)
    g_printerr ("earmark-cli: %s has no sound: every mask is empty\n", job->path);
  return true;
}

static bool
compute (Job *job, EmError *err)
{
  int n_objects = job->o.prompts ? job->prompts.n : 1;
  EmCliProgress progress;
  bool good;

  em_cli_progress_begin (&progress, &job->o.shared, "masks", n_wanted (job) * n_objects);
  good = job->o.prompts
             ? em_segment_prompts (&job->masks, job->clip.predictor, &job->clip.media->source,
                                   &job->prompts, job->wanted, &progress, err)
             : em_segment_sound (&job->masks, job->clip.predictor, &job->clip.media->source,
                                 job->o.text, job->wanted, &progress, err);
  em_cli_progress_end (&progress, job->masks.n);
  return good;
}

static bool
make_folder (const char *path, EmError *err)
{
  if (g_mkdir_with_parents (path, 0777))
    return em_fail (err, EM_E_INPUT, "cannot make the folder %s: %s", path, g_strerror (errno));
  return true;
}

/* An earlier run into the same folder may have left other frames: what its result lists goes. */
static void
remove_earlier (const char *out)
{
  g_autofree char *result = g_build_filename (out, "result.json", NULL);
  EmError err = EM_ERROR_INIT;
  json_t *root = g_file_test (result, G_FILE_TEST_EXISTS)
                     ? em_json_read_file (result, EM_E_INPUT, &err)
                     : NULL;
  json_t *masks = json_object_get (root, "masks"), *item;
  size_t i;

  json_array_foreach (masks, i, item)
  {
    int object = (int) json_integer_value (json_object_get (item, "object"));
    int frame = (int) json_integer_value (json_object_get (item, "frame"));
    g_autofree char *mask = g_strdup_printf ("%s/masks/%03d/%05d.png", out, object, frame);
    g_autofree char *overlay = g_strdup_printf ("%s/overlay/%05d.png", out, frame);

    g_unlink (mask);
    g_unlink (overlay);
  }
  g_unlink (result);
  json_decref (root);
}

static bool
write_mask (const Job *job, const EmSegment *item, EmError *err)
{
  g_autofree char *folder = g_strdup_printf ("%s/masks/%03d", job->o.out, item->object);
  g_autofree char *path = g_strdup_printf ("%s/%05d.png", folder, item->frame);
  g_autofree uint8_t *pixels = g_malloc ((gsize) item->mask.width * item->mask.height);

  if (!make_folder (folder, err))
    return false;
  em_rle_decode (&item->mask, pixels, 255);
  return em_png_write (path, EM_PNG_GRAY, pixels, item->mask.width, item->mask.height, err);
}

static bool
write_overlay (const Job *job, int frame, uint8_t *rgb, EmError *err)
{
  const EmClipSource *s = &job->clip.media->source;
  g_autofree char *path = g_strdup_printf ("%s/overlay/%05d.png", job->o.out, frame);

  if (!s->read (s->self, frame, rgb, err))
    return false;
  for (int i = job->masks.n - 1; i >= 0; i--) /* the first object is on top */
    if (job->masks.items[i].frame == frame)
      em_overlay_draw (rgb, &job->masks.items[i].mask,
                       em_overlay_color (job->masks.items[i].object));
  return em_png_write (path, EM_PNG_RGB, rgb, s->width, s->height, err);
}

static bool
write_pictures (Job *job, EmError *err)
{
  const EmClipSource *s = &job->clip.media->source;
  g_autofree char *overlay = g_build_filename (job->o.out, "overlay", NULL);
  g_autofree uint8_t *rgb = g_malloc (3 * (gsize) s->width * s->height);

  for (int i = 0; i < job->masks.n; i++)
    if (!write_mask (job, &job->masks.items[i], err))
      return false;
  if (!job->o.overlay)
    return true;
  if (!make_folder (overlay, err))
    return false;
  for (int f = 0; f < s->n_frames; f++)
    if (job->wanted[f] && !write_overlay (job, f, rgb, err))
      return false;
  return true;
}

static json_t *
number_or_null (double x)
{
  return isnan (x) ? json_null () : json_real (x);
}

static json_t *
mask_json (const Job *job, const EmSegment *item)
{
  int64_t pts = job->clip.media->source.pts_ns[item->frame];

  return json_pack ("{s:i, s:i, s:I, s:o, s:o, s:o, s:I, s:s}", "object", item->object, "frame",
                    item->frame, "pts_ns", (json_int_t) pts, "iou", number_or_null (item->iou),
                    "score", number_or_null (item->score), "sounding",
                    item->sounding < 0 ? json_null () : json_boolean (item->sounding), "area",
                    (json_int_t) em_rle_area (&item->mask), "state",
                    item->is_key ? "keyframe" : "propagated");
}

static json_t *
result_json (const Job *job)
{
  const EmMediaSource *media = job->clip.media;
  const EmClipSource *s = &media->source;
  g_autofree char *name = g_path_get_basename (job->path);
  json_t *masks = json_array ();
  json_t *clip = json_pack ("{s:s, s:s, s:i, s:i, s:i, s:I, s:b, s:i}", "name", name, "fingerprint",
                            em_frame_index_fingerprint (media->index), "width", s->width, "height",
                            s->height, "frames", s->n_frames, "duration_ns",
                            (json_int_t) em_frame_index_duration (media->index), "has_sound",
                            s->n_samples > 0, "seconds", s->n_grid);

  for (int i = 0; i < job->masks.n; i++)
    json_array_append_new (masks, mask_json (job, &job->masks.items[i]));
  return json_pack ("{s:o, s:{s:s, s:s, s:s, s:i}, s:b, s:s?, s:o, s:{s:f, s:f, s:f, s:f}}", "clip",
                    clip, "model", "name", job->model.model->config.name, "digest",
                    em_weights_digest (job->model.weights), "device", job->model.be->device,
                    "image_size", job->model.model->config.sam2.image_size, "sound",
                    sound_is_on (&job->o), "text", job->o.text, "masks", masks, "timing_s", "open",
                    job->open_s, "decode", job->masks.decode_s, "track", job->masks.track_s,
                    "write", job->write_s);
}

static bool
finish (Job *job, EmError *err)
{
  g_autofree char *path = g_build_filename (job->o.out, "result.json", NULL);
  json_t *result = json_pack ("{s:s, s:i}", "schema", "earmark-segment", "version", 1);
  json_t *value = result_json (job);
  bool good;

  json_object_update (result, value);
  good = em_json_write_file (path, result, err);
  json_decref (result);
  if (!good) {
    json_decref (value);
  } else if (job->o.shared.json) {
    em_cli_print_json ("segment", value);
  } else {
    int64_t area = 0;

    for (int i = 0; i < job->masks.n; i++)
      area += em_rle_area (&job->masks.items[i].mask) > 0;
    printf ("%d masks, %d of them not empty, in %s (opened in %.1f s, decoded in %.1f s, tracked "
            "in %.1f s)\n",
            job->masks.n, (int) area, job->o.out, job->open_s, job->masks.decode_s,
            job->masks.track_s);
    json_decref (value);
  }
  return good;
}

static bool
run (Job *job, EmError *err)
{
  gint64 start = g_get_monotonic_time ();
  const EmClipSource *s;

  if (!em_cli_model_open (&job->model, &job->o.shared, err)
      || !em_cli_clip_open (&job->clip, &job->model, job->path, GRID_PHASE, err))
    return false;
  s = &job->clip.media->source;
  job->open_s = seconds_since (start);
  if (!choose_frames (job, err)
      || (job->o.prompts
          && !em_prompts_file_read (&job->prompts, job->o.prompts, s->n_frames, s->width, s->height,
                                    sound_is_on (&job->o), err))
      || !can_begin (job, err) || !make_folder (job->o.out, err) || !compute (job, err))
    return false;
  start = g_get_monotonic_time ();
  remove_earlier (job->o.out);
  if (!write_pictures (job, err))
    return false;
  job->write_s = seconds_since (start);
  return finish (job, err);
}

static void
job_clear (Job *job)
{
  em_segments_clear (&job->masks);
  em_prompts_file_clear (&job->prompts);
  em_cli_clip_close (&job->clip);
  em_cli_model_close (&job->model);
  g_free (job->wanted);
  g_free (job->o.prompts);
  g_free (job->o.text);
  g_free (job->o.sound);
  g_free (job->o.frames);
  g_free (job->o.out);
  em_cli_options_clear (&job->o.shared);
}

int
cmd_segment (int argc, char **argv)
{
  Job job = { 0 };
  const GOptionEntry entries[]
      = { { "prompts", 0, 0, G_OPTION_ARG_FILENAME, &job.o.prompts,
            "Points and boxes per object (JSON)", "FILE" },
          /* Bytes as they come, and UTF-8 whatever the locale. */
          { "text", 0, 0, G_OPTION_ARG_FILENAME, &job.o.text,
            "An expression: object 1 is what it refers to (models with Ref-AVS weights)", "TEXT" },
          { "sound", 0, 0, G_OPTION_ARG_STRING, &job.o.sound,
            "on or off: whether the sound takes part (default: on)", "HOW" },
          { "frames", 0, 0, G_OPTION_ARG_STRING, &job.o.frames,
            "grid, all or FIRST:LAST (default: grid, with --prompts all)", "WHICH" },
          { "overlay", 0, 0, G_OPTION_ARG_NONE, &job.o.overlay,
            "Also write pictures with the masks drawn over them", NULL },
          { "output", 'o', 0, G_OPTION_ARG_FILENAME, &job.o.out,
            "Folder for masks/, result.json and overlay/", "DIR" },
          { NULL } };
  EmError err = EM_ERROR_INIT;
  int status;

  if (!em_cli_parse (&argc, &argv, entries, "CLIP -o DIR",
                     "The masks of one clip, without a project: from prompts, of what a text "
                     "refers to, else of what sounds. "
                     "A frame where nothing sounds gets an all-zero mask.",
                     "earmark-cli segment clip.mp4 --frames all --overlay -o masks", 1, 1,
                     &job.o.shared, &status)) {
    job_clear (&job);
    return status;
  }
  job.path = argv[1];
  if (!job.o.out)
    em_fail (&err, EM_E_USAGE, "segment: -o DIR says where the masks go");
  else if (job.o.sound && strcmp (job.o.sound, "on") && strcmp (job.o.sound, "off"))
    em_fail (&err, EM_E_USAGE, "--sound is %s, expected on or off", job.o.sound);
  else if (job.o.text && job.o.prompts)
    em_fail (&err, EM_E_USAGE, "--text and --prompts answer the same question: give one of them");
  else if (job.o.text && !sound_is_on (&job.o))
    em_fail (&err, EM_E_USAGE, "--text is read beside what is heard: it needs --sound on");
  else
    run (&job, &err);
  job_clear (&job);
  return err.code == EM_OK ? 0 : em_cli_fail (&err);
}
