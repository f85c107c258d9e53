/* The state machine against a plain twin: whatever is prompted, taken back, tracked over or tracked
 * again, a frame attends to the memories and pointers that the rules name, at the places they name,
 * and builds on the mask they name. The twin knows flags per frame and nothing else; what a pass
 * really looked at is read off its taps. */
#include "check.h"
#include "predict/predictor_private.h"
#include "predict/track_private.h"
#include "tiny.h"

#define FRAMES    40
#define N_OBJECTS 2
#define D         32 /* of the tiny model */
#define M         8
#define N         16
#define MASKMEM   7

static Tiny tiny;

/* The twin ----------------------------------------------------------------------------------------
 */

typedef struct {
  bool cond[FRAMES], non[FRAMES]; /* what has a memory */
  bool fresh_cond[FRAMES], fresh_non[FRAMES];
  int age[FRAMES]; /* when a conditioning frame became one */
  int tracked[FRAMES];
  int n_points[FRAMES]; /* box corners included */
} TwinObject;

typedef struct {
  int n_frames, clock;
  EmPredictorOptions o;
  int n, ids[N_OBJECTS];
  TwinObject objects[N_OBJECTS];
} Twin;

static TwinObject *
twin_object (Twin *w, int id)
{
  for (int i = 0; i < w->n; i++)
    if (w->ids[i] == id)
      return &w->objects[i];
  w->ids[w->n] = id;
  w->objects[w->n] = (TwinObject){ 0 };
  return &w->objects[w->n++];
}

static void
twin_remove (Twin *w, int id)
{
  for (int i = 0; i < w->n; i++)
    if (w->ids[i] == id) {
      w->n--;
      for (; i < w->n; i++) {
        w->ids[i] = w->ids[i + 1];
        w->objects[i] = w->objects[i + 1];
      }
    }
}

static bool
conditions (const Twin *w, const TwinObject *o, int frame)
{
  return !o->tracked[frame] || w->o.corrected_become_cond;
}

static void
twin_prompt (Twin *w, TwinObject *o, int frame)
{
  if (conditions (w, o, frame))
    o->fresh_cond[frame] = true;
  else
    o->fresh_non[frame] = true;
}

static void
twin_clear_around (const Twin *w, TwinObject *o, int frame)
{
  for (int f = 0; f < w->n_frames; f++)
    if (w->o.clear_around_prompts && abs (f - frame) <= MASKMEM * w->o.memory_stride)
      o->non[f] = false;
}

static void
twin_clear_frame (TwinObject *o, int frame)
{
  o->fresh_cond[frame] = o->fresh_non[frame] = false;
  o->n_points[frame] = 0;
  if (!o->cond[frame])
    return;
  o->cond[frame] = false;
  o->non[frame] = true;
  o->tracked[frame] = 0;
}

static int
n_cond (const TwinObject *o)
{
  int n = 0;

  for (int f = 0; f < FRAMES; f++)
    n += o->cond[f];
  return n;
}

/* False: an object has nothing to start from, and those behind it are left as they are. `ages` says
 * in which order fresh frames were prompted. */
static bool
twin_begin (Twin *w)
{
  for (int i = 0; i < w->n; i++) {
    TwinObject *o = &w->objects[i];

    for (int f = 0; f < w->n_frames; f++)
      if (o->fresh_non[f])
        o->non[f] = true;
    for (int f = 0; f < w->n_frames; f++)
      if (o->fresh_cond[f]) {
        o->cond[f] = true;
        twin_clear_around (w, o, f);
      }
    for (int f = 0; f < w->n_frames; f++) {
      o->fresh_cond[f] = o->fresh_non[f] = false;
      o->non[f] &= !o->cond[f];
    }
    if (n_cond (o) == 0)
      return false;
  }
  return true;
}

/* One thing that a frame attends to. */
typedef struct {
  int frame, at; /* at: row of the table for a memory, distance for a pointer */
} Part;

typedef struct {
  int n_memories, n_pointers;
  Part memories[FRAMES + MASKMEM], pointers[FRAMES + 16];
} Parts;

static int
floor_to (int x, int step)
{
  while (x % step)
    x--;
  return x;
}

static int
ceil_to (int x, int step)
{
  while (x % step)
    x++;
  return x;
}

/* The conditioning frames attended: all, or the last before, the first from here on, and the
 * nearest others, the older ones first. */
