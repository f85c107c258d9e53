/* What goes out comes back, other people's files are understood, and nonsense is refused. */
#include <ftw.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/png.h"
#include "check.h"
#include "formats/coco_read.h"
#include "formats/csv.h"
#include "formats/format.h"
#include "formats/png_tree.h"

static const int64_t second = 1000000000;
static char root[] = "/tmp/earmark-readers-XXXXXX";
static uint64_t noise = 3;

static char *in (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

static char *
in (const char *format, ...)
{
  static char paths[4][1024];
  static int next;
  char *path = paths[next++ % 4];
  size_t n = (size_t) snprintf (path, sizeof *paths, "%s/", root);
  va_list args;

  va_start (args, format);
  vsnprintf (path + n, sizeof *paths - n, format, args);
  va_end (args);
  return path;
}

static void
put (const char *path, const char *text)
{
  FILE *f = fopen (path, "wb");

  CHECK (f && fputs (text, f) >= 0 && fclose (f) == 0);
}

static char *
text_of (const char *path)
{
  static char text[65536];
  FILE *f = fopen (path, "rb");
  size_t n = f ? fread (text, 1, sizeof text - 1, f) : 0;

  if (f)
    fclose (f);
  text[n] = 0;
  return text;
}

static uint32_t
rnd (uint32_t n)
{
  return check_random (&noise) % n;
}

static EmRle
random_mask (int w, int h)
{
  uint8_t pixels[32 * 32];
  int x = (int) rnd ((uint32_t) w), y = (int) rnd ((uint32_t) h), kind = (int) rnd (4);

  for (int i = 0; i < w * h; i++)
    pixels[i] = kind == 0 ? rnd (2) : kind == 1 ? 1 : i % w >= x && i / w <= y;
  pixels[0] |= kind == 3;
  return em_rle_encode (pixels, w, h);
}

/* Objects with names that need quotes, gaps, absent frames, every state, uneven times. */
static EmTracks *
random_clip (const char *name)
{
  static const char *const names[] = { "Violin", "a, b", "say \"drum\"", "Gitarre 1", "" };
  int w = 1 + (int) rnd (32), h = 1 + (int) rnd (32), n = 2 + (int) rnd (30);
  int64_t pts[40] = { 0 };
  EmTracks *t;

  for (int f = 1; f < n; f++)
    pts[f] = pts[f - 1] + 1 + rnd (80000000);
  t = em_tracks_new (name, w, h, n, pts, pts[n - 1] + 1 + rnd (70000000));
  for (int i = 0; i < 1 + (int) rnd (4); i++) {
    int64_t id = 1 + 7 * i + rnd (5);
    EmTrackObject *o
        = em_tracks_add_object (t, id, names[rnd (5)], names[rnd (4)], 0, rnd (0x1000000));

    for (int f = 0; f < n; f++)
      if (f == 0 || rnd (3)) {
        EmState state = (EmState) (1 + rnd (EM_N_STATES - 1));

        em_track_object_set (o, f, state,
                             state == EM_STATE_ABSENT ? em_rle_new (w, h) : random_mask (w, h));
      }
    for (int k = (int) rnd (3); k-- > 0;) {
      int64_t start = rnd (900000000);
      em_tracks_add_interval (t, id, start, start + 1 + rnd (500000000));
    }
  }
  return t;
}

/* How much of a clip a format brings back. */
typedef struct {
  bool names, colors, states, all_frames;
} Keeps;

static void
same_mask (const EmTrackMask *got, const EmTrackMask *want, Keeps keeps)
{
  if (!want || (keeps.states && em_rle_area (&want->mask) == 0)) {
    CHECK (!got); /* COCO has no annotation of an empty mask */
    return;
  }
  CHECK (got && em_rle_equal (&got->mask, &want->mask));
  if (got && keeps.states)
    CHECK_INT (got->state, want->state);
}

static bool
has_mask (const EmTrackObject *o)
{
  for (int k = 0; k < o->n_masks; k++)
    if (em_rle_area (&o->masks[k].mask))
      return true;
  return false;
}

static void
same_clip (const EmTracks *got, const EmTracks *want, Keeps keeps)
{
  CHECK_TEXT (got->name, want->name);
  CHECK (got->width == want->width && got->height == want->height);
  CHECK_INT (got->n_frames, want->n_frames);
  if (keeps.states)
    CHECK_INT (got->duration_ns, want->duration_ns);
  for (int f = 0; f < want->n_frames && f < got->n_frames; f++)
    CHECK (got->pts_ns[f] == want->pts_ns[f]);
  for (int i = 0; i < want->n_objects; i++) {
    const EmTrackObject *w = &want->objects[i], *g = em_tracks_object (got, w->id);

    if (!g && keeps.states && !has_mask (w))
      continue; /* nothing of it in COCO */
    CHECK (g);
    if (!g)
      continue;
    CHECK_TEXT (g->class_name, keeps.names || *w->class_name ? w->class_name : "object");
    if (keeps.names)
      CHECK_TEXT (g->name, w->name);
    if (keeps.colors)
      CHECK_INT (g->color, w->color);
    for (int f = 0; f < want->n_frames; f++)
      same_mask (em_track_object_at (g, f), em_track_object_at (w, f), keeps);
    for (int64_t s = 0; s < 3; s++)
      CHECK_INT (em_tracks_sounding (got, w->id, s * second / 3, (s + 1) * second / 3),
                 em_tracks_sounding (want, w->id, s * second / 3, (s + 1) * second / 3));
  }
}

static void
clear (EmTracks **clips, int n)
{
  for (int i = 0; i < n; i++)
    em_tracks_free (clips[i]);
  free (clips);
}

static void
round_trip (const char *name, EmFrameSet frames, Keeps keeps, int round)
{
  const EmFormat *format = em_format_find (name);
  EmTracks *clips[2] = { random_clip ("first"), random_clip ("second clip") }, **back;
  EmExportOptions options = em_export_defaults ();
  EmExportMedia media = { 0 };
  EmError err = EM_ERROR_INIT;
  char *folder = in ("%s-%d", name, round);
  int n;

  options.frames = frames;
  CHECK (em_export (format, clips, 2, &options, &media, folder, NULL, &err));
  CHECK (format->read (folder, &back, &n, &err));
  CHECK_TEXT (err.text, "");
  CHECK_INT (n, 2);
  for (int i = 0; i < n; i++)
    same_clip (back[i], clips[strcmp (back[i]->name, "first") != 0], keeps);
  clear (back, n);
  em_tracks_free (clips[0]);
  em_tracks_free (clips[1]);
}

static void
there_and_back (void)
{
  for (int round = 0; round < 40; round++) {
    round_trip ("png", EM_FRAMES_ALL, (Keeps){ .names = true, .colors = true }, round);
    round_trip ("coco-rle", EM_FRAMES_ALL, (Keeps){ .states = true }, round);
  }
}

/* Frame 0 and 10 of 12 only: times between them must rise, those given must stay. */
static void
coco_with_gaps (void)
{
  static const char text[]
      = "{\"videos\": [{\"id\": 4, \"name\": \"v\", \"length\": 12, \"duration_ns\": 900}],"
        " \"images\": [{\"id\": 9, \"width\": 2, \"height\": 2, \"video_id\": 4, \"frame_index\":"
        " 10, \"pts_ns\": 500}, {\"id\": 8, \"width\": 2, \"height\": 2, \"video_id\": 4,"
        " \"frame_index\": 0, \"pts_ns\": 100}, {\"id\": 1, \"width\": 6, \"height\": 4,"
        " \"file_name\": \"clip01/00000.jpg\"}],"
        " \"annotations\": [{\"id\": 5, \"image_id\": 1, \"category_id\": 28, \"segmentation\":"
        " {\"size\": [4, 6], \"counts\": \"5220007\"}}, {\"id\": 6, \"image_id\": 1,"
        " \"category_id\": 28, \"iscrowd\": 1, \"segmentation\": {\"size\": [4, 6], \"counts\":"
        " [5, 2, 2, 1, 0, 1, 2, 2, 9]}}, {\"id\": 7, \"image_id\": 9, \"track_id\": 2,"
        " \"segmentation\": {\"counts\": \"021O\"}}],"
        " \"categories\": [{\"id\": 28, \"name\": \"guitar\"}]}";
  EmError err = EM_ERROR_INIT;
  EmTracks **clips;
  EmRle *a, *b;
  int n;

  CHECK (em_coco_parse (text, strlen (text), "text", &clips, &n, &err));
  CHECK_TEXT (err.text, "");
  CHECK_INT (n, 2);
  if (n != 2)
    return;
  CHECK_TEXT (clips[0]->name, "clip01/00000");
  CHECK_INT (clips[0]->n_objects, 2);
  CHECK_TEXT (clips[0]->objects[0].class_name, "guitar");
  a = &clips[0]->objects[0].masks[0].mask;
  b = &clips[0]->objects[1].masks[0].mask;
  CHECK (em_rle_equal (a, b) && em_rle_area (a) == 6 && a->n == 7);
  CHECK_TEXT (clips[1]->name, "v");
  CHECK (clips[1]->n_frames == 12 && clips[1]->pts_ns[0] == 100 && clips[1]->pts_ns[10] == 500);
  for (int f = 1; f < 12; f++)
    CHECK (clips[1]->pts_ns[f] > clips[1]->pts_ns[f - 1]);
  CHECK_INT (em_track_object_at (em_tracks_object (clips[1], 2), 10)->state, EM_STATE_IMPORTED);
  clear (clips, n);
}

/* Looking each image up in turn would take minutes here. */
static void
coco_is_not_quadratic (void)
{
  const int many = 30000;
  char *text = malloc ((size_t) many * 260 + 100), *at = text;
  EmError err = EM_ERROR_INIT;
  EmTracks **clips;
  int n;

  at += sprintf (at, "{\"images\": [");
  for (int i = 0; i < many; i++)
    at += sprintf (at,
                   "%s{\"id\": %d, \"width\": 2, \"height\": 2, \"video_id\": %d, "
                   "\"frame_index\": %d}",
                   i ? "," : "", many - i, i / 100, i % 100);
  at += sprintf (at, "], \"annotations\": [");
  for (int i = 0; i < many; i++)
    at += sprintf (at,
                   "%s{\"id\": %d, \"image_id\": %d, \"track_id\": 1, \"category_id\": 1, "
                   "\"segmentation\": {\"counts\": \"021O\"}}",
                   i ? "," : "", i + 1, i + 1);
  at += sprintf (at, "], \"categories\": []}");
  CHECK (em_coco_parse (text, (size_t) (at - text), "text", &clips, &n, &err));
  CHECK_TEXT (err.text, "");
  CHECK_INT (n, many / 100);
  CHECK_INT (clips[7]->objects[0].n_masks, 100);
  clear (clips, n);
  free (text);
}

static void
strange_coco (void)
{
#define IMAGE "{\"id\": 1, \"width\": 6, \"height\": 4, \"video_id\": 1, \"frame_index\": 0}"
#define ONE(segmentation)                                                                          \
  "{\"images\": [" IMAGE                                                                           \
  "], \"annotations\": [{\"id\": 1, \"image_id\": 1, \"segmentation\": " segmentation "}]}"
  static const struct {
    const char *text, *says;
  } cases[] = {
    { "", "not valid JSON" },
    { "{}", "no lists" },
    { "{\"images\": [3], \"annotations\": []}", "id" },
    { "{\"images\": [" IMAGE "," IMAGE "], \"annotations\": []}", "same frame" },
    { "{\"images\": [{\"id\": 1, \"width\": 0, \"height\": 4}], \"annotations\": []}", "width" },
    { "{\"images\": [{\"id\": 1, \"width\": 6, \"height\": 4}, {\"id\": 1, \"width\": 6, "
      "\"height\": 4}], \"annotations\": []}",
      "image 1 twice" },
    { "{\"images\": [{\"id\": 1, \"width\": 6, \"height\": 4, \"video_id\": 1, \"frame_index\": "
      "-2}], \"annotations\": []}",
      "frame_index" },
    { "{\"images\": [" IMAGE ", {\"id\": 2, \"width\": 6, \"height\": 5, \"video_id\": 1, "
      "\"frame_index\": 1}], \"annotations\": []}",
      "another size" },
    { "{\"images\": [{\"id\": 1, \"width\": 6, \"height\": 4, \"video_id\": 1, \"frame_index\": 3, "
      "\"pts_ns\": 9}, {\"id\": 2, \"width\": 6, \"height\": 4, \"video_id\": 1, \"frame_index\": "
      "4, \"pts_ns\": 9}], \"annotations\": []}",
      "the time of image 2" },
    { "{\"videos\": [{\"id\": 1, \"length\": -5}], \"images\": [" IMAGE "], \"annotations\": []}",
      "length" },
    { "{\"images\": [" IMAGE "], \"annotations\": [{\"id\": 1, \"image_id\": 2}]}", "image 2" },
    { ONE ("[[1,1,4,1,4,3,1,3]]"), "polygon" },
    { ONE ("{\"counts\": \"~~\"}"), "annotation 0" },
    { ONE ("{\"counts\": \"5220006\"}"), "annotation 0" },
    { ONE ("{\"size\": [6, 4], \"counts\": \"5220007\"}"), "size is not [4, 6]" },
    { ONE ("{\"counts\": [5, 2]}"), "do not fill" },
    { ONE ("{\"counts\": [5, -2, 21]}"), "do not fill" },
    { ONE ("{\"counts\": [5, 2, 18]}"), "do not fill" },
    { ONE ("{\"counts\": [24.5]}"), "do not fill" },
    { ONE ("{\"counts\": []}"), "do not fill" },
    { ONE ("{}"), "no runs" },
    { "{\"images\": [" IMAGE "], \"annotations\": [{\"id\": 1, \"image_id\": 1, \"track_id\": 5, "
      "\"segmentation\": {\"counts\": [24]}}, {\"id\": 2, \"image_id\": 1, \"track_id\": 5, "
      "\"segmentation\": {\"counts\": [24]}}]}",
      "object 5 is on frame 0 already" },
    { "{\"images\": [{\"id\": 1, \"width\": 6, \"height\": 4, \"video_id\": 1, \"frame_index\": "
      "9999999}, {\"id\": 2, \"width\": 6, \"height\": 4, \"video_id\": 2, \"frame_index\": 9}], "
      "\"annotations\": []}",
      "more than" },
  };

  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    EmError err = EM_ERROR_INIT;
    EmTracks **clips;
    int n;

    CHECK (!em_coco_parse (cases[i].text, strlen (cases[i].text), "text", &clips, &n, &err));
    CHECK_INT (err.code, EM_E_INPUT);
    if (!strstr (err.text, cases[i].says)) {
      fprintf (stderr, "case %zu says \"%s\", expected \"%s\"\n", i, err.text, cases[i].says);
      check_failures++;
    }
    CHECK (!clips && n == 0);
  }
}

