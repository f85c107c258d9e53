/* Pictures at another size than the package names: the same as a package that names it. */
#include "check.h"
#include "predict/predictor_private.h"
#include "tiny.h"

#define N_FRAMES 12

/* Everything that an open model says about a clip, one number after another. */
typedef struct {
  int n, room;
  float *values;
} Said;

static void
say (Said *s, EmAnswer *a)
{
  int n = a->side * a->side;

  if (s->n + n + 3 > s->room) {
    s->room = 2 * (s->n + n + 3);
    s->values = realloc (s->values, (size_t) s->room * sizeof *s->values);
  }
  memcpy (s->values + s->n, a->logits, (size_t) n * sizeof *s->values);
  s->n += n;
  s->values[s->n++] = a->iou;
  s->values[s->n++] = a->score;
  s->values[s->n++] = (float) em_rle_area (&a->mask);
  CHECK (a->mask.width == TINY_WIDTH && a->mask.height == TINY_HEIGHT);
  em_answer_clear (a);
}

static Said
ask_everything (TinyKind kind)
{
  EmPredictorOptions o = em_predictor_defaults ();
  EmPromptSet set = { .n = 1, .items = { { EM_PROMPT_POSITIVE, 12, 12 } }, .sound = !kind.deaf };
  int frame, n, side = (kind.seen_at ? kind.seen_at : kind.size) / 4;
  EmError err = EM_ERROR_INIT;
  uint8_t pixels[TINY_WIDTH * TINY_HEIGHT] = { 0 };
  Said said = { 0 };
  EmAnswer a[TINY_T];
  EmPredictor *p;
  TinyClip clip;
  Tiny tiny;
  EmRle mask;

  memset (pixels + 300, 1, 400);
  mask = em_rle_encode (pixels, TINY_WIDTH, TINY_HEIGHT);
  tiny_open (&tiny, kind);
  CHECK_INT (tiny.model->mask_side, side);
  tiny_clip_open (&clip, N_FRAMES, 4);
  p = em_predictor_open (tiny.model, &clip.source, &o, &err);
  CHECK (em_predictor_decode (p, 5, &set, a, &err));
  CHECK_INT (a->side, side);
  say (&said, a);
  if (!kind.deaf) {
    CHECK (em_predictor_sound (p, 0, a, &n, &err));
    for (int i = 0; i < n; i++)
      say (&said, &a[i]);
  }
  CHECK (em_predictor_add_points (p, 0, 1, (float[]){ 12, 12, 30, 4 }, (int[]){ 1, 0 }, 2, NULL,
                                  true, NULL, &err));
  CHECK (em_predictor_add_mask (p, 6, 1, &mask, NULL, &err));
  CHECK (em_predictor_propagate (p, 0, N_FRAMES - 1, 1, &err));
  while (em_predictor_step (p, &frame, a, &err))
    say (&said, a);
  CHECK_TEXT (err.text, "");
  em_predictor_close (p);
  tiny_clip_close (&clip);
  tiny_close (&tiny);
  em_rle_clear (&mask);
  return said;
}

static void
a_size_is_as_good_as_the_packages_own (void)
{
  static const TinyKind cases[] = { { .size = 128 },
                                    { .size = 192, .v20 = true },
                                    { .size = 160, .deaf = true }, /* windows with padding */
                                    { .size = 224, .deaf = true, .v20 = true } };

  for (int i = 0; i < 4; i++) {
    TinyKind own = cases[i], other = cases[i], small = cases[i];
    Said want, got, less;

    other.size = 64;
    other.seen_at = own.size;
    small.size = 64;
    want = ask_everything (own);
    got = ask_everything (other);
    less = ask_everything (small);
    CHECK_INT (got.n, want.n);
    CHECK (got.n == want.n && !memcmp (got.values, want.values, (size_t) want.n * sizeof (float)));
    CHECK (less.n < want.n);
    for (int k = 0; k < want.n; k++)
      CHECK (isfinite (want.values[k]));
    free (want.values);
    free (got.values);
    free (less.values);
  }
}

CHECK_MAIN (a_size_is_as_good_as_the_packages_own)