static void
twin_choose (const Twin *w, const TwinObject *o, int t, bool *chosen)
{
  int n = 0;

  memset (chosen, 0, FRAMES);
  for (int f = t - 1; f >= 0 && n == 0; f--)
    n += chosen[f] = o->cond[f];
  for (int f = t, had = n; f < FRAMES && n == had; f++)
    n += chosen[f] = o->cond[f];
  while (n < n_cond (o) && (w->o.max_cond_frames == 0 || n < w->o.max_cond_frames)) {
    int best = -1;

    for (int f = 0; f < FRAMES; f++)
      if (o->cond[f] && !chosen[f]
          && (best < 0 || abs (f - t) < abs (best - t)
              || (abs (f - t) == abs (best - t) && o->age[f] < o->age[best])))
        best = f;
    chosen[best] = true;
    n++;
  }
}

static Parts
twin_attends (const Twin *w, const TwinObject *o, int t, int d)
{
  int maxp = w->n_frames < 16 ? w->n_frames : 16, r = w->o.memory_stride;
  bool chosen[FRAMES];
  Parts p = { 0 };

  twin_choose (w, o, t, chosen);
  for (int f = 0; f < FRAMES; f++)
    if (chosen[f]) {
      p.memories[p.n_memories++] = (Part){ f, MASKMEM - 1 };
      if (d > 0 ? f <= t : f >= t)
        p.pointers[p.n_pointers++] = (Part){ f, abs (t - f) };
    }
  for (int rel = 1; rel < MASKMEM; rel++) {
    int f = rel == 1 ? t - d
            : d > 0  ? floor_to (t - 2, r) - (rel - 2) * r
                     : ceil_to (t + 2, r) + (rel - 2) * r;

    if (f >= 0 && f < w->n_frames && (o->non[f] || (o->cond[f] && !chosen[f])))
      p.memories[p.n_memories++] = (Part){ f, rel - 1 };
  }
  for (int k = 1; k < maxp; k++) {
    int f = t - d * k;

    if (f >= 0 && f < w->n_frames && (o->non[f] || (o->cond[f] && !chosen[f])))
      p.pointers[p.n_pointers++] = (Part){ f, k };
  }
  return p;
}

/* What passes looked at ---------------------------------------------------------------------------
 */

/* One decoder pass. */
typedef struct {
  int n_memory, n_pointer_tokens, n_tokens; /* n_memory: tokens attended, 0 without memory */
  float *memory, *pos, *image, *source;     /* image NULL: raw, a mask's */
} Look;

typedef struct {
  int n;
  Look items[64];
  Look next;
} Looks;

static float *
values (const EmTensor *x)
{
  float *copy = malloc ((size_t) em_numel (x) * sizeof *copy);

  memcpy (copy, em_f32 (x), (size_t) em_numel (x) * sizeof *copy);
  return copy;
}

static void
note (void *self, const char *name, const EmTensor *x)
{
  Looks *l = self;

  if (!strcmp (name, "memory")) {
    l->next.n_memory = (int) (em_numel (x) / M);
    l->next.memory = values (x);
  } else if (!strcmp (name, "memory_pos")) {
    l->next.pos = values (x);
  } else if (!strcmp (name, "num_obj_ptr_tokens")) {
    l->next.n_pointer_tokens = (int) *em_f32 (x);
  } else if (!strcmp (name, "pix_feat")) {
    l->next.image = values (x);
  } else if (!strcmp (name, "tokens_in")) {
    l->next.n_tokens = (int) (em_numel (x) / D);
  } else if (!strcmp (name, "src_in")) {
    l->next.source = values (x);
    if (l->n < 64)
      l->items[l->n++] = l->next;
    l->next = (Look){ 0 };
  }
}

static void
looks_clear (Looks *l)
{
  for (int i = 0; i < l->n; i++) {
    free (l->items[i].memory);
    free (l->items[i].pos);
    free (l->items[i].image);
    free (l->items[i].source);
  }
  l->n = 0;
}

/* An object's bank as it was before the pass. What is made of given masks is added when it has been
 * looked at. */
typedef struct {
  bool known[FRAMES];
  float memory[FRAMES][N * M], pointer[FRAMES][D];
} Held;

