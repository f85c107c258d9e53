/* track.c - the state machine around the bank. */
#include "predict/track.h"
#include <stdlib.h>
#include <string.h>

/* The points given so far on a frame. */
typedef struct {
  int frame;
  EmPointSet set;
} Given;

typedef struct {
  int id;
  EmBank bank;
  EmBank fresh; /* prompted since the last propagation began, without a memory */
  int n_given;
  Given *given;
  int8_t *passed; /* per frame: 0 never tracked over, else the direction of the last pass */
} Object;

struct EmTracker {
  EmCtx *ctx;
  const EmModel *model;
  const EmClipSource *source;
  const EmPredictorOptions *options;
  EmFeatureStore *features;
  EmEntryPool pool;
  EmRecallRules rules;
  int n, room;
  Object *objects; /* in the order they were added */
  EmEntry **made;  /* room for every object: a step's new entries */
  bool running;
  int next, end, direction;
};

static void *
need (void *p)
{
  EM_BUG_UNLESS (p);
  return p;
}

EmTracker *
em_tracker_new (EmCtx *ctx, const EmModel *model, const EmClipSource *source,
                const EmPredictorOptions *options, EmFeatureStore *features)
{
  EmTracker *t = need (calloc (1, sizeof *t));
  const EmSam2Config *config = &model->config.sam2;

  t->ctx = ctx;
  t->model = model;
  t->source = source;
  t->options = options;
  t->features = features;
  t->pool = em_entry_pool_new (model->be, options->memory_f32 ? EM_F32 : EM_BF16, model->n_tokens,
                               config->mem_dim, config->d_model, model->mask_side);
  t->rules = (EmRecallRules){ .n_frames = source->n_frames,
                              .num_maskmem = config->num_maskmem,
                              .max_obj_ptrs = config->max_obj_ptrs_in_encoder,
                              .max_cond_frames = options->max_cond_frames };
  return t;
}

static void
object_clear (EmTracker *t, Object *o)
{
  em_bank_clear (&t->pool, &o->bank);
  em_bank_clear (&t->pool, &o->fresh);
  free (o->given);
  free (o->passed);
}

void
em_tracker_reset (EmTracker *t)
{
  for (int i = 0; i < t->n; i++)
    object_clear (t, &t->objects[i]);
  t->n = 0;
  t->running = false;
}

void
em_tracker_free (EmTracker *t)
{
  if (!t)
    return;
  em_tracker_reset (t);
  free (t->objects);
  free (t->made);
  em_entry_pool_clear (&t->pool);
  free (t);
}

static Object *
find (const EmTracker *t, int id)
{
  for (int i = 0; i < t->n; i++)
    if (t->objects[i].id == id)
      return &t->objects[i];
  return NULL;
}

static Object *
find_or_add (EmTracker *t, int id)
{
  Object *o = find (t, id);

  if (o)
    return o;
  if (t->n == t->room) {
    t->room = t->room ? 2 * t->room : 8;
    t->objects = need (realloc (t->objects, (size_t) t->room * sizeof *t->objects));
    t->made = need (realloc (t->made, (size_t) t->room * sizeof *t->made));
  }
  o = &t->objects[t->n++];
  *o = (Object){ .id = id };
  o->passed = need (calloc ((size_t) t->source->n_frames, 1));
  return o;
}

/* An object that has never been answered for goes again with the prompt that failed. */
static void
drop_if_new (EmTracker *t, Object *o)
{
  if (o->bank.cond.n + o->bank.tracked.n + o->fresh.cond.n + o->fresh.tracked.n > 0)
    return;
  object_clear (t, o);
  memmove (o, o + 1, (size_t) (t->objects + --t->n - o) * sizeof *o);
}

static Given *
given_at (Object *o, int frame)
{
  for (int i = 0; i < o->n_given; i++)
    if (o->given[i].frame == frame)
      return &o->given[i];
  return NULL;
}

static void
forget_given (Object *o, int frame)
{
  Given *g = given_at (o, frame);

  if (g)
    *g = o->given[--o->n_given];
}

