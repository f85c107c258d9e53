/* segment.c - the masks of one clip. */
#include "cli/segment.h"
#include <math.h>
#include <string.h>

static bool
interrupted (EmError *err)
{
  return em_fail (err, EM_E_CANCELLED, "interrupted");
}

static void
advance (EmCliProgress *progress, int done)
{
  if (progress)
    em_cli_progress (progress, done);
}

static double
seconds_since (gint64 start_us)
{
  return (double) (g_get_monotonic_time () - start_us) / 1e6;
}

static EmSegment *
append (EmSegments *s, int object, int frame, EmRle mask)
{
  if (s->n == s->room) {
    s->room = s->room ? 2 * s->room : 64;
    s->items = g_renew (EmSegment, s->items, s->room);
  }
  s->items[s->n] = (EmSegment){ object, frame, mask, NAN, NAN, false, -1 };
  return &s->items[s->n++];
}

/* Takes the answer's mask over. */
static EmSegment *
append_answer (EmSegments *s, int object, int frame, EmAnswer *answer)
{
  EmSegment *item = append (s, object, frame, answer->mask);

  item->iou = answer->iou;
  item->score = answer->score;
  answer->mask = (EmRle){ 0 };
  return item;
}

static int
by_place (const void *a, const void *b)
{
  const EmSegment *x = a, *y = b;

  return x->object != y->object ? x->object - y->object : x->frame - y->frame;
}

void
em_segments_clear (EmSegments *s)
{
  for (int i = 0; i < s->n; i++)
    em_rle_clear (&s->items[i].mask);
  g_free (s->items);
  *s = (EmSegments){ 0 };
}

/* The span of wanted frames; false if there is none. */
static bool
wanted_span (const bool *wanted, int n, int *first, int *last)
{
  for (*first = 0; *first < n && !wanted[*first]; (*first)++)
    ;
  for (*last = n - 1; *last >= 0 && !wanted[*last]; (*last)--)
    ;
  return *first <= *last;
}

int
em_segment_second (const EmClipSource *source, int frame)
{
  int k = (int) (source->pts_ns[frame] / 1000000000);

  return k < source->n_grid ? k : source->n_grid - 1;
}

bool
em_segment_is_heard (EmPredictor *p, int second, const EmAnswer *answer)
{
  return em_predictor_rms (p, second) >= EM_SILENCE && answer->score > 0;
}

/* What the sound decided, second by second. */
typedef struct {
  bool reads; /* an expression decided: what it means may be silent */
  int n;
  bool *asked, *heard; /* or read: found */
  EmRle *masks;        /* the sounding region of the grid frame, empty if not heard */
  float *iou, *score;
} Heard;

static void
heard_init (Heard *h, const EmClipSource *s)
{
  h->reads = false;
  h->n = s->n_grid;
  h->asked = g_new0 (bool, h->n);
  h->heard = g_new0 (bool, h->n);
  h->masks = g_new0 (EmRle, h->n);
  h->iou = g_new0 (float, h->n);
  h->score = g_new0 (float, h->n);
  for (int k = 0; k < h->n; k++) {
    h->masks[k] = em_rle_new (s->width, s->height);
    h->iou[k] = h->score[k] = NAN;
  }
}

static void
heard_clear (Heard *h)
{
  for (int k = 0; k < h->n; k++)
    em_rle_clear (&h->masks[k]);
  g_free (h->asked);
  g_free (h->heard);
  g_free (h->masks);
  g_free (h->iou);
  g_free (h->score);
}

/* Asks the window that holds `second`, unless it was asked. */
static bool
listen (Heard *h, EmPredictor *p, int second, EmError *err)
{
  int t = em_predictor_window_size (p), window, n = 0;
  EmAnswer *answers;
  bool good;

  if (h->asked[second] || em_predictor_n_windows (p) == 0)
    return true;
  window = second / t;
  answers = g_new0 (EmAnswer, t);
  good = em_predictor_sound (p, window, answers, &n, err);
  for (int i = 0; good && i < n; i++) {
    int k = window * t + i;

    h->asked[k] = true;
    h->heard[k] = h->reads ? answers[i].score > 0 : em_segment_is_heard (p, k, &answers[i]);
    h->iou[k] = answers[i].iou;
    h->score[k] = answers[i].score;
    if (h->heard[k]) {
      em_rle_clear (&h->masks[k]);
      h->masks[k] = answers[i].mask;
      answers[i].mask = (EmRle){ 0 };
    }
    em_answer_clear (&answers[i]);
  }
  g_free (answers);
  return good;
}

/* What is said of a mask that was found, or was not. */
static int
sounding_of (const Heard *h, bool found)
{
  return h->reads ? -1 : found;
}

/* Is most of the mask inside what sounds in that second? */
static int
sounds (const Heard *h, int second, const EmRle *mask)
{
  EmRle both;
  int64_t inside, area = em_rle_area (mask);

  if (!h->asked[second])
    return -1;
  if (!h->heard[second] || !area)
    return 0;
  both = em_rle_combine (mask, &h->masks[second], EM_RLE_AND);
  inside = em_rle_area (&both);
  em_rle_clear (&both);
  return 2 * inside >= area;
}

