/* track_masks.c - masks that a person gave, made into entries when a frame looks at them.
 *
 * A mask is a few runs; the logits, the pointer and above all the memory that it leaves cost an
 * image pass and a hundred times the room. They are a function of the mask and the picture, so they
 * are made when they are looked at and given up again when others are: thousands of frames marked
 * absent weigh what their edges weigh, whatever a frame attends to is the same. */
#include "predict/track_private.h"
#include "engine/ops.h"

EmEntry *
em_tracked_given (int frame, const EmRle *mask, bool hard)
{
  EmEntry *e = em_entry_given (frame, mask, hard);

  e->iou = 1;
  e->score = em_rle_area (mask) > 0 ? 10 : -10;
  return e;
}

bool
em_tracker_show (EmTracker *t, EmEntry *e, EmError *err)
{
  e->looked_at = ++t->clock;
  if (e->made >= EM_MADE_LOGITS)
    return true;
  if (!em_entry_room (&t->pool, e, err))
    return false;
  em_download (
      t->ctx, e->low_res,
      em_model_mask_logits (t->ctx, t->model, em_head_square (t->ctx, t->model, &e->given)));
  if (!em_ctx_end_pass (t->ctx, err))
    return false;
  e->made = EM_MADE_LOGITS;
  return true;
}

bool
em_tracker_make (EmTracker *t, EmEntry *e, EmError *err)
{
  EmFeatures f;

  e->looked_at = ++t->clock;
  if (e->made == EM_MADE_ALL)
    return true;
  if (!em_feature_store_get (t->features, e->frame, &f, NULL, err)
      || !em_entry_room (&t->pool, e, err) || !em_entry_room_for_memory (&t->pool, e, err))
    return false;

  EmTensor *square = em_head_square (t->ctx, t->model, &e->given);
  EmHead head = em_head_of_mask (t->ctx, t->model, &f, square, t->options->dynamic_multimask);

  em_head_store (t->ctx, e, &head,
                 em_head_remember (t->ctx, t->model, &f, head.mask, head.score,
                                   e->hard && t->options->binarize_prompted));
  if (!em_ctx_end_pass (t->ctx, err))
    return false;
  e->made = EM_MADE_ALL;
  return true;
}

bool
em_tracker_make_recalled (EmTracker *t, const EmRecall *recall, EmError *err)
{
  for (int i = 0; i < recall->n_spatial; i++)
    if (!em_tracker_make (t, (EmEntry *) recall->spatial[i].entry, err))
      return false;
  for (int i = 0; i < recall->n_pointers; i++)
    if (!em_tracker_make (t, (EmEntry *) recall->pointers[i].entry, err))
      return false;
  return true;
}

/* What a frame attends to is never among those given up: the nearest few, and whatever else lies
 * within reach. */
void
em_tracked_unmake (EmTracker *t, EmTracked *o)
{
  int most = t->rules.max_cond_frames + em_recall_reach (&t->rules), n = 0;

  if (t->rules.max_cond_frames == 0) /* all of them are attended */
    return;
  for (int i = 0; i < o->bank.cond.n; i++)
    n += o->bank.cond.items[i]->given.width > 0 && o->bank.cond.items[i]->low_res;
  for (; n > most; n--) {
    EmEntry *oldest = NULL;

    for (int i = 0; i < o->bank.cond.n; i++) {
      EmEntry *e = o->bank.cond.items[i];

      if (e->given.width > 0 && e->low_res && (!oldest || e->looked_at < oldest->looked_at))
        oldest = e;
    }
    em_entry_unmake (&t->pool, oldest);
  }
}
