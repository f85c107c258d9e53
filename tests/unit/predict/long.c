/* Clips of any length in bounded memory: what is held depends on settings and on what was clicked,
 * never on how many frames went by. */
#include <unistd.h>
#include "check.h"
#include "predict/predictor_private.h"
#include "predict/track_private.h"
#include "tiny.h"

static Tiny tiny;

static EmPredictor *
open_clip (const TinyClip *c, size_t feature_bytes, size_t bank_bytes)
{
  EmPredictorOptions o = em_predictor_defaults ();
  EmError err = EM_ERROR_INIT;
  EmPredictor *p;

  o.feature_cache_bytes = feature_bytes;
  o.bank_bytes = bank_bytes;
  p = em_predictor_open (tiny.model, &c->source, &o, &err);
  CHECK_TEXT (err.text, "");
  return p;
}

static EmRle
mask_at (int frame)
{
  uint8_t pixels[TINY_WIDTH * TINY_HEIGHT] = { 0 };

  for (int y = 6 + frame / 3 % 10, end = y + 12; y < end; y++)
    memset (pixels + y * TINY_WIDTH + 4 + frame % 20, 1, 12);
  return em_rle_encode (pixels, TINY_WIDTH, TINY_HEIGHT);
}

static void
click (EmPredictor *p, int frame, int object)
{
  EmError err = EM_ERROR_INIT;
  float xy[2] = { 10 + (float) (frame % 20), 12 + (float) (frame / 3 % 10) };

  CHECK (em_predictor_add_points (p, frame, object, xy, &(int){ 1 }, 1, NULL, true, NULL, &err));
}

static void
give (EmPredictor *p, int frame, int object)
{
  EmRle mask = mask_at (frame);
  EmError err = EM_ERROR_INIT;

  CHECK (em_predictor_add_mask (p, frame, object, &mask, NULL, &err));
  em_rle_clear (&mask);
}

static int64_t
resident (void)
{
  FILE *f = fopen ("/proc/self/statm", "r");
  long pages = 0;

  CHECK (f && fscanf (f, "%*s %ld", &pages) == 1);
  if (f)
    fclose (f);
  return (int64_t) pages * sysconf (_SC_PAGESIZE);
}

#if defined __SANITIZE_ADDRESS__
#define RESIDENT_SLACK ((int64_t) 1 << 40) /* what is freed stays in quarantine */
#else
#define RESIDENT_SLACK ((int64_t) 4 << 20)
#endif

typedef struct {
  int n_frames, n_objects, every; /* a correction every so many frames */
  bool by_mask;                   /* a person's masks; else clicks */
  bool roomy;                     /* more room than the clip fills: frames are counted */
} Run;

/* Forward through the clip, corrected in turn; after the first hundred frames nothing grows but by
 * the entries of clicks. */
static void
track_long (Run r)
{
  EmPredictorBytes first = { 0 }, now;
  EmError err = EM_ERROR_INIT;
  EmAnswer answers[4];
  int frame, n_corrections = 0, n_stepped = 0, n_at_first = 0, in_use = 0;
  int64_t rss = 0;
  TinyClip clip;
  EmPredictor *p;
  const EmEntryPool *pool;

  tiny_clip_open (&clip, r.n_frames, 25);
  p = r.roomy ? open_clip (&clip, 512 << 20, 32 << 20) : open_clip (&clip, 1 << 20, 1 << 15);
  pool = em_tracker_pool (p->tracker);
  for (int i = 1; i <= r.n_objects; i++)
    click (p, 0, i);
  CHECK (em_predictor_propagate (p, 0, r.n_frames - 1, 1, &err));
  while (em_predictor_step (p, &frame, answers, &err)) {
    CHECK_INT (frame, n_stepped++);
    for (int i = 0; i < r.n_objects; i++)
      em_answer_clear (&answers[i]);
    now = em_predictor_bytes (p);
    if (frame == 100) {
      first = now;
      rss = resident ();
      n_at_first = n_corrections;
      in_use = em_slots_in_use (pool->pointers);
    }
    if (frame > 100) { /* of given masks those made last stay, of clicks all */
      int n = r.by_mask ? 20 * r.n_objects : n_corrections - n_at_first;

      CHECK (now.features <= first.features);
      CHECK (em_slots_in_use (pool->pointers) <= in_use + n);
      CHECK (now.banks
             <= first.banks + (size_t) n * em_entry_bytes (pool) + (1 << 20)); /* a block */
      CHECK (frame % 25 || resident () <= rss + RESIDENT_SLACK);
    }
    if (frame % r.every == r.every - 1 && frame + 1 < r.n_frames) {
      int object = 1 + n_corrections++ % r.n_objects;

      (r.by_mask ? give : click) (p, frame, object);
      CHECK (em_predictor_propagate (p, frame + 1, r.n_frames - 1, 1, &err));
    }
  }
  CHECK_TEXT (err.text, "");
  CHECK_INT (n_stepped, r.n_frames);
  /* A frame is encoded once, whatever looks at it; those corrected once or twice more. */
  CHECK (em_feature_store_encoded (p->features) <= r.n_frames + 2 * n_corrections);
  em_predictor_close (p);
  tiny_clip_close (&clip);
}