/* The reference pictures of the formats' description: our files hold the same labels. */
static void
same_labels (const char *path, const char *base64, EmPngKind kind)
{
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  EmError err = EM_ERROR_INIT;
  EmPng got, want;
  uint8_t bytes[256];
  size_t n = 0;

  for (const char *c = base64; *c && *c != '='; c += 4) {
    uint32_t group = 0;

    for (int k = 0; k < 4; k++)
      group = group << 6 | (c[k] && c[k] != '=' ? (uint32_t) (strchr (digits, c[k]) - digits) : 0);
    for (int k = 0; k < 3; k++)
      bytes[n++] = (uint8_t) (group >> (16 - 8 * k));
  }
  CHECK (em_png_read_bytes (bytes, n, "reference", &want, &err) && em_png_read (path, &got, &err));
  CHECK_TEXT (err.text, "");
  if (err.code != EM_OK)
    return;
  CHECK (got.kind == kind && want.kind == kind && got.width == 6 && got.height == 4);
  CHECK (want.width == 6 && memcmp (got.pixels, want.pixels, 24) == 0);
  free (got.pixels);
  free (want.pixels);
}

/* Five seconds at 1 frame a second; the guitar is there and sounds in seconds 0 and 2. */
static void
golden_trees (void)
{
  const uint8_t m[24] = { 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0 };
  const int64_t pts[5] = { 0, second, 2 * second, 3 * second, 4 * second };
  EmTracks *t = em_tracks_new ("clip01", 6, 4, 5, pts, 5 * second);
  EmTrackObject *o = em_tracks_add_object (t, 1, "guitar, left", "guitar", 28, 0xff8000);
  EmExportOptions options = em_export_defaults ();
  EmExportMedia media = { 0 };
  EmError err = EM_ERROR_INIT;
  static const char gray[]
      = "iVBORw0KGgoAAAANSUhEUgAAAAYAAAAECAAAAACIbxGfAAAAEklEQVR42mNggIL///8jUWAAAFb"
        "FBfuK7OZtAAAAAElFTkSuQmCC";
  static const char palette[]
      = "iVBORw0KGgoAAAANSUhEUgAAAAYAAAAECAMAAACa2r5xAAAABlBMVEUAAACAAABEUqJPAAAAE"
        "UlEQVR42mNggAJGRkYkCgwAAHMAB2ZEtUwAAAAASUVORK5CYII=";

  em_track_object_set (o, 0, EM_STATE_KEYFRAME, em_rle_encode (m, 6, 4));
  em_track_object_set (o, 1, EM_STATE_ABSENT, em_rle_new (6, 4));
  em_track_object_set (o, 2, EM_STATE_APPROVED, em_rle_encode (m, 6, 4));
  em_tracks_add_interval (t, 1, 0, second);
  em_tracks_add_interval (t, 1, 2 * second, 5 * second / 2);
  options.split = "val";
  options.grid_phase = 0;
  for (int i = 0; i < 5; i++) {
    static const char *const names[]
        = { "avsbench-s4", "avsbench-ms3", "coco-rle", "davis", "png" };
    const EmFormat *format = em_format_find (names[i]);

    options.frames = format->frames;
    CHECK (em_export (format, &t, 1, &options, &media, in ("golden-%s", names[i]), NULL, &err));
  }
  CHECK_TEXT (err.text, "");
  CHECK_TEXT (text_of (in ("golden-avsbench-s4/Single-source/s4_meta_data.csv")),
              "name,start,category,split\nclip01,0,guitar,val\n");
  CHECK_TEXT (text_of (in ("golden-avsbench-ms3/Multi-sources/ms3_meta_data.csv")),
              "video_id,split\nclip01,val\n");
  CHECK_TEXT (text_of (in ("golden-davis/ImageSets/2017/val.txt")), "clip01\n");
  CHECK_TEXT (text_of (in ("golden-png/clip01/objects.csv")),
              "object,name,class,color\n1,\"guitar, left\",guitar,#ff8000\n");
  CHECK_TEXT (text_of (in ("golden-png/clip01/frames.csv")),
              "frame,pts_ns\n0,0\n1,1000000000\n2,2000000000\n3,3000000000\n4,4000000000\n");
  CHECK_TEXT (text_of (in ("golden-png/clip01/sounding.csv")),
              "object,start_ns,end_ns\n1,0,1000000000\n1,2000000000,2500000000\n");
  same_labels (in ("golden-avsbench-s4/Single-source/s4_data/gt_masks/val/guitar/clip01/"
                   "clip01_1.png"),
               gray, EM_PNG_GRAY);
  same_labels (in ("golden-avsbench-ms3/Multi-sources/ms3_data/gt_masks/val/clip01/clip01_3.png"),
               gray, EM_PNG_GRAY);
  same_labels (in ("golden-png/clip01/001/00002.png"), gray, EM_PNG_GRAY);
  same_labels (in ("golden-davis/Annotations/Full-Resolution/clip01/00002.png"), palette,
               EM_PNG_PALETTE);
  CHECK (access (in ("golden-png/clip01/001/00003.png"), F_OK) != 0);
  em_tracks_free (t);
}

