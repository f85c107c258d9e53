/* coco_read.c - COCO instances with runs, ours and others', read back.
 *
 * Files hold hundreds of thousands of annotations, so images, videos and categories are sorted by
 * id once and then found by bisection. Everything is checked before it is used: sizes, the total of
 * frames, the order of times. An image outside any video is a clip of one frame. */
#include "formats/coco_read.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/json.h"
#include "formats/folder.h"

#define MOST_BYTES  (2047l << 20)
#define MOST_FRAMES 10000000          /* of all clips together */
#define STEP_NS     (1000000000 / 24) /* where no times are given */
#define LAST_TIME   (INT64_MAX / 4)

typedef struct {
  json_int_t id;
  const json_t *row;
} Row;

typedef struct {
  int n;
  Row *rows; /* by id */
} Table;

typedef struct {
  json_int_t id, video; /* video: -1 - place for an image outside any */
  int frame, width, height;
  int64_t pts_ns; /* -1: not said */
  const char *file_name;
  int clip; /* in clips, once grouped */
} Image;

typedef struct {
  const char *file;
  Table videos, categories;
  int n_images;
  Image *images; /* by video and frame, then by id */
  int64_t n_frames;
  EmClips clips;
  int n_clips_of_videos;
  json_int_t *video_of; /* of each clip */
} Reader;

static json_t *
read_file (const char *path, EmError *err)
{
  FILE *file = fopen (path, "rb");
  json_t *root = NULL;
  char *text = NULL;
  long size;

  if (!file) {
    em_fail (err, EM_E_INPUT, "cannot open %s: %s", path, strerror (errno));
    return NULL;
  }
  if (fseek (file, 0, SEEK_END) != 0 || (size = ftell (file)) < 0 || size > MOST_BYTES
      || fseek (file, 0, SEEK_SET) != 0 || !(text = malloc ((size_t) size + 1))
      || fread (text, 1, (size_t) size, file) != (size_t) size)
    em_fail (err, EM_E_INPUT, "cannot read %s: it is not a file of at most %ld MiB", path,
             MOST_BYTES >> 20);
  else
    root = em_json_parse (text, (size_t) size, path, EM_E_INPUT, err);
  free (text);
  fclose (file);
  return root;
}

static int
by_id (const void *a, const void *b)
{
  json_int_t x = ((const Row *) a)->id, y = ((const Row *) b)->id;

  return (x > y) - (x < y);
}

/* `list` may be missing; rows without an integer "id" are not to be found. */
static void
make_table (Table *table, const json_t *list)
{
  size_t n = json_array_size (list);

  table->rows = calloc (n + 1, sizeof *table->rows);
  EM_BUG_UNLESS (table->rows);
  for (size_t i = 0; i < n; i++) {
    const json_t *row = json_array_get (list, i), *id = json_object_get (row, "id");

    if (json_is_integer (id))
      table->rows[table->n++] = (Row){ json_integer_value (id), row };
  }
  qsort (table->rows, (size_t) table->n, sizeof *table->rows, by_id);
}

static const json_t *
row_of (const Table *table, json_int_t id)
{
  Row key = { id, NULL };
  const Row *found = bsearch (&key, table->rows, (size_t) table->n, sizeof key, by_id);

  return found ? found->row : NULL;
}

static const char *
name_of (const json_t *row, const char *otherwise)
{
  const char *name = json_string_value (json_object_get (row, "name"));

  return name && *name ? name : otherwise;
}

static bool
take_image (Image *out, const json_t *row, int place, EmError *err)
{
  long long id, video = -1 - place, frame = 0, width, height, pts = -1;

  if (!em_json_int (row, "id", INT64_MIN, INT64_MAX, &id, EM_E_INPUT, err)
      || !em_json_int (row, "width", 1, 32768, &width, EM_E_INPUT, err)
      || !em_json_int (row, "height", 1, 32768, &height, EM_E_INPUT, err))
    return false;
  if (json_object_get (row, "video_id")
      && (!em_json_int (row, "video_id", 0, INT64_MAX, &video, EM_E_INPUT, err)
          || !em_json_int (row, "frame_index", 0, MOST_FRAMES - 1, &frame, EM_E_INPUT, err)))
    return false;
  if (json_object_get (row, "pts_ns")
      && !em_json_int (row, "pts_ns", 0, LAST_TIME, &pts, EM_E_INPUT, err))
    return false;
  *out = (Image){ .id = id,
                  .video = video,
                  .frame = (int) frame,
                  .width = (int) width,
                  .height = (int) height,
                  .pts_ns = pts,
                  .file_name = json_string_value (json_object_get (row, "file_name")) };
  return true;
}