static void
hold (Held *h, const EmTracked *o)
{
  const EmEntries *kinds[2] = { &o->bank.cond, &o->bank.tracked };

  for (int k = 0; k < 2; k++)
    for (int i = 0; i < kinds[k]->n; i++) {
      const EmEntry *e = kinds[k]->items[i];

      if (h->known[e->frame] || e->made != EM_MADE_ALL)
        continue;
      h->known[e->frame] = true;
      em_to_f32 (h->memory[e->frame], e->memory.data, e->memory.dtype, N * M);
      memcpy (h->pointer[e->frame], em_f32 (&e->pointer), sizeof h->pointer[0]);
    }
}

/* Position of a pointer's tokens, by the definition, in double. */
static void
pointer_place (double *out, int distance, int maxp)
{
  const EmModel *m = tiny.model;
  double p = (double) distance / (maxp > 1 ? maxp - 1 : 1), line[D];

  memset (out, 0, M * sizeof *out);
  if (!m->config.sam2.add_tpos_enc_to_obj_ptrs)
    return;
  for (int k = 0; k < D / 2; k++) {
    double w = pow (10000, 2.0 * (k / 2) / (D / 2));

    line[k] = sin (p / w);
    line[D / 2 + k] = cos (p / w);
  }
  for (int i = 0; i < M; i++) {
    out[i] = em_f32 (m->obj_ptr_tpos_proj.b)[i];
    for (int k = 0; k < D; k++)
      out[i] += em_f32 (m->obj_ptr_tpos_proj.w)[i * D + k] * line[k];
  }
}

static bool
is_memory (const Look *l, int at, const Held *h, Part want)
{
  const float *pe = em_f32 (tiny.model->memory_pe);
  const float *row = em_f32 (tiny.model->maskmem_tpos_enc) + want.at * M;

  if (!h->known[want.frame]
      || memcmp (l->memory + at * M, h->memory[want.frame], sizeof h->memory[0]))
    return false;
  for (int i = 0; i < N * M; i++)
    if (fabsf (l->pos[at * M + i] - (pe[i] + row[i % M])) > 1e-6f)
      return false;
  return true;
}

static bool
is_pointer (const Look *l, int at, const Held *h, Part want, int maxp)
{
  double place[M];

  pointer_place (place, want.at, maxp);
  if (!h->known[want.frame]
      || memcmp (l->memory + at * M, h->pointer[want.frame], sizeof h->pointer[0]))
    return false;
  for (int i = 0; i < D; i++)
    if (fabs (l->pos[at * M + i] - place[i % M]) > 1e-5)
      return false;
  return true;
}

/* Every part once, in any order, and no other. */
static void
check_look (const Look *l, const Held *h, const Parts *want, int maxp)
{
  int n_spatial = (l->n_memory - l->n_pointer_tokens) / N, n_pointers = l->n_pointer_tokens * M / D;
  bool used[FRAMES + MASKMEM + 16] = { false };

  CHECK_INT (n_spatial, want->n_memories);
  CHECK_INT (n_pointers, want->n_pointers);
  for (int i = 0; i < want->n_memories; i++) {
    int k = 0;

    while (k < n_spatial && (used[k] || !is_memory (l, k * N, h, want->memories[i])))
      k++;
    CHECK (k < n_spatial);
    used[k] = true;
  }
  memset (used, 0, sizeof used);
  for (int i = 0; i < want->n_pointers; i++) {
    int k = 0;

    while (k < n_pointers
           && (used[k] || !is_pointer (l, n_spatial * N + k * D / M, h, want->pointers[i], maxp)))
      k++;
    CHECK (k < n_pointers);
    used[k] = true;
  }
}

/* The dense prompt under a click: what the logits it builds on make of it, or nothing's. */
static void
check_base (const Look *l, const float *before)
{
  EmError err = EM_ERROR_INIT;
  EmCtx *ctx = em_ctx_new (tiny.be, &err);
  float want[N * D], clamped[TINY_MAP];
  EmTensor *dense;

  for (int i = 0; before && i < TINY_MAP; i++)
    clamped[i] = before[i] < -32 ? -32 : before[i] > 32 ? 32 : before[i];
  dense = before ? em_prompt_mask (ctx, &tiny.model->prompt_encoder,
                                   em_upload (ctx, clamped, 3, (int64_t[]){ 1, 16, 16 }))
                 : em_repeat (ctx,
                              em_reshape (ctx, em_prompt_no_mask (ctx, &tiny.model->prompt_encoder),
                                          1, 1, D),
                              N);
  CHECK (em_download (ctx, want, dense));
  for (int i = 0; i < N * D; i++)
    CHECK_NEAR (l->source[i] - l->image[i], want[i], 1e-5);
  em_ctx_free (ctx);
}

