/* em-frame-index.c - which picture is frame i, and when it is shown.
 *
 * Packets that are shown, sorted by their time, are the frames: on every file tried this list
 * equals what a decoder gives in one go from the start. Where a clip begins with pictures that lack
 * what they are predicted from, the decoder leaves them out, so the first picture is really decoded
 * and the list begins with it. */
#include "media/em-frame-index.h"
#include "media/feed.h"
#include "media/index_private.h"
#include "media/picture.h"
#include <errno.h>
#include <gst/pbutils/pbutils.h>
#include <string.h>
#include <sys/stat.h>

#define LONE_FRAME_NS (GST_SECOND / 25) /* nothing says how long the only picture is shown */

G_DEFINE_FINAL_TYPE (EmFrameIndex, em_frame_index, G_TYPE_OBJECT)

static void
em_frame_index_finalize (GObject *object)
{
  EmFrameIndex *self = EM_FRAME_INDEX (object);

  g_free (self->frames);
  g_free (self->fingerprint);
  g_free (self->codec);
  G_OBJECT_CLASS (em_frame_index_parent_class)->finalize (object);
}

static void
em_frame_index_class_init (EmFrameIndexClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = em_frame_index_finalize;
}

static void
em_frame_index_init (EmFrameIndex *self)
{
}

const char *const *
em_media_suffixes (void)
{
  static const char *const suffixes[]
      = { "mp4",  "m4v", "mov",  "mkv", "webm", "avi", "ts",  "mts",
          "m2ts", "mpg", "mpeg", "ogv", "3gp",  "flv", "wmv", NULL };

  return suffixes;
}

static int
by_tag (gconstpointer a, gconstpointer b, gpointer data)
{
  const EmUnit *table = data;
  int64_t x = table[((const EmFrame *) a)->unit].tag, y = table[((const EmFrame *) b)->unit].tag;

  return x < y ? -1 : x > y;
}

/* Shown units in the order of showing; times are filled in later. */
static void
list_frames (EmFrameIndex *self, const EmUnits *units)
{
  const EmUnit *table = em_units_table (units);
  int n = em_units_count (units);

  self->frames = g_new0 (EmFrame, MAX (n, 1));
  for (int i = 0; i < n; i++)
    if (!table[i].is_hidden)
      self->frames[self->n_frames++] = (EmFrame){ .unit = i, .is_key = table[i].is_key };
  g_qsort_with_data (self->frames, self->n_frames, sizeof *self->frames, by_tag, (gpointer) table);
}

static int
by_value (gconstpointer a, gconstpointer b)
{
  int64_t x = *(const int64_t *) a, y = *(const int64_t *) b;

  return x < y ? -1 : x > y;
}

static int64_t
median_gap (EmFrameIndex *self)
{
  int n = self->n_frames - 1;
  g_autofree int64_t *gaps = g_new (int64_t, MAX (n, 1));

  for (int i = 0; i < n; i++)
    gaps[i] = self->frames[i].duration_ns;
  qsort (gaps, n, sizeof *gaps, by_value);
  return n > 0 ? gaps[n / 2] : (int64_t) LONE_FRAME_NS;
}

static void
set_times (EmFrameIndex *self, const EmUnits *units)
{
  const EmUnit *table = em_units_table (units);
  EmFrame *last = &self->frames[self->n_frames - 1];

  self->start_ns = table[self->frames[0].unit].time_ns;
  for (int i = 0; i < self->n_frames; i++)
    self->frames[i].pts_ns = table[self->frames[i].unit].tag - table[self->frames[0].unit].tag;
  for (int i = 0; i + 1 < self->n_frames; i++)
    self->frames[i].duration_ns = self->frames[i + 1].pts_ns - self->frames[i].pts_ns;
  last->duration_ns = table[last->unit].duration_ns;
  if (last->duration_ns <= 0)
    last->duration_ns = median_gap (self);
  self->duration_ns = last->pts_ns + last->duration_ns;
}

/* Decodes the first picture that comes out: it says how large pictures are on screen, and that what
 * was listed before it cannot be had. */
static bool
probe_picture (EmFrameIndex *self, EmUnits *units, const char *name, GCancellable *cancellable,
               GError **error)
{
  const EmUnit *table = em_units_table (units);
  EmFeed *feed = em_feed_open (units, name);
  GstSample *sample;
  int skip = -1;
  bool has_size = false;

  em_feed_start (feed, em_units_key_before (units, self->frames[0].unit, 0),
                 em_units_readable (units) - 1);
  while (skip < 0 && (sample = em_feed_pull (feed, cancellable, error))) {
    int64_t tag = (int64_t) GST_BUFFER_PTS (gst_sample_get_buffer (sample));

    for (int i = 0; i < self->n_frames && skip < 0; i++)
      if (table[self->frames[i].unit].tag == tag)
        skip = i;
    if (skip >= 0)
      has_size = em_picture_size (gst_sample_get_caps (sample), em_units_orientation (units),
                                  &self->width, &self->height);
    gst_sample_unref (sample);
  }
  em_feed_close (feed);
  if (!has_size) {
    if (error && !*error)
      g_set_error (error, EM_ERROR, EM_E_INPUT, "%s: no picture in it can be decoded", name);
    return false;
  }
  self->n_frames -= skip;
  memmove (self->frames, self->frames + skip, (gsize) self->n_frames * sizeof *self->frames);
  return true;
}