static int
by_video_and_frame (const void *a, const void *b)
{
  const Image *x = a, *y = b;

  if (x->video != y->video)
    return x->video > y->video ? 1 : -1;
  return (x->frame > y->frame) - (x->frame < y->frame);
}

static int
by_image_id (const void *a, const void *b)
{
  json_int_t x = ((const Image *) a)->id, y = ((const Image *) b)->id;

  return (x > y) - (x < y);
}

/* Times between those that are given are spread evenly; beyond them frames follow at 24 a second.
 */
static bool
fill_times (int64_t *pts, int n_frames, const Image *images, int n, EmError *err)
{
  int known = -1;

  for (int i = 0; i < n; i++) {
    int f = images[i].frame;

    if (images[i].pts_ns < 0)
      continue;
    int64_t from = known < 0 ? -1 : pts[known], gap = images[i].pts_ns - from;
    if (gap < f - known)
      return em_fail (err, EM_E_INPUT, "the time of image %lld is not after that of those before",
                      (long long) images[i].id);
    for (int k = known + 1; k < f; k++)
      pts[k] = from + (int64_t) ((double) gap * (k - known) / (f - known));
    pts[f] = images[i].pts_ns;
    known = f;
  }
  for (int k = known + 1; k < n_frames; k++)
    pts[k] = k ? pts[k - 1] + STEP_NS : 0;
  return true;
}

static char *
clip_name (const Reader *r, const Image *image)
{
  const char *name
      = image->video >= 0 ? name_of (row_of (&r->videos, image->video), NULL) : image->file_name;
  char *copy;

  if (!name || !*name)
    EM_BUG_UNLESS (asprintf (&copy, image->video >= 0 ? "video %lld" : "image %lld",
                             (long long) (image->video >= 0 ? image->video : image->id))
                   >= 0);
  else
    EM_BUG_UNLESS (copy = strdup (name));
  if (image->video < 0 && strrchr (copy, '.') > copy)
    *strrchr (copy, '.') = 0;
  return copy;
}

/* Images images[0..n-1] of one video, by frame. */
static bool
add_clip (Reader *r, const Image *images, int n, EmError *err)
{
  const json_t *video = images->video >= 0 ? row_of (&r->videos, images->video) : NULL;
  long long n_frames = images[n - 1].frame + 1, said, duration = 0;
  int64_t *pts;
  bool good;

  for (int i = 1; i < n; i++) {
    if (images[i].width != images->width || images[i].height != images->height)
      return em_fail (err, EM_E_INPUT, "image %lld is of another size than its video's first",
                      (long long) images[i].id);
    if (images[i].frame == images[i - 1].frame)
      return em_fail (err, EM_E_INPUT, "images %lld and %lld are of the same frame",
                      (long long) images[i - 1].id, (long long) images[i].id);
  }
  if (json_object_get (video, "length")) {
    if (!em_json_int (video, "length", 0, MOST_FRAMES, &said, EM_E_INPUT, err))
      return false;
    n_frames = said > n_frames ? said : n_frames;
  }
  if (json_object_get (video, "duration_ns")
      && !em_json_int (video, "duration_ns", 0, LAST_TIME, &duration, EM_E_INPUT, err))
    return false;
  r->n_frames += n_frames;
  if (r->n_frames > MOST_FRAMES)
    return em_fail (err, EM_E_INPUT, "%s has more than %d frames", r->file, MOST_FRAMES);

  pts = calloc ((size_t) n_frames, sizeof *pts);
  EM_BUG_UNLESS (pts);
  good = fill_times (pts, (int) n_frames, images, n, err);
  if (good) {
    char *name = clip_name (r, images);

    duration = duration > pts[n_frames - 1] ? duration : pts[n_frames - 1] + STEP_NS;
    em_clips_add (&r->clips, em_tracks_new (name, images->width, images->height, (int) n_frames,
                                            pts, duration));
    r->video_of[r->n_clips_of_videos++] = images->video;
    free (name);
  }
  free (pts);
  return good;
}