static void
memory_is_flat (void)
{
  track_long ((Run){ .n_frames = 2000, .n_objects = 3, .every = 70 });
  track_long ((Run){ .n_frames = 10000, .n_objects = 1, .every = 500 });
  track_long ((Run){ .n_frames = 1000, .n_objects = 2, .every = 9, .by_mask = true });
  track_long ((Run){ .n_frames = 400, .n_objects = 2, .every = 70, .roomy = true });
}

typedef struct {
  int n, frames[100];
  float logits[100][TINY_MAP];
} Track;

static void
follow (EmPredictor *p, Track *t, int start, int end, int skip_first, int skip_last)
{
  EmError err = EM_ERROR_INIT;
  EmAnswer a;
  int frame;

  CHECK (em_predictor_propagate (p, start, end, end < start ? -1 : 1, &err));
  while (em_predictor_step (p, &frame, &a, &err)) {
    if (frame < skip_first || frame > skip_last) {
      t->frames[t->n] = frame;
      memcpy (t->logits[t->n++], a.logits, sizeof t->logits[0]);
    } else {
      CHECK_INT (em_rle_area (&a.mask), 0); /* absent, says a person */
      CHECK (a.score == -10 && a.iou == 1);
    }
    em_answer_clear (&a);
  }
  CHECK_TEXT (err.text, "");
}

/* Given masks made into memories: their decoder passes look at no conditioned feature. */
typedef struct {
  bool conditioned;
  int n_made;
} Made;

static void
count_made (void *self, const char *name, const EmTensor *x)
{
  Made *m = self;

  if (!strcmp (name, "pix_feat"))
    m->conditioned = true;
  if (strcmp (name, "tokens_in"))
    return;
  m->n_made += !m->conditioned;
  m->conditioned = false;
}

/* A thousand frames marked absent weigh what their edges weigh, and change nothing but their own.
 */
