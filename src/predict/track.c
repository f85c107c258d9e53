/* track.c - objects, and what a person says about them. */
#include "predict/track_private.h"
#include <stdlib.h>
#include <string.h>

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
                              .max_cond_frames = options->max_cond_frames,
                              .stride = options->memory_stride };
  return t;
}

static void
object_clear (EmTracker *t, EmTracked *o)
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
  free (t->recalls);
  em_entry_pool_clear (&t->pool);
  free (t);
}

static EmTracked *
find (const EmTracker *t, int id)
{
  for (int i = 0; i < t->n; i++)
    if (t->objects[i].id == id)
      return &t->objects[i];
  return NULL;
}

static EmTracked *
find_or_add (EmTracker *t, int id)
{
  EmTracked *o = find (t, id);

  if (o)
    return o;
  if (t->n == t->room) {
    t->room = t->room ? 2 * t->room : 8;
    t->objects = need (realloc (t->objects, (size_t) t->room * sizeof *t->objects));
    t->made = need (realloc (t->made, (size_t) t->room * sizeof *t->made));
    t->recalls = need (realloc (t->recalls, (size_t) t->room * sizeof *t->recalls));
  }
  o = &t->objects[t->n++];
  *o = (EmTracked){ .id = id };
  o->passed = need (calloc ((size_t) t->source->n_frames, 1));
  return o;
}

static void
drop (EmTracker *t, EmTracked *o)
{
  object_clear (t, o);
  memmove (o, o + 1, (size_t) (t->objects + --t->n - o) * sizeof *o);
}

static EmGiven *
given_at (EmTracked *o, int frame)
{
  for (int i = 0; i < o->n_given; i++)
    if (o->given[i].frame == frame)
      return &o->given[i];
  return NULL;
}

static void
forget_given (EmTracked *o, int frame)
{
  EmGiven *g = given_at (o, frame);

  if (g)
    *g = o->given[--o->n_given];
}

static void
set_given (EmTracked *o, int frame, const EmPointSet *set)
{
  EmGiven *g = given_at (o, frame);

  if (!g) {
    o->given = need (realloc (o->given, (size_t) (o->n_given + 1) * sizeof *o->given));
    g = &o->given[o->n_given++];
    g->frame = frame;
  }
  g->set = *set;
}

static EmEntry *
entry_at (const EmTracked *o, int frame)
{
  const EmEntries *places[]
      = { &o->fresh.cond, &o->fresh.tracked, &o->bank.cond, &o->bank.tracked };

  for (int i = 0; i < 4; i++) {
    EmEntry *e = em_entries_at (places[i], frame);

    if (e)
      return e;
  }
  return NULL;
}

/* Where a prompt's answer goes: a frame never tracked over conditions, a corrected one if asked. */
static EmEntries *
place_of_prompt (EmTracker *t, EmTracked *o, int frame)
{
  return !o->passed[frame] || t->options->corrected_become_cond ? &o->fresh.cond
                                                                : &o->fresh.tracked;
}

/* The mask that the next click on a frame builds on. */
static EmEntry *
earlier (EmTracker *t, EmTracked *o, int frame)
{
  EmEntry *e = em_entries_at (place_of_prompt (t, o, frame), frame);

  e = e ? e : em_entries_at (&o->bank.cond, frame);
  return e ? e : em_entries_at (&o->bank.tracked, frame);
}

static bool
decode_points (EmTracker *t, EmTracked *o, int frame, const EmPointSet *points, EmEntry *e,
               EmError *err)
{
  EmEntry *before = earlier (t, o, frame);
  EmFeatures f;
  EmRecall recall = { 0 };
  EmHeadInput in
      = { .points = points, .multimask = points->n <= 1, .dynamic = t->options->dynamic_multimask };

  if (o->passed[frame])
    recall = em_bank_recall (&o->bank, frame, o->passed[frame], &t->rules);
  if ((before && !em_tracker_show (t, before, err)) || !em_tracker_make_recalled (t, &recall, err)
      || !em_feature_store_get (t->features, frame, &f, NULL, err)) {
    em_recall_clear (&recall);
    return false;
  }
  if (before)
    in.mask = em_head_again (t->ctx, t->model, before->low_res);

  EmTensor *image = em_head_image (t->ctx, t->model, &f, &recall);
  EmHead head = em_head_decode (t->ctx, t->model, &f, image, &in);

  head.mask = em_gate_mask (t->ctx, head.mask, head.score);
  em_head_store (t->ctx, e, &head, NULL);
  em_recall_clear (&recall);
  return em_ctx_end_pass (t->ctx, err);
}

EmEntry *
em_tracker_add_points (EmTracker *t, int frame, int object, const EmPointSet *points,
                       bool clear_old, EmError *err)
{
  bool is_new = !find (t, object);
  EmTracked *o = find_or_add (t, object);
  EmGiven *old = clear_old ? NULL : given_at (o, frame);
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
    if (is_new)
      drop (t, o);
    return NULL;
  }
  set_given (o, frame, &all);
  em_entries_put (&t->pool, place_of_prompt (t, o, frame), e);
  t->running = false;
  return e;
}

EmEntry *
em_tracker_add_mask (EmTracker *t, int frame, int object, const EmRle *mask, bool show,
                     EmError *err)
{
  EmEntry *e = em_tracked_given (frame, mask, true);
  EmTracked *o;

  if (show && !em_tracker_show (t, e, err)) {
    em_entry_free (&t->pool, e);
    return NULL;
  }
  o = find_or_add (t, object);
  forget_given (o, frame);
  em_entries_put (&t->pool, place_of_prompt (t, o, frame), e);
  t->running = false;
  return e;
}

void
em_tracker_remember (EmTracker *t, int frame, int object, const EmRle *mask)
{
  EmTracked *o = find_or_add (t, object);

  if (!em_entries_at (&o->bank.cond, frame))
    em_entries_put (&t->pool, &o->bank.tracked, em_tracked_given (frame, mask, false));
  if (!o->passed[frame])
    o->passed[frame] = 1;
  t->running = false;
}

bool
em_tracker_clear_frame (EmTracker *t, int frame, int object, EmError *err)
{
  EmTracked *o = find (t, object);
  EmEntry *e;

  if (!o)
    return em_fail (err, EM_E_USAGE, "there is no object %d", object);
  forget_given (o, frame);
  em_entry_free (&t->pool, em_entries_take (&o->fresh.cond, frame));
  em_entry_free (&t->pool, em_entries_take (&o->fresh.tracked, frame));
  e = em_entries_take (&o->bank.cond, frame);
  if (e) {
    em_entries_put (&t->pool, &o->bank.tracked, e);
    o->passed[frame] = 0;
  }
  t->running = false;
  return true;
}

bool
em_tracker_remove (EmTracker *t, int object, EmError *err)
{
  EmTracked *o = find (t, object);

  if (!o)
    return em_fail (err, EM_E_USAGE, "there is no object %d", object);
  drop (t, o);
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

EmEntry *
em_tracker_at (const EmTracker *t, int frame, int object)
{
  const EmTracked *o = find (t, object);

  return o ? entry_at (o, frame) : NULL;
}

const EmBank *
em_tracker_bank (const EmTracker *t, int object)
{
  const EmTracked *o = find (t, object);

  return o ? &o->bank : NULL;
}

const EmEntryPool *
em_tracker_pool (const EmTracker *t)
{
  return &t->pool;
}

void
em_tracker_shrink (EmTracker *t)
{
  em_slots_shrink (t->pool.memories, 1);
  em_slots_shrink (t->pool.pointers, 1);
}
