/* clip_expressions.c - the sentences of the open clip: mirrored, written, asked about. */
#include "service/clip_expressions.h"
#include "service/em-clip-private.h"
#include <glib/gi18n.h>

GListModel *
em_clip_get_expressions (EmClip *self)
{
  return G_LIST_MODEL (self->expressions);
}

EmExpression *
em_clip_get_expression (EmClip *self, int64_t number)
{
  guint n = g_list_model_get_n_items (G_LIST_MODEL (self->expressions));

  for (guint i = 0; i < n; i++) {
    g_autoptr (EmExpression) e = g_list_model_get_item (G_LIST_MODEL (self->expressions), i);

    if (em_expression_get_number (e) == number)
      return e; /* the list keeps it alive */
  }
  return NULL;
}

EmExpression *
em_clip_get_asked (EmClip *self)
{
  return self->asked ? em_clip_get_expression (self, self->asked) : NULL;
}

EmExpression *
em_clip_get_reading (EmClip *self)
{
  return self->reading ? em_clip_get_expression (self, self->reading) : NULL;
}

/* Asking ------------------------------------------------------------------------------------------
 */

static void
read_anew (EmClip *self)
{
  EmExpression *asked = em_clip_get_asked (self);

  self->wish = EM_WISH_NONE;
  if (asked) {
    em_clip_read_text_suggestions (self, em_expression_get_text (asked));
  } else {
    self->read_ticket++;
    g_hash_table_remove_all (self->read);
  }
}

void
em_clip_ask_about (EmClip *self, EmExpression *expression)
{
  int64_t number = expression ? em_expression_get_number (expression) : 0;

  if (self->asked == number)
    return;
  self->asked = number;
  read_anew (self);
  em_clip_notify (self, "asked");
  em_clip_scene_changed (self);
  em_clip_lanes_changed (self);
}

void
em_clip_weights_changed (EmClip *self)
{
  if (self->asked)
    read_anew (self);
}

const char *
em_clip_text_problem (EmClip *self, EmExpression *expression)
{
  if (self->index == NULL)
    return _ ("The clip is still loading");
  if (!em_store_is_writable (self->store))
    return _ ("The project is open for reading only");
  if (expression == NULL)
    return _ ("Select an expression first");
  if (em_expression_row (expression)->is_null)
    return _ ("Nothing in this clip is meant: the mask is empty by definition");
  if (!em_engine_is_loaded (self->engine))
    return _ ("No model is loaded");
  if (!em_engine_reads (self->engine))
    return _ ("This model cannot read. Import Ref-AVS weights with their text encoder "
              "(earmark-cli weights import) and choose them in the model menu");
  if (self->audio == NULL && !self->audio_done)
    return _ ("The sound is still loading");
  if (self->audio == NULL || !em_audio_has_sound (self->audio))
    return _ ("The model reads what it hears: no sound in this clip");
  if (self->suggest_job)
    return _ ("The model is being asked already. Esc stops it");
  return NULL;
}

static void
ask_here (EmClip *self, EmExpression *expression)
{
  int second = em_clip_go_to_grid (self);

  if (em_clip_proposal_state (self, second) == 2)
    em_clip_scene_changed (self); /* there already, and open */
  else
    em_clip_ask (self, second, second, expression);
}

static void
ask_over (EmClip *self, EmExpression *expression, bool over_range)
{
  int first = 0, last = MAX (em_clip_get_n_frames (self) - 1, 0);

  if (over_range)
    em_clip_get_range (self, &first, &last);
  em_clip_ask (self, em_clip_second_of (self, first), em_clip_second_of (self, last), expression);
}

void
em_clip_text_is_read (EmClip *self)
{
  EmExpression *asked = em_clip_get_asked (self);
  int wish = self->wish;

  self->wish = EM_WISH_NONE;
  if (wish == EM_WISH_NONE || asked == NULL || em_clip_text_problem (self, asked))
    return;
  if (wish == EM_WISH_HERE)
    ask_here (self, asked);
  else
    ask_over (self, asked, wish == EM_WISH_RANGE);
}