/* What would spoil an export is named before anything is written. */
static void
unsound_clips (void)
{
  EmTracks *clips[2] = { random_clip ("a/b"), random_clip ("a_b") };
  EmExportOptions options = em_export_defaults ();
  EmExportMedia media = { 0 };
  EmError err = EM_ERROR_INIT;
  EmTrackMask *mask = &clips[0]->objects[0].masks[0];

  CHECK (!em_export (em_format_find ("png"), clips, 2, &options, &media, in ("bad"), NULL, &err));
  CHECK (err.code == EM_E_INPUT && strstr (err.text, "both be called a_b"));
  for (int kind = 0; kind < 3; kind++) {
    EmRle good = em_rle_copy (&mask->mask);
    int frame = mask->frame;

    err = (EmError) EM_ERROR_INIT;
    if (kind == 0)
      mask->mask.width++;
    else if (kind == 1)
      mask->mask.counts[0]++;
    else
      mask->frame = clips[0]->n_frames;
    CHECK (!em_export (em_format_find ("coco-rle"), clips, 1, &options, &media, in ("bad"), NULL,
                       &err));
    CHECK (err.code == EM_E_INPUT && strstr (err.text, "a/b, object "));
    em_rle_clear (&mask->mask);
    mask->mask = good;
    mask->frame = frame;
  }
  CHECK (access (in ("bad"), F_OK) != 0);
  CHECK (em_export (em_format_find ("coco-rle"), clips, 1, &options, &media, in ("bad"), NULL,
                    &(EmError) EM_ERROR_INIT));
  em_tracks_free (clips[0]);
  em_tracks_free (clips[1]);
}

