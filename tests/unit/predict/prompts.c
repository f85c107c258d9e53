/* What prompts and sound mean: answers that depend on nothing but what was said, however they were
 * come by, and caches that only make them quicker. */
#include "check.h"
#include "predict/predictor_private.h"
#include "tiny.h"

static Tiny tiny;

static EmPredictor *
open_clip (const TinyClip *c, size_t cache_bytes)
{
  EmPredictorOptions o = em_predictor_defaults ();
  EmError err = EM_ERROR_INIT;
  EmPredictor *p;

  o.feature_cache_bytes = cache_bytes;
  p = em_predictor_open (tiny.model, &c->source, &o, &err);
  CHECK_TEXT (err.text, "");
  return p;
}

#define ROOMY ((size_t) 64 << 20)

static EmPrompt
box (float x0, float y0, float x1, float y1)
{
  return (EmPrompt){ EM_PROMPT_BOX, x0, y0, x1, y1 };
}

/* A copy that outlives the next call. */
typedef struct {
  float logits[TINY_MAP];
  float iou, score;
  int64_t area;
} Seen;

static Seen
see (EmAnswer *a)
{
  Seen s = { .iou = a->iou, .score = a->score, .area = em_rle_area (&a->mask) };

  CHECK_INT (a->side * a->side, TINY_MAP);
  CHECK (a->mask.width == TINY_WIDTH && a->mask.height == TINY_HEIGHT);
  memcpy (s.logits, a->logits, sizeof s.logits);
  em_answer_clear (a);
  return s;
}

static Seen
decode (EmPredictor *p, int frame, const EmPromptSet *set)
{
  EmError err = EM_ERROR_INIT;
  EmAnswer a;

  if (em_predictor_decode (p, frame, set, &a, &err))
    return see (&a);
  CHECK_TEXT (err.text, "");
  return (Seen){ 0 };
}

static bool
same (const Seen *a, const Seen *b)
{
  return !memcmp (a->logits, b->logits, sizeof a->logits) && a->iou == b->iou
         && a->score == b->score && a->area == b->area;
}

#define CHECK_ALIKE(a, b, alike)                                                                   \
  do {                                                                                             \
    Seen a_ = (a), b_ = (b);                                                                       \
    CHECK (same (&a_, &b_) == (alike));                                                            \
  } while (0)
#define CHECK_SAME(a, b)  CHECK_ALIKE (a, b, true)
#define CHECK_OTHER(a, b) CHECK_ALIKE (a, b, false)

static EmPromptSet
three_prompts (void)
{
  return (EmPromptSet){
    .n = 3, .items = { tiny_point (12, 12, true), box (3, 4, 20, 22), tiny_point (30, 9, false) }
  };
}

/* Every way to ask: clicks alone, both mixes, sound alone, a base under it. */
static int
every_set (EmPromptSet *sets, const EmRle *base)
{
  int n = 0;

  for (int sound = 0; sound < 2; sound++)
    for (int mix = 0; mix <= sound; mix++)
      for (int based = 0; based < 2; based++) {
        sets[n] = three_prompts ();
        sets[n].sound = sound;
        sets[n].mix = mix ? EM_MIX_ENSEMBLE : EM_MIX_JOINT;
        sets[n++].base = based ? base : NULL;
      }
  sets[n] = (EmPromptSet){ .sound = true };
  n++;
  sets[n] = (EmPromptSet){ .sound = true, .base = base };
  return n + 1;
}

static void
answers_depend_on_what_was_said_only (void)
{
  EmRle base = tiny_mask ();
  EmPromptSet sets[16];
  int n = every_set (sets, &base);
  static const int frames[] = { 2, 7, 13 }; /* 2 and 7 are grid frames */
  TinyClip clip;
  Seen want[16 * 3];
  EmPredictor *p, *q, *poor;

  tiny_clip_open (&clip, 20, 5);
  CHECK (clip.grid[0] == 2 && clip.grid[1] == 7);
  p = open_clip (&clip, ROOMY);
  for (int f = 0; f < 3; f++)
    for (int i = 0; i < n; i++)
      want[f * n + i] = decode (p, frames[f], &sets[i]);
  /* No two of them are the same, so that a mix-up would show. */
  for (int i = 0; i < 3 * n; i++)
    for (int k = 0; k < i; k++)
      CHECK_OTHER (want[i], want[k]);
  /* Again, the other way round, anew, and with next to no cache. */
  q = open_clip (&clip, ROOMY);
  poor = open_clip (&clip, 0);
  for (int i = 3 * n - 1; i >= 0; i--) {
    CHECK_SAME (decode (p, frames[i / n], &sets[i % n]), want[i]);
    CHECK_SAME (decode (q, frames[i / n], &sets[i % n]), want[i]);
    CHECK_SAME (decode (poor, frames[i / n], &sets[i % n]), want[i]);
  }
  CHECK (em_feature_store_encoded (poor->features) > em_feature_store_encoded (q->features));
  em_predictor_close (p);
  em_predictor_close (q);
  em_predictor_close (poor);
  tiny_clip_close (&clip);
  em_rle_clear (&base);
}