static void
set_audio (EmFrameIndex *self, const EmPackets *packets)
{
  self->n_audio = packets->n_audio;
  memcpy (self->audio, packets->audio, sizeof self->audio);
  if (packets->audio_start_ns != INT64_MIN)
    self->audio_offset_ns = packets->audio_start_ns - self->start_ns;
}

static void
set_codec (EmFrameIndex *self, const EmUnits *units)
{
  self->codec = gst_pb_utils_get_codec_description (em_units_caps (units, 0));
  if (!self->codec)
    self->codec = g_strdup ("");
}

static bool
fill (EmFrameIndex *self, EmUnits *units, const char *path, GCancellable *cancellable,
      GError **error)
{
  g_autofree char *name = em_media_name (path);
  g_autoptr (EmUnits) whole = NULL;

  list_frames (self, units);
  if (self->n_frames == 0) {
    g_set_error (error, EM_ERROR, EM_E_INPUT, "%s: there is no picture in it", name);
    return false;
  }
  set_codec (self, units);
  /* The first picture may lie behind an edit that hides more than was kept in memory. */
  if (self->frames[0].unit + 32 > em_units_readable (units)
      && em_units_readable (units) < em_units_count (units)) {
    whole = em_units_open (path, self->fingerprint, cancellable, error);
    if (!whole)
      return false;
    units = whole;
  }
  if (!probe_picture (self, units, name, cancellable, error))
    return false;
  set_times (self, units);
  return true;
}

static EmFrameIndex *
open_folder (const char *path, GCancellable *cancellable, GError **error)
{
  g_autoptr (EmFrameIndex) self = g_object_new (EM_TYPE_FRAME_INDEX, NULL);
  g_autoptr (EmUnits) units = NULL;
  EmFolder *folder = em_folder_open (path, cancellable, error);
  g_autofree char *sound = NULL;

  if (!folder)
    return NULL;
  self->fingerprint = em_fingerprint (path, error);
  sound = g_strdup (folder->sound);
  units = em_units_from_folder (folder);
  if (!self->fingerprint || !fill (self, units, path, cancellable, error))
    return NULL;
  if (sound) {
    g_autofree char *suffix = g_ascii_strup (strrchr (sound, '.') + 1, -1);
    self->n_audio = 1;
    g_strlcpy (self->audio[0].codec, suffix, sizeof self->audio[0].codec);
  }
  return g_steal_pointer (&self);
}

static EmFrameIndex *
open_file (const char *path, GCancellable *cancellable, GError **error)
{
  g_autoptr (EmFrameIndex) self = g_object_new (EM_TYPE_FRAME_INDEX, NULL);
  g_autoptr (EmUnits) units = NULL;
  EmPackets packets = { NULL };

  self->fingerprint = em_fingerprint (path, error);
  if (!self->fingerprint)
    return NULL;
  units = em_units_scan (path, &packets, cancellable, error);
  if (!units)
    return NULL;
  if (!fill (self, units, path, cancellable, error)) {
    em_packets_clear (&packets);
    return NULL;
  }
  set_audio (self, &packets);
  em_packets_clear (&packets);
  /* Decode times are as good as presentation times only where the two orders are the same. */
  if (em_units_have_guesses (units) && !em_frame_index_check (self, path, cancellable, error)) {
    if (error && g_error_matches (*error, EM_ERROR, EM_E_CHECK))
      (*error)->code = EM_E_INPUT;
    return NULL;
  }
  return g_steal_pointer (&self);
}

EmFrameIndex *
em_frame_index_open (const char *path, GCancellable *cancellable, GError **error)
{
  g_autofree char *name = em_media_name (path);
  struct stat st;

  if (stat (path, &st) != 0) {
    g_set_error (error, EM_ERROR, EM_E_INPUT, "%s: %s", name, g_strerror (errno));
    return NULL;
  }
  if (S_ISDIR (st.st_mode))
    return open_folder (path, cancellable, error);
  if (!S_ISREG (st.st_mode) || st.st_size == 0) {
    g_set_error (error, EM_ERROR, EM_E_INPUT, "%s: %s", name,
                 S_ISREG (st.st_mode) ? "the file is empty" : "not a file");
    return NULL;
  }
  return open_file (path, cancellable, error);
}

/* A difference found by the check, as one line. */
static bool
differs (const char *name, int frame, const char *how, GError **error)
{
  g_set_error (error, EM_ERROR, EM_E_CHECK, "%s: frame %d %s", name, frame, how);
  return false;
}