/* More than the truth tree's own test has: pictures that are of no frame or of another size. */
static void
strange_png_trees (void)
{
  const uint8_t pixels[24] = { 0 };
  EmError err = EM_ERROR_INIT;
  EmTracks **clips;
  int n;

  mkdir (in ("tree"), 0777);
  mkdir (in ("tree/c"), 0777);
  mkdir (in ("tree/c/001"), 0777);
  CHECK (!em_format_find ("png")->read (in ("tree"), &clips, &n, &err));
  CHECK (strstr (err.text, "no labelled clip"));
  put (in ("tree/c/frames.csv"), "frame,pts_ns\r\n0,0\r\n");
  put (in ("tree/c/objects.csv"), "object,name,class,color\n1,x,,\n");
  CHECK (em_png_write (in ("tree/c/001/00000.png"), EM_PNG_GRAY, pixels, 6, 4, &err));
  err = (EmError) EM_ERROR_INIT;
  CHECK (em_format_find ("png")->read (in ("tree"), &clips, &n, &err) && n == 1);
  CHECK_TEXT (err.text, "");
  CHECK_TEXT (clips[0]->name, "c");
  CHECK_INT (clips[0]->objects[0].masks[0].state, EM_STATE_ABSENT);
  CHECK_INT (clips[0]->n_intervals, 1);
  clear (clips, n);

  CHECK (em_png_write (in ("tree/c/001/00001.png"), EM_PNG_GRAY, pixels, 6, 4, &err));
  CHECK (!em_png_tree_read (in ("tree/c"), "c", &err) && strstr (err.text, "00001.png is of no"));
  err = (EmError) EM_ERROR_INIT;
  put (in ("tree/c/frames.csv"), "frame,pts_ns\n0,0\n1,5\n");
  CHECK (em_png_write (in ("tree/c/001/00001.png"), EM_PNG_GRAY, pixels, 5, 4, &err));
  CHECK (!em_png_tree_read (in ("tree/c"), "c", &err) && strstr (err.text, "6 x 4"));
  err = (EmError) EM_ERROR_INIT;
  put (in ("tree/c/001/00001.png"), "no picture");
  CHECK (!em_png_tree_read (in ("tree/c"), "c", &err) && err.code == EM_E_INPUT);
}

