/* clip_verbs.c - one function per verb, all of one shape: read what is there, decide, commit, read
 * back. The rules of states and bases are product rules; they live here and nowhere else. */
#include "service/clip_verbs.h"
#include "service/verb_expression.h"
#include "service/verb_prompts.h"
#include "service/verb_read.h"

EmVerb *
em_verb_new (EmVerbKind kind, int64_t clip, int64_t object, int frame)
{
  EmVerb *verb = g_new0 (EmVerb, 1);

  verb->kind = kind;
  verb->clip = clip;
  verb->object = object;
  verb->frame = verb->last = frame;
  verb->iou = verb->score = NAN;
  return verb;
}

static void
clear_rle (gpointer data)
{
  em_rle_clear (data);
}

static void
clear_tracked (gpointer data)
{
  em_rle_clear (&((EmTrackedMask *) data)->mask);
}

void
em_verb_free (EmVerb *verb)
{
  if (verb == NULL)
    return;
  em_rle_clear (&verb->mask);
  g_free (verb->weights);
  g_free (verb->name);
  g_free (verb->request);
  g_free (verb->source);
  g_clear_pointer (&verb->candidates, g_array_unref);
  g_clear_pointer (&verb->assigned, g_array_unref);
  g_clear_pointer (&verb->tracked, g_array_unref);
  g_clear_pointer (&verb->row, em_db_expression_free);
  g_free (verb);
}

void
em_verb_add_candidate (EmVerb *verb, const EmRle *mask, int64_t object)
{
  EmRle copy = em_rle_copy (mask);

  if (verb->candidates == NULL) {
    verb->candidates = g_array_new (FALSE, FALSE, sizeof (EmRle));
    g_array_set_clear_func (verb->candidates, clear_rle);
    verb->assigned = g_array_new (FALSE, FALSE, sizeof (int64_t));
  }
  g_array_append_val (verb->candidates, copy);
  g_array_append_val (verb->assigned, object);
}

void
em_verb_add_tracked (EmVerb *verb, int64_t object, int frame, const EmRle *mask, float iou,
                     float score)
{
  EmTrackedMask tracked = { object, frame, em_rle_copy (mask), iou, score };

  if (verb->tracked == NULL) {
    verb->tracked = g_array_new (FALSE, FALSE, sizeof (EmTrackedMask));
    g_array_set_clear_func (verb->tracked, clear_tracked);
  }
  g_array_append_val (verb->tracked, tracked);
}

/* Steps -------------------------------------------------------------------------------------------
 */

/* The object the verb is about, or one made by this very step (a number below 0). */
static int64_t
object_or_new (const EmVerb *verb, EmEdit *edit)
{
  return verb->object > 0 ? verb->object : em_edit_new_object (edit, verb->name, 0, 0xFFFFFFFF, -1);
}

static bool
run_prompts (EmDb *db, const EmVerb *verb, EmDelta *delta, GError **error)
{
  g_autoptr (EmEdit) edit = em_edit_new (EM_STEP_PROMPT);
  g_auto (EmPromptStep) step = { .row = EM_CELL_ROW_INIT };
  g_autoptr (EmDbCell) now = NULL;
  g_autoptr (GError) local = NULL;

  if (verb->object > 0 && !(now = em_db_cell (db, verb->clip, verb->object, verb->frame, &local))
      && local) {
    g_propagate_error (error, g_steal_pointer (&local));
    return false;
  }
  if (!em_prompt_step (db, verb, now, &step, error))
    return false;
  if (step.refusal)
    return em_delta_refuse (delta, step.refusal);
  step.row.object = delta->object = object_or_new (verb, edit);
  step.row.frame = verb->frame;
  em_edit_set_focus (edit, step.row.object, verb->frame);
  em_edit_cell (edit, &step.row);
  if (!em_delta_commit (db, verb, edit, delta, error)
      || !em_delta_read_cell (db, verb->clip, delta, delta->object, verb->frame, error))
    return false;
  return verb->object > 0 || em_delta_read_objects (db, verb->clip, delta, error);
}

static bool
run_fill (EmDb *db, const EmVerb *verb, EmDelta *delta, GError **error)
{
  g_autoptr (EmDbCell) now = em_db_cell (db, verb->clip, verb->object, verb->frame, error);
  EmCellRow row = EM_CELL_ROW_INIT;
  bool written = false;

  if (now == NULL)
    return error == NULL || *error == NULL; /* undone meanwhile */
  row.object = verb->object;
  row.frame = verb->frame;
  row.state = now->state;
  row.prompts = now->prompts;
  row.mask = &verb->mask;
  row.origin = verb->sound ? EM_ORIGIN_AUDIO : EM_ORIGIN_PROMPT;
  row.weights = verb->weights;
  row.iou = verb->iou;
  row.score = verb->score;
  if (!em_db_fill_pending (db, verb->clip, verb->step, &row, &written, error))
    return false;
  delta->written = written;
  return em_delta_read_cell (db, verb->clip, delta, verb->object, verb->frame, error);
}