/* Both together ----------------------------------------------------------------------------------
 */

typedef struct {
  TinyClip clip;
  EmPredictor *p;
  Twin twin;
  Looks looks;
  Held held[N_OBJECTS];
  int n_looks, n_made; /* checked so far, masks made into memories */
} Pair;

static void
pair_open (Pair *b, int n_frames, const EmPredictorOptions *o)
{
  EmError err = EM_ERROR_INIT;

  memset (b, 0, sizeof *b);
  tiny_clip_open (&b->clip, n_frames, 5);
  b->p = em_predictor_open (tiny.model, &b->clip.source, o, &err);
  CHECK_TEXT (err.text, "");
  em_predictor_set_tap (b->p, note, &b->looks);
  b->twin.n_frames = n_frames;
  b->twin.o = *o;
}

static void
pair_close (Pair *b)
{
  em_predictor_close (b->p);
  tiny_clip_close (&b->clip);
  looks_clear (&b->looks);
}

static void
hold_all (Pair *b)
{
  for (int i = 0; i < b->p->tracker->n; i++)
    hold (&b->held[i], &b->p->tracker->objects[i]);
}

/* Remembered masks are made beforehand: some are forgotten by the very pass that looks at them. */
static void
before_pass (Pair *b)
{
  EmTracker *t = b->p->tracker;
  EmError err = EM_ERROR_INIT;

  for (int i = 0; i < t->n; i++)
    for (int k = 0; k < t->objects[i].bank.tracked.n; k++)
      CHECK (em_tracker_make (t, t->objects[i].bank.tracked.items[k], &err));
  looks_clear (&b->looks);
  memset (b->held, 0, sizeof b->held);
  hold_all (b);
}

/* What given masks were made into on the way goes out of the list: each on the raw feature. */
static void
after_pass (Pair *b)
{
  Looks *l = &b->looks;
  int n = 0;

  hold_all (b);
  for (int i = 0; i < l->n; i++)
    if (l->items[i].image) {
      l->items[n++] = l->items[i];
    } else {
      CHECK (l->items[i].n_tokens == 8 && !l->items[i].n_memory);
      b->n_made++;
      free (l->items[i].source);
    }
  l->n = n;
}

static void
check_entries (const EmEntries *es, const bool *want, int n_frames)
{
  int n = 0;

  for (int f = 0; f < n_frames; f++) {
    n += want[f];
    CHECK ((em_entries_at (es, f) != NULL) == want[f]);
  }
  CHECK_INT (es->n, n);
}

/* Only given masks may be there in part; no memory before its frame has taken its place. */
static void
count_slots (const EmEntries *es, bool settled, int *n_pointers, int *n_memories)
{
  for (int k = 0; k < es->n; k++) {
    const EmEntry *e = es->items[k];
    bool has_memory = !em_is_nil (&e->memory);

    CHECK (has_memory
           == (settled ? e->made == EM_MADE_ALL : e->made == EM_MADE_ALL && e->given.width));
    CHECK (e->made == EM_MADE_ALL || e->given.width);
    CHECK (!has_memory || e->memory.dtype == EM_BF16);
    *n_pointers += !em_is_nil (&e->pointer);
    *n_memories += has_memory;
  }
}

/* The same frames in the same maps; conditioning ones by age; no entry lost or leaked. */
static void
check_state (Pair *b)
{
  Twin *w = &b->twin;
  int n_pointers = 0, n_memories = 0;

  CHECK_INT (em_predictor_n_objects (b->p), w->n);
  for (int i = 0; i < w->n; i++) {
    const EmTracked *t = &b->p->tracker->objects[i];
    TwinObject *o = &w->objects[i];

    CHECK_INT (t->id, w->ids[i]);
    check_entries (&t->bank.cond, o->cond, w->n_frames);
    check_entries (&t->bank.tracked, o->non, w->n_frames);
    check_entries (&t->fresh.cond, o->fresh_cond, w->n_frames);
    check_entries (&t->fresh.tracked, o->fresh_non, w->n_frames);
    for (int f = 0; f < w->n_frames; f++)
      CHECK_INT (t->passed[f], o->tracked[f]);
    for (int k = 0; k < t->bank.cond.n; k++) /* the twin learns ages from their order */
      o->age[t->bank.cond.items[k]->frame] = ++w->clock;
    count_slots (&t->bank.cond, true, &n_pointers, &n_memories);
    count_slots (&t->bank.tracked, true, &n_pointers, &n_memories);
    count_slots (&t->fresh.cond, false, &n_pointers, &n_memories);
    count_slots (&t->fresh.tracked, false, &n_pointers, &n_memories);
  }
  CHECK_INT (em_slots_in_use (b->p->tracker->pool.pointers), n_pointers);
  CHECK_INT (em_slots_in_use (b->p->tracker->pool.memories), n_memories);
}