static void
set_given (Object *o, int frame, const EmPointSet *set)
{
  Given *g = given_at (o, frame);

  if (!g) {
    o->given = need (realloc (o->given, (size_t) (o->n_given + 1) * sizeof *o->given));
    g = &o->given[o->n_given++];
    g->frame = frame;
  }
  g->set = *set;
}

static const EmEntry *
entry_at (const Object *o, int frame)
{
  const EmEntries *places[]
      = { &o->fresh.cond, &o->fresh.tracked, &o->bank.cond, &o->bank.tracked };

  for (int i = 0; i < 4; i++) {
    const EmEntry *e = em_entries_at (places[i], frame);

    if (e)
      return e;
  }
  return NULL;
}

/* Where a prompt's answer goes: a frame never tracked over conditions, a corrected one if asked. */
static EmEntries *
place_of_prompt (EmTracker *t, Object *o, int frame)
{
  return !o->passed[frame] || t->options->corrected_become_cond ? &o->fresh.cond
                                                                : &o->fresh.tracked;
}

/* The mask that the next click on a frame builds on. */
static const EmEntry *
earlier (EmTracker *t, Object *o, int frame)
{
  const EmEntry *e = em_entries_at (place_of_prompt (t, o, frame), frame);

  e = e ? e : em_entries_at (&o->bank.cond, frame);
  return e ? e : em_entries_at (&o->bank.tracked, frame);
}

static bool
decode_points (EmTracker *t, Object *o, int frame, const EmPointSet *points, EmEntry *e,
               EmError *err)
{
  const EmEntry *before = earlier (t, o, frame);
  EmFeatures f;
  EmRecall recall = { 0 };
  EmHeadInput in
      = { .points = points, .multimask = points->n <= 1, .dynamic = t->options->dynamic_multimask };

  if (!em_feature_store_get (t->features, frame, &f, NULL, err))
    return false;
  if (o->passed[frame])
    recall = em_bank_recall (&o->bank, frame, o->passed[frame], &t->rules);
  if (before)
    in.mask = em_head_again (t->ctx, t->model, before->low_res);

  EmTensor *image = em_head_image (t->ctx, t->model, &f, &recall);
  EmHead head = em_head_decode (t->ctx, t->model, &f, image, &in);

  head.mask = em_gate_mask (t->ctx, head.mask, head.score);
  em_head_store (t->ctx, e, &head, NULL);
  em_recall_clear (&recall);
  return em_ctx_end_pass (t->ctx, err);
}

const EmEntry *
em_tracker_add_points (EmTracker *t, int frame, int object, const EmPointSet *points,
                       bool clear_old, EmError *err)
{
  Object *o = find_or_add (t, object);
  Given *old = clear_old ? NULL : given_at (o, frame);
  EmPointSet all = old ? old->set : (EmPointSet){ 0 };
  EmEntry *e = NULL;

  if (all.n + points->n >= EM_MAX_POINTS)
    em_fail (err, EM_E_USAGE, "object %d has more than %d points on frame %d", object,
             EM_MAX_POINTS - 1, frame);
  else
    e = em_entry_new (&t->pool, frame, err);
  if (e) {
    memcpy (all.xy + all.n, points->xy, (size_t) points->n * sizeof *all.xy);
    memcpy (all.labels + all.n, points->labels, (size_t) points->n * sizeof *all.labels);
    all.n += points->n;
  }
  if (!e || !decode_points (t, o, frame, &all, e, err)) {
    em_entry_free (&t->pool, e);
    drop_if_new (t, o);
    return NULL;
  }
  set_given (o, frame, &all);
  em_entries_put (&t->pool, place_of_prompt (t, o, frame), e);
  t->running = false;
  return e;
}