static void
decide (EmEdit *edit, const EmVerb *verb, int64_t object)
{
  guint n = verb->candidates ? verb->candidates->len : 0;
  g_autofree EmDbCandidate *list = g_new0 (EmDbCandidate, n + 1);

  for (guint i = 0; i < n; i++) {
    int64_t to = g_array_index (verb->assigned, int64_t, i);

    list[i].mask = &g_array_index (verb->candidates, EmRle, i);
    list[i].object = to == -1 ? object : to;
  }
  em_edit_decide (edit, verb->frame, verb->source, verb->decision, verb->threshold, list, (int) n);
}

/* A whole accepted region is what its second sounds like: the next click joins that condition. A
 * part of it, one cut at another threshold, or one found by text is a mask to build on: no prompts.
 */
static bool
run_accept (EmDb *db, const EmVerb *verb, EmDelta *delta, GError **error)
{
  g_autoptr (EmEdit) edit = em_edit_new (EM_STEP_ACCEPT);
  EmPromptSet set = { .sound = true, .mix = verb->mix };
  bool is_heard
      = verb->expression == 0 && verb->decision == EM_DECISION_ACCEPTED && verb->threshold == 0.5;
  g_autofree char *prompts = is_heard ? em_prompts_to_json (&set, 0) : NULL;
  const char *refusal = NULL;
  EmCellRow row = EM_CELL_ROW_INIT;

  row.object = delta->object = object_or_new (verb, edit);
  row.frame = verb->frame;
  row.state = EM_STATE_KEYFRAME;
  row.prompts = prompts;
  row.mask = &verb->mask;
  row.origin = verb->expression ? EM_ORIGIN_PROMPT : EM_ORIGIN_AUDIO;
  row.weights = verb->weights;
  row.iou = verb->iou;
  row.score = verb->score;
  em_edit_set_focus (edit, row.object, verb->frame);
  em_edit_cell (edit, &row);
  decide (edit, verb, row.object);
  if (verb->expression && !em_expression_link (db, verb, edit, row.object, &refusal, error))
    return false;
  if (refusal)
    return em_delta_refuse (delta, refusal);
  return em_delta_commit (db, verb, edit, delta, error)
         && em_delta_read_cell (db, verb->clip, delta, delta->object, verb->frame, error)
         && em_delta_read_objects (db, verb->clip, delta, error);
}

static bool
run_refuse (EmDb *db, const EmVerb *verb, EmDelta *delta, GError **error)
{
  g_autoptr (EmEdit) edit = em_edit_new (EM_STEP_REFUSE);

  em_edit_set_focus (edit, 0, verb->frame);
  decide (edit, verb, 0);
  return em_delta_commit (db, verb, edit, delta, error);
}

/* Keeps prompts (inactive) and mask pointer rules of one cell under a new state. */
static bool
restate (EmDb *db, const EmVerb *verb, EmEdit *edit, int frame, bool *changes, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (EmDbCell) now = em_db_cell (db, verb->clip, verb->object, frame, &local);
  g_autoptr (EmDbClip) clip = NULL;
  EmCellRow row = EM_CELL_ROW_INIT;
  EmRle empty = { .width = 0 };

  if (local) {
    g_propagate_error (error, g_steal_pointer (&local));
    return false;
  }
  row.object = verb->object;
  row.frame = frame;
  row.prompts = now ? now->prompts : NULL;
  row.made = now ? now->made : 0;
  switch (verb->kind) {
  case EM_VERB_ABSENT:
    if (now && now->state == EM_STATE_ABSENT)
      return true;
    if (!(clip = em_db_clip (db, verb->clip, error)))
      return false;
    row.state = EM_STATE_ABSENT;
    row.mask = &empty;
    empty = em_rle_new (clip->width, clip->height);
    row.origin = EM_ORIGIN_BRUSH;
    break;
  case EM_VERB_APPROVE:
    if (now == NULL || now->pending || now->state == EM_STATE_APPROVED
        || now->state == EM_STATE_EMPTY)
      return true;
    row.state = EM_STATE_APPROVED;
    break;
  default: /* clear */
    if (now == NULL || now->state == EM_STATE_EMPTY)
      return true;
    row.state = EM_STATE_EMPTY;
    row.prompts = NULL;
    row.made = 0;
  }
  em_edit_cell (edit, &row);
  em_rle_clear (&empty);
  *changes = true;
  return true;
}

