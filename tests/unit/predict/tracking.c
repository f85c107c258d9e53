/* Where masks go: objects that do not see each other, corrections that stay, memory that does not
 * grow, and steps that happen whole or not at all. */
#include "check.h"
#include "predict/predictor_private.h"
#include "tiny.h"

static Tiny tiny;

static EmPredictorOptions
options (void)
{
  EmPredictorOptions o = em_predictor_defaults ();

  o.max_cond_frames = 0;
  return o;
}

static EmPredictor *
open_clip (const TinyClip *c, const EmPredictorOptions *o)
{
  EmError err = EM_ERROR_INIT;
  EmPredictor *p = em_predictor_open (tiny.model, &c->source, o, &err);

  CHECK_TEXT (err.text, "");
  return p;
}

/* A person's words, all known to be good. */
static void
click (EmPredictor *p, int frame, int object, float x, float y)
{
  EmError err = EM_ERROR_INIT;
  const float xy[2] = { x, y };

  CHECK (em_predictor_add_points (p, frame, object, xy, &(int){ 1 }, 1, NULL, true, NULL, &err));
  CHECK_TEXT (err.text, "");
}

typedef struct {
  int n, frames[400];
  float (*logits)[TINY_MAP]; /* [n][objects] */
  float (*score);
} Track;

static void
track_clear (Track *t)
{
  free (t->logits);
  free (t->score);
}

/* Steps to the end, or until one fails: then *err says so. Goes on where `t` is. */
static void
follow (EmPredictor *p, Track *t, EmError *err)
{
  int n_objects = em_predictor_n_objects (p);
  EmAnswer answers[4];

  if (!t->logits) {
    t->logits = malloc (sizeof *t->logits * 400 * (size_t) n_objects);
    t->score = malloc (sizeof *t->score * 400 * (size_t) n_objects);
  }
  while (em_predictor_step (p, &t->frames[t->n], answers, err)) {
    for (int i = 0; i < n_objects; i++) {
      memcpy (t->logits[t->n * n_objects + i], answers[i].logits, sizeof *t->logits);
      t->score[t->n * n_objects + i] = answers[i].score;
      CHECK_INT (answers[i].side * answers[i].side, TINY_MAP);
      em_answer_clear (&answers[i]);
    }
    t->n++;
  }
}

static Track
propagate (EmPredictor *p, int start, int end)
{
  EmError err = EM_ERROR_INIT;
  Track t = { 0 };

  CHECK (em_predictor_propagate (p, start, end, end < start ? -1 : 1, &err));
  follow (p, &t, &err);
  CHECK_TEXT (err.text, "");
  CHECK_INT (t.n, abs (end - start) + 1);
  for (int i = 0; i < t.n; i++)
    CHECK_INT (t.frames[i], start < end ? start + i : start - i);
  return t;
}

static bool
same_logits (const float *a, const float *b)
{
  return !memcmp (a, b, sizeof (float[TINY_MAP]));
}

static bool
same_track (const Track *a, const Track *b, int n_objects)
{
  return a->n == b->n
         && !memcmp (a->logits, b->logits, sizeof *a->logits * (size_t) (a->n * n_objects))
         && !memcmp (a->score, b->score, sizeof *a->score * (size_t) (a->n * n_objects));
}

static void
held (EmPredictor *p, int frame, int object, float *logits)
{
  EmError err = EM_ERROR_INIT;
  EmAnswer a = { 0 };

  CHECK (em_predictor_at (p, frame, object, &a, &err));
  memcpy (logits, a.logits, sizeof (float[TINY_MAP]));
  em_answer_clear (&a);
}

static EmRle
rectangle (int x0, int y0, int x1, int y1)
{
  uint8_t pixels[TINY_WIDTH * TINY_HEIGHT] = { 0 };

  for (int y = y0; y < y1; y++)
    memset (pixels + y * TINY_WIDTH + x0, 1, (size_t) (x1 - x0));
  return em_rle_encode (pixels, TINY_WIDTH, TINY_HEIGHT);
}

