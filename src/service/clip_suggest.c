/* clip_suggest.c - what the sound proposes.
 *
 * An answer of the engine is kept in the project at once, undecided; candidates are cut from its
 * bytes whenever the threshold moves. Accepting and refusing are steps: they carry the candidates
 * as they were shown, and undo makes the proposal open again. */
#include "service/em-clip-private.h"
#include "service/suggestion_source.h"
#include <glib/gi18n.h>

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

static EmProposal *
proposal_here (EmClip *self)
{
  return g_hash_table_lookup (self->proposals, GINT_TO_POINTER (self->frame + 1));
}

/* Takes over `suggestion`. */
static EmProposal *
put (EmClip *self, EmSuggestion *suggestion, bool decided)
{
  EmProposal *p = g_new0 (EmProposal, 1);

  p->suggestion = suggestion;
  p->decided = decided;
  g_hash_table_replace (self->proposals, GINT_TO_POINTER (suggestion->frame + 1), p);
  return p;
}

const EmProposal *
em_clip_get_proposal (EmClip *self)
{
  EmProposal *p = self->status == EM_CLIP_READY ? proposal_here (self) : NULL;

  if (p == NULL || p->decided || p->aside || p->suggestion->is_silent)
    return NULL;
  if (p->candidates == NULL)
    cut (self, p);
  return p;
}

int
em_clip_proposal_state (EmClip *self, int second)
{
  EmProposal *p
      = second >= 0 && second < self->n_grid
            ? g_hash_table_lookup (self->proposals, GINT_TO_POINTER (self->grid[second] + 1))
            : NULL;

  return p == NULL ? 0 : p->suggestion->is_silent ? 1 : p->decided ? 3 : 2;
}

double
em_clip_get_threshold (EmClip *self)
{
  return self->threshold;
}

void
em_clip_set_threshold (EmClip *self, double threshold)
{
  GHashTableIter iter;
  gpointer value;

  threshold = CLAMP (threshold, 0.02, 0.98);
  if (threshold == self->threshold)
    return;
  self->threshold = threshold;
  g_hash_table_iter_init (&iter, self->proposals);
  while (g_hash_table_iter_next (&iter, NULL, &value)) /* cut again when they are looked at */
    g_clear_pointer (&((EmProposal *) value)->candidates, g_array_unref);
  em_clip_scene_changed (self);
}

/* From the project --------------------------------------------------------------------------------
 */

static gpointer
read_suggestions (EmDb *db, gpointer data, GError **error)
{
  return em_db_suggestions (db, *(int64_t *) data, true, error);
}

static gpointer
read_decisions (EmDb *db, gpointer data, GError **error)
{
  return em_db_suggestions (db, *(int64_t *) data, false, error);
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

static void
suggestions_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (EmClip) self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) rows = em_store_call_finish (EM_STORE (source), result, &error);

  if (self->is_closed || rows == NULL)
    return;
  for (guint i = 0; i < rows->len; i++) {
    const EmDbSuggestion *row = rows->pdata[i];

    if (row->frame < em_clip_get_n_frames (self)
        && !g_hash_table_contains (self->proposals, GINT_TO_POINTER (row->frame + 1)))
      put (self, from_row (self, row), row->is_decided);
  }
  em_clip_scene_changed (self);
  em_clip_lanes_changed (self);
}

void
em_clip_read_suggestions (EmClip *self)
{
  em_store_read_async (self->store, read_suggestions, g_memdup2 (&self->id, sizeof self->id),
                       g_free, free_array, self->cancellable, suggestions_cb, g_object_ref (self));
}

static void
decisions_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (EmClip) self = data;
  g_autoptr (GPtrArray) rows = em_store_call_finish (EM_STORE (source), result, NULL);

  if (self->is_closed || rows == NULL)
    return;
  for (guint i = 0; i < rows->len; i++) {
    const EmDbSuggestion *row = rows->pdata[i];
    EmProposal *p = g_hash_table_lookup (self->proposals, GINT_TO_POINTER (row->frame + 1));

    if (p == NULL)
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

/* Asking ------------------------------------------------------------------------------------------
 */

typedef struct {
  int64_t clip;
  char *source, *weights;
  GPtrArray *suggestions; /* EmSuggestion */
} Keep;

static void
keep_free (gpointer data)
{
  Keep *keep = data;

  g_free (keep->source);
  g_free (keep->weights);
  g_ptr_array_unref (keep->suggestions);
  g_free (keep);
}

static gpointer
keep_suggestions (EmDb *db, gpointer data, GError **error)
{
  const Keep *keep = data;
  bool done = em_suggestions_store (db, keep->clip, keep->source, keep->weights, keep->suggestions,
                                    error);

  return done ? data : NULL;
}

static void
kept_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (EmClip) self = data;
  g_autoptr (GError) error = NULL;

  if (!em_store_call_finish (EM_STORE (source), result, &error))
    em_clip_fail (self, _ ("Suggestions could not be saved: %s"), error->message);
}