static const float *
logits_at (Pair *b, const TwinObject *o, int frame)
{
  const EmTracked *t = &b->p->tracker->objects[o - b->twin.objects];
  bool is_cond = conditions (&b->twin, o, frame);
  EmError err = EM_ERROR_INIT;
  const EmEntries *es = (is_cond ? o->fresh_cond[frame] : o->fresh_non[frame])
                            ? (is_cond ? &t->fresh.cond : &t->fresh.tracked)
                        : o->cond[frame] ? &t->bank.cond
                        : o->non[frame]  ? &t->bank.tracked
                                         : NULL;

  if (!es)
    return NULL;
  CHECK (em_tracker_show (b->p->tracker, em_entries_at (es, frame), &err));
  return em_entries_at (es, frame)->low_res;
}

static void
do_points (Pair *b, int frame, int id, int n, bool box, bool clear)
{
  static const int labels[3] = { 1, 0, 1 };
  float xy[6] = { 12 + (float) (b->twin.clock % 5), 12, 30, 4, 15, 14 },
        corners[4] = { 5, 6, 20, 22 };
  int maxp = b->twin.n_frames < 16 ? b->twin.n_frames : 16;
  TwinObject *o = twin_object (&b->twin, id);
  const Look *l = b->looks.items;
  EmError err = EM_ERROR_INIT;
  float before[TINY_MAP];
  const float *base
      = o - b->twin.objects < em_predictor_n_objects (b->p) ? logits_at (b, o, frame) : NULL;

  if (base)
    base = memcpy (before, base, sizeof before);
  before_pass (b);
  CHECK (em_predictor_add_points (b->p, frame, id, xy, labels, n, box ? corners : NULL, clear, NULL,
                                  &err));
  CHECK_TEXT (err.text, "");
  after_pass (b);
  o->n_points[frame] = (clear ? 0 : o->n_points[frame]) + n + (box ? 2 : 0);
  CHECK_INT (b->looks.n, 1);
  CHECK_INT (l->n_tokens, 6 + o->n_points[frame] + 1);
  check_base (l, base);
  if (o->tracked[frame]) {
    Parts want = twin_attends (&b->twin, o, frame, o->tracked[frame]);

    check_look (l, &b->held[o - b->twin.objects], &want, maxp);
  } else {
    CHECK_INT (l->n_memory, 0);
  }
  b->n_looks++;
  twin_prompt (&b->twin, o, frame);
  check_state (b);
}

static EmRle
some_mask (int kind)
{
  uint8_t pixels[TINY_WIDTH * TINY_HEIGHT] = { 0 };

  for (int y = 5; kind && y < 19; y++)
    memset (pixels + y * TINY_WIDTH + 4 + kind, 1, 13);
  return em_rle_encode (pixels, TINY_WIDTH, TINY_HEIGHT);
}

/* kind 0: an empty one. */
static void
do_mask (Pair *b, int frame, int id, int kind, bool remember)
{
  TwinObject *o = twin_object (&b->twin, id);
  EmRle mask = some_mask (kind);
  EmError err = EM_ERROR_INIT;

  looks_clear (&b->looks);
  CHECK (remember ? em_predictor_remember (b->p, frame, id, &mask, &err)
                  : em_predictor_add_mask (b->p, frame, id, &mask, NULL, &err));
  CHECK_INT (b->looks.n, 0); /* nothing is made of it yet */
  if (remember) {
    o->non[frame] |= !o->cond[frame];
    o->tracked[frame] = o->tracked[frame] ? o->tracked[frame] : 1;
  } else {
    o->n_points[frame] = 0;
    twin_prompt (&b->twin, o, frame);
  }
  check_state (b);
  em_rle_clear (&mask);
}

static void
do_clear (Pair *b, int frame, int id)
{
  EmError err = EM_ERROR_INIT;

  CHECK (em_predictor_clear_frame (b->p, frame, id, &err));
  twin_clear_frame (twin_object (&b->twin, id), frame);
  check_state (b);
}