/* The entry of a given mask, with its memory if `encoded`. */
static EmEntry *
entry_of_mask (EmTracker *t, int frame, const EmRle *mask, bool encoded, EmError *err)
{
  EmFeatures f;
  EmEntry *e;

  if (!em_feature_store_get (t->features, frame, &f, NULL, err))
    return NULL;
  e = em_entry_new (&t->pool, frame, err);
  if (!e)
    return NULL;
  if (!encoded || em_entry_room_for_memory (&t->pool, e, err)) {
    EmTensor *square = em_head_square (t->ctx, t->model, mask);
    EmHead head = em_head_of_mask (t->ctx, t->model, &f, square, t->options->dynamic_multimask);
    EmTensor *memory
        = encoded ? em_head_remember (t->ctx, t->model, &f, head.mask, head.score, false) : NULL;

    em_head_store (t->ctx, e, &head, memory);
    if (em_ctx_end_pass (t->ctx, err))
      return e;
  }
  em_entry_free (&t->pool, e);
  return NULL;
}

const EmEntry *
em_tracker_add_mask (EmTracker *t, int frame, int object, const EmRle *mask, EmError *err)
{
  EmEntry *e = entry_of_mask (t, frame, mask, false, err);
  Object *o;

  if (!e)
    return NULL;
  o = find_or_add (t, object);
  forget_given (o, frame);
  em_entries_put (&t->pool, place_of_prompt (t, o, frame), e);
  t->running = false;
  return e;
}

bool
em_tracker_remember (EmTracker *t, int frame, int object, const EmRle *mask, EmError *err)
{
  EmEntry *e = entry_of_mask (t, frame, mask, true, err);
  Object *o;

  if (!e)
    return false;
  o = find_or_add (t, object);
  em_entries_put (&t->pool, &o->bank.tracked, e);
  if (!o->passed[frame])
    o->passed[frame] = 1;
  t->running = false;
  return true;
}

bool
em_tracker_remove (EmTracker *t, int object, EmError *err)
{
  Object *o = find (t, object);

  if (!o)
    return em_fail (err, EM_E_USAGE, "there is no object %d", object);
  object_clear (t, o);
  memmove (o, o + 1, (size_t) (t->objects + --t->n - o) * sizeof *o);
  t->running = false;
  return true;
}

int
em_tracker_n_objects (const EmTracker *t)
{
  return t->n;
}

int
em_tracker_object (const EmTracker *t, int i)
{
  EM_BUG_UNLESS (i >= 0 && i < t->n);
  return t->objects[i].id;
}

const EmEntry *
em_tracker_at (const EmTracker *t, int frame, int object)
{
  const Object *o = find (t, object);

  return o ? entry_at (o, frame) : NULL;
}

const EmBank *
em_tracker_bank (const EmTracker *t, int object)
{
  const Object *o = find (t, object);

  return o ? &o->bank : NULL;
}

const EmEntryPool *
em_tracker_pool (const EmTracker *t)
{
  return &t->pool;
}

/* A prompted mask is remembered as it is stored, brought up to S again. */
static bool
encode_fresh (EmTracker *t, EmEntry *e, EmError *err)
{
  int64_t side = t->model->mask_side;
  EmFeatures f;

  if (!em_feature_store_get (t->features, e->frame, &f, NULL, err)
      || !em_entry_room_for_memory (&t->pool, e, err))
    return false;

  EmTensor *logits = em_upload (t->ctx, e->low_res, 3, (int64_t[]){ 1, side, side });
  EmTensor *score = em_upload (t->ctx, &e->score, 1, (int64_t[]){ 1 });

  em_store (t->ctx, &e->memory,
            em_head_remember (t->ctx, t->model, &f, logits, score, t->options->binarize_prompted));
  return em_ctx_end_pass (t->ctx, err);
}

/* Moves fresh entries into the bank, each when its memory is there: stopped half way, the rest is
 * still fresh. */
static bool
settle (EmTracker *t, EmEntries *fresh, EmEntries *into, EmError *err)
{
  while (fresh->n) {
    EmEntry *e = fresh->items[0];

    if (!encode_fresh (t, e, err))
      return false;
    em_entries_put (&t->pool, into, em_entries_take (fresh, e->frame));
  }
  return true;
}

