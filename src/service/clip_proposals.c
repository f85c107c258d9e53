/* clip_proposals.c - what is proposed and not yet decided: the sound's, and those of the expression
 * that is asked about.
 *
 * Suggestions are kept in the project; candidates are cut from their bytes whenever the threshold
 * moves. The two sets never mix: a suggestion's source says what was heard or read. */
#include "service/clip_expressions.h"
#include "service/em-clip-private.h"
#include "service/suggestion_source.h"

#define MIN_CANDIDATE_AREA 16 /* pixels; smaller parts are noise of the cut */

static void
clear_candidate (gpointer data)
{
  em_candidate_clear (data);
}

void
em_proposal_free (gpointer data)
{
  EmProposal *p = data;

  if (p == NULL)
    return;
  em_suggestion_unref (p->suggestion);
  g_clear_pointer (&p->candidates, g_array_unref);
  g_free (p->assigned);
  g_free (p);
}

static void
cut (EmClip *self, EmProposal *p)
{
  g_clear_pointer (&p->candidates, g_array_unref);
  g_free (p->assigned);
  if (p->suggestion->is_silent || p->suggestion->logits == NULL) {
    p->candidates = g_array_new (FALSE, FALSE, sizeof (EmCandidate));
    g_array_set_clear_func (p->candidates, clear_candidate);
  } else {
    p->candidates = em_suggestion_cut (p->suggestion, self->threshold, MIN_CANDIDATE_AREA);
  }
  p->assigned = g_new0 (int64_t, p->candidates->len + 1);
}

GHashTable *
em_clip_proposals (EmClip *self)
{
  return self->asked ? self->read : self->heard;
}

EmProposal *
em_clip_proposal_at (EmClip *self, int frame)
{
  return g_hash_table_lookup (em_clip_proposals (self), GINT_TO_POINTER (frame + 1));
}

void
em_clip_put_proposal (GHashTable *set, EmSuggestion *suggestion, bool decided)
{
  EmProposal *p = g_new0 (EmProposal, 1);

  p->suggestion = em_suggestion_ref (suggestion);
  p->decided = decided;
  g_hash_table_replace (set, GINT_TO_POINTER (suggestion->frame + 1), p);
}

const EmProposal *
em_clip_get_proposal (EmClip *self)
{
  EmProposal *p = self->status == EM_CLIP_READY ? em_clip_proposal_at (self, self->frame) : NULL;

  if (p == NULL || p->decided || p->aside || p->suggestion->is_silent)
    return NULL;
  if (p->candidates == NULL)
    cut (self, p);
  return p;
}

int
em_clip_proposal_state (EmClip *self, int second)
{
  EmProposal *p = second >= 0 && second < self->n_grid
                      ? em_clip_proposal_at (self, self->grid[second])
                      : NULL;

  return p == NULL ? 0 : p->suggestion->is_silent ? 1 : p->decided ? 3 : 2;
}

double
em_clip_get_threshold (EmClip *self)
{
  return self->threshold;
}

/* Cut again when they are looked at. */
static void
drop_cuts (GHashTable *set)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, set);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    g_clear_pointer (&((EmProposal *) value)->candidates, g_array_unref);
}

void
em_clip_set_threshold (EmClip *self, double threshold)
{
  threshold = CLAMP (threshold, 0.02, 0.98);
  if (threshold == self->threshold)
    return;
  self->threshold = threshold;
  drop_cuts (self->heard);
  drop_cuts (self->read);
  em_clip_scene_changed (self);
}

/* From the project --------------------------------------------------------------------------------
 */

/* Leaves of `all` the rows of one source; NULL: those of the sound. */
static GPtrArray *
keep_only (GPtrArray *all, const char *source)
{
  for (guint i = all ? all->len : 0; i-- > 0;) {
    const EmDbSuggestion *row = all->pdata[i];

    if (source ? !g_str_equal (row->source, source) : em_suggestion_source_is_text (row->source))
      g_ptr_array_remove_index (all, i);
  }
  return all;
}

static gpointer
read_heard (EmDb *db, gpointer data, GError **error)
{
  return keep_only (em_db_suggestions (db, *(int64_t *) data, true, error), NULL);
}

typedef struct {
  int64_t clip;
  char *source;
} Wanted;

static void
wanted_free (gpointer data)
{
  g_free (((Wanted *) data)->source);
  g_free (data);
}

static gpointer
read_text (EmDb *db, gpointer data, GError **error)
{
  const Wanted *wanted = data;

  return keep_only (em_db_suggestions (db, wanted->clip, true, error), wanted->source);
}

static gpointer
read_decisions (EmDb *db, gpointer data, GError **error)
{
  return em_db_suggestions (db, *(int64_t *) data, false, error);
}

char *
em_clip_source (EmClip *self, const char *text)
{
  return em_suggestion_source (em_engine_model_digest (self->engine), 0, self->grid_phase,
                               EM_SOUND_FLOOR, text);
}

