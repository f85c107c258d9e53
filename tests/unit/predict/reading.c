/* reading.c - what is read changes what is found, and nothing else: every answer is that of the
 * expression in force, whatever was asked before. */
#include "check.h"
#include "predict/predictor_private.h"
#include "tiny.h"

#define ROOMY ((size_t) 64 << 20)

static Tiny tiny;
static TinyClip clip;

static EmPredictor *
open_clip (size_t cache_bytes)
{
  EmPredictorOptions o = em_predictor_defaults ();
  EmError err = EM_ERROR_INIT;

  o.feature_cache_bytes = cache_bytes;
  return em_predictor_open (tiny.model, &clip.source, &o, &err);
}

static void
begin (void)
{
  tiny_open (&tiny, (TinyKind){ .score_bias = 1, .cond_middle = true, .reads = true });
  tiny_clip_open (&clip, 20, 5);
}

static void
end (void)
{
  tiny_clip_close (&clip);
  tiny_close (&tiny);
}

/* All that can be asked with sound: two windows, a frame off the grid, clicks in both mixes. */
typedef struct {
  float logits[7][TINY_MAP];
} Answers;

static void
take (Answers *all, int *n, EmAnswer *a)
{
  memcpy (all->logits[(*n)++], a->logits, sizeof all->logits[0]);
  em_answer_clear (a);
}

static Answers
ask (EmPredictor *p)
{
  EmPromptSet sets[3] = {
    { .sound = true },
    { .sound = true, .mix = EM_MIX_JOINT, .n = 1, .items = { { EM_PROMPT_POSITIVE, 12, 9 } } },
    { .sound = true, .mix = EM_MIX_ENSEMBLE, .n = 1, .items = { { EM_PROMPT_POSITIVE, 12, 9 } } }
  };
  EmError err = EM_ERROR_INIT;
  EmAnswer a[TINY_T];
  Answers all = { 0 };
  int n = 0, n_window;

  for (int w = 0; w < 2; w++) {
    CHECK (em_predictor_sound (p, w, a, &n_window, &err));
    for (int i = 0; i < n_window; i++)
      take (&all, &n, &a[i]);
  }
  for (int i = 0; i < 3; i++) {
    CHECK (em_predictor_decode (p, i == 0 ? 9 : 7, &sets[i], a, &err));
    take (&all, &n, a);
  }
  CHECK_INT (n, 7);
  CHECK_TEXT (err.text, "");
  return all;
}

static Answers
read_and_ask (EmPredictor *p, const char *text)
{
  EmError err = EM_ERROR_INIT;

  CHECK (em_predictor_set_text (p, text, &err));
  CHECK_TEXT (err.text, "");
  return ask (p);
}

static bool
same (const Answers *a, const Answers *b)
{
  return memcmp (a, b, sizeof *a) == 0;
}

/* None of the seven is the same. */
static bool
all_differ (const Answers *a, const Answers *b)
{
  bool differ = true;

  for (int i = 0; i < 7; i++)
    differ = differ && memcmp (a->logits[i], b->logits[i], sizeof a->logits[i]) != 0;
  return differ;
}

static void
an_expression_has_its_own_answers (void)
{
  EmPredictor *p = open_clip (ROOMY), *fresh;
  Answers none = ask (p), dog = read_and_ask (p, "the dog"), cat = read_and_ask (p, "the cat"), got;

  CHECK (all_differ (&none, &dog));
  CHECK (all_differ (&none, &cat));
  CHECK (all_differ (&dog, &cat));
  got = read_and_ask (p, "the dog");
  CHECK (same (&got, &dog));
  got = read_and_ask (p, NULL);
  CHECK (same (&got, &none));
  fresh = open_clip (ROOMY); /* the other way round, nothing asked before */
  got = read_and_ask (fresh, "the cat");
  CHECK (same (&got, &cat));
  got = read_and_ask (fresh, "the dog");
  CHECK (same (&got, &dog));
  got = read_and_ask (fresh, NULL);
  CHECK (same (&got, &none));
  em_predictor_close (fresh);
  em_predictor_close (p);
}

