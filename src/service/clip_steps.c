/* clip_steps.c - verbs out, deltas in.
 *
 * A verb goes to the store's thread and comes back as an EmDelta, which is mirrored into the
 * objects. A pending cell among them is sent to the engine; its mask joins the step as another
 * verb. The store runs verbs in the order they were given, so nothing here has to wait. */
#include "service/em-clip-private.h"
#include "store/prompt_json.h"
#include <glib/gi18n.h>

/* Running -----------------------------------------------------------------------------------------
 */

typedef struct {
  EmClip *clip;
  EmVerb *verb;
  EmVerbDone done;
  guint64 ticket;
} Run;

static void
delta_free (gpointer data)
{
  em_delta_free (data);
}

static void
drop_draft (EmClip *self, guint64 ticket)
{
  for (guint i = 0; i < self->drafts->len; i++)
    if (g_array_index (self->drafts, EmDraft, i).ticket == ticket) {
      g_array_remove_index (self->drafts, i);
      break;
    }
}

static void
run_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  Run *run = data;
  EmClip *self = run->clip;
  g_autoptr (GError) error = NULL;
  g_autoptr (EmDelta) delta = em_store_call_finish (EM_STORE (source), result, &error);

  self->n_running--;
  drop_draft (self, run->ticket);
  if (delta && !self->is_closed)
    em_clip_apply (self, delta);
  if (run->done)
    run->done (self, run->verb, delta, error);
  else if (error)
    em_clip_fail (self, "%s", error->message);
  else if (delta->refusal)
    em_clip_notice (self, delta->refusal, NULL);
  if (run->ticket)
    em_clip_scene_changed (self);
  em_verb_free (run->verb);
  g_object_unref (self);
  g_free (run);
}

static void
run_with_ticket (EmClip *self, EmVerb *verb, EmVerbDone done, guint64 ticket)
{
  Run *run = g_new0 (Run, 1);

  run->clip = g_object_ref (self);
  run->verb = verb;
  run->done = done;
  run->ticket = ticket;
  self->n_running++;
  em_store_call_async (self->store, em_verb_run, verb, NULL, delta_free, run_cb, run);
}

void
em_clip_run (EmClip *self, EmVerb *verb, EmVerbDone done)
{
  run_with_ticket (self, verb, done, 0);
}

bool
em_clip_is_settled (EmClip *self)
{
  return self->n_running == 0 && self->decoding->len == 0 && !self->reading_masks;
}

/* Decoding ----------------------------------------------------------------------------------------
 */

typedef struct {
  EmClip *clip;
  int64_t object, step;
  int frame;
  bool by_sound; /* no prompt takes part */
} Decode;

static void
filled_cb (EmClip *self, const EmVerb *verb, const EmDelta *delta, GError *error)
{
  if (error)
    em_clip_fail (self, "The mask could not be saved: %s", error->message);
}

static void
decoded_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  Decode *decode = data;
  EmClip *self = decode->clip;
  g_autoptr (GError) error = NULL;
  g_autoptr (EmDecoded) answer = em_engine_decode_finish (EM_ENGINE (source), result, &error);

  g_ptr_array_remove_fast (self->decoding, decode);
  em_clip_notify (self, "busy");
  if (answer && !self->is_closed) {
    EmVerb *verb = em_verb_new (EM_VERB_FILL, self->id, decode->object, decode->frame);

    verb->step = decode->step;
    verb->mask = em_rle_copy (&answer->mask);
    verb->iou = answer->iou;
    verb->score = answer->score;
    verb->sound = decode->by_sound;
    verb->weights = g_strdup (em_engine_model_digest (self->engine));
    em_clip_run (self, verb, filled_cb);
  } else if (error && error->code != EM_E_CANCELLED) {
    em_clip_fail (self, "%s", error->message);
  }
  g_object_unref (self);
  g_free (decode);
}

static bool
is_decoding (EmClip *self, const EmDeltaCell *cell)
{
  for (guint i = 0; i < self->decoding->len; i++) {
    const Decode *decode = self->decoding->pdata[i];

    if (decode->object == cell->object && decode->frame == cell->frame
        && decode->step == cell->row->step)
      return true;
  }
  return false;
}