static void
do_remove (Pair *b, int id)
{
  EmError err = EM_ERROR_INIT;

  CHECK (em_predictor_remove_object (b->p, id, &err));
  twin_remove (&b->twin, id);
  check_state (b);
}

static void
check_step (Pair *b, int frame, int d)
{
  int n = 0, maxp = b->twin.n_frames < 16 ? b->twin.n_frames : 16;

  after_pass (b);
  for (int i = 0; i < b->twin.n; i++) {
    TwinObject *o = &b->twin.objects[i];

    if (!o->cond[frame] && n < b->looks.n) {
      Parts want = twin_attends (&b->twin, o, frame, d);

      CHECK_INT (b->looks.items[n].n_tokens, 8);
      check_base (&b->looks.items[n], NULL);
      check_look (&b->looks.items[n], &b->held[i], &want, maxp);
    }
    n += !o->cond[frame];
  }
  CHECK_INT (b->looks.n, n);
  b->n_looks += n;
  for (int i = 0; i < b->twin.n; i++) {
    TwinObject *o = &b->twin.objects[i];

    if (o->cond[frame])
      twin_clear_around (&b->twin, o, frame);
    else
      o->non[frame] = true;
    o->tracked[frame] = d;
  }
}

static void
do_propagate (Pair *b, int start, int end, int d)
{
  EmError err = EM_ERROR_INIT;
  EmAnswer answers[N_OBJECTS];
  int frame, at = start;
  bool good = em_predictor_propagate (b->p, start, end, d, &err);

  CHECK_INT (good, b->twin.n > 0 && twin_begin (&b->twin));
  check_state (b);
  if (!good) {
    CHECK_INT (err.code, EM_E_USAGE);
    return;
  }
  for (before_pass (b); em_predictor_step (b->p, &frame, answers, &err); before_pass (b)) {
    CHECK_INT (frame, at);
    check_step (b, frame, d);
    check_state (b);
    for (int i = 0; i < b->twin.n; i++)
      em_answer_clear (&answers[i]);
    at += d;
  }
  CHECK_TEXT (err.text, "");
  CHECK_INT (at, end + d);
}

/* What is tried ----------------------------------------------------------------------------------
 */

/* A clip's places, wherever it ends. */
static int
place (const Pair *b, int frame)
{
  return frame < b->twin.n_frames ? frame : b->twin.n_frames - 1;
}

/* Everything that the official predictor can be told, one after another. */
static void
the_script (Pair *b)
{
  int last = b->twin.n_frames - 1;

  do_points (b, 0, 1, 1, false, true);
  do_points (b, 0, 1, 2, false, false); /* more, the first kept */
  do_points (b, 0, 1, 1, true, true);   /* a box and a point instead */
  do_propagate (b, 0, last, 1);
  do_mask (b, place (b, 3), 2, 1, false); /* a second object, later */
  do_propagate (b, 0, last, 1);
  do_points (b, place (b, 4), 1, 1, false, true); /* corrections: of a tracked frame, */
  do_points (b, place (b, 4), 1, 1, false, false);
  do_points (b, 0, 1, 1, false, true); /* of the conditioning one */
  do_propagate (b, 0, last, 1);
  do_propagate (b, last, 0, -1);
  do_points (b, place (b, 5), 1, 2, false, true); /* passed backward last */
  do_propagate (b, place (b, 5), place (b, 8), 1);
  do_propagate (b, place (b, 5), place (b, 2), -1);
  do_propagate (b, place (b, 6), place (b, 6), -1); /* one frame, backward */
  do_mask (b, place (b, 9), 1, 0, false);           /* absent there */
  do_propagate (b, 0, last, 1);
  do_clear (b, place (b, 4), 1);                  /* a prompt taken back, */
  do_clear (b, place (b, 7), 1);                  /* none, */
  do_clear (b, place (b, 3), 2);                  /* and the only one */
  do_propagate (b, 0, last, 1);                   /* has nothing to start from */
  do_points (b, place (b, 3), 2, 1, false, true); /* is a first prompt again */
  do_propagate (b, 0, last, 1);
  do_remove (b, 1);
  do_propagate (b, last, 0, -1);
  do_mask (b, place (b, 2), 1, 2, true); /* remembered from the project */
  do_points (b, last, 1, 1, false, true);
  do_propagate (b, place (b, 3), last, 1);
  em_predictor_reset (b->p);
  b->twin.n = 0;
  check_state (b);
}