static void
a_long_absence_costs_its_edges (void)
{
  enum { FIRST = 20, LAST = 1019, FRAMES = 1040, EDGE = 25 };
  EmRle nothing = em_rle_new (TINY_WIDTH, TINY_HEIGHT);
  static Track whole, edges;
  EmError err = EM_ERROR_INIT;
  TinyClip clip;
  EmPredictor *p, *q;
  const EmEntryPool *pool;
  Made made = { 0 };

  tiny_clip_open (&clip, FRAMES, 25);
  p = open_clip (&clip, 1 << 20, 1 << 20);
  q = open_clip (&clip, 1 << 20, 1 << 20);
  pool = em_tracker_pool (p->tracker);
  em_predictor_set_tap (p, count_made, &made);
  give (p, 0, 1);
  give (q, 0, 1);
  give (p, FRAMES - 1, 1);
  give (q, FRAMES - 1, 1);
  for (int f = FIRST; f <= LAST; f++) {
    CHECK (em_predictor_add_mask (p, f, 1, &nothing, NULL, &err));
    if (f < FIRST + EDGE || f > LAST - EDGE)
      CHECK (em_predictor_add_mask (q, f, 1, &nothing, NULL, &err));
  }
  CHECK_INT (em_feature_store_encoded (p->features), 0);
  CHECK_INT (em_slots_in_use (pool->memories), 0);
  whole.n = edges.n = 0;
  follow (p, &whole, 0, FRAMES - 1, FIRST, LAST);
  follow (q, &edges, 0, FIRST, FIRST, LAST);
  follow (q, &edges, LAST, FRAMES - 1, FIRST, LAST);
  follow (p, &whole, FRAMES - 1, 0, FIRST, LAST);
  follow (q, &edges, FRAMES - 1, LAST, FIRST, LAST);
  follow (q, &edges, FIRST, 0, FIRST, LAST);
  CHECK_INT (whole.n, 2 * (FRAMES - (LAST - FIRST + 1)));
  CHECK_INT (edges.n, whole.n);
  for (int i = 0; i < whole.n; i++) {
    CHECK_INT (whole.frames[i], edges.frames[i]);
    CHECK (!memcmp (whole.logits[i], edges.logits[i], sizeof whole.logits[0]));
  }
  /* Twice past it: the frames beyond, and of the absent ones the edges. */
  CHECK (em_feature_store_encoded (p->features) < 4 * (FRAMES - (LAST - FIRST + 1)) + 4 * EDGE);
  CHECK (em_slots_in_use (pool->pointers) < 80);
  CHECK (made.n_made <= 40); /* none of them at every step */
  CHECK_INT (em_tracker_bank (p->tracker, 1)->cond.n, LAST - FIRST + 3);
  em_predictor_close (p);
  em_predictor_close (q);
  tiny_clip_close (&clip);
  em_rle_clear (&nothing);
}

/* A mask is made again when it is looked at again: the same bits. */
static void
what_was_given_up_is_made_again (void)
{
  static Track first, again;
  TinyClip clip;
  EmPredictor *p;
  int n_made = 0;

  tiny_clip_open (&clip, 96, 25);
  p = open_clip (&clip, 1 << 20, 0);
  for (int f = 0; f < 96; f += 2)
    give (p, f, 1);
  first.n = again.n = 0;
  follow (p, &first, 0, 95, -1, -1);
  for (int i = 0; i < 48; i++)
    n_made += p->tracker->objects[0].bank.cond.items[i]->made != EM_MADE_NOTHING;
  CHECK (n_made < 24);
  follow (p, &again, 0, 95, -1, -1);
  CHECK_INT (first.n, 96);
  CHECK_INT (again.n, 96);
  for (int i = 0; i < 96; i++)
    CHECK (!memcmp (first.logits[i], again.logits[i], sizeof first.logits[0]));
  em_predictor_close (p);
  tiny_clip_close (&clip);
}

/* Three objects, one of them corrected, one absent for a while: still one image pass a frame. */
static void
objects_share_image_passes (void)
{
  TinyClip clip;
  EmPredictor *p;
  EmError err = EM_ERROR_INIT;
  EmAnswer answers[3];
  int frame;

  tiny_clip_open (&clip, 30, 25);
  p = open_clip (&clip, 64 << 20, 1 << 20);
  click (p, 0, 1);
  give (p, 4, 2);
  click (p, 9, 3);
  give (p, 12, 1);
  for (int pass = 0; pass < 2; pass++) {
    CHECK (em_predictor_propagate (p, pass ? 29 : 0, pass ? 0 : 29, pass ? -1 : 1, &err));
    while (em_predictor_step (p, &frame, answers, &err))
      for (int i = 0; i < 3; i++)
        em_answer_clear (&answers[i]);
    CHECK_TEXT (err.text, "");
    CHECK_INT (em_feature_store_encoded (p->features), 30);
    CHECK_INT (clip.n_reads, 30);
    click (p, 17, 2);
  }
  em_predictor_close (p);
  tiny_clip_close (&clip);
}

static void
begin (void)
{
  tiny_open (&tiny, (TinyKind){ .score_bias = 2, .deaf = true });
}

static void
end (void)
{
  tiny_close (&tiny);
}

CHECK_MAIN (begin, memory_is_flat, a_long_absence_costs_its_edges, what_was_given_up_is_made_again,
            objects_share_image_passes, end)