static void
decode_pending (EmClip *self, const EmDeltaCell *cell)
{
  g_autoptr (GError) error = NULL;
  EmPromptSet set = { .n = 0 };
  int64_t base = 0;
  Decode *decode;

  if (!em_engine_is_loaded (self->engine) || is_decoding (self, cell))
    return; /* asked again when there is a model */
  if (!em_prompts_from_json (cell->row->prompts, &set, &base, &error)) {
    em_clip_fail (self, "%s", error->message);
    return;
  }
  if (cell->base)
    set.base = &cell->base->rle;
  decode = g_new0 (Decode, 1);
  decode->clip = g_object_ref (self);
  decode->object = cell->object;
  decode->frame = cell->frame;
  decode->step = cell->row->step;
  decode->by_sound = set.sound && set.n == 0;
  g_ptr_array_add (self->decoding, decode);
  em_clip_notify (self, "busy");
  em_engine_decode_async (self->engine, self->engine_clip, cell->object, cell->frame, &set, false,
                          self->cancellable, decoded_cb, decode);
}

static void
pending_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (EmClip) self = data;
  g_autoptr (EmDelta) delta = em_store_call_finish (EM_STORE (source), result, NULL);

  self->n_running--;
  if (delta && !self->is_closed)
    em_clip_apply (self, delta);
}

void
em_clip_decode_waiting (EmClip *self)
{
  self->n_running++;
  em_store_call_async (self->store, em_clip_read_pending, g_memdup2 (&self->id, sizeof self->id),
                       g_free, delta_free, pending_cb, g_object_ref (self));
}

/* Mirroring ---------------------------------------------------------------------------------------
 */

static void
mirror_objects (EmClip *self, const EmDelta *delta)
{
  g_autoptr (GPtrArray) list = g_ptr_array_new_with_free_func (g_object_unref);
  guint n_old = g_list_model_get_n_items (G_LIST_MODEL (self->objects));
  bool is_same = n_old == delta->objects->len;

  for (guint i = 0; i < delta->objects->len; i++) {
    const EmDbObject *row = delta->objects->pdata[i];
    EmObject *object = em_clip_get_object (self, row->id);
    const char *class_name = delta->class_names->pdata[i];

    if (object)
      g_object_ref (object);
    else
      object = em_object_new (row, class_name, em_clip_get_n_frames (self));
    em_object_take_row (object, row, class_name, i + 1);
    g_ptr_array_add (list, object);
    if (is_same) {
      g_autoptr (EmObject) old = g_list_model_get_item (G_LIST_MODEL (self->objects), i);

      is_same = old == object;
    }
  }
  if (!is_same)
    g_list_store_splice (self->objects, 0, n_old, list->pdata, list->len);
  if (self->selected && em_clip_get_object (self, em_object_get_id (self->selected)) == NULL)
    em_clip_select (self, NULL);
}

void
em_clip_apply (EmClip *self, const EmDelta *delta)
{
  bool could_undo = self->undo.step > 0, could_redo = self->redo.step > 0;

  self->undo = delta->undo;
  self->redo = delta->redo;
  if (self->index == NULL)
    return;
  if (delta->objects)
    mirror_objects (self, delta);
  if (delta->expressions)
    em_clip_mirror_expressions (self, delta);
  for (guint i = 0; i < delta->lanes->len; i++) {
    EmObject *object = em_clip_get_object (self, g_array_index (delta->lanes, int64_t, i));

    if (object)
      em_object_begin_lane (object);
  }
  for (guint i = 0; i < delta->cells->len; i++) {
    const EmDeltaCell *cell = &g_array_index (delta->cells, EmDeltaCell, i);
    EmObject *object = em_clip_get_object (self, cell->object);

    if (object && cell->frame < em_object_n_frames (object))
      em_object_take_cell (object, cell->frame, cell->row, cell->mask);
  }
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (self->objects)); i++) {
    g_autoptr (EmObject) object = g_list_model_get_item (G_LIST_MODEL (self->objects), i);

    em_object_settle (object);
  }
  em_clip_proposals_after (self, delta);
  em_clip_ask_missing_masks (self);
  for (guint i = 0; i < delta->cells->len; i++) {
    const EmDeltaCell *cell = &g_array_index (delta->cells, EmDeltaCell, i);

    if (cell->row && cell->row->pending && cell->row->prompts)
      decode_pending (self, cell);
  }
  if (could_undo != (self->undo.step > 0))
    em_clip_notify (self, "can-undo");
  if (could_redo != (self->redo.step > 0))
    em_clip_notify (self, "can-redo");
  em_clip_lanes_changed (self);
  em_clip_scene_changed (self);
}