static uint64_t noise = 9;

static int
pick (int n)
{
  return (int) (check_random (&noise) % (unsigned) n);
}

static void
anything (Pair *b, int n_words)
{
  for (int i = 0; i < n_words; i++) {
    int frame = pick (b->twin.n_frames), id = 1 + pick (N_OBJECTS), to = pick (b->twin.n_frames);
    bool known = false;

    for (int k = 0; k < b->twin.n; k++)
      known |= b->twin.ids[k] == id;
    switch (pick (9)) {
    case 0:
    case 1:
      do_points (b, frame, id, 1 + pick (3), false, pick (2));
      break;
    case 2:
      do_points (b, frame, id, pick (3), true, true);
      break;
    case 3:
      do_mask (b, frame, id, pick (4), pick (3) == 0);
      break;
    case 4:
      if (known && pick (3) == 0)
        do_remove (b, id);
      else if (known)
        do_clear (b, frame, id);
      break;
    default:
      do_propagate (b, frame, to, to == frame ? 1 - 2 * pick (2) : to < frame ? -1 : 1);
    }
  }
}

static EmPredictorOptions
options (int i)
{
  EmPredictorOptions o = em_predictor_defaults ();

  o.corrected_become_cond = i % 2;
  o.max_cond_frames = i % 3 == 0 ? 0 : 1 + i % 3;
  o.clear_around_prompts = i % 4 == 3;
  o.memory_stride = i % 5 == 4 ? 2 + i % 3 : 1;
  return o;
}

static void
frames_attend_to_what_the_rules_say (void)
{
  static const int lengths[] = { 1, 6, 22, 40 };

  for (int v20 = 0; v20 < 2; v20++) {
    tiny_close (&tiny);
    tiny_open (&tiny, (TinyKind){ .v20 = v20, .score_bias = 1, .deaf = true });
    for (int i = 0; i < 4; i++)
      for (int k = 0; k < 3; k++) {
        EmPredictorOptions o = options (4 * v20 + 3 * i + k);
        Pair b;

        pair_open (&b, lengths[i], &o);
        the_script (&b);
        CHECK (b.n_looks > 5 * lengths[i]);
        anything (&b, 24);
        pair_close (&b);
      }
  }
}

/* Memories and presence --------------------------------------------------------------------------
 */

/* The memory that logits leave behind on a frame, from the definition of its mask; [N, M]. */
static void
memory_of (EmPredictor *p, int frame, const float *logits, bool binarize, bool absent, float *out)
{
  const EmModel *m = tiny.model;
  float *mask = malloc (64 * 64 * sizeof *mask);
  EmError err = EM_ERROR_INIT;
  EmCtx *ctx = em_ctx_new (tiny.be, &err);
  EmFeatures f;

  em_logits_resize (logits, 16, mask, 64, 64);
  for (int i = 0; i < 64 * 64; i++)
    mask[i] = 20 * (binarize ? mask[i] > 0 : 1 / (1 + expf (-mask[i]))) - 10;
  CHECK (em_feature_store_get (p->features, frame, &f, NULL, &err));
  CHECK (em_download (ctx, out,
                      em_memory_encode (ctx, &m->memory_encoder,
                                        em_memory_project (ctx, &m->memory_encoder, &f.fpn2),
                                        em_upload (ctx, mask, 3, (int64_t[]){ 1, 64, 64 }), NULL)));
  for (int i = 0; absent && m->config.sam2.v21 && i < N * M; i++)
    out[i] += em_f32 (m->memory_encoder.no_obj_embed_spatial)[i % M];
  em_ctx_free (ctx);
  free (mask);
}

/* To what bf16 leaves of it; how far off at most. */
static double
distance (const EmEntry *e, const float *want)
{
  float got[N * M];
  double far = 0;

  em_to_f32 (got, e->memory.data, e->memory.dtype, N * M);
  for (int i = 0; i < N * M; i++)
    far = fmax (far, fabs (got[i] - want[i]) / (0.01 + fabs (want[i])));
  return far;
}

static bool
is_no_object (const EmEntry *e)
{
  return !memcmp (em_f32 (&e->pointer), em_f32 (tiny.model->no_obj_ptr), D * sizeof (float));
}

static const EmEntry *
entry (EmPredictor *p, int frame, int object)
{
  EmEntry *e = em_tracker_at (p->tracker, frame, object);
  EmError err = EM_ERROR_INIT;

  CHECK (em_tracker_make (p->tracker, e, &err));
  return e;
}