static void
one_more_click_costs_one_more_pass (void)
{
  EmPromptSet set = three_prompts (), all;
  TinyClip clip;
  EmPredictor *p;
  EmError err = EM_ERROR_INIT;

  tiny_clip_open (&clip, 10, 5);
  p = open_clip (&clip, ROOMY);
  CHECK (em_predictor_embed (p, 4, &err));
  CHECK_INT (em_feature_store_encoded (p->features), 1);
  for (int n = 1; n <= 3; n++) {
    all = set;
    all.n = n;
    decode (p, 4, &all);
    CHECK_INT (em_replay_passes (p->replay), n);
  }
  set.items[1].x1 += 1; /* moving the second decodes it and the third again */
  decode (p, 4, &set);
  CHECK_INT (em_replay_passes (p->replay), 5);
  set.items[1] = set.items[2]; /* removing it, what was the third */
  set.n = 2;
  decode (p, 4, &set);
  CHECK_INT (em_replay_passes (p->replay), 6);
  decode (p, 4, &all);
  CHECK_INT (em_replay_passes (p->replay), 6);
  all.mix = EM_MIX_ENSEMBLE; /* without sound the mix is nothing */
  decode (p, 4, &all);
  CHECK_INT (em_replay_passes (p->replay), 6);
  CHECK_INT (em_feature_store_encoded (p->features), 1);
  em_predictor_close (p);
  tiny_clip_close (&clip);
}

/* Prompt by prompt through SAM 2's own predictor, on a frame that nothing was tracked over. */
static void
without_sound_it_is_stock_sam2 (void)
{
  static const struct {
    int n;
    EmPrompt items[4];
  } cases[] = {
    { 1, { { EM_PROMPT_POSITIVE, 12, 12 } } },
    { 1, { { EM_PROMPT_NEGATIVE, 30, 3 } } },
    { 3, { { EM_PROMPT_POSITIVE, 12, 12 }, { EM_PROMPT_POSITIVE, 8, 9 }, { 0, 30, 20 } } },
    { 3, { { EM_PROMPT_BOX, 3, 4, 20, 22 }, { EM_PROMPT_NEGATIVE, 5, 5 }, { 1, 15, 15 } } },
  };

  for (int bias = 0; bias < 2; bias++) {
    Tiny own;
    TinyClip clip;

    tiny_close (&tiny); /* once with objects, once with none anywhere */
    tiny_open (&own, (TinyKind){ .score_bias = bias ? -9 : 9 });
    tiny = own;
    tiny_clip_open (&clip, 12, 5);
    for (int c = 0; c < 4; c++) {
      EmPredictor *p = open_clip (&clip, ROOMY), *q = open_clip (&clip, ROOMY);
      EmPromptSet set = { .n = cases[c].n };
      EmError err = EM_ERROR_INIT;
      EmAnswer a;

      memcpy (set.items, cases[c].items, sizeof cases[c].items);
      for (int i = 0; i < set.n; i++) {
        const EmPrompt *k = &set.items[i];
        const float xy[2] = { k->x0, k->y0 }, corners[4] = { k->x0, k->y0, k->x1, k->y1 };
        bool is_box = k->kind == EM_PROMPT_BOX;
        EmPromptSet some = set;
        Seen got;

        CHECK (em_predictor_add_points (p, 3, 1, xy, &(int){ (int) k->kind }, !is_box,
                                        is_box ? corners : NULL, is_box, &a, &err));
        got = see (&a);
        some.n = i + 1;
        CHECK_SAME (decode (q, 3, &some), got);
        CHECK (bias ? got.score < 0 && got.area == 0 && got.logits[5] == -1024
                    : got.score > 0 && got.logits[5] > -1000);
      }
      em_predictor_close (p);
      em_predictor_close (q);
    }
    tiny_clip_close (&clip);
  }
  tiny_close (&tiny);
  tiny_open (&tiny, (TinyKind){ .score_bias = 1 });
}