static bool
run_restate (EmDb *db, const EmVerb *verb, EmDelta *delta, EmStepKind kind, const char *refusal,
             GError **error)
{
  g_autoptr (EmEdit) edit = em_edit_new (kind);
  bool changes = false;

  delta->object = verb->object;
  em_edit_set_focus (edit, verb->object, verb->frame);
  for (int i = verb->frame; i <= verb->last; i++)
    if (!restate (db, verb, edit, i, &changes, error))
      return false;
  if (!changes)
    return em_delta_refuse (delta, refusal);
  if (!em_delta_commit (db, verb, edit, delta, error))
    return false;
  return verb->frame == verb->last
             ? em_delta_read_cell (db, verb->clip, delta, verb->object, verb->frame, error)
             : em_delta_read_lane (db, verb->clip, delta, verb->object, error);
}

static bool
run_paste (EmDb *db, const EmVerb *verb, EmDelta *delta, GError **error)
{
  g_autoptr (EmEdit) edit = em_edit_new (EM_STEP_PASTE);
  EmCellRow row = EM_CELL_ROW_INIT;

  row.object = delta->object = verb->object;
  row.frame = verb->frame;
  row.state = EM_STATE_KEYFRAME;
  row.mask = &verb->mask;
  row.origin = EM_ORIGIN_BRUSH;
  em_edit_set_focus (edit, verb->object, verb->frame);
  em_edit_cell (edit, &row);
  return em_delta_commit (db, verb, edit, delta, error)
         && em_delta_read_cell (db, verb->clip, delta, verb->object, verb->frame, error);
}

/* Objects -----------------------------------------------------------------------------------------
 */

static bool
run_new_object (EmDb *db, const EmVerb *verb, EmDelta *delta, GError **error)
{
  g_autoptr (EmEdit) edit = em_edit_new (EM_STEP_NEW_OBJECT);

  delta->object = em_edit_new_object (edit, verb->name, 0, 0xFFFFFFFF, -1);
  em_edit_set_focus (edit, delta->object, -1);
  return em_delta_commit (db, verb, edit, delta, error)
         && em_delta_read_objects (db, verb->clip, delta, error);
}

static EmStepKind
object_step_kind (EmVerbKind kind)
{
  switch (kind) {
  case EM_VERB_RENAME:
    return EM_STEP_RENAME;
  case EM_VERB_CLASS:
    return EM_STEP_CLASS;
  case EM_VERB_LOCK:
    return EM_STEP_LOCK;
  default:
    return EM_STEP_DELETE_OBJECT;
  }
}

static bool
run_object (EmDb *db, const EmVerb *verb, EmDelta *delta, GError **error)
{
  g_autoptr (EmEdit) edit = em_edit_new (object_step_kind (verb->kind));
  g_autoptr (GPtrArray) objects = em_db_objects (db, verb->clip, false, error);
  EmDbObject row = { .id = 0 };

  if (objects == NULL)
    return false;
  for (guint i = 0; i < objects->len; i++)
    if (((EmDbObject *) objects->pdata[i])->id == verb->object)
      row = *(EmDbObject *) objects->pdata[i]; /* borrows the name */
  if (row.id == 0)
    return em_delta_refuse (delta, "The object is not there any more");
  switch (verb->kind) {
  case EM_VERB_RENAME:
    if (g_str_equal (row.name, verb->name))
      return true;
    row.name = verb->name;
    break;
  case EM_VERB_CLASS:
    row.class_id = *verb->name ? em_db_class (db, verb->name, error) : 0;
    if (*verb->name && row.class_id == 0)
      return false;
    break;
  case EM_VERB_LOCK:
    row.is_locked = verb->flag;
    break;
  default:
    row.is_deleted = true;
  }
  delta->object = row.id;
  em_edit_object (edit, &row);
  em_edit_set_focus (edit, row.id, -1);
  return em_delta_commit (db, verb, edit, delta, error)
         && em_delta_read_objects (db, verb->clip, delta, error);
}

/* Undo --------------------------------------------------------------------------------------------
 */

static bool
run_move (EmDb *db, const EmVerb *verb, EmDelta *delta, GError **error)
{
  g_autoptr (GArray) objects = NULL;
  EmDbMove move = { .frame = -1 };

  if (!(verb->kind == EM_VERB_UNDO ? em_db_undo : em_db_redo) (db, verb->clip, &move, error))
    return false;
  delta->step = move.step;
  delta->kind = move.kind;
  delta->object = move.object;
  delta->frame = move.frame;
  if (move.step == 0)
    return true;
  if (!(objects = em_db_step_objects (db, verb->clip, move.step, error)))
    return false;
  for (guint i = 0; i < objects->len; i++)
    if (!em_delta_read_lane (db, verb->clip, delta, g_array_index (objects, int64_t, i), error))
      return false;
  return em_delta_read_objects (db, verb->clip, delta, error);
}

