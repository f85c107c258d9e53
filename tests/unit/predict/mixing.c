/* Sound and prompts together: what each costs, and that without sound nothing of it is left. */
#include "check.h"
#include "predict/predictor_private.h"
#include "tiny.h"

static Tiny tiny, deaf;

static EmPredictor *
open_clip (const TinyClip *c, const EmModel *model)
{
  EmPredictorOptions o = em_predictor_defaults ();
  EmError err = EM_ERROR_INIT;
  EmPredictor *p = em_predictor_open ((EmModel *) model, &c->source, &o, &err);

  CHECK_TEXT (err.text, "");
  return p;
}

/* What was said, one number after another. */
typedef struct {
  int n, room;
  float *values;
} Said;

static void
say (Said *s, EmAnswer *a)
{
  if (s->n + TINY_MAP + 3 > s->room) {
    s->room = 2 * (s->n + TINY_MAP + 3);
    s->values = realloc (s->values, (size_t) s->room * sizeof *s->values);
  }
  memcpy (s->values + s->n, a->logits, TINY_MAP * sizeof *s->values);
  s->n += TINY_MAP;
  s->values[s->n++] = a->iou;
  s->values[s->n++] = a->score;
  s->values[s->n++] = (float) em_rle_area (&a->mask);
  em_answer_clear (a);
}

static void
listen (EmPredictor *p)
{
  EmPromptSet set = { .n = 1, .items = { tiny_point (9, 9, true) }, .sound = true };
  EmError err = EM_ERROR_INIT;
  EmAnswer answers[TINY_T];
  int n;

  if (em_predictor_n_windows (p) == 0)
    return;
  CHECK (em_predictor_sound (p, 0, answers, &n, &err));
  for (int i = 0; i < n; i++)
    em_answer_clear (&answers[i]);
  CHECK (em_predictor_decode (p, 4, &set, answers, &err));
  em_answer_clear (answers);
}

static void
follow (EmPredictor *p, Said *s, int start, int end)
{
  EmError err = EM_ERROR_INIT;
  EmAnswer a[2];
  int frame;

  CHECK (em_predictor_propagate (p, start, end, end < start ? -1 : 1, &err));
  while (em_predictor_step (p, &frame, a, &err))
    for (int i = 0; i < em_predictor_n_objects (p); i++)
      say (s, &a[i]);
  CHECK_TEXT (err.text, "");
}

/* Clicks, boxes and bases decoded; clicks, a box, a mask and corrections tracked both ways. */
static Said
without_sound (EmPredictor *p, bool listening)
{
  EmRle base = tiny_mask ();
  EmPromptSet set = { .n = 4,
                      .items = { tiny_point (12, 12, true),
                                 tiny_point (30, 4, false),
                                 { EM_PROMPT_BOX, 3, 4, 20, 22 },
                                 tiny_point (8, 20, true) } };
  const float xy[4] = { 12, 12, 30, 4 }, box[4] = { 5, 6, 20, 22 };
  const int labels[2] = { 1, 0 };
  EmError err = EM_ERROR_INIT;
  Said said = { 0 };
  EmAnswer a;

  for (int based = 0; based < 2; based++)
    for (set.n = 1; set.n <= 4; set.n++) {
      set.base = based ? &base : NULL;
      CHECK (em_predictor_decode (p, 4, &set, &a, &err));
      say (&said, &a);
      if (listening)
        listen (p);
    }
  CHECK (em_predictor_add_points (p, 0, 1, xy, labels, 2, NULL, true, &a, &err));
  say (&said, &a);
  CHECK (em_predictor_add_points (p, 5, 2, NULL, NULL, 0, box, true, &a, &err));
  say (&said, &a);
  follow (p, &said, 0, 11);
  if (listening)
    listen (p);
  CHECK (em_predictor_add_points (p, 6, 1, xy + 2, labels, 1, NULL, true, &a, &err));
  say (&said, &a);
  CHECK (em_predictor_add_mask (p, 9, 2, &base, &a, &err));
  say (&said, &a);
  follow (p, &said, 0, 11);
  follow (p, &said, 11, 0);
  CHECK_TEXT (err.text, "");
  em_rle_clear (&base);
  return said;
}

/* The same weights in a package without ears: bit for bit, whatever was listened to meanwhile. */
static void
sound_off_is_a_model_that_cannot_hear (void)
{
  TinyClip clip;
  EmPredictor *p, *q;
  Said want, got;

  tiny_clip_open (&clip, 12, 4);
  CHECK (tiny.model->config.has_fuser && !deaf.model->config.has_fuser);
  for (int listening = 0; listening < 2; listening++) {
    p = open_clip (&clip, tiny.model);
    q = open_clip (&clip, deaf.model);
    got = without_sound (p, listening);
    want = without_sound (q, listening);
    CHECK_INT (got.n, want.n);
    CHECK (got.n == want.n && !memcmp (got.values, want.values, (size_t) got.n * sizeof (float)));
    free (got.values);
    free (want.values);
    em_predictor_close (p);
    em_predictor_close (q);
  }
  tiny_clip_close (&clip);
}