bool
em_tracker_begin (EmTracker *t, int start, int end, EmError *err)
{
  t->running = false;
  if (t->n == 0)
    return em_fail (err, EM_E_USAGE, "nothing to track: no object has a prompt yet");
  for (int i = 0; i < t->n; i++) {
    Object *o = &t->objects[i];

    if (!settle (t, &o->fresh.tracked, &o->bank.tracked, err)
        || !settle (t, &o->fresh.cond, &o->bank.cond, err))
      return false;
    if (o->bank.cond.n == 0)
      return em_fail (err, EM_E_USAGE, "object %d has no prompt that tracking could start from",
                      o->id);
    for (int k = 0; k < o->bank.cond.n; k++)
      em_entry_free (&t->pool, em_entries_take (&o->bank.tracked, o->bank.cond.items[k]->frame));
  }
  t->next = start;
  t->end = end;
  t->direction = end < start ? -1 : 1;
  t->running = true;
  return true;
}

/* A frame without prompts: three masks, the best taken, and its memory from the soft mask. */
static EmEntry *
track_one (EmTracker *t, Object *o, int frame, const EmFeatures *f, EmError *err)
{
  static const EmPointSet nothing = { .n = 0 };
  EmEntry *e = em_entry_new (&t->pool, frame, err);

  if (!e)
    return NULL;
  if (em_entry_room_for_memory (&t->pool, e, err)) {
    EmRecall recall = em_bank_recall (&o->bank, frame, t->direction, &t->rules);
    EmHeadInput in = { .points = &nothing, .multimask = true };
    EmTensor *image = em_head_image (t->ctx, t->model, f, &recall);
    EmHead head = em_head_decode (t->ctx, t->model, f, image, &in);

    head.mask = em_gate_mask (t->ctx, head.mask, head.score);
    em_head_store (t->ctx, e, &head,
                   em_head_remember (t->ctx, t->model, f, head.mask, head.score, false));
    em_recall_clear (&recall);
    if (em_ctx_end_pass (t->ctx, err))
      return e;
  }
  em_entry_free (&t->pool, e);
  return NULL;
}

/* All objects' new entries first, then all into their banks: a step that fails half way has changed
 * nothing. */
static bool
make_entries (EmTracker *t, int frame, EmError *err)
{
  EmFeatures f;
  bool looked = false;

  memset (t->made, 0, (size_t) t->n * sizeof *t->made);
  for (int i = 0; i < t->n; i++) {
    if (em_entries_at (&t->objects[i].bank.cond, frame))
      continue;
    if (looked || em_feature_store_get (t->features, frame, &f, NULL, err)) {
      looked = true;
      t->made[i] = track_one (t, &t->objects[i], frame, &f, err);
    }
    if (!t->made[i]) {
      for (int k = 0; k < i; k++)
        em_entry_free (&t->pool, t->made[k]);
      return false;
    }
  }
  return true;
}

static int
tracked_kept (const EmTracker *t)
{
  size_t n = t->options->bank_bytes / em_entry_bytes (&t->pool) / (size_t) t->n;

  return n > 1 << 30 ? 1 << 30 : (int) n;
}

bool
em_tracker_step (EmTracker *t, int *frame, const EmEntry **entries, EmError *err)
{
  int at = t->next, most, spare = t->rules.num_maskmem;

  if (!t->running)
    return false;
  if (!em_ok (t->ctx) || !make_entries (t, at, err)) {
    em_ctx_end_pass (t->ctx, err);
    return false;
  }
  most = tracked_kept (t);
  spare = spare > t->rules.max_obj_ptrs ? spare : t->rules.max_obj_ptrs;
  for (int i = 0; i < t->n; i++) {
    Object *o = &t->objects[i];

    if (t->made[i])
      em_entries_put (&t->pool, &o->bank.tracked, t->made[i]);
    o->passed[at] = (int8_t) t->direction;
    em_bank_trim (&t->pool, &o->bank, at, most, spare);
    entries[i] = t->made[i] ? t->made[i] : em_entries_at (&o->bank.cond, at);
  }
  *frame = at;
  t->running = at != t->end;
  t->next = at + t->direction;
  return true;
}