static void
free_array (gpointer data)
{
  g_ptr_array_unref (data);
}

static EmSuggestion *
from_row (EmClip *self, const EmDbSuggestion *row)
{
  EmSuggestion *s = em_suggestion_new ();
  gsize n = (gsize) row->side * row->side;

  s->frame = row->frame;
  s->second = em_clip_second_of (self, row->frame);
  s->is_silent = row->logit_bytes == NULL;
  s->iou = row->iou;
  s->score = row->score;
  s->width = em_clip_get_width (self);
  s->height = em_clip_get_height (self);
  if (row->logit_bytes) {
    s->side = row->side;
    s->logits = g_bytes_new (row->logit_bytes, n);
  }
  return s;
}

/* What is there already stays: it may be newer than what was read. What had to make room counts as
 * not asked. */
static void
put_row (EmClip *self, GHashTable *set, const EmDbSuggestion *row)
{
  g_autoptr (EmSuggestion) s = NULL;

  if (row->frame >= em_clip_get_n_frames (self) || (row->is_dropped && !row->is_decided)
      || g_hash_table_contains (set, GINT_TO_POINTER (row->frame + 1)))
    return;
  s = from_row (self, row);
  em_clip_put_proposal (set, s, row->is_decided);
}

static void
suggestions_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (EmClip) self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) rows = em_store_call_finish (EM_STORE (source), result, &error);

  if (self->is_closed || rows == NULL)
    return;
  for (guint i = 0; i < rows->len; i++)
    put_row (self, self->heard, rows->pdata[i]);
  em_clip_scene_changed (self);
  em_clip_lanes_changed (self);
}

void
em_clip_read_suggestions (EmClip *self)
{
  em_store_read_async (self->store, read_heard, g_memdup2 (&self->id, sizeof self->id), g_free,
                       free_array, self->cancellable, suggestions_cb, g_object_ref (self));
}

/* Those of one sentence and the weights that are loaded. */
typedef struct {
  EmClip *clip;
  guint ticket;
} TextRead;

static void
text_read_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  TextRead *read = data;
  g_autoptr (EmClip) self = read->clip;
  g_autoptr (GPtrArray) rows = em_store_call_finish (EM_STORE (source), result, NULL);
  bool is_mine = read->ticket == self->read_ticket;

  g_free (read);
  if (self->is_closed || !is_mine)
    return;
  for (guint i = 0; rows && i < rows->len; i++)
    put_row (self, self->read, rows->pdata[i]);
  self->is_read = true;
  em_clip_text_is_read (self);
  em_clip_scene_changed (self);
  em_clip_lanes_changed (self);
}

void
em_clip_read_text_suggestions (EmClip *self, const char *text)
{
  TextRead *read = g_new0 (TextRead, 1);
  Wanted *wanted = g_new0 (Wanted, 1);

  g_hash_table_remove_all (self->read);
  self->is_read = false;
  read->clip = g_object_ref (self);
  read->ticket = ++self->read_ticket;
  wanted->clip = self->id;
  wanted->source = em_clip_source (self, text);
  /* In the queue of the writes: what was just kept is there. */
  em_store_call_async (self->store, read_text, wanted, wanted_free, free_array, text_read_cb, read);
}

static void
decisions_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (EmClip) self = data;
  g_autoptr (GPtrArray) rows = em_store_call_finish (EM_STORE (source), result, NULL);
  g_autofree char *text = NULL;

  if (self->is_closed || rows == NULL)
    return;
  if (self->asked) {
    EmExpression *asked = em_clip_get_asked (self);

    text = asked ? em_clip_source (self, em_expression_get_text (asked)) : NULL;
  }
  for (guint i = 0; i < rows->len; i++) {
    const EmDbSuggestion *row = rows->pdata[i];
    bool is_read = em_suggestion_source_is_text (row->source);
    GHashTable *set = is_read ? self->read : self->heard;
    EmProposal *p = g_hash_table_lookup (set, GINT_TO_POINTER (row->frame + 1));

    if (p == NULL || (is_read && g_strcmp0 (row->source, text) != 0))
      continue;
    p->decided = row->is_decided;
    if (!p->decided && p->candidates)
      memset (p->assigned, 0, p->candidates->len * sizeof (int64_t));
  }
  em_clip_scene_changed (self);
  em_clip_lanes_changed (self);
}

/* Undo and redo move decisions too. */
void
em_clip_proposals_after (EmClip *self, const EmDelta *delta)
{
  if (delta->step > 0 && (delta->kind == EM_STEP_ACCEPT || delta->kind == EM_STEP_REFUSE))
    em_store_call_async (self->store, read_decisions, g_memdup2 (&self->id, sizeof self->id),
                         g_free, free_array, decisions_cb, g_object_ref (self));
}
