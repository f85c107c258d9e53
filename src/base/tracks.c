/* tracks.c - one labelled clip in memory. */
#include "base/tracks.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const state_names[EM_N_STATES]
    = { "empty", "propagated", "imported", "keyframe", "corrected", "absent", "approved" };

const char *
em_state_name (EmState state)
{
  EM_BUG_UNLESS (state >= 0 && state < EM_N_STATES);
  return state_names[state];
}

bool
em_state_from_name (const char *name, EmState *state)
{
  for (int i = 0; i < EM_N_STATES; i++)
    if (strcmp (name, state_names[i]) == 0) {
      *state = (EmState) i;
      return true;
    }
  return false;
}

bool
em_state_is_protected (EmState state)
{
  return state == EM_STATE_KEYFRAME || state == EM_STATE_CORRECTED || state == EM_STATE_ABSENT
         || state == EM_STATE_APPROVED;
}

static char *
copy_text (const char *text)
{
  char *copy = strdup (text ? text : "");

  EM_BUG_UNLESS (copy);
  return copy;
}

/* Room for one more element of `bytes`, doubling. */
static void *
with_room (void *array, int n, int *room, size_t bytes)
{
  if (n < *room)
    return array;
  *room = *room ? 2 * *room : 8;
  array = realloc (array, (size_t) *room * bytes);
  EM_BUG_UNLESS (array);
  return array;
}

EmTracks *
em_tracks_new (const char *name, int width, int height, int n_frames, const int64_t *pts_ns,
               int64_t duration_ns)
{
  EmTracks *t = calloc (1, sizeof *t);

  EM_BUG_UNLESS (t && width > 0 && height > 0 && n_frames > 0);
  t->name = copy_text (name);
  t->width = width;
  t->height = height;
  t->n_frames = n_frames;
  t->pts_ns = malloc ((size_t) n_frames * sizeof *pts_ns);
  EM_BUG_UNLESS (t->pts_ns);
  memcpy (t->pts_ns, pts_ns, (size_t) n_frames * sizeof *pts_ns);
  t->duration_ns = duration_ns;
  return t;
}

void
em_tracks_free (EmTracks *t)
{
  if (!t)
    return;
  for (int i = 0; i < t->n_objects; i++) {
    EmTrackObject *o = &t->objects[i];

    for (int j = 0; j < o->n_masks; j++)
      em_rle_clear (&o->masks[j].mask);
    free (o->masks);
    free (o->name);
    free (o->class_name);
  }
  free (t->objects);
  for (int i = 0; i < t->n_expressions; i++) {
    EmTrackExpression *e = &t->expressions[i];

    free (e->text);
    free (e->language);
    free (e->split);
    free (e->objects);
  }
  free (t->expressions);
  free (t->intervals);
  free (t->pts_ns);
  free (t->media);
  free (t->name);
  free (t);
}

EmTrackObject *
em_tracks_add_object (EmTracks *t, int64_t id, const char *name, const char *class_name,
                      int64_t class_id, uint32_t color)
{
  EmTrackObject *o;

  t->objects = with_room (t->objects, t->n_objects, &t->objects_room, sizeof *t->objects);
  o = &t->objects[t->n_objects++];
  *o = (EmTrackObject){ .id = id, .class_id = class_id, .color = color };
  o->name = copy_text (name);
  o->class_name = copy_text (class_name);
  return o;
}

EmTrackObject *
em_tracks_object (const EmTracks *t, int64_t id)
{
  for (int i = 0; i < t->n_objects; i++)
    if (t->objects[i].id == id)
      return &t->objects[i];
  return NULL;
}

/* Where `frame` is or belongs. */
static int
place_of (const EmTrackObject *o, int frame)
{
  int low = 0, high = o->n_masks;

  while (low < high) {
    int middle = (low + high) / 2;

    if (o->masks[middle].frame < frame)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

EmTrackMask *
em_track_object_set (EmTrackObject *o, int frame, EmState state, EmRle mask)
{
  int i = place_of (o, frame);

  if (i < o->n_masks && o->masks[i].frame == frame) {
    em_rle_clear (&o->masks[i].mask);
  } else {
    o->masks = with_room (o->masks, o->n_masks, &o->masks_room, sizeof *o->masks);
    memmove (o->masks + i + 1, o->masks + i, (size_t) (o->n_masks - i) * sizeof *o->masks);
    o->n_masks++;
  }
  o->masks[i]
      = (EmTrackMask){ .frame = frame, .state = state, .mask = mask, .iou = NAN, .score = NAN };
  return &o->masks[i];
}

EmTrackMask *
em_track_object_at (const EmTrackObject *o, int frame)
{
  int i = place_of (o, frame);

  return i < o->n_masks && o->masks[i].frame == frame ? &o->masks[i] : NULL;
}

void
em_tracks_add_interval (EmTracks *t, int64_t object, int64_t start_ns, int64_t end_ns)
{
  t->intervals = with_room (t->intervals, t->n_intervals, &t->intervals_room, sizeof *t->intervals);
  t->intervals[t->n_intervals++] = (EmTrackInterval){ object, start_ns, end_ns };
}

void
em_tracks_add_expression (EmTracks *t, int64_t number, const char *text, const char *language,
                          const char *split, bool is_null, const int64_t *objects, int n_objects)
{
  EmTrackExpression *e;

  EM_BUG_UNLESS (n_objects >= 0 && (!is_null || n_objects == 0));
  t->expressions
      = with_room (t->expressions, t->n_expressions, &t->expressions_room, sizeof *t->expressions);
  e = &t->expressions[t->n_expressions++];
  *e = (EmTrackExpression){ .number = number, .is_null = is_null, .n_objects = n_objects };
  e->text = copy_text (text);
  e->language = copy_text (language);
  e->split = copy_text (split);
  if (n_objects == 0)
    return;
  e->objects = malloc ((size_t) n_objects * sizeof *objects);
  EM_BUG_UNLESS (e->objects);
  memcpy (e->objects, objects, (size_t) n_objects * sizeof *objects);
}

int64_t
em_tracks_sounding (const EmTracks *t, int64_t object, int64_t start_ns, int64_t end_ns)
{
  int64_t sum = 0;

  for (int i = 0; i < t->n_intervals; i++) {
    const EmTrackInterval *v = &t->intervals[i];
    int64_t from = v->start_ns > start_ns ? v->start_ns : start_ns;
    int64_t to = v->end_ns < end_ns ? v->end_ns : end_ns;

    if (v->object == object && from < to)
      sum += to - from;
  }
  return sum;
}

int
em_frame_at (const int64_t *pts_ns, int n_frames, int64_t t_ns)
{
  int low = 0, high = n_frames;

  while (low < high) { /* the first frame that begins later */
    int middle = (low + high) / 2;

    if (pts_ns[middle] <= t_ns)
      low = middle + 1;
    else
      high = middle;
  }
  return low > 0 ? low - 1 : 0;
}

int
em_grid_frames (const int64_t *pts_ns, int n_frames, int64_t duration_ns, double phase_s,
                int *frames, int room)
{
  const int64_t second = 1000000000;
  int64_t n = (duration_ns + second / 2) / second;

  n = n < 1 ? 1 : n > room ? room : n;
  for (int64_t k = 0; k < n; k++)
    frames[k] = em_frame_at (pts_ns, n_frames, k * second + (int64_t) llround (phase_s * 1e9));
  return (int) n;
}