/* Prompts -----------------------------------------------------------------------------------------
 */

const char *
em_clip_sound_problem (EmClip *self)
{
  int second = self->index ? em_clip_second_of (self, self->frame) : -1;

  if (self->index == NULL)
    return _ ("The clip is still loading");
  if (self->audio == NULL && !self->audio_done)
    return _ ("The sound is still loading");
  if (self->audio == NULL || !em_audio_has_sound (self->audio))
    return _ ("No sound in this clip");
  if (!em_engine_is_loaded (self->engine))
    return _ ("No model is loaded");
  if (!em_engine_has_sound (self->engine))
    return _ ("This model cannot hear");
  if (second < 0)
    return _ ("No second of sound begins here");
  if (em_audio_rms (self->audio, second * G_GINT64_CONSTANT (1000000000),
                    (second + 1) * G_GINT64_CONSTANT (1000000000))
      < EM_SOUND_FLOOR)
    return _ ("This second is silent");
  return NULL;
}

bool
em_clip_uses_sound (EmClip *self, EmObject *object)
{
  EmPromptSet set = { .n = 0 };
  int64_t base;
  const EmCell *cell = object && self->index ? em_object_cell (object, self->frame) : NULL;

  if (cell && cell->prompts && em_prompts_from_json (cell->prompts, &set, &base, NULL))
    return set.sound;
  return em_clip_sound_problem (self) == NULL;
}

GArray *
em_clip_shown_prompts (EmClip *self)
{
  GArray *shown = g_array_new (FALSE, FALSE, sizeof (EmShownPrompt));
  int64_t id = self->selected ? em_object_get_id (self->selected) : 0, base;
  EmPromptSet set = { .n = 0 };
  const EmCell *cell
      = self->selected && self->index ? em_object_cell (self->selected, self->frame) : NULL;

  if (cell && cell->prompts && em_prompts_from_json (cell->prompts, &set, &base, NULL))
    for (int i = 0; i < set.n; i++) {
      EmShownPrompt mark = { .prompt = set.items[i] };

      g_array_append_val (shown, mark);
    }
  for (guint i = 0; i < self->drafts->len; i++) {
    const EmDraft *draft = &g_array_index (self->drafts, EmDraft, i);
    EmShownPrompt mark = { .prompt = draft->prompt, .hollow = true };

    if (draft->frame == self->frame && draft->object == id)
      g_array_append_val (shown, mark);
  }
  return shown;
}

static bool
is_ready (EmClip *self)
{
  return self->status == EM_CLIP_READY && !self->is_closed;
}

static EmVerb *
verb_here (EmClip *self, EmVerbKind kind)
{
  return em_verb_new (kind, self->id, self->selected ? em_object_get_id (self->selected) : 0,
                      self->frame);
}

static void
select_new_cb (EmClip *self, const EmVerb *verb, const EmDelta *delta, GError *error)
{
  if (error)
    em_clip_fail (self, "%s", error->message);
  else if (delta->refusal)
    em_clip_notice (self, delta->refusal, NULL);
  else if (verb->object == 0 && !self->is_closed)
    em_clip_select (self, em_clip_get_object (self, delta->object));
}

void
em_clip_add_prompt (EmClip *self, const EmPrompt *prompt)
{
  EmDraft draft = { .ticket = ++self->next_ticket, .frame = self->frame, .prompt = *prompt };
  EmVerb *verb;

  if (!is_ready (self))
    return;
  if (self->selected && em_object_is_locked (self->selected)) {
    em_clip_notice (self, _ ("The object is locked"), NULL);
    return;
  }
  if (!em_engine_is_loaded (self->engine))
    em_clip_notice (
        self, _ ("No model is loaded: the prompt is kept and decoded when there is one"), NULL);
  em_clip_pause (self);
  verb = verb_here (self, EM_VERB_ADD_PROMPT);
  verb->prompt = *prompt;
  verb->sound = em_clip_uses_sound (self, self->selected);
  draft.object = verb->object;
  g_array_append_val (self->drafts, draft);
  run_with_ticket (self, verb, select_new_cb, draft.ticket);
  em_clip_scene_changed (self);
}