/* Runs a propagation and hands every frame to `take`. */
static bool
propagate (EmPredictor *p, int from, int to,
           void (*take) (void *self, int frame, EmAnswer *answers), void *self, EmError *err)
{
  int n = em_predictor_n_objects (p), frame = 0;
  EmAnswer *answers = g_new0 (EmAnswer, n);
  bool good = em_predictor_propagate (p, from, to, to < from ? -1 : 1, err);

  while (good && em_predictor_step (p, &frame, answers, err)) {
    take (self, frame, answers);
    for (int i = 0; i < n; i++)
      em_answer_clear (&answers[i]);
    if (atomic_load (&em_cli_interrupted))
      good = interrupted (err);
  }
  g_free (answers);
  return good && err->code == EM_OK;
}

typedef struct {
  EmSegments *out;
  const EmClipSource *source;
  const bool *wanted;
  const Heard *heard;
  EmCliProgress *progress;
  bool *done; /* per frame: has its answer */
  int n_done;
} SoundTrack;

static void
take_sound (void *self, int frame, EmAnswer *answers)
{
  SoundTrack *t = self;
  int second = em_segment_second (t->source, frame);

  if (!t->wanted[frame] || t->done[frame] || !t->heard->heard[second])
    return;
  append_answer (t->out, 1, frame, &answers[0])->sounding = sounding_of (t->heard, true);
  t->done[frame] = true;
  advance (t->progress, ++t->n_done);
}

/* The wanted frames of second k; false if there is none left to track. */
static bool
open_span (const SoundTrack *t, int k, int *first, int *last)
{
  *first = -1;
  for (int f = 0; f < t->source->n_frames; f++)
    if (t->wanted[f] && !t->done[f] && em_segment_second (t->source, f) == k) {
      *first = *first < 0 ? f : *first;
      *last = f;
    }
  return *first >= 0;
}

/* The frames of a second are tracked from its grid frame, both ways. Other things may sound in the
 * seconds beside it, so their masks say nothing here. */
static bool
track_sound (SoundTrack *t, EmPredictor *p, EmError *err)
{
  int first, last;

  for (int k = 0; k < t->heard->n; k++) {
    int grid = t->source->grid[k];

    if (!t->heard->heard[k] || !em_rle_area (&t->heard->masks[k])
        || !open_span (t, k, &first, &last))
      continue;
    em_predictor_reset (p);
    if (!em_predictor_add_mask (p, grid, 1, &t->heard->masks[k], NULL, err)
        || (last > grid && !propagate (p, grid, last, take_sound, t, err))
        || (first < grid && !propagate (p, grid, first, take_sound, t, err)))
      return false;
  }
  return true;
}

/* What is decided without tracking: grid frames, and frames of silent seconds, whose masks are
 * empty. True if frames are left. */
static bool
settle (SoundTrack *t)
{
  const EmClipSource *s = t->source;
  bool open = false;

  for (int f = 0; f < s->n_frames; f++) {
    int k = em_segment_second (s, f);
    bool is_grid = f == s->grid[k];

    if (!t->wanted[f])
      continue;
    if (is_grid || !t->heard->heard[k]) {
      EmSegment *item = append (t->out, 1, f, em_rle_copy (&t->heard->masks[k]));

      item->is_key = is_grid;
      item->iou = is_grid ? t->heard->iou[k] : NAN;
      item->score = is_grid ? t->heard->score[k] : NAN;
      item->sounding = sounding_of (t->heard, t->heard->heard[k]);
      t->done[f] = true;
      t->n_done++;
    } else {
      open = true;
    }
  }
  return open;
}

bool
em_segment_sound (EmSegments *out, EmPredictor *p, const EmClipSource *s, const char *text,
                  const bool *wanted, EmCliProgress *progress, EmError *err)
{
  int first, last;
  bool good = true;
  gint64 start = g_get_monotonic_time ();
  SoundTrack track = { out, s, wanted, NULL, progress, NULL, 0 };
  Heard heard;

  if (!em_predictor_set_text (p, text, err))
    return false;
  if (!wanted_span (wanted, s->n_frames, &first, &last))
    return true;
  heard_init (&heard, s);
  heard.reads = text != NULL;
  for (int f = first; good && f <= last; f++)
    if (wanted[f])
      good = listen (&heard, p, em_segment_second (s, f), err);
  out->decode_s = seconds_since (start);
  start = g_get_monotonic_time ();
  track.heard = &heard;
  track.done = g_new0 (bool, s->n_frames);
  if (good && settle (&track))
    good = track_sound (&track, p, err);
  for (int f = first; good && f <= last;
       f++) /* heard, but with an empty region: nothing to track */
    if (wanted[f] && !track.done[f])
      append (out, 1, f, em_rle_new (s->width, s->height))->sounding = sounding_of (&heard, true);
  out->track_s = seconds_since (start);
  g_free (track.done);
  heard_clear (&heard);
  if (out->n)
    qsort (out->items, (size_t) out->n, sizeof *out->items, by_place);
  return good;
}