static void
a_second_pass_is_the_first_again (void)
{
  EmPredictorOptions o = options ();
  TinyClip clip;
  EmPredictor *p;
  Track a, b, back;

  tiny_clip_open (&clip, 24, 5);
  p = open_clip (&clip, &o);
  click (p, 0, 1, 12, 12);
  a = propagate (p, 0, 23);
  b = propagate (p, 0, 23);
  CHECK (same_track (&a, &b, 1));
  for (int i = 1; i < a.n; i++) /* frames differ, and so do their masks */
    CHECK (!same_logits (a.logits[i], a.logits[i - 1]));
  back = propagate (p, 23, 0);
  CHECK (same_logits (back.logits[23], a.logits[0]));
  CHECK (!same_logits (back.logits[3], a.logits[20]));
  track_clear (&a);
  track_clear (&b);
  track_clear (&back);
  em_predictor_close (p);
  tiny_clip_close (&clip);
}

static void
objects_do_not_see_each_other (void)
{
  EmPredictorOptions o = options ();
  TinyClip clip;
  EmPredictor *both, *one, *two;
  Track a, b, c;
  EmError err = EM_ERROR_INIT;

  tiny_clip_open (&clip, 16, 5);
  both = open_clip (&clip, &o);
  one = open_clip (&clip, &o);
  two = open_clip (&clip, &o);
  click (both, 0, 7, 12, 12);
  click (one, 0, 7, 12, 12);
  click (both, 5, 3, 20, 20); /* also tracked on the frames before it */
  click (two, 5, 3, 20, 20);
  CHECK_INT (em_predictor_n_objects (both), 2);
  CHECK (em_predictor_object (both, 0) == 7 && em_predictor_object (both, 1) == 3);
  a = propagate (both, 0, 15);
  b = propagate (one, 0, 15);
  c = propagate (two, 0, 15);
  for (int i = 0; i < 16; i++) {
    CHECK (same_logits (a.logits[2 * i], b.logits[i]));
    CHECK (same_logits (a.logits[2 * i + 1], c.logits[i]));
  }
  CHECK_INT (em_feature_store_encoded (both->features), 16); /* once a frame, not once an object */
  CHECK (em_predictor_remove_object (both, 7, &err));
  track_clear (&a);
  a = propagate (both, 0, 15);
  CHECK (same_track (&a, &c, 1));
  em_predictor_reset (both);
  CHECK_INT (em_predictor_n_objects (both), 0);
  CHECK_INT (em_slots_in_use (em_tracker_pool (both->tracker)->memories), 0);
  track_clear (&a);
  track_clear (&b);
  track_clear (&c);
  em_predictor_close (both);
  em_predictor_close (one);
  em_predictor_close (two);
  tiny_clip_close (&clip);
}

static void
corrections_stay_and_have_effect (void)
{
  for (int cond = 0; cond < 2; cond++) {
    EmPredictorOptions o = options ();
    TinyClip clip;
    EmPredictor *p;
    Track before, after, back;
    float corrected[TINY_MAP];

    o.corrected_become_cond = cond;
    tiny_clip_open (&clip, 20, 5);
    p = open_clip (&clip, &o);
    click (p, 0, 1, 12, 12);
    before = propagate (p, 0, 19);
    click (p, 8, 1, 30, 20);
    held (p, 8, 1, corrected);
    CHECK (!same_logits (corrected, before.logits[8]));
    after = propagate (p, 0, 19);
    CHECK (same_logits (after.logits[0], before.logits[0]));
    CHECK (same_logits (after.logits[8], corrected)
           == cond); /* else tracked over, as it is stock */
    CHECK (same_logits (after.logits[4], before.logits[4]) == !cond);
    CHECK (same_logits (after.logits[12], before.logits[12]) == !cond);
    back = propagate (p, 19, 0);
    CHECK (same_logits (back.logits[11], corrected) == cond);
    CHECK (same_logits (back.logits[19], before.logits[0]));
    track_clear (&before);
    track_clear (&after);
    track_clear (&back);
    em_predictor_close (p);
    tiny_clip_close (&clip);
  }
}