void
em_clip_remove_prompt (EmClip *self, int index)
{
  EmVerb *verb;

  if (!is_ready (self) || self->selected == NULL)
    return;
  verb = verb_here (self, EM_VERB_REMOVE_PROMPT);
  verb->index = index;
  em_clip_run (self, verb, NULL);
}

void
em_clip_move_prompt (EmClip *self, int index, const EmPrompt *prompt)
{
  EmVerb *verb;

  if (!is_ready (self) || self->selected == NULL)
    return;
  verb = verb_here (self, EM_VERB_MOVE_PROMPT);
  verb->index = index;
  verb->prompt = *prompt;
  em_clip_run (self, verb, NULL);
}

void
em_clip_set_use_sound (EmClip *self, bool sound)
{
  EmVerb *verb;

  if (!is_ready (self) || self->selected == NULL
      || em_clip_uses_sound (self, self->selected) == sound)
    return;
  verb = verb_here (self, EM_VERB_SET_SOUND);
  verb->sound = sound;
  em_clip_run (self, verb, NULL);
}

/* States ------------------------------------------------------------------------------------------
 */

static void
run_over (EmClip *self, EmVerbKind kind, bool over_range)
{
  EmVerb *verb;

  if (!is_ready (self))
    return;
  if (self->selected == NULL) {
    em_clip_notice (self, _ ("Select an object first"), NULL);
    return;
  }
  em_clip_pause (self);
  verb = verb_here (self, kind);
  if (over_range)
    em_clip_get_range (self, &verb->frame, &verb->last);
  em_clip_run (self, verb, NULL);
}

void
em_clip_mark_absent (EmClip *self, bool over_range)
{
  run_over (self, EM_VERB_ABSENT, over_range);
}

void
em_clip_approve (EmClip *self, bool over_range)
{
  run_over (self, EM_VERB_APPROVE, over_range);
}

void
em_clip_clear_mask (EmClip *self)
{
  run_over (self, EM_VERB_CLEAR, false);
}

void
em_clip_paste (EmClip *self, const EmRle *mask)
{
  EmVerb *verb;

  if (!is_ready (self) || self->selected == NULL)
    return;
  verb = verb_here (self, EM_VERB_PASTE);
  verb->mask = em_rle_copy (mask);
  em_clip_run (self, verb, NULL);
}

/* Objects -----------------------------------------------------------------------------------------
 */

void
em_clip_new_object (EmClip *self)
{
  if (is_ready (self))
    em_clip_run (self, em_verb_new (EM_VERB_NEW_OBJECT, self->id, 0, self->frame), select_new_cb);
}

static void
run_object (EmClip *self, EmVerbKind kind, EmObject *object, const char *name, bool flag)
{
  EmVerb *verb;

  if (!is_ready (self))
    return;
  verb = em_verb_new (kind, self->id, em_object_get_id (object), self->frame);
  verb->name = g_strdup (name);
  verb->flag = flag;
  em_clip_run (self, verb, NULL);
}

void
em_clip_rename (EmClip *self, EmObject *object, const char *name)
{
  g_autofree char *clean = g_strstrip (g_strdup (name));

  if (*clean)
    run_object (self, EM_VERB_RENAME, object, clean, false);
}

void
em_clip_set_class (EmClip *self, EmObject *object, const char *name)
{
  g_autofree char *clean = g_strstrip (g_strdup (name));

  if (!g_str_equal (clean, em_object_get_class_name (object)))
    run_object (self, EM_VERB_CLASS, object, clean, false);
}

void
em_clip_set_locked (EmClip *self, EmObject *object, bool locked)
{
  if (em_object_is_locked (object) != locked)
    run_object (self, EM_VERB_LOCK, object, NULL, locked);
}