/* A base is what a mask given to SAM 2 first would be. */
static void
a_base_is_a_mask_under_the_first_click (void)
{
  EmRle base = tiny_mask ();
  EmPromptSet set
      = { .n = 2, .items = { tiny_point (12, 12, true), tiny_point (8, 9, false) }, .base = &base };
  EmError err = EM_ERROR_INIT;
  TinyClip clip;
  EmPredictor *p;
  EmAnswer a;
  Seen got;

  tiny_clip_open (&clip, 12, 5);
  p = open_clip (&clip, ROOMY);
  CHECK (em_predictor_add_mask (p, 3, 1, &base, NULL, &err));
  for (int i = 0; i < 2; i++)
    CHECK (
        em_predictor_add_points (p, 3, 1, &set.items[i].x0, &(int){ !i }, 1, NULL, false, &a, &err)
        && (i == 1 || (em_answer_clear (&a), true)));
  got = see (&a);
  CHECK_SAME (decode (p, 3, &set), got);
  set.base = &(EmRle){ 0 };
  CHECK_OTHER (decode (p, 3, &set), got);
  em_predictor_close (p);
  tiny_clip_close (&clip);
  em_rle_clear (&base);
}

static void
sound (EmPredictor *p, int window, Seen *out, int want_n)
{
  EmError err = EM_ERROR_INIT;
  EmAnswer answers[TINY_T];
  int n = 0;

  CHECK (em_predictor_sound (p, window, answers, &n, &err));
  CHECK_INT (n, want_n);
  for (int i = 0; i < n; i++)
    out[i] = see (&answers[i]);
}

static void
a_short_last_window_repeats_its_end (void)
{
  TinyClip clip, longer;
  EmPredictor *p, *q;
  Seen got[TINY_T], want[TINY_T];

  tiny_clip_open (&clip, 20, 5); /* 4 seconds: a window of 3, then 1 */
  tiny_clip_open (&longer, 30, 5);
  CHECK_INT (clip.source.n_grid, 4);
  clip.source.n_samples -= 4000; /* the sound ends before the picture: silence */
  for (int k = 3; k < 6; k++) {
    float *to = longer.sound + 32000 * k;

    memcpy (to, clip.sound + 96000, 24000 * sizeof *to);
    memset (to + 24000, 0, 8000 * sizeof *to);
    longer.grid[k] = clip.grid[3];
  }
  longer.source.n_frames = 20;
  p = open_clip (&clip, ROOMY);
  q = open_clip (&longer, ROOMY);
  CHECK_INT (em_predictor_n_windows (p), 2);
  CHECK_INT (em_predictor_window_size (p), TINY_T);
  sound (q, 1, want, 3);
  sound (p, 1, got, 1);
  CHECK_SAME (got[0], want[0]);
  sound (p, 0, got, 3);
  sound (q, 0, want, 3);
  for (int i = 0; i < 3; i++)
    CHECK_SAME (got[i], want[i]);
  CHECK_OTHER (got[0], got[1]);
  em_predictor_close (p);
  em_predictor_close (q);
  tiny_clip_close (&clip);
  tiny_clip_close (&longer);
}

/* The frame is heard as if the grid had chosen it. */
static void
sound_on_another_frame_takes_the_grid_frames_place (void)
{
  EmPromptSet alone = { .sound = true }, joint = three_prompts ();
  TinyClip clip, moved;
  EmPredictor *p, *q;

  tiny_clip_open (&clip, 20, 5);
  tiny_clip_open (&moved, 20, 5);
  joint.sound = true;
  moved.grid[1] = 9; /* of second 1 as well */
  p = open_clip (&clip, ROOMY);
  q = open_clip (&moved, ROOMY);
  CHECK_SAME (decode (p, 9, &alone), decode (q, 9, &alone));
  CHECK_SAME (decode (p, 9, &joint), decode (q, 9, &joint));
  CHECK_SAME (decode (p, 7, &joint), decode (q, 7, &joint));
  CHECK_OTHER (decode (p, 2, &joint), decode (q, 2, &joint)); /* the window is another now */
  em_predictor_close (p);
  em_predictor_close (q);
  tiny_clip_close (&clip);
  tiny_clip_close (&moved);
}