/* Every way that a mask of a person's comes in: propagation passes over it and leaves it. */
static void
prompted_frames_are_never_written (void)
{
  EmPredictorOptions o = options ();
  EmRle mask = rectangle (6, 7, 19, 18), nothing = em_rle_new (TINY_WIDTH, TINY_HEIGHT);
  static const int frames[4] = { 2, 5, 9, 11 };
  EmError err = EM_ERROR_INIT;
  float want[4][TINY_MAP];
  TinyClip clip;
  EmPredictor *p;
  EmAnswer a;

  tiny_clip_open (&clip, 15, 5);
  p = open_clip (&clip, &o);
  click (p, 2, 1, 12, 12);
  CHECK (em_predictor_add_mask (p, 5, 1, &mask, &a, &err));
  CHECK_NEAR (a.score, 10, 0);
  CHECK (em_rle_iou (&a.mask, &mask) > 0.8);
  em_answer_clear (&a);
  CHECK (em_predictor_add_mask (p, 9, 1, &nothing, &a, &err)); /* absent, says a person */
  CHECK_NEAR (a.score, -10, 0);
  CHECK_INT (em_rle_area (&a.mask), 0);
  em_answer_clear (&a);
  click (p, 11, 1, 8, 20);
  for (int i = 0; i < 4; i++)
    held (p, frames[i], 1, want[i]);
  for (int pass = 0; pass < 3; pass++) {
    Track t = pass == 1 ? propagate (p, 14, 0) : propagate (p, 0, 14);

    for (int i = 0; i < 4; i++) {
      float now[TINY_MAP];

      held (p, frames[i], 1, now);
      CHECK (same_logits (now, want[i]));
      CHECK (same_logits (t.logits[pass == 1 ? 14 - frames[i] : frames[i]], want[i]));
    }
    track_clear (&t);
  }
  em_predictor_close (p);
  tiny_clip_close (&clip);
  em_rle_clear (&mask);
  em_rle_clear (&nothing);
}

static void
memory_does_not_grow_with_the_clip (void)
{
  EmPredictorOptions roomy = options (), tight = options ();
  TinyClip clip;
  EmPredictor *p, *q;
  Track a = { 0 }, b = { 0 };
  EmError err = EM_ERROR_INIT;
  int most = 0, encoded_most = 0;

  roomy.max_kept_frames = 0;
  tight.bank_bytes = 0;
  tight.feature_cache_bytes = 0;
  tiny_clip_open (&clip, 300, 25);
  p = open_clip (&clip, &roomy);
  q = open_clip (&clip, &tight);
  click (p, 0, 1, 12, 12);
  click (q, 0, 1, 12, 12);
  a = propagate (p, 0, 299);
  CHECK_INT (em_tracker_bank (p->tracker, 1)->tracked.n, 299);

  CHECK (em_predictor_propagate (q, 0, 299, 1, &err));
  for (int frame = 0; frame < 300;) {
    EmAnswer answer;
    int in_use;

    if (!em_predictor_step (q, &frame, &answer, &err))
      break;
    CHECK (same_logits (answer.logits, a.logits[frame]));
    em_answer_clear (&answer);
    in_use = em_slots_in_use (em_tracker_pool (q->tracker)->memories);
    most = in_use > most ? in_use : most;
    b.n++;
  }
  CHECK_TEXT (err.text, "");
  CHECK_INT (b.n, 300);
  CHECK (most >= 16 && most <= 20);
  encoded_most = em_feature_store_kept (q->features);
  CHECK (encoded_most <= 2);
  /* What was let go is not there, what the next step needs is. */
  CHECK (!em_predictor_at (q, 100, 1, NULL, &err) && err.code == EM_OK);
  CHECK (em_predictor_at (q, 0, 1, NULL, &err) && em_predictor_at (q, 290, 1, NULL, &err));
  track_clear (&a);
  em_predictor_close (p);
  em_predictor_close (q);
  tiny_clip_close (&clip);
}

/* Cancels at the n-th value that a pass names. */
typedef struct {
  atomic_bool flag;
  int left;
} Stop;