static bool
take_images (Reader *r, const json_t *list, EmError *err)
{
  size_t n = json_array_size (list);

  if (n > MOST_FRAMES)
    return em_fail (err, EM_E_INPUT, "%s has more than %d images", r->file, MOST_FRAMES);
  r->n_images = (int) n;
  r->images = calloc (n + 1, sizeof *r->images);
  r->video_of = calloc (n + 1, sizeof *r->video_of);
  EM_BUG_UNLESS (r->images && r->video_of);
  for (int i = 0; i < r->n_images; i++)
    if (!take_image (&r->images[i], json_array_get (list, (size_t) i), i, err))
      return false;

  qsort (r->images, n, sizeof *r->images, by_video_and_frame);
  for (int i = 0, end; i < r->n_images; i = end) {
    for (end = i; end < r->n_images && r->images[end].video == r->images[i].video; end++)
      r->images[end].clip = r->clips.n;
    if (!add_clip (r, r->images + i, end - i, err))
      return false;
  }
  qsort (r->images, n, sizeof *r->images, by_image_id);
  for (int i = 1; i < r->n_images; i++)
    if (r->images[i].id == r->images[i - 1].id)
      return em_fail (err, EM_E_INPUT, "%s has image %lld twice", r->file,
                      (long long) r->images[i].id);
  return true;
}

/* Counts as a list of numbers; runs of length 0 in it join their neighbours. */
static bool
runs_of_list (EmRle *out, const json_t *list, int width, int height, EmError *err)
{
  size_t n = json_array_size (list);
  int64_t left = (int64_t) width * height;
  bool joins = false;

  *out = (EmRle){ .width = width, .height = height, .counts = calloc (n + 1, sizeof *out->counts) };
  EM_BUG_UNLESS (out->counts);
  for (size_t i = 0; i < n; i++) {
    const json_t *value = json_array_get (list, i);
    json_int_t run = json_integer_value (value);

    if (!json_is_integer (value) || run < 0 || run > left) {
      em_rle_clear (out);
      return em_fail (err, EM_E_INPUT, "its counts do not fill %d x %d pixels", width, height);
    }
    left -= run;
    if (joins)
      out->counts[out->n - 1] += (uint32_t) run;
    else if (run || i == 0)
      out->counts[out->n++] = (uint32_t) run;
    joins = !joins && i > 0 && run == 0;
  }
  if (left == 0)
    return true;
  em_rle_clear (out);
  return em_fail (err, EM_E_INPUT, "its counts do not fill %d x %d pixels", width, height);
}

static bool
take_mask (EmRle *out, const json_t *row, const EmTracks *t, EmError *err)
{
  const json_t *segmentation = json_object_get (row, "segmentation");
  const json_t *counts = json_object_get (segmentation, "counts");
  const json_t *size = json_object_get (segmentation, "size");

  if (json_is_array (segmentation))
    return em_fail (err, EM_E_INPUT, "it is a polygon; coco-rle reads runs");
  if (size
      && (json_integer_value (json_array_get (size, 0)) != t->height
          || json_integer_value (json_array_get (size, 1)) != t->width))
    return em_fail (err, EM_E_INPUT, "its size is not [%d, %d]", t->height, t->width);
  if (json_is_array (counts))
    return runs_of_list (out, counts, t->width, t->height, err);
  if (!json_is_string (counts))
    return em_fail (err, EM_E_INPUT, "it has no runs");
  return em_rle_from_string (out, json_string_value (counts), json_string_length (counts), t->width,
                             t->height, err);
}

static bool
take_annotation (Reader *r, const json_t *row, EmError *err)
{
  Image key = { 0 }, *image;
  const json_t *category;
  const char *state = json_string_value (json_object_get (row, "state"));
  long long id, track, category_id = 0;
  EmState s = EM_STATE_IMPORTED;
  EmTrackObject *o;
  EmTracks *t;
  EmRle mask;

  if (!em_json_int (row, "id", INT64_MIN, INT64_MAX, &id, EM_E_INPUT, err)
      || !em_json_int (row, "image_id", INT64_MIN, INT64_MAX, &track, EM_E_INPUT, err))
    return false;
  key.id = track;
  image = bsearch (&key, r->images, (size_t) r->n_images, sizeof key, by_image_id);
  if (!image)
    return em_fail (err, EM_E_INPUT, "it is of image %lld, which is not there", track);
  track = id; /* an object of its own, unless it says of which */
  if ((json_object_get (row, "track_id")
       && !em_json_int (row, "track_id", INT64_MIN, INT64_MAX, &track, EM_E_INPUT, err))
      || (json_object_get (row, "category_id")
          && !em_json_int (row, "category_id", 0, INT64_MAX, &category_id, EM_E_INPUT, err)))
    return false;

  t = r->clips.items[image->clip];
  o = em_tracks_object (t, track);
  if (o && em_track_object_at (o, image->frame))
    return em_fail (err, EM_E_INPUT, "object %lld is on frame %d already", track, image->frame);
  if (!take_mask (&mask, row, t, err))
    return false;
  if (!o) {
    char name[40];

    snprintf (name, sizeof name, "Object %lld", track);
    category = row_of (&r->categories, category_id);
    o = em_tracks_add_object (t, track, name, name_of (category, ""), category_id, 0x808080);
  }
  if (state)
    em_state_from_name (state, &s);
  em_track_object_set (o, image->frame, s, mask);
  return true;
}