bool
em_frame_index_check (EmFrameIndex *self, const char *path, GCancellable *cancellable,
                      GError **error)
{
  g_autofree char *name = em_media_name (path);
  g_autoptr (EmUnits) units = em_index_open_units (self, path, cancellable, error);
  g_autoptr (GError) fault = NULL;
  EmFeed *feed;
  GstSample *sample;
  int frame = 0;
  bool is_same = true;

  if (!units)
    return false;
  feed = em_feed_open (units, name);
  em_feed_start (feed, em_units_key_before (units, self->frames[0].unit, 0),
                 em_units_count (units) - 1);
  while (is_same && (sample = em_feed_pull (feed, cancellable, &fault))) {
    int64_t tag = (int64_t) GST_BUFFER_PTS (gst_sample_get_buffer (sample));
    int64_t wanted
        = frame < self->n_frames ? em_units_table (units)[self->frames[frame].unit].tag : INT64_MAX;

    gst_sample_unref (sample);
    if (tag == wanted)
      frame++;
    else if (em_units_is_shown_tag (units, tag))
      is_same = differs (name, frame, "comes out of place in a full decode", error);
  }
  em_feed_close (feed);
  if (fault) {
    g_propagate_error (error, g_steal_pointer (&fault));
    return false;
  }
  if (is_same && frame < self->n_frames)
    is_same = differs (name, frame, "is missing in a full decode", error);
  return is_same;
}

EmUnits *
em_index_open_units (EmFrameIndex *self, const char *path, GCancellable *cancellable,
                     GError **error)
{
  g_autofree char *name = em_media_name (path);
  g_autoptr (EmUnits) units = NULL;
  const EmUnit *table;
  bool is_same;

  if (g_file_test (path, G_FILE_TEST_IS_DIR)) {
    EmFolder *folder = em_folder_open (path, cancellable, error);
    if (!folder)
      return NULL;
    units = em_units_from_folder (folder);
  } else {
    /* The cheap test first: another file under the old name must not be cached as the old one. */
    g_autofree char *fingerprint = em_fingerprint (path, error);
    if (!fingerprint)
      return NULL;
    if (strcmp (fingerprint, self->fingerprint) != 0) {
      g_set_error (error, EM_ERROR, EM_E_INPUT, "%s: not the clip that was indexed, index it again",
                   name);
      return NULL;
    }
    units = em_units_open (path, fingerprint, cancellable, error);
    if (!units)
      return NULL;
  }
  table = em_units_table (units);
  is_same = self->frames[0].unit < em_units_count (units);
  for (int i = 0; i < self->n_frames && is_same; i++) {
    const EmFrame *f = &self->frames[i];
    is_same = f->unit < em_units_count (units) && !table[f->unit].is_hidden
              && table[f->unit].tag - table[self->frames[0].unit].tag == f->pts_ns;
  }
  if (!is_same) {
    g_set_error (error, EM_ERROR, EM_E_INPUT,
                 "%s: its packets are not those that were indexed, index it again", name);
    return NULL;
  }
  return g_steal_pointer (&units);
}

int
em_frame_index_n_frames (EmFrameIndex *self)
{
  return self->n_frames;
}

const EmFrame *
em_frame_index_frames (EmFrameIndex *self)
{
  return self->frames;
}

int64_t
em_frame_index_pts (EmFrameIndex *self, int frame)
{
  EM_BUG_UNLESS (frame >= 0 && frame < self->n_frames);
  return self->frames[frame].pts_ns;
}

int
em_frame_index_at (EmFrameIndex *self, int64_t t_ns)
{
  int low = 0, high = self->n_frames; /* the answer is in [low, high) */

  while (high - low > 1) {
    int middle = (low + high) / 2;
    if (self->frames[middle].pts_ns <= t_ns)
      low = middle;
    else
      high = middle;
  }
  return low;
}

void
em_frame_index_copy_pts (EmFrameIndex *self, int64_t *pts_ns)
{
  for (int i = 0; i < self->n_frames; i++)
    pts_ns[i] = self->frames[i].pts_ns;
}

int
em_frame_index_width (EmFrameIndex *self)
{
  return self->width;
}

int
em_frame_index_height (EmFrameIndex *self)
{
  return self->height;
}

int64_t
em_frame_index_duration (EmFrameIndex *self)
{
  return self->duration_ns;
}

int64_t
em_frame_index_start (EmFrameIndex *self)
{
  return self->start_ns;
}

const char *
em_frame_index_fingerprint (EmFrameIndex *self)
{
  return self->fingerprint;
}

const char *
em_frame_index_codec (EmFrameIndex *self)
{
  return self->codec;
}

int
em_frame_index_n_audio (EmFrameIndex *self)
{
  return self->n_audio;
}

const EmAudioTrack *
em_frame_index_audio (EmFrameIndex *self, int track)
{
  EM_BUG_UNLESS (track >= 0 && track < self->n_audio);
  return &self->audio[track];
}

int64_t
em_frame_index_audio_offset (EmFrameIndex *self)
{
  return self->audio_offset_ns;
}