static void
stop_at (void *self, const char *name, const EmTensor *x)
{
  Stop *s = self;

  if (s->left-- == 0)
    atomic_store (&s->flag, true);
}

static void
a_cancelled_step_has_not_happened (void)
{
  EmPredictorOptions o = options ();
  TinyClip clip;
  EmPredictor *p;
  Track want, got = { 0 };
  Stop stop = { .left = -1 };
  EmError err = EM_ERROR_INIT;
  int n_stopped = 0, in_use;

  tiny_clip_open (&clip, 12, 5);
  p = open_clip (&clip, &o);
  click (p, 0, 1, 12, 12);
  click (p, 3, 2, 20, 20);
  want = propagate (p, 0, 11);
  em_predictor_close (p);

  p = open_clip (&clip, &o);
  em_predictor_set_cancel (p, &stop.flag);
  em_predictor_set_tap (p, stop_at, &stop);
  /* A prompt that is cancelled makes no object. */
  stop.left = 20;
  CHECK (!em_predictor_add_points (p, 0, 1, (float[]){ 12, 12 }, &(int){ 1 }, 1, NULL, true, NULL,
                                   &err));
  CHECK_INT (err.code, EM_E_CANCELLED);
  CHECK_INT (em_predictor_n_objects (p), 0);
  CHECK_INT (em_slots_in_use (em_tracker_pool (p->tracker)->pointers), 0);
  atomic_store (&stop.flag, false);
  click (p, 0, 1, 12, 12);
  click (p, 3, 2, 20, 20);
  for (int tries = 0; tries < 200; tries++) { /* nor does a cancelled beginning spoil anything */
    stop.left = tries;
    err = (EmError) EM_ERROR_INIT;
    if (em_predictor_propagate (p, 0, 11, 1, &err))
      break;
    CHECK_INT (err.code, EM_E_CANCELLED);
    atomic_store (&stop.flag, false);
    n_stopped++;
  }
  CHECK (n_stopped > 2);
  n_stopped = 0;
  in_use = em_slots_in_use (em_tracker_pool (p->tracker)->memories);
  for (int tries = 0; got.n < 12 && tries < 2000; tries++) {
    int before = got.n;

    stop.left = tries % 90;
    atomic_store (&stop.flag, false);
    err = (EmError) EM_ERROR_INIT;
    follow (p, &got, &err);
    in_use += 2 * (got.n - before);
    if (err.code == EM_E_CANCELLED)
      n_stopped++;
    else
      CHECK_TEXT (err.text, "");
  }
  CHECK (n_stopped > 12);
  CHECK (same_track (&got, &want, 2));
  /* Two entries a frame, less the two prompted ones; and no slot was lost on the way. */
  CHECK_INT (em_slots_in_use (em_tracker_pool (p->tracker)->memories), in_use - 2);
  track_clear (&want);
  track_clear (&got);
  em_predictor_close (p);
  tiny_clip_close (&clip);
}

static void
a_frame_that_cannot_be_read_may_be_tried_again (void)
{
  EmPredictorOptions o = options ();
  TinyClip clip;
  EmPredictor *p;
  Track want, got = { 0 };
  EmError err = EM_ERROR_INIT;

  tiny_clip_open (&clip, 10, 5);
  p = open_clip (&clip, &o);
  click (p, 0, 1, 12, 12);
  want = propagate (p, 0, 9);
  em_predictor_close (p);
  p = open_clip (&clip, &o);
  click (p, 0, 1, 12, 12);
  clip.fails_at = 6;
  CHECK (em_predictor_propagate (p, 0, 9, 1, &err));
  follow (p, &got, &err);
  CHECK_INT (err.code, EM_E_INPUT);
  CHECK_INT (got.n, 6);
  clip.fails_at = -1;
  err = (EmError) EM_ERROR_INIT;
  follow (p, &got, &err);
  CHECK_TEXT (err.text, "");
  CHECK (same_track (&got, &want, 1));
  CHECK (!em_predictor_step (p, &(int){ 0 }, NULL, &err) && err.code == EM_OK);
  track_clear (&want);
  track_clear (&got);
  em_predictor_close (p);
  tiny_clip_close (&clip);
}