static void
an_ensemble_is_the_mean_of_two (void)
{
  EmPromptSet clicks = three_prompts (), alone = { .sound = true }, both = clicks;
  TinyClip clip;
  EmPredictor *p;
  Seen a, b, c, heard[TINY_T];

  tiny_clip_open (&clip, 20, 5);
  p = open_clip (&clip, ROOMY);
  both.sound = true;
  both.mix = EM_MIX_ENSEMBLE;
  sound (p, 0, heard, 3);
  for (int grid = 0; grid < 2; grid++) {
    int frame = grid ? 7 : 9;

    a = decode (p, frame, &clicks);
    b = grid ? heard[1] : decode (p, frame, &alone);
    c = decode (p, frame, &both);
    CHECK (a.score > 0); /* else the clicks' own answer is gated */
    for (int i = 0; i < TINY_MAP; i++)
      CHECK_NEAR (c.logits[i], (a.logits[i] + b.logits[i]) / 2, 1e-5);
    CHECK_NEAR (c.iou, (a.iou + b.iou) / 2, 1e-6);
  }
  em_predictor_close (p);
  tiny_clip_close (&clip);
}

/* Which of the decoder's choices was made, as the taps tell. */
typedef struct {
  int n_best, n_single;
} Choices;

static void
count_choices (void *self, const char *name, const EmTensor *x)
{
  Choices *c = self;

  c->n_best += !strcmp (name, "selected");
  c->n_single += !strcmp (name, "stability4");
}

/* Three masks and the best of them with sound always, else only while there is one point. */
static void
the_choice_depends_on_points_and_sound (void)
{
  static const struct {
    int n, n_best, n_single;
    bool sound;
  } cases[] = { { 1, 1, 0, false }, { 2, 2, 1, false }, { 2, 2, 0, true }, { 0, 1, 0, true } };
  TinyClip clip;

  tiny_clip_open (&clip, 10, 5);
  for (int i = 0; i < 4; i++) {
    EmPredictor *p = open_clip (&clip, ROOMY);
    EmPromptSet set = { .n = cases[i].n,
                        .items = { tiny_point (12, 12, true), tiny_point (9, 9, true) },
                        .sound = cases[i].sound };
    Choices got = { 0 };

    em_predictor_set_tap (p, count_choices, &got);
    decode (p, 4, &set);
    CHECK_INT (got.n_best, cases[i].n_best);
    CHECK_INT (got.n_single, cases[i].n_single);
    em_predictor_close (p);
  }
  tiny_clip_close (&clip);
}

static void
earlier_logits_are_clamped (void)
{
  EmError err = EM_ERROR_INIT;
  EmCtx *ctx = em_ctx_new (tiny.be, &err);
  float in[TINY_MAP] = { -1024, -32.5f, -31.5f, 0, 31.5f, 33 }, out[TINY_MAP];

  CHECK (em_download (ctx, out, em_head_again (ctx, tiny.model, in)));
  CHECK (out[0] == -32 && out[1] == -32 && out[2] == -31.5f && out[3] == 0);
  CHECK (out[4] == 31.5f && out[5] == 32);
  em_ctx_free (ctx);
}

/* Which second a frame belongs to, with and without times. */
static void
frames_know_their_second (void)
{
  TinyClip clip;
  EmPredictor *p;
  EmError err = EM_ERROR_INIT;

  tiny_clip_open (&clip, 21, 5);
  clip.source.n_grid = 4;
  for (int k = 0; k < 4; k++)
    clip.grid[k] = 5 * k + 4; /* late in the second, as AVSBench has it */
  p = open_clip (&clip, ROOMY);
  for (int f = 0; f < 21; f++)
    CHECK_INT (em_sound_second (p->sound, f), f / 5 > 3 ? 3 : f / 5);
  CHECK (em_sound_on_grid (p->sound, 9) && !em_sound_on_grid (p->sound, 10));
  CHECK_NEAR (em_predictor_rms (p, 1), 0.4 / sqrt (2), 0.01);
  CHECK_NEAR (em_predictor_rms (p, 99), 0, 0);
  em_predictor_close (p);
  clip.source.pts_ns = NULL;
  p = open_clip (&clip, ROOMY);
  CHECK_INT (em_sound_second (p->sound, 5), 0);
  CHECK_INT (em_sound_second (p->sound, 7), 1);
  em_predictor_close (p);
  clip.grid[2] = 0;
  CHECK (!em_predictor_open (tiny.model, &clip.source, &(EmPredictorOptions){ 0 }, &err));
  CHECK_INT (err.code, EM_E_INPUT);
  tiny_clip_close (&clip);
}