static void
davis_of_others (void)
{
  const uint8_t a[4] = { 0, 1, 3, 255 }, b[4] = { 3, 3, 0, 0 };
  EmError err = EM_ERROR_INIT;
  EmTracks **clips;
  int n;

  mkdir (in ("davis"), 0777);
  mkdir (in ("davis/Annotations"), 0777);
  CHECK (!em_format_find ("davis")->read (in ("davis"), &clips, &n, &err) && !clips);
  err = (EmError) EM_ERROR_INIT;
  mkdir (in ("davis/Annotations/480p"), 0777);
  CHECK (!em_format_find ("davis")->read (in ("davis"), &clips, &n, &err));
  CHECK (strstr (err.text, "no folder"));
  err = (EmError) EM_ERROR_INIT;
  put (in ("davis/Annotations/480p/README"), "not a clip");
  mkdir (in ("davis/Annotations/480p/bear"), 0777);
  put (in ("davis/Annotations/480p/bear/notes.txt"), "not a picture");
  CHECK (
      em_png_write (in ("davis/Annotations/480p/bear/00000.png"), EM_PNG_PALETTE, a, 2, 2, &err));
  CHECK (
      em_png_write (in ("davis/Annotations/480p/bear/00002.png"), EM_PNG_PALETTE, b, 2, 2, &err));
  CHECK (em_format_find ("davis")->read (in ("davis"), &clips, &n, &err) && n == 1);
  CHECK_TEXT (err.text, "");
  CHECK (clips[0]->n_frames == 3 && clips[0]->n_objects == 2);
  CHECK_INT (em_rle_area (&em_track_object_at (em_tracks_object (clips[0], 3), 2)->mask), 2);
  CHECK (!em_track_object_at (em_tracks_object (clips[0], 1), 2));
  clear (clips, n);
  CHECK (
      em_png_write (in ("davis/Annotations/480p/bear/00001.png"), EM_PNG_PALETTE, a, 4, 1, &err));
  CHECK (!em_format_find ("davis")->read (in ("davis"), &clips, &n, &err));
  CHECK (strstr (err.text, "2 x 2"));
}