/* Remembered frames are looked back at, but condition nothing and may be tracked over. */
static void
a_stopped_track_is_taken_up_again (void)
{
  EmPredictorOptions o = options ();
  EmRle mask = rectangle (6, 7, 19, 18);
  EmError err = EM_ERROR_INIT;
  TinyClip clip;
  EmPredictor *p, *q, *bare;
  Track whole, rest, without, again;
  const EmBank *bank;

  tiny_clip_open (&clip, 20, 5);
  p = open_clip (&clip, &o);
  q = open_clip (&clip, &o);
  bare = open_clip (&clip, &o);
  CHECK (em_predictor_add_mask (p, 0, 1, &mask, NULL, &err));
  CHECK (em_predictor_add_mask (q, 0, 1, &mask, NULL, &err));
  CHECK (em_predictor_add_mask (bare, 0, 1, &mask, NULL, &err));
  whole = propagate (p, 0, 19);
  for (int f = 5; f < 12; f++) {
    EmAnswer a;

    CHECK (em_predictor_at (p, f, 1, &a, &err));
    CHECK (em_predictor_remember (q, f, 1, &a.mask, &err));
    em_answer_clear (&a);
  }
  rest = propagate (q, 12, 19);
  bank = em_tracker_bank (q->tracker, 1);
  CHECK_INT (bank->cond.n, 1);
  CHECK_INT (bank->tracked.n, 7 + 8);
  CHECK (!em_is_nil (&em_entries_at (&bank->tracked, 5)->memory));
  without = propagate (bare, 12, 19);
  CHECK (!same_logits (rest.logits[0], without.logits[0]));
  again = propagate (q, 0, 19);
  CHECK (same_track (&again, &whole, 1));
  track_clear (&whole);
  track_clear (&rest);
  track_clear (&without);
  track_clear (&again);
  em_predictor_close (p);
  em_predictor_close (q);
  em_predictor_close (bare);
  tiny_clip_close (&clip);
  em_rle_clear (&mask);
}

static void
half_precision_memories_are_nearly_the_same (void)
{
  EmPredictorOptions o = options (), f32 = options ();
  TinyClip clip;
  EmPredictor *p, *q;
  Track a, b;
  double difference = 0, size = 0;

  f32.memory_f32 = true;
  tiny_clip_open (&clip, 10, 5);
  p = open_clip (&clip, &o);
  q = open_clip (&clip, &f32);
  click (p, 0, 1, 12, 12);
  click (q, 0, 1, 12, 12);
  a = propagate (p, 0, 9);
  b = propagate (q, 0, 9);
  for (int i = 0; i < 10 * TINY_MAP; i++) {
    const float *x = &a.logits[i / TINY_MAP][i % TINY_MAP];
    const float *y = &b.logits[i / TINY_MAP][i % TINY_MAP];

    difference += (*x - *y) * (*x - *y);
    size += *y * *y;
  }
  CHECK (difference > 0 && sqrt (difference / size) < 0.02);
  CHECK_INT (em_tracker_bank (p->tracker, 1)->cond.items[0]->memory.dtype, EM_BF16);
  track_clear (&a);
  track_clear (&b);
  em_predictor_close (p);
  em_predictor_close (q);
  tiny_clip_close (&clip);
}

/* Low scores: nothing there, nothing shown, and tracking goes on. Also with 2.0's switches, and in
 * a clip of one frame, where pointer distances have no unit. */