static void
a_silent_clip_or_a_deaf_model (void)
{
  for (int deaf = 0; deaf < 2; deaf++) {
    EmPromptSet set = three_prompts (), alone = { .sound = true };
    EmError err = EM_ERROR_INIT;
    TinyClip clip;
    EmPredictor *p;
    EmAnswer a;
    Seen without;
    int n = 7;

    tiny_close (&tiny);
    tiny_open (&tiny, (TinyKind){ .score_bias = 1, .deaf = deaf });
    tiny_clip_open (&clip, 10, 5);
    if (!deaf) {
      clip.source.sound = NULL;
      clip.source.n_samples = 0;
    }
    p = open_clip (&clip, ROOMY);
    CHECK_INT (em_predictor_n_windows (p), 0);
    CHECK (!em_predictor_sound (p, 0, &a, &n, &err));
    CHECK_INT (err.code, EM_E_USAGE);
    CHECK (strstr (err.text, deaf ? "model" : "clip"));
    CHECK_INT (n, 0);
    err = (EmError) EM_ERROR_INIT;
    CHECK (!em_predictor_decode (p, 1, &alone, &a, &err));
    CHECK_INT (err.code, EM_E_USAGE);
    without = decode (p, 1, &set);
    set.sound = true;
    CHECK_SAME (decode (p, 1, &set), without);
    em_predictor_close (p);
    tiny_clip_close (&clip);
  }
  tiny_close (&tiny);
  tiny_open (&tiny, (TinyKind){ .score_bias = 1 });
}