/* Tracking ----------------------------------------------------------------------------------------
 */

static bool
run_track_begin (EmDb *db, const EmVerb *verb, EmDelta *delta, GError **error)
{
  g_autoptr (EmEdit) edit = em_edit_new (EM_STEP_TRACK);

  em_edit_set_request (edit, verb->request);
  em_edit_set_focus (edit, verb->object, verb->frame);
  em_edit_set_open (edit);
  return em_delta_commit (db, verb, edit, delta, error);
}

static bool
run_track_append (EmDb *db, const EmVerb *verb, EmDelta *delta, GError **error)
{
  g_autoptr (EmEdit) edit = em_edit_new (EM_STEP_TRACK);

  delta->step = verb->step;
  for (guint i = 0; i < verb->tracked->len; i++) {
    const EmTrackedMask *t = &g_array_index (verb->tracked, EmTrackedMask, i);
    EmCellRow row = EM_CELL_ROW_INIT;

    row.object = t->object;
    row.frame = t->frame;
    row.state = EM_STATE_PROPAGATED;
    row.mask = &t->mask;
    row.origin = EM_ORIGIN_PROPAGATED;
    row.weights = verb->weights;
    row.iou = t->iou;
    row.score = t->score;
    em_edit_cell (edit, &row);
  }
  if (!em_db_append (db, verb->clip, verb->step, edit, &delta->written, error))
    return false;
  for (guint i = 0; i < verb->tracked->len; i++) {
    const EmTrackedMask *t = &g_array_index (verb->tracked, EmTrackedMask, i);

    if (!em_delta_read_cell (db, verb->clip, delta, t->object, t->frame, error))
      return false;
  }
  return true;
}

gpointer
em_verb_run (EmDb *db, gpointer data, GError **error)
{
  const EmVerb *verb = data;
  g_autoptr (EmDelta) delta = em_delta_new ();
  bool done = false;

  delta->frame = verb->frame;
  switch (verb->kind) {
  case EM_VERB_ADD_PROMPT:
  case EM_VERB_REMOVE_PROMPT:
  case EM_VERB_MOVE_PROMPT:
  case EM_VERB_SET_SOUND:
    done = run_prompts (db, verb, delta, error);
    break;
  case EM_VERB_FILL:
    done = run_fill (db, verb, delta, error);
    break;
  case EM_VERB_ACCEPT:
    done = run_accept (db, verb, delta, error);
    break;
  case EM_VERB_REFUSE:
    done = run_refuse (db, verb, delta, error);
    break;
  case EM_VERB_ABSENT:
    done = run_restate (db, verb, delta, EM_STEP_ABSENT, "Already marked absent here", error);
    break;
  case EM_VERB_CLEAR:
    done = run_restate (db, verb, delta, EM_STEP_CLEAR, "There is no mask here", error);
    break;
  case EM_VERB_APPROVE:
    done
        = run_restate (db, verb, delta, EM_STEP_APPROVE, "There is nothing to approve here", error);
    break;
  case EM_VERB_PASTE:
    done = run_paste (db, verb, delta, error);
    break;
  case EM_VERB_NEW_OBJECT:
    done = run_new_object (db, verb, delta, error);
    break;
  case EM_VERB_RENAME:
  case EM_VERB_CLASS:
  case EM_VERB_LOCK:
  case EM_VERB_DELETE_OBJECT:
    done = run_object (db, verb, delta, error);
    break;
  case EM_VERB_EXPRESSION:
    done = em_expression_write (db, verb, delta, error);
    break;
  case EM_VERB_APPROVE_EXPRESSION:
    done = em_expression_approve (db, verb, delta, error);
    break;
  case EM_VERB_UNDO:
  case EM_VERB_REDO:
    done = run_move (db, verb, delta, error);
    break;
  case EM_VERB_TRACK_BEGIN:
    done = run_track_begin (db, verb, delta, error);
    break;
  case EM_VERB_TRACK_APPEND:
    done = run_track_append (db, verb, delta, error);
    break;
  case EM_VERB_TRACK_END:
    done = em_db_close_step (db, verb->clip, verb->step, error);
    break;
  }
  if (!done || !em_db_peek (db, verb->clip, &delta->undo, &delta->redo, error))
    return NULL;
  return g_steal_pointer (&delta);
}