/* What passes were made, as their taps tell. */
typedef struct {
  int n_encoded, n_heard, n_decoded, n_looked_back, n_tokens;
  bool listening;
} Passes;

static void
count (void *self, const char *name, const EmTensor *x)
{
  Passes *c = self;

  c->n_encoded += !strcmp (name, "trunk.patch_embed");
  c->n_heard += !strcmp (name, "fuser.V1");
  c->n_decoded += !strcmp (name, "masks4");
  c->n_looked_back += !strcmp (name, "memory");
  if (!strcmp (name, "tokens_in"))
    c->n_tokens = (int) (em_numel (x) / 32);
}

/* One more click: a decoder pass of clicks (ensemble) or of both (joint), and nothing else, on a
 * grid frame and on another. The sound's own tracker ran once. */
static void
a_click_does_not_listen_again (void)
{
  TinyClip clip;

  tiny_clip_open (&clip, 20, 5);
  for (int mix = 0; mix < 2; mix++)
    for (int grid = 0; grid < 2; grid++) {
      EmPredictor *p = open_clip (&clip, tiny.model);
      EmPromptSet set = { .items = { tiny_point (12, 12, true), tiny_point (30, 4, false),
                                     tiny_point (8, 20, true), tiny_point (14, 9, true) },
                          .sound = true,
                          .mix = mix ? EM_MIX_ENSEMBLE : EM_MIX_JOINT };
      int frame = grid ? clip.grid[1] : clip.grid[1] + 1;
      EmError err = EM_ERROR_INIT;
      Passes c = { 0 };
      EmAnswer a;

      em_predictor_set_tap (p, count, &c);
      for (set.n = 1; set.n <= 4; set.n++) {
        c = (Passes){ 0 };
        CHECK (em_predictor_decode (p, frame, &set, &a, &err));
        em_answer_clear (&a);
        CHECK_INT (c.n_heard, set.n == 1);
        if (set.n == 1)
          continue;
        CHECK_INT (c.n_encoded, 0);
        CHECK_INT (c.n_decoded, 1);
        CHECK_INT (c.n_looked_back, 0);
        CHECK_INT (c.n_tokens, 6 + set.n + 1);
      }
      /* Back to fewer, and the other mix: the clicks' decodes are shared, sound's are there. */
      set.n = 3;
      c = (Passes){ 0 };
      CHECK (em_predictor_decode (p, frame, &set, &a, &err));
      em_answer_clear (&a);
      CHECK_INT (c.n_decoded, 0);
      em_predictor_close (p);
    }
  tiny_clip_close (&clip);
}

/* The ensemble's first answer: T frames of sound tracked, or one decode beside the grid. */
static void
the_sounds_tracker_is_asked_once_a_window (void)
{
  EmPromptSet set
      = { .n = 1, .items = { tiny_point (12, 12, true) }, .sound = true, .mix = EM_MIX_ENSEMBLE };
  TinyClip clip;
  EmPredictor *p;
  EmError err = EM_ERROR_INIT;
  Passes c = { 0 };
  EmAnswer a;

  tiny_clip_open (&clip, 20, 5);
  p = open_clip (&clip, tiny.model);
  em_predictor_set_tap (p, count, &c);
  for (int k = 0; k < TINY_T; k++) {
    c = (Passes){ 0 };
    CHECK (em_predictor_decode (p, clip.grid[k], &set, &a, &err));
    em_answer_clear (&a);
    CHECK_INT (c.n_heard, k == 0);
    CHECK_INT (c.n_decoded, k == 0 ? TINY_T + 1 : 1);
    CHECK_INT (c.n_looked_back, k == 0 ? TINY_T - 1 : 0);
  }
  em_predictor_close (p);
  tiny_clip_close (&clip);
}

/* Prompts of sound, all zero or not. */
typedef struct {
  EmTensor v[EM_N_FUSION], a[EM_N_FUSION];
  float *values;
} Audio;

static void
audio_make (Audio *audio, int stage, float value)
{
  int64_t n = tiny.model->n_tokens, d = 32;
  float *at = audio->values = calloc ((size_t) (EM_N_FUSION * (n + 1) * d), sizeof *at);

  for (int k = 0; k < EM_N_FUSION; k++) {
    audio->v[k] = em_tensor_f32 (at, 1, n, d);
    at += n * d;
    audio->a[k] = em_tensor_f32 (at, 1, d);
    for (int i = 0; i < d; i++)
      at[i] = k + 1 == stage ? value + 0.1f * (float) i : 0;
    at += d;
  }
}

typedef struct {
  float mask[TINY_MAP], iou, score, pointer[32];
  float tokens[20 * 32], place[20 * 32]; /* tokens_in, query_pe */
} Decoded;