static void
wrong_input_is_told (void)
{
  EmRle other = em_rle_new (9, 9);
  EmPromptSet good = three_prompts (), bad[4] = { good, { 0 }, good, good };
  const char *words[4] = { "too many", "nothing", "not a number", "fit" };
  EmError err = EM_ERROR_INIT;
  TinyClip clip;
  EmPredictor *p;
  EmAnswer a;
  int n;

  bad[0].n = EM_MAX_PROMPTS + 1;
  bad[2].items[1].y1 = NAN;
  bad[3].base = &other;
  tiny_clip_open (&clip, 10, 5);
  p = open_clip (&clip, ROOMY);
  for (int i = 0; i < 4; i++) {
    err = (EmError) EM_ERROR_INIT;
    CHECK (!em_predictor_decode (p, 1, &bad[i], &a, &err));
    CHECK_INT (err.code, EM_E_USAGE);
    CHECK (strstr (err.text, words[i]));
  }
  for (int frame = -1; frame < 11; frame += 11) {
    err = (EmError) EM_ERROR_INIT;
    CHECK (!em_predictor_decode (p, frame, &good, &a, &err) && err.code == EM_E_USAGE);
    err = (EmError) EM_ERROR_INIT;
    CHECK (!em_predictor_embed (p, frame, &err) && err.code == EM_E_USAGE);
  }
  err = (EmError) EM_ERROR_INIT;
  CHECK (!em_predictor_sound (p, 1, &a, &n, &err) && err.code == EM_E_USAGE);
  clip.fails_at = 2; /* what cannot be read is the clip's fault, and not for ever */
  err = (EmError) EM_ERROR_INIT;
  CHECK (!em_predictor_decode (p, 2, &good, &a, &err));
  CHECK_INT (err.code, EM_E_INPUT);
  CHECK_TEXT (err.text, "frame 2 is damaged");
  clip.fails_at = -1;
  decode (p, 2, &good);
  em_predictor_close (p);
  tiny_clip_close (&clip);
  em_rle_clear (&other);
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
cancelled_questions_leave_nothing_behind (void)
{
  EmPromptSet set = three_prompts ();
  TinyClip clip;
  EmPredictor *fresh;
  Seen want, heard[TINY_T], again[TINY_T];
  int n_stopped = 0;

  tiny_clip_open (&clip, 20, 5);
  set.sound = true;
  fresh = open_clip (&clip, ROOMY);
  want = decode (fresh, 9, &set);
  sound (fresh, 0, heard, 3);
  em_predictor_close (fresh);
  for (int at = 0; at < 300; at += at < 20 ? 3 : 17) {
    EmPredictor *p = open_clip (&clip, ROOMY);
    Stop stop = { .left = at };
    EmError err = EM_ERROR_INIT;
    EmAnswer a[TINY_T];
    int n;

    em_predictor_set_cancel (p, &stop.flag);
    em_predictor_set_tap (p, stop_at, &stop);
    if (em_predictor_decode (p, 9, &set, a, &err)) { /* it names fewer values */
      CHECK (stop.left >= 0);
      em_answer_clear (a);
    } else {
      n_stopped++;
      CHECK_INT (err.code, EM_E_CANCELLED);
      CHECK (!em_predictor_sound (p, 0, a, &n, &err)); /* the flag is still up */
    }
    atomic_store (&stop.flag, false);
    stop.left = at;
    err = (EmError) EM_ERROR_INIT;
    if (!em_predictor_sound (p, 0, a, &n, &err))
      CHECK_INT (err.code, EM_E_CANCELLED);
    else
      for (int i = 0; i < n; i++)
        em_answer_clear (&a[i]);
    em_predictor_set_tap (p, NULL, NULL);
    atomic_store (&stop.flag, false);
    CHECK_SAME (decode (p, 9, &set), want);
    sound (p, 0, again, 3);
    for (int i = 0; i < 3; i++)
      CHECK_SAME (again[i], heard[i]);
    em_predictor_close (p);
  }
  CHECK (n_stopped > 10);
  tiny_clip_close (&clip);
}

static void
conditioning_in_the_middle (void)
{
  TinyClip clip;
  EmPredictor *p;
  Seen first[TINY_T], middle[TINY_T], last[TINY_T];
  EmPromptSet alone = { .sound = true };

  tiny_clip_open (&clip, 20, 5);
  p = open_clip (&clip, ROOMY);
  sound (p, 0, first, 3);
  for (int k = 0; k < 3; k++) /* the first frame decoded has no memory to look at */
    CHECK_ALIKE (decode (p, clip.grid[k], &alone), first[k], k == 0);
  em_predictor_close (p);
  tiny_close (&tiny);
  tiny_open (&tiny, (TinyKind){ .score_bias = 1, .cond_middle = true });
  p = open_clip (&clip, ROOMY);
  sound (p, 0, middle, 3);
  sound (p, 1, last, 1); /* its conditioning frame is padding */
  for (int k = 0; k < 3; k++)
    CHECK_ALIKE (decode (p, clip.grid[k], &alone), middle[k], k == 1);
  CHECK_OTHER (decode (p, clip.grid[3], &alone), last[0]);
  em_predictor_close (p);
  tiny_clip_close (&clip);
  tiny_close (&tiny);
  tiny_open (&tiny, (TinyKind){ .score_bias = 1 });
}

/* What it says of a picture is what a video model of the same weights says. */
static void
a_model_for_pictures_does_not_track (void)
{
  EmPromptSet set = { .n = 2, .items = { tiny_point (12, 9, true), box (3, 4, 30, 21) } };
  EmError err = EM_ERROR_INIT;
  TinyClip clip;
  Seen want;

  tiny_close (&tiny);
  tiny_clip_open (&clip, 3, 2);
  tiny_open (&tiny, (TinyKind){ .deaf = true });
  EmPredictor *p = open_clip (&clip, ROOMY);
  want = decode (p, 1, &set);
  em_predictor_close (p);
  tiny_close (&tiny);

  tiny_open (&tiny, (TinyKind){ .still = true });
  p = open_clip (&clip, ROOMY);
  CHECK_SAME (decode (p, 1, &set), want);
  CHECK (!em_predictor_add_points (p, 1, 1, (float[]){ 12, 9 }, (int[]){ 1 }, 1, NULL, true, NULL,
                                   &err));
  CHECK_INT (err.code, EM_E_USAGE);
  CHECK (strstr (err.text, "single pictures"));
  em_predictor_close (p);
  tiny_close (&tiny);
  tiny_clip_close (&clip);
  tiny_open (&tiny, (TinyKind){ .score_bias = 1 });
}

static void
begin (void)
{
  tiny_open (&tiny, (TinyKind){ .score_bias = 1 });
}

static void
end (void)
{
  tiny_close (&tiny);
}

CHECK_MAIN (begin, answers_depend_on_what_was_said_only, one_more_click_costs_one_more_pass,
            without_sound_it_is_stock_sam2, a_base_is_a_mask_under_the_first_click,
            a_short_last_window_repeats_its_end, sound_on_another_frame_takes_the_grid_frames_place,
            an_ensemble_is_the_mean_of_two, the_choice_depends_on_points_and_sound,
            earlier_logits_are_clamped, frames_know_their_second, a_silent_clip_or_a_deaf_model,
            wrong_input_is_told, cancelled_questions_leave_nothing_behind,
            conditioning_in_the_middle, a_model_for_pictures_does_not_track, end)