static void
absent_objects_and_single_frames (void)
{
  for (int kind = 0; kind < 4; kind++) {
    EmPredictorOptions o = options ();
    TinyClip clip;
    EmPredictor *p;
    Track t;
    int n = kind < 2 ? 8 : 1;

    tiny_close (&tiny);
    tiny_open (&tiny, (TinyKind){ .v20 = kind % 2, .score_bias = n > 1 ? -9 : 9, .deaf = true });
    tiny_clip_open (&clip, n, 5);
    p = open_clip (&clip, &o);
    click (p, 0, 1, 12, 12);
    t = propagate (p, 0, n - 1);
    for (int i = 0; i < n; i++) {
      CHECK (n > 1 ? t.score[i] < 0 : t.score[i] > 0);
      CHECK (n > 1 ? t.logits[i][9] == -1024 : t.logits[i][9] > -100);
    }
    track_clear (&t);
    click (p, 0, 1, 14, 14);
    t = propagate (p, 0, n - 1);
    for (int i = 0; i < TINY_MAP; i++)
      CHECK (isfinite (t.logits[0][i]));
    track_clear (&t);
    em_predictor_close (p);
    tiny_clip_close (&clip);
  }
  tiny_close (&tiny);
  tiny_open (&tiny, (TinyKind){ .score_bias = 2 });
}

static void
wrong_input_is_told (void)
{
  EmPredictorOptions o = options ();
  EmRle other = em_rle_new (9, 9);
  const float xy[2] = { 3, 3 }, bad[2] = { INFINITY, 3 }, corners[4] = { 1, 1, 9, NAN };
  TinyClip clip;
  EmPredictor *p;
  EmError e[16] = { 0 };
  int n = 0;

  tiny_clip_open (&clip, 10, 5);
  p = open_clip (&clip, &o);
  CHECK (!em_predictor_propagate (p, 0, 9, 1, &e[n++]));
  CHECK (!em_predictor_remove_object (p, 1, &e[n++]));
  CHECK (!em_predictor_add_points (p, 10, 1, xy, &(int){ 1 }, 1, NULL, true, NULL, &e[n++]));
  CHECK (!em_predictor_add_points (p, 1, 0, xy, &(int){ 1 }, 1, NULL, true, NULL, &e[n++]));
  CHECK (!em_predictor_add_points (p, 1, 1, bad, &(int){ 1 }, 1, NULL, true, NULL, &e[n++]));
  CHECK (!em_predictor_add_points (p, 1, 1, xy, &(int){ 2 }, 1, NULL, true, NULL, &e[n++]));
  CHECK (!em_predictor_add_points (p, 1, 1, xy, &(int){ 1 }, 0, NULL, true, NULL, &e[n++]));
  CHECK (!em_predictor_add_points (p, 1, 1, xy, &(int){ 1 }, 99, NULL, true, NULL, &e[n++]));
  CHECK (!em_predictor_add_points (p, 1, 1, xy, NULL, 0, corners, true, NULL, &e[n++]));
  CHECK (!em_predictor_add_points (p, 1, 1, xy, NULL, 0, xy, false, NULL, &e[n++]));
  CHECK (!em_predictor_add_mask (p, 1, 1, &other, NULL, &e[n++]));
  CHECK (!em_predictor_remember (p, -1, 1, &other, &e[n++]));
  CHECK_INT (em_predictor_n_objects (p), 0);
  click (p, 0, 1, 12, 12);
  CHECK (!em_predictor_propagate (p, 0, 10, 1, &e[n++]));
  for (int i = 0; i < n; i++) {
    CHECK_INT (e[i].code, EM_E_USAGE);
    CHECK (strlen (e[i].text) > 10);
  }
  CHECK (!em_predictor_at (p, 3, 1, NULL, &e[n]) && e[n].code == EM_OK);
  CHECK (!em_predictor_step (p, &n, NULL, &e[15]) && e[15].code == EM_OK);
  em_predictor_close (p);
  tiny_clip_close (&clip);
  em_rle_clear (&other);
}

static void
begin (void)
{
  tiny_open (&tiny, (TinyKind){ .score_bias = 2 });
}

static void
end (void)
{
  tiny_close (&tiny);
}

CHECK_MAIN (begin, a_second_pass_is_the_first_again, objects_do_not_see_each_other,
            corrections_stay_and_have_effect, prompted_frames_are_never_written,
            memory_does_not_grow_with_the_clip, a_cancelled_step_has_not_happened,
            a_frame_that_cannot_be_read_may_be_tried_again, a_stopped_track_is_taken_up_again,
            half_precision_memories_are_nearly_the_same, absent_objects_and_single_frames,
            wrong_input_is_told, end)