/* Clicked, tracked, and given by a person, with and without something there; where the head sees
 * the object, and where it sees none. */
static void
memories_are_of_the_masks_that_the_rules_say (void)
{
  for (int kind = 0; kind < 4; kind++) {
    bool sees = kind < 2, v20 = kind % 2;
    EmPredictorOptions o = em_predictor_defaults ();
    EmRle full = some_mask (1), empty = some_mask (0);
    EmError err = EM_ERROR_INIT;
    EmAnswer answers[N_OBJECTS];
    float want[N * M], other[N * M];
    TinyClip clip;
    EmPredictor *p;
    int frame;

    tiny_close (&tiny);
    tiny_open (&tiny, (TinyKind){ .v20 = v20, .score_bias = sees ? 9 : -9, .deaf = true });
    tiny_clip_open (&clip, 8, 5);
    p = em_predictor_open (tiny.model, &clip.source, &o, &err);
    CHECK (em_predictor_add_points (p, 0, 1, (float[]){ 12, 12 }, &(int){ 1 }, 1, NULL, true, NULL,
                                    &err));
    CHECK (em_predictor_add_mask (p, 3, 1, &full, NULL, &err));
    CHECK (em_predictor_add_mask (p, 5, 1, &empty, NULL, &err));
    CHECK (em_predictor_remember (p, 7, 1, &full, &err));
    CHECK (em_predictor_propagate (p, 0, 6, 1, &err));
    while (em_predictor_step (p, &frame, answers, &err))
      em_answer_clear (&answers[0]);
    CHECK_TEXT (err.text, "");
    for (frame = 0; frame < 8; frame++) {
      const EmEntry *e = entry (p, frame, 1);
      bool is_prompt = frame == 0 || frame == 3 || frame == 5;
      bool there = frame == 3 || frame == 7 || (frame != 5 && sees); /* as a stored score has it */

      CHECK ((e->score > 0) == there);
      CHECK (is_no_object (e) == (!sees || frame == 5));
      memory_of (p, frame, e->low_res, is_prompt, !there, want);
      CHECK (distance (e, want) < 0.01);
      memory_of (p, frame, e->low_res, !is_prompt, !there, other);
      if (there) /* else hard and soft are the same: nothing */
        CHECK (distance (e, other) > 0.012);
      if (!v20) {
        memory_of (p, frame, e->low_res, is_prompt, there, other);
        CHECK (distance (e, other) > 0.012);
      }
    }
    em_predictor_close (p);
    tiny_clip_close (&clip);
    em_rle_clear (&full);
    em_rle_clear (&empty);
  }
}

/* A failed prompt leaves even an object without any prompt where it was. */
static void
a_failed_prompt_changes_nothing (void)
{
  EmPredictorOptions o = em_predictor_defaults ();
  EmError err = EM_ERROR_INIT;
  Pair b;

  pair_open (&b, 6, &o);
  do_points (&b, 2, 1, 1, false, true);
  do_points (&b, 3, 2, 1, false, true);
  do_clear (&b, 2, 1);
  b.clip.fails_at = 4;
  CHECK (!em_predictor_add_points (b.p, 4, 1, (float[]){ 1, 1 }, &(int){ 1 }, 1, NULL, true, NULL,
                                   &err));
  CHECK_INT (err.code, EM_E_INPUT);
  check_state (&b);
  CHECK (!em_predictor_clear_frame (b.p, 2, 7, &err) && err.code == EM_E_INPUT);
  err = (EmError) EM_ERROR_INIT;
  CHECK (!em_predictor_clear_frame (b.p, 6, 1, &err) && err.code == EM_E_USAGE);
  err = (EmError) EM_ERROR_INIT;
  CHECK (!em_predictor_clear_frame (b.p, 2, 7, &err) && err.code == EM_E_USAGE);
  err = (EmError) EM_ERROR_INIT;
  CHECK (!em_predictor_propagate (b.p, 2, 4, -1, &err) && err.code == EM_E_USAGE);
  pair_close (&b);
}

static void
begin (void)
{
  tiny_open (&tiny, (TinyKind){ .score_bias = 1, .deaf = true });
}

static void
end (void)
{
  tiny_close (&tiny);
}

CHECK_MAIN (begin, frames_attend_to_what_the_rules_say,
            memories_are_of_the_masks_that_the_rules_say, a_failed_prompt_changes_nothing, end)