typedef struct {
  EmSegments *out;
  const EmClipSource *source;
  const EmPromptsFile *prompts;
  const bool *wanted;
  EmCliProgress *progress;
  Heard heard;
  EmPredictor *predictor;
  int first_key; /* of the objects being tracked */
  bool backward;
  int n_done;
} PromptTrack;

static const EmKeyPrompt *
key_at (const EmPromptedObject *object, int frame)
{
  for (int i = 0; i < object->n; i++)
    if (object->keys[i].frame == frame)
      return &object->keys[i];
  return NULL;
}

static const EmPromptedObject *
object_of (const EmPromptsFile *prompts, int id)
{
  for (int i = 0; i < prompts->n; i++)
    if (prompts->objects[i].id == id)
      return &prompts->objects[i];
  return NULL;
}

static void
take_prompted (void *self, int frame, EmAnswer *answers)
{
  PromptTrack *t = self;

  if (!t->wanted[frame] || (t->backward && frame == t->first_key))
    return;
  for (int i = 0; i < em_predictor_n_objects (t->predictor); i++) {
    int id = em_predictor_object (t->predictor, i);

    if (key_at (object_of (t->prompts, id), frame))
      continue;
    append_answer (t->out, id, frame, &answers[i]);
    advance (t->progress, ++t->n_done);
  }
}

/* Decodes an object's key frames and, where there is more to come, lets them condition the tracker.
 */
static bool
add_keys (PromptTrack *t, const EmPromptedObject *object, bool track, EmError *err)
{
  for (int i = 0; i < object->n; i++) {
    const EmKeyPrompt *key = &object->keys[i];
    EmAnswer answer = { 0 };
    bool good = em_predictor_decode (t->predictor, key->frame, &key->set, &answer, err)
                && (!track
                    || em_predictor_add_mask (t->predictor, key->frame, object->id, &answer.mask,
                                              NULL, err));

    if (good && t->wanted[key->frame]) {
      append_answer (t->out, object->id, key->frame, &answer)->is_key = true;
      advance (t->progress, ++t->n_done);
    }
    em_answer_clear (&answer);
    if (!good)
      return false;
  }
  return true;
}

/* Objects whose first key frame is the same are tracked together: from there to both ends, so that
 * no object is looked for before somebody pointed at it. */
static bool
track_group (PromptTrack *t, int first, int last, EmError *err)
{
  gint64 start = g_get_monotonic_time ();
  bool good = true, track = first < t->first_key || last > t->first_key;

  em_predictor_reset (t->predictor);
  for (int i = 0; good && i < t->prompts->n; i++)
    if (t->prompts->objects[i].keys[0].frame == t->first_key)
      good = add_keys (t, &t->prompts->objects[i], track, err);
  t->out->decode_s += seconds_since (start);

  start = g_get_monotonic_time ();
  t->backward = false;
  if (good && last > t->first_key)
    good = propagate (t->predictor, t->first_key, last, take_prompted, t, err);
  t->backward = true;
  if (good && first < t->first_key)
    good = propagate (t->predictor, t->first_key, first, take_prompted, t, err);
  t->out->track_s += seconds_since (start);
  return good;
}

/* The next first key frame after `frame`; -1 if there is none. */
static int
next_group (const EmPromptsFile *prompts, int frame)
{
  int next = -1;

  for (int i = 0; i < prompts->n; i++) {
    int f = prompts->objects[i].keys[0].frame;

    if (f > frame && (next < 0 || f < next))
      next = f;
  }
  return next;
}

/* Which of the masks sound: asked last, since listening is not what was asked for. */
static bool
mark_sounding (PromptTrack *t, EmError *err)
{
  for (int i = 0; i < t->out->n; i++) {
    EmSegment *item = &t->out->items[i];
    int k = em_segment_second (t->source, item->frame);

    if (!listen (&t->heard, t->predictor, k, err))
      return false;
    item->sounding = sounds (&t->heard, k, &item->mask);
  }
  return true;
}

bool
em_segment_prompts (EmSegments *out, EmPredictor *p, const EmClipSource *source,
                    const EmPromptsFile *prompts, const bool *wanted, EmCliProgress *progress,
                    EmError *err)
{
  PromptTrack t = { .out = out,
                    .source = source,
                    .prompts = prompts,
                    .wanted = wanted,
                    .progress = progress,
                    .predictor = p };
  int first, last;
  bool good = true, with_sound = false;

  if (!wanted_span (wanted, t.source->n_frames, &first, &last))
    return true;
  heard_init (&t.heard, t.source);
  for (t.first_key = next_group (prompts, -1); good && t.first_key >= 0;
       t.first_key = next_group (prompts, t.first_key))
    good = track_group (&t, first, last, err);
  for (int i = 0; i < prompts->n; i++)
    for (int k = 0; k < prompts->objects[i].n; k++)
      with_sound |= prompts->objects[i].keys[k].set.sound;
  if (good && with_sound)
    good = mark_sounding (&t, err);
  heard_clear (&t.heard);
  if (out->n)
    qsort (out->items, (size_t) out->n, sizeof *out->items, by_place);
  return good;
}