static void
keep_tokens (void *self, const char *name, const EmTensor *x)
{
  Decoded *d = self;
  float *to = !strcmp (name, "tokens_in")  ? d->tokens
              : !strcmp (name, "query_pe") ? d->place
                                           : NULL;

  if (to && em_numel (x) <= 20 * 32)
    memcpy (to, em_f32 (x), (size_t) em_numel (x) * sizeof *to);
}

static void
head_decode (EmPredictor *p, const EmPointSet *points, bool multimask, bool based, Audio *audio,
             Decoded *out)
{
  EmHeadInput in = { .points = points, .multimask = multimask, .dynamic = true };
  float base[TINY_MAP] = { 3, -40, 7 };
  EmError err = EM_ERROR_INIT;
  EmFeatures f;

  memset (out, 0, sizeof *out);
  CHECK (em_feature_store_get (p->features, 3, &f, NULL, &err));
  for (int k = 0; audio && k < EM_N_FUSION; k++) {
    in.audio_v[k] = &audio->v[k];
    in.audio_a[k] = &audio->a[k];
  }
  em_predictor_set_tap (p, keep_tokens, out);
  in.mask = based ? em_head_again (p->ctx, tiny.model, base) : NULL;
  EmHead head
      = em_head_decode (p->ctx, tiny.model, &f, em_head_image (p->ctx, tiny.model, &f, NULL), &in);
  head.mask = em_gate_mask (p->ctx, head.mask, head.score);
  em_download (p->ctx, out->mask, head.mask);
  em_download (p->ctx, &out->iou, head.iou);
  em_download (p->ctx, &out->score, head.score);
  em_download (p->ctx, out->pointer, head.pointer);
  CHECK (em_ctx_end_pass (p->ctx, &err));
}

/* Prompts of sound that say nothing leave stock SAM 2's decoder, bit for bit. */
static void
zero_prompts_are_no_prompts (void)
{
  static const EmPointSet sets[]
      = { { .n = 0 },
          { .n = 1, .xy = { { 20, 22 } }, .labels = { 1 } },
          { .n = 3, .xy = { { 5, 6 }, { 40, 50 }, { 9, 60 } }, .labels = { 2, 3, 0 } } };
  TinyClip clip;
  EmPredictor *p;
  Audio audio;

  tiny_clip_open (&clip, 8, 4);
  p = open_clip (&clip, tiny.model);
  audio_make (&audio, 0, 0);
  for (int i = 0; i < 12; i++) {
    static Decoded stock, zero;

    head_decode (p, &sets[i % 3], i % 2, i >= 6, NULL, &stock);
    head_decode (p, &sets[i % 3], i % 2, i >= 6, &audio, &zero);
    CHECK (!memcmp (stock.mask, zero.mask, sizeof stock.mask));
    CHECK (stock.iou == zero.iou && stock.score == zero.score);
    CHECK (!memcmp (stock.pointer, zero.pointer, sizeof stock.pointer));
  }
  free (audio.values);
  em_predictor_close (p);
  tiny_clip_close (&clip);
}

/* Only stage 3's sparse prompt is in the tokens' place as well, on the rows of the masks. */
static void
the_last_stage_is_in_the_tokens_place (void)
{
  static const EmPointSet one = { .n = 1, .xy = { { 20, 22 } }, .labels = { 1 } };
  TinyClip clip;
  EmPredictor *p;

  tiny_clip_open (&clip, 8, 4);
  p = open_clip (&clip, tiny.model);
  for (int stage = 1; stage <= EM_N_FUSION; stage++) {
    static Decoded with, without;
    Audio audio, none;

    audio_make (&audio, stage, 0.3f);
    audio_make (&none, 0, 0);
    head_decode (p, &one, true, false, &none, &without);
    head_decode (p, &one, true, false, &audio, &with);
    CHECK (memcmp (with.mask, without.mask, sizeof with.mask)); /* each stage says something */
    for (int row = 0; row < 8; row++)
      for (int i = 0; i < 32; i++) {
        float more = stage == 3 && row >= 2 && row < 6 ? 0.3f + 0.1f * (float) i : 0;

        CHECK_NEAR (with.place[row * 32 + i], with.tokens[row * 32 + i] + more, 1e-6);
      }
    free (audio.values);
    free (none.values);
  }
  em_predictor_close (p);
  tiny_clip_close (&clip);
}

static void
begin (void)
{
  tiny_open (&tiny, (TinyKind){ .score_bias = 1 });
  tiny_open (&deaf, (TinyKind){ .score_bias = 1, .deaf = true });
}

static void
end (void)
{
  tiny_close (&tiny);
  tiny_close (&deaf);
}

CHECK_MAIN (begin, sound_off_is_a_model_that_cannot_hear, a_click_does_not_listen_again,
            the_sounds_tracker_is_asked_once_a_window, zero_prompts_are_no_prompts,
            the_last_stage_is_in_the_tokens_place, end)