typedef struct {
  EmClip *clip;
  EmJob *job; /* of a longer run */
  int first, last, asked;
} Ask;

/* A decided proposal stays as it was decided, unless its second alone was asked again. */
static void
take (EmClip *self, GPtrArray *suggestions, bool reopens)
{
  Keep *keep = g_new0 (Keep, 1);

  for (guint i = 0; i < suggestions->len; i++) {
    EmSuggestion *s = suggestions->pdata[i];
    EmProposal *old = g_hash_table_lookup (self->proposals, GINT_TO_POINTER (s->frame + 1));

    if (old == NULL || !old->decided || reopens)
      put (self, em_suggestion_ref (s), false);
  }
  keep->clip = self->id;
  keep->weights = g_strdup (em_engine_model_digest (self->engine));
  keep->source = em_suggestion_source (keep->weights, 0, self->grid_phase, EM_SOUND_FLOOR);
  keep->suggestions = g_ptr_array_ref (suggestions);
  em_store_call_async (self->store, keep_suggestions, keep, keep_free, NULL, kept_cb,
                       g_object_ref (self));
  em_clip_scene_changed (self);
  em_clip_lanes_changed (self);
}

static void
progress_cb (GPtrArray *suggestions, int done, int total, gpointer data)
{
  Ask *ask = data;

  if (ask->clip->is_closed)
    return;
  take (ask->clip, suggestions, false);
  if (ask->job)
    em_job_report (ask->job, done, total, 0, 0, _ ("seconds"));
}

static int
count_waiting (EmClip *self, int first, int last, int *n_silent)
{
  int n = 0;

  for (int i = first; i <= last; i++) {
    n += em_clip_proposal_state (self, i) == 2;
    *n_silent += em_clip_proposal_state (self, i) == 1;
  }
  return n;
}

static void
tell_found (EmClip *self, const Ask *ask)
{
  int n_silent = 0, n = count_waiting (self, ask->first, ask->last, &n_silent);
  g_autofree char *text = NULL;

  if (ask->first == ask->last) {
    const EmProposal *p = em_clip_get_proposal (self);

    if (n_silent)
      text = g_strdup (_ ("This second is silent: nothing to propose"));
    else if (p == NULL || p->candidates->len == 0)
      text = g_strdup (_ ("The model hears nothing it can see here"));
    else
      text = g_strdup_printf (ngettext ("%d candidate. Enter accepts, Backspace refuses",
                                        "%d candidates. Enter accepts, Backspace refuses",
                                        p->candidates->len),
                              (int) p->candidates->len);
  } else {
    text = g_strdup_printf (ngettext ("%d second with a suggestion, %d silent",
                                      "%d seconds with a suggestion, %d silent", n),
                            n, n_silent);
  }
  em_clip_notice (self, text, NULL);
}

static void
remove_job (EmClip *self, EmJob *job)
{
  guint at;

  if (job && g_list_store_find (self->jobs, job, &at))
    g_list_store_remove (self->jobs, at);
}

static void
suggested_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  Ask *ask = data;
  EmClip *self = ask->clip;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) all = em_engine_suggest_finish (EM_ENGINE (source), result, &error);

  self->n_suggesting--;
  remove_job (self, ask->job);
  if (ask->job == self->suggest_job)
    g_clear_object (&self->suggest_job);
  em_clip_notify (self, "busy");
  if (all && !self->is_closed) {
    if (ask->job == NULL)
      take (self, all, true);
    tell_found (self, ask);
  } else if (error && error->code != EM_E_CANCELLED) {
    em_clip_fail (self, "%s", error->message);
  }
  g_clear_object (&ask->job);
  g_object_unref (self);
  g_free (ask);
}

static void
ask (EmClip *self, int first, int last, EmJob *job)
{
  Ask *ask = g_new0 (Ask, 1);

  ask->clip = g_object_ref (self);
  ask->first = first;
  ask->last = last;
  ask->job = job ? g_object_ref (job) : NULL;
  self->n_suggesting++;
  em_clip_notify (self, "busy");
  em_engine_suggest_async (
      self->engine, self->engine_clip, first, last, EM_SOUND_FLOOR, NULL, job ? progress_cb : NULL,
      job ? em_job_get_cancellable (job) : self->cancellable, suggested_cb, ask);
}

void
em_clip_suggest_here (EmClip *self)
{
  const char *problem = em_clip_sound_problem (self);
  EmProposal *p;
  int second;

  if (self->status != EM_CLIP_READY)
    return;
  if (problem) {
    em_clip_notice (self, problem, NULL);
    return;
  }
  em_clip_pause (self);
  second = em_clip_second_of (self, self->frame);
  p = g_hash_table_lookup (self->proposals, GINT_TO_POINTER (self->grid[second] + 1));
  if (p)
    p->aside = false;
  if (self->grid[second] != self->frame) /* what is asked about is what is to be seen */
    em_clip_seek (self, self->grid[second]);
  ask (self, second, second, NULL);
}