/* More expressions than are remembered, and room for next to nothing. */
static void
forgotten_ones_are_read_again (void)
{
  EmPredictor *p = open_clip (1), *q = open_clip (ROOMY);
  Answers first = read_and_ask (p, "the dog 0"), got;

  got = read_and_ask (q, "the dog 0");
  CHECK (same (&got, &first));
  for (int i = 1; i < 40; i++) {
    EmError err = EM_ERROR_INIT;
    char text[32];

    snprintf (text, sizeof text, "the dog %d", i);
    CHECK (em_predictor_set_text (q, text, &err));
    if (i % 16 == 0) {
      got = ask (q);
      CHECK (all_differ (&got, &first));
    }
  }
  got = read_and_ask (q, "the dog 0");
  CHECK (same (&got, &first));
  em_predictor_close (q);
  em_predictor_close (p);
}

static void
what_is_cut_off_is_not_read (void)
{
  EmPredictor *p = open_clip (ROOMY);
  Answers a = read_and_ask (p, "the dog and the cat and more"), b, c;

  b = read_and_ask (p, "the dog and the cat and other things"); /* 12 rows, their ends included */
  c = read_and_ask (p, "the dog or the cat and more");
  CHECK (same (&a, &b));
  CHECK (all_differ (&a, &c));
  em_predictor_close (p);
}

static void
without_sound_nothing_is_read (void)
{
  EmPromptSet set = { .n = 1, .items = { { EM_PROMPT_POSITIVE, 12, 9 } } };
  EmPredictor *p = open_clip (ROOMY);
  EmError err = EM_ERROR_INIT;
  float before[TINY_MAP];
  EmAnswer a;

  CHECK (em_predictor_decode (p, 7, &set, &a, &err));
  memcpy (before, a.logits, sizeof before);
  em_answer_clear (&a);
  CHECK (em_predictor_set_text (p, "the dog", &err));
  CHECK (em_predictor_decode (p, 7, &set, &a, &err));
  CHECK (memcmp (before, a.logits, sizeof before) == 0);
  em_answer_clear (&a);
  em_predictor_close (p);
}

/* A model with the same weights but for the text part. */
static void
reading_nothing_is_hearing_alone (void)
{
  EmPredictor *p = open_clip (ROOMY);
  EmError err = EM_ERROR_INIT;
  Answers silent = ask (p), got;

  em_predictor_close (p);
  tiny_close (&tiny);
  tiny_open (&tiny, (TinyKind){ .score_bias = 1, .cond_middle = true });
  p = open_clip (ROOMY);
  got = ask (p);
  CHECK (same (&got, &silent));
  CHECK (em_predictor_set_text (p, NULL, &err));
  CHECK (!em_predictor_set_text (p, "the dog", &err));
  CHECK_INT (err.code, EM_E_USAGE);
  CHECK (strstr (err.text, "tiny") && strstr (err.text, "DistilRoBERTa"));
  got = ask (p);
  CHECK (same (&got, &silent));
  em_predictor_close (p);
  tiny_close (&tiny);
  tiny_open (&tiny, (TinyKind){ .score_bias = 1, .cond_middle = true, .reads = true });
}

static void
what_cannot_be_read_changes_nothing (void)
{
  static const char *const bad[] = { "", "dog \xff" };
  EmPredictor *p = open_clip (ROOMY);
  Answers dog = read_and_ask (p, "the dog"), got;

  for (int i = 0; i < 2; i++) {
    EmError err = EM_ERROR_INIT;

    CHECK (!em_predictor_set_text (p, bad[i], &err));
    CHECK_INT (err.code, EM_E_USAGE);
  }
  got = ask (p);
  CHECK (same (&got, &dog));
  em_predictor_close (p);
}

CHECK_MAIN (begin, an_expression_has_its_own_answers, forgotten_ones_are_read_again,
            what_is_cut_off_is_not_read, without_sound_nothing_is_read,
            reading_nothing_is_hearing_alone, what_cannot_be_read_changes_nothing, end)