static bool
take_annotations (Reader *r, const json_t *list, EmError *err)
{
  const json_t *row;
  size_t i;

  json_array_foreach (list, i, row)
  {
    EmError why = EM_ERROR_INIT;

    if (!take_annotation (r, row, &why))
      return em_fail (err, why.code, "%s, annotation %zu: %.300s", r->file, i, why.text);
  }
  return true;
}

/* intervals.json lies beside the annotations where an export of ours does. */
static bool
take_intervals (Reader *r, const char *path, EmError *err)
{
  json_t *root = read_file (path, err), *row;
  bool good = root != NULL;
  size_t i;

  json_array_foreach (json_object_get (root, "intervals"), i, row)
  {
    long long video, track, start, end;
    int clip = -1;

    good = good && em_json_int (row, "video_id", 0, INT64_MAX, &video, EM_E_INPUT, err)
           && em_json_int (row, "track_id", INT64_MIN, INT64_MAX, &track, EM_E_INPUT, err)
           && em_json_int (row, "start_ns", 0, LAST_TIME, &start, EM_E_INPUT, err)
           && em_json_int (row, "end_ns", start + 1, LAST_TIME, &end, EM_E_INPUT, err);
    for (int c = 0; good && c < r->n_clips_of_videos; c++)
      clip = r->video_of[c] == video ? c : clip;
    if (good && clip >= 0 && em_tracks_object (r->clips.items[clip], track))
      em_tracks_add_interval (r->clips.items[clip], track, start, end);
  }
  json_decref (root);
  return good;
}

static bool
ends_in (const char *text, const char *tail)
{
  size_t n = strlen (text), m = strlen (tail);

  return n > m && strcmp (text + n - m, tail) == 0;
}

/* `beside` is the file of intervals or NULL. Takes `root` over. */
static bool
read_root (json_t *root, const char *what, const char *beside, EmTracks ***clips, int *n,
           EmError *err)
{
  Reader r = { .file = what };
  const json_t *images = json_object_get (root, "images");
  const json_t *annotations = json_object_get (root, "annotations");
  bool good = root != NULL;

  if (good && (!json_is_array (images) || !json_is_array (annotations)))
    good = em_fail (err, EM_E_INPUT, "%s has no lists \"images\" and \"annotations\"", what);
  if (good) {
    make_table (&r.videos, json_object_get (root, "videos"));
    make_table (&r.categories, json_object_get (root, "categories"));
    good = take_images (&r, images, err) && take_annotations (&r, annotations, err)
           && (!beside || access (beside, F_OK) != 0 || take_intervals (&r, beside, err));
  }
  json_decref (root);
  free (r.videos.rows);
  free (r.categories.rows);
  free (r.images);
  free (r.video_of);
  return em_clips_hand_out (&r.clips, good, clips, n);
}

bool
em_coco_parse (const char *text, size_t bytes, const char *what, EmTracks ***clips, int *n,
               EmError *err)
{
  return read_root (em_json_parse (text, bytes, what, EM_E_INPUT, err), what, NULL, clips, n, err);
}

bool
em_coco_read (const char *path, EmTracks ***clips, int *n, EmError *err)
{
  bool is_file = ends_in (path, ".json");
  char *file = is_file ? strdup (path) : em_path (path, "annotations.json");
  char *beside = is_file ? NULL : em_path (path, "intervals.json");
  bool good = read_root (read_file (file, err), file, beside, clips, n, err);

  free (file);
  free (beside);
  return good;
}