static void
deleted_cb (EmClip *self, const EmVerb *verb, const EmDelta *delta, GError *error)
{
  if (error)
    em_clip_fail (self, "%s", error->message);
  else
    em_clip_notice (self, _ ("Object deleted"), "undo");
}

void
em_clip_delete_object (EmClip *self, EmObject *object)
{
  if (is_ready (self))
    em_clip_run (self, em_verb_new (EM_VERB_DELETE_OBJECT, self->id, em_object_get_id (object), -1),
                 deleted_cb);
}

/* Undo --------------------------------------------------------------------------------------------
 */

bool
em_clip_can_undo (EmClip *self)
{
  return self->undo.step > 0;
}

bool
em_clip_can_redo (EmClip *self)
{
  return self->redo.step > 0;
}

static const char *
step_words (EmStepKind kind)
{
  static const char *const words[EM_N_STEP_KINDS] = {
    [EM_STEP_PROMPT] = N_ ("prompt"),
    [EM_STEP_BRUSH] = N_ ("brush"),
    [EM_STEP_ACCEPT] = N_ ("accepted suggestion"),
    [EM_STEP_REFUSE] = N_ ("refused suggestion"),
    [EM_STEP_TRACK] = N_ ("tracking"),
    [EM_STEP_NEW_OBJECT] = N_ ("new object"),
    [EM_STEP_RENAME] = N_ ("name"),
    [EM_STEP_CLASS] = N_ ("class"),
    [EM_STEP_COLOR] = N_ ("colour"),
    [EM_STEP_ORDER] = N_ ("order"),
    [EM_STEP_LOCK] = N_ ("lock"),
    [EM_STEP_DELETE_OBJECT] = N_ ("deleted object"),
    [EM_STEP_INTERVAL] = N_ ("interval"),
    [EM_STEP_ABSENT] = N_ ("absent"),
    [EM_STEP_CLEAR] = N_ ("cleared mask"),
    [EM_STEP_PASTE] = N_ ("pasted mask"),
    [EM_STEP_RESTORE] = N_ ("restored mask"),
    [EM_STEP_APPROVE] = N_ ("approval"),
    [EM_STEP_REJECT] = N_ ("rejection"),
    [EM_STEP_IMPORT] = N_ ("import"),
    [EM_STEP_MARK] = N_ ("restore point"),
    [EM_STEP_EXPRESSION] = N_ ("expression"),
  };

  return kind < EM_N_STEP_KINDS && words[kind] ? _ (words[kind]) : "";
}

/* The view goes where the change is; the toast says what and where. */
static void
moved_cb (EmClip *self, const EmVerb *verb, const EmDelta *delta, GError *error)
{
  bool undone = verb->kind == EM_VERB_UNDO;
  EmObject *object;
  GString *text;

  if (error) {
    em_clip_fail (self, "%s", error->message);
    return;
  }
  if (delta->step == 0 || self->is_closed)
    return;
  object = em_clip_get_object (self, delta->object);
  text = g_string_new (undone ? _ ("Undone: ") : _ ("Redone: "));
  g_string_append (text, step_words (delta->kind));
  if (object)
    g_string_append_printf (text, _ (" on %s"), em_object_get_name (object));
  if (delta->frame >= 0)
    g_string_append_printf (text, _ (", frame %d"), delta->frame);
  if (object)
    em_clip_select (self, object);
  if (delta->frame >= 0 && delta->frame != self->frame)
    em_clip_seek (self, delta->frame);
  em_clip_notice (self, text->str, undone ? "redo" : "undo");
  g_string_free (text, TRUE);
}

void
em_clip_undo (EmClip *self)
{
  if (!is_ready (self))
    return;
  em_clip_stop_tracking (self);
  self->track_undone = self->track_step > 0 && self->undo.step == self->track_step;
  em_clip_run (self, em_verb_new (EM_VERB_UNDO, self->id, 0, self->frame), moved_cb);
}

void
em_clip_redo (EmClip *self)
{
  if (is_ready (self))
    em_clip_run (self, em_verb_new (EM_VERB_REDO, self->id, 0, self->frame), moved_cb);
}