/* What is there has to be known before anything is asked. */
static void
wish_for (EmClip *self, EmExpression *expression, int wish)
{
  const char *problem = em_clip_text_problem (self, expression);

  if (self->status != EM_CLIP_READY)
    return;
  if (problem) {
    em_clip_notice (self, problem, NULL);
    return;
  }
  em_clip_ask_about (self, expression);
  self->wish = wish;
  if (self->is_read)
    em_clip_text_is_read (self);
}

void
em_clip_read_here (EmClip *self, EmExpression *expression)
{
  wish_for (self, expression, EM_WISH_HERE);
}

void
em_clip_read (EmClip *self, EmExpression *expression, bool over_range)
{
  wish_for (self, expression, over_range ? EM_WISH_RANGE : EM_WISH_CLIP);
}

/* Verbs -------------------------------------------------------------------------------------------
 */

static void
written_cb (EmClip *self, const EmVerb *verb, const EmDelta *delta, GError *error)
{
  if (error)
    em_clip_fail (self, "%s", error->message);
  else if (delta->refusal)
    em_clip_notice (self, delta->refusal, NULL);
  else if (verb->row->is_deleted)
    em_clip_notice (self, _ ("Expression deleted"), "undo");
  else if (verb->row->number == 0)
    em_clip_ask_about (self, em_clip_get_expression (self, delta->expression));
}

void
em_clip_write_expression (EmClip *self, const EmDbExpression *row)
{
  EmVerb *verb;

  if (self->status != EM_CLIP_READY || self->is_closed)
    return;
  verb = em_verb_new (EM_VERB_EXPRESSION, self->id, 0, self->frame);
  verb->row = em_db_expression_copy (row);
  em_clip_run (self, verb, written_cb);
}

void
em_clip_delete_expression (EmClip *self, EmExpression *expression)
{
  g_autoptr (EmDbExpression) row = em_db_expression_copy (em_expression_row (expression));

  row->is_deleted = true;
  em_clip_write_expression (self, row);
}

void
em_clip_approve_expression (EmClip *self, EmExpression *expression, bool approved)
{
  EmVerb *verb;

  if (self->status != EM_CLIP_READY || self->is_closed)
    return;
  verb = em_verb_new (EM_VERB_APPROVE_EXPRESSION, self->id, 0, self->frame);
  verb->expression = em_expression_get_number (expression);
  verb->flag = approved;
  em_clip_run (self, verb, NULL);
}

/* Mirroring ---------------------------------------------------------------------------------------
 */

void
em_clip_mirror_expressions (EmClip *self, const EmDelta *delta)
{
  g_autoptr (GPtrArray) list = g_ptr_array_new_with_free_func (g_object_unref);
  guint n_old = g_list_model_get_n_items (G_LIST_MODEL (self->expressions));
  bool is_same = n_old == delta->expressions->len, reads_anew = false;

  for (guint i = 0; i < delta->expressions->len; i++) {
    const EmDbExpression *row = delta->expressions->pdata[i];
    EmExpression *e = em_clip_get_expression (self, row->number);
    g_autoptr (EmExpression) old
        = i < n_old ? g_list_model_get_item (G_LIST_MODEL (self->expressions), i) : NULL;

    is_same = is_same && old == e;
    if (e) {
      reads_anew
          = reads_anew
            || (row->number == self->asked && !g_str_equal (row->text, em_expression_get_text (e)));
      em_expression_take_row (e, row);
      g_ptr_array_add (list, g_object_ref (e));
    } else {
      g_ptr_array_add (list, em_expression_new (row));
    }
  }
  if (!is_same)
    g_list_store_splice (self->expressions, 0, n_old, list->pdata, list->len);
  if (self->reading && em_clip_get_reading (self) == NULL)
    em_job_cancel (self->suggest_job); /* nobody wants to know any more */
  if (self->asked && em_clip_get_asked (self) == NULL)
    em_clip_ask_about (self, NULL);
  else if (reads_anew)
    read_anew (self);
}
