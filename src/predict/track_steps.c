/* track_steps.c - passes over a stretch: what was prompted takes its place in the banks, then frame
 * after frame looks back at them. */
#include "predict/track_private.h"
#include <string.h>

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

/* What was tracked around a conditioning frame may be from before its prompt. */
static void
clear_around (EmTracker *t, EmTracked *o, int frame)
{
  int far = t->rules.num_maskmem * t->rules.stride;

  if (t->options->clear_around_prompts)
    em_bank_forget (&t->pool, &o->bank, frame - far, frame + far);
}

/* Moves fresh entries into the bank, each when its memory is there: stopped half way, the rest is
 * still fresh. A frame that conditions is not tracked any more. */
static bool
settle (EmTracker *t, EmTracked *o, EmError *err)
{
  EmEntries *const from[2] = { &o->fresh.tracked, &o->fresh.cond };
  EmEntries *const into[2] = { &o->bank.tracked, &o->bank.cond };

  for (int k = 0; k < 2; k++)
    while (from[k]->n) {
      EmEntry *e = from[k]->items[0];

      if (e->given.width == 0 && !encode_fresh (t, e, err))
        return false;
      em_entries_put (&t->pool, into[k], em_entries_take (from[k], e->frame));
      if (k == 1)
        clear_around (t, o, e->frame);
    }
  for (int i = 0; i < o->bank.cond.n; i++) {
    int frame = o->bank.cond.items[i]->frame;

    em_bank_forget (&t->pool, &o->bank, frame, frame);
  }
  return true;
}

bool
em_tracker_begin (EmTracker *t, int start, int end, int direction, EmError *err)
{
  t->running = false;
  if (t->n == 0)
    return em_fail (err, EM_E_USAGE, "nothing to track: no object has a prompt yet");
  for (int i = 0; i < t->n; i++) {
    EmTracked *o = &t->objects[i];

    if (!settle (t, o, err))
      return false;
    if (o->bank.cond.n == 0)
      return em_fail (err, EM_E_USAGE, "object %d has no prompt that tracking could start from",
                      o->id);
  }
  t->next = start;
  t->end = end;
  t->direction = direction;
  t->running = true;
  return true;
}

/* A frame without prompts: three masks, the best taken, and its memory from the soft mask. */
static EmEntry *
track_one (EmTracker *t, int frame, const EmFeatures *f, const EmRecall *recall, EmError *err)
{
  static const EmPointSet nothing = { .n = 0 };
  EmEntry *e = em_entry_new (&t->pool, frame, err);

  if (!e)
    return NULL;
  if (em_entry_room_for_memory (&t->pool, e, err)) {
    EmHeadInput in = { .points = &nothing, .multimask = true };
    EmTensor *image = em_head_image (t->ctx, t->model, f, recall);
    EmHead head = em_head_decode (t->ctx, t->model, f, image, &in);

    head.mask = em_gate_mask (t->ctx, head.mask, head.score);
    em_head_store (t->ctx, e, &head,
                   em_head_remember (t->ctx, t->model, f, head.mask, head.score, false));
    if (em_ctx_end_pass (t->ctx, err))
      return e;
  }
  em_entry_free (&t->pool, e);
  return NULL;
}

/* What every object looks at is made first, since that may want other frames' features; then this
 * frame's serve all. *any: some object is tracked here. */
static bool
prepare (EmTracker *t, int frame, bool *any, EmError *err)
{
  *any = false;
  for (int i = 0; i < t->n; i++) {
    EmTracked *o = &t->objects[i];
    EmEntry *cond = em_entries_at (&o->bank.cond, frame);

    if (cond) {
      if (!em_tracker_show (t, cond, err))
        return false;
      continue;
    }
    *any = true;
    t->recalls[i] = em_bank_recall (&o->bank, frame, t->direction, &t->rules);
    if (!em_tracker_make_recalled (t, &t->recalls[i], err))
      return false;
  }
  return true;
}

/* All objects' new entries first, then all into their banks: a step that fails half way has changed
 * nothing. */
static bool
make_entries (EmTracker *t, int frame, EmError *err)
{
  EmFeatures f;
  bool any, good;

  memset (t->made, 0, (size_t) t->n * sizeof *t->made);
  memset (t->recalls, 0, (size_t) t->n * sizeof *t->recalls);
  good = prepare (t, frame, &any, err)
         && (!any || em_feature_store_get (t->features, frame, &f, NULL, err));
  for (int i = 0; i < t->n; i++) {
    if (good && !em_entries_at (&t->objects[i].bank.cond, frame))
      good = (t->made[i] = track_one (t, frame, &f, &t->recalls[i], err)) != NULL;
    em_recall_clear (&t->recalls[i]);
  }
  for (int i = 0; i < t->n && !good; i++)
    em_entry_free (&t->pool, t->made[i]);
  return good;
}

static int
tracked_kept (const EmTracker *t)
{
  size_t n = t->options->bank_bytes / em_entry_bytes (&t->pool) / (size_t) t->n;
  int most = t->options->max_kept_frames ? t->options->max_kept_frames : 1 << 30;

  return n > (size_t) most ? most : (int) n;
}

bool
em_tracker_step (EmTracker *t, int *frame, const EmEntry **entries, EmError *err)
{
  int at = t->next, most, reach = em_recall_reach (&t->rules);

  if (!t->running)
    return false;
  if (!em_ok (t->ctx) || !make_entries (t, at, err)) {
    em_ctx_end_pass (t->ctx, err);
    return false;
  }
  most = tracked_kept (t);
  for (int i = 0; i < t->n; i++) {
    EmTracked *o = &t->objects[i];

    if (t->made[i])
      em_entries_put (&t->pool, &o->bank.tracked, t->made[i]);
    else
      clear_around (t, o, at);
    o->passed[at] = (int8_t) t->direction;
    em_bank_trim (&t->pool, &o->bank, at, most, reach);
    em_tracked_unmake (t, o);
    entries[i] = t->made[i] ? t->made[i] : em_entries_at (&o->bank.cond, at);
  }
  *frame = at;
  t->running = at != t->end;
  t->next = at + t->direction;
  return true;
}