static void
tables (void)
{
  EmError err = EM_ERROR_INIT;
  EmCsv csv;
  int64_t x;
  FILE *f;

  put (in ("t.csv"), "a,b\r\n\r\n\"x, \"\"y\"\"\",12\n,-9223372036854775808\n");
  CHECK (em_csv_read (&csv, in ("t.csv"), "a,b", &err));
  CHECK (csv.n_rows == 2 && csv.n_columns == 2);
  CHECK_TEXT (em_csv_cell (&csv, 0, 0), "x, \"y\"");
  CHECK (em_csv_int (&csv, 0, 1, 0, 12, &x, &err) && x == 12);
  CHECK (em_csv_int (&csv, 1, 1, INT64_MIN, 0, &x, &err) && x == INT64_MIN);
  CHECK (!em_csv_int (&csv, 0, 1, 0, 11, &x, &err) && strstr (err.text, "line 3: \"12\""));
  em_csv_clear (&csv);
  f = fopen (in ("t.csv"), "wb");
  fputs ("a,b\n", f);
  em_csv_put (f, "q\"\n,");
  fputs (",", f);
  em_csv_put (f, "plain");
  fclose (f);
  CHECK_TEXT (text_of (in ("t.csv")), "a,b\n\"q\"\" ,\",plain");
  err = (EmError) EM_ERROR_INIT;
  CHECK (em_csv_read (&csv, in ("t.csv"), "a,b", &err));
  CHECK_TEXT (em_csv_cell (&csv, 0, 0), "q\" ,");
  em_csv_clear (&csv);
  CHECK (!em_csv_read (&csv, in ("none.csv"), "a,b", &err) && err.code == EM_E_INPUT);
  em_csv_clear (&csv);
  err = (EmError) EM_ERROR_INIT;
  put (in ("t.csv"), "a,b\n1,2\n1,2,3\n");
  CHECK (!em_csv_read (&csv, in ("t.csv"), "a,b", &err) && strstr (err.text, "line 3: expected 2"));
  em_csv_clear (&csv);
}

static int
remove_entry (const char *path, const struct stat *info, int kind, struct FTW *where)
{
  return remove (path);
}

static void
begin (void)
{
  CHECK (mkdtemp (root) != NULL);
}

static void
end (void)
{
  CHECK_INT (nftw (root, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

CHECK_MAIN (begin, there_and_back, coco_with_gaps, coco_is_not_quadratic, strange_coco,
            golden_trees, unsound_clips, strange_png_trees, davis_of_others, tables, end)