void
em_clip_suggest (EmClip *self, bool over_range)
{
  int first = 0, last = MAX (em_clip_get_n_frames (self) - 1, 0);

  if (self->status != EM_CLIP_READY || self->n_grid < 1 || self->suggest_job)
    return;
  if (self->audio == NULL || !em_audio_has_sound (self->audio)
      || !em_engine_has_sound (self->engine)) {
    em_clip_notice (self, em_clip_sound_problem (self), NULL);
    return;
  }
  if (over_range)
    em_clip_get_range (self, &first, &last);
  self->suggest_job = em_job_new (_ ("Asking the sound"));
  g_list_store_append (self->jobs, self->suggest_job);
  ask (self, em_clip_second_of (self, first), em_clip_second_of (self, last), self->suggest_job);
}

/* Deciding ----------------------------------------------------------------------------------------
 */

static void
go_to_next (EmClip *self)
{
  for (int i = em_clip_second_of (self, self->frame) + 1; i < self->n_grid; i++)
    if (em_clip_proposal_state (self, i) == 2) {
      em_clip_seek (self, self->grid[i]);
      return;
    }
}

static void
decided_cb (EmClip *self, const EmVerb *verb, const EmDelta *delta, GError *error)
{
  EmProposal *p = g_hash_table_lookup (self->proposals, GINT_TO_POINTER (verb->frame + 1));

  if (error) {
    em_clip_fail (self, "%s", error->message);
    return;
  }
  if (p == NULL || self->is_closed)
    return;
  p->decided = true;
  if (verb->kind == EM_VERB_ACCEPT) {
    em_clip_select (self, em_clip_get_object (self, delta->object));
    for (guint i = 0; p->candidates && verb->decision == EM_DECISION_PART && i < p->candidates->len;
         i++) {
      if (g_array_index (verb->assigned, int64_t, i) == -1)
        p->assigned[i] = delta->object;
      if (p->assigned[i] == 0)
        p->decided = false; /* the rest is still to be decided, as long as the clip is open */
    }
  }
  em_clip_scene_changed (self);
  em_clip_lanes_changed (self);
  if (p->decided && self->frame == verb->frame)
    go_to_next (self);
}

static void
name_suggestion (EmClip *self, EmVerb *verb, const EmProposal *p)
{
  verb->weights = g_strdup (em_engine_model_digest (self->engine));
  verb->source = em_suggestion_source (verb->weights, 0, self->grid_phase, EM_SOUND_FLOOR);
  verb->threshold = self->threshold;
  verb->iou = p->suggestion->iou;
  verb->score = p->suggestion->score;
}

/* Accepts candidate `only`, or all open ones as one (-1). */
static void
accept (EmClip *self, int only, int64_t object)
{
  const EmProposal *p = em_clip_get_proposal (self);
  EmVerb *verb;
  bool whole = true;

  if (p == NULL || p->candidates->len == 0)
    return;
  verb = em_verb_new (EM_VERB_ACCEPT, self->id, object, self->frame);
  verb->mask = em_rle_new (p->suggestion->width, p->suggestion->height);
  for (guint i = 0; i < p->candidates->len; i++) {
    const EmCandidate *c = &g_array_index (p->candidates, EmCandidate, i);
    bool takes = p->assigned[i] == 0 && (only < 0 || only == (int) i);

    whole = whole && takes;
    em_verb_add_candidate (verb, &c->mask, takes ? -1 : p->assigned[i]);
    if (takes) {
      EmRle sum = em_rle_combine (&verb->mask, &c->mask, EM_RLE_OR);

      em_rle_clear (&verb->mask);
      verb->mask = sum;
    }
  }
  verb->decision = whole ? EM_DECISION_ACCEPTED : EM_DECISION_PART;
  name_suggestion (self, verb, p);
  em_clip_run (self, verb, decided_cb);
}

void
em_clip_accept (EmClip *self)
{
  accept (self, -1, self->selected ? em_object_get_id (self->selected) : 0);
}

void
em_clip_accept_one (EmClip *self, int candidate, bool as_new)
{
  accept (self, candidate, self->selected && !as_new ? em_object_get_id (self->selected) : 0);
}

void
em_clip_refuse (EmClip *self)
{
  const EmProposal *p = em_clip_get_proposal (self);
  EmVerb *verb;

  if (p == NULL)
    return;
  verb = em_verb_new (EM_VERB_REFUSE, self->id, 0, self->frame);
  for (guint i = 0; i < p->candidates->len; i++)
    em_verb_add_candidate (verb, &g_array_index (p->candidates, EmCandidate, i).mask,
                           p->assigned[i]);
  verb->decision = EM_DECISION_REFUSED;
  name_suggestion (self, verb, p);
  em_clip_run (self, verb, decided_cb);
}

void
em_clip_put_aside (EmClip *self)
{
  EmProposal *p = proposal_here (self);

  if (p == NULL || p->decided)
    return;
  p->aside = true;
  em_clip_scene_changed (self);
}
