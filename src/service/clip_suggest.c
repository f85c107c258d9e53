/* clip_suggest.c - asking the model what is heard or meant, and deciding on its answers.
 *
 * An answer of the engine is kept in the project at once, undecided. Accepting and refusing are
 * steps: they carry the candidates as they were shown, and undo makes the proposal open again. */
#include "service/clip_expressions.h"
#include "service/em-clip-private.h"
#include "service/suggestion_source.h"
#include <glib/gi18n.h>

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
  EmJob *job;         /* NULL: one second of sound, which nobody has to wait for */
  int first, last;    /* seconds */
  int next;           /* the first one that is not answered yet */
  int64_t expression; /* number, 0: the sound is asked */
  char *text;         /* NULL likewise */
} Ask;

static void
ask_free (Ask *ask)
{
  g_clear_object (&ask->job);
  g_object_unref (ask->clip);
  g_free (ask->text);
  g_free (ask);
}

/* The answers' own set, NULL where it is not on hand: then they go to the project alone. */
static GHashTable *
set_of (const Ask *ask)
{
  EmClip *self = ask->clip;
  EmExpression *asked = em_clip_get_asked (self);

  if (ask->expression == 0)
    return self->heard;
  return asked && em_expression_get_number (asked) == ask->expression
                 && g_str_equal (em_expression_get_text (asked), ask->text)
             ? self->read
             : NULL;
}

/* A decided proposal stays as it was decided, unless its second alone was asked again. */
static void
take (const Ask *ask, GPtrArray *suggestions, bool reopens)
{
  EmClip *self = ask->clip;
  GHashTable *set = set_of (ask);
  Keep *keep = g_new0 (Keep, 1);

  for (guint i = 0; set && i < suggestions->len; i++) {
    EmSuggestion *s = suggestions->pdata[i];
    EmProposal *old = g_hash_table_lookup (set, GINT_TO_POINTER (s->frame + 1));

    if (old == NULL || !old->decided || reopens)
      em_clip_put_proposal (set, s, false);
  }
  keep->clip = self->id;
  keep->weights = g_strdup (em_engine_model_digest (self->engine));
  keep->source = em_clip_source (self, ask->text);
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
  take (ask, suggestions, false);
  em_job_report (ask->job, ask->next - ask->first + done, ask->last - ask->first + 1, 0, 0,
                 _ ("seconds"));
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

  if (set_of (ask) != em_clip_proposals (self))
    return; /* something else is on screen by now */
  if (ask->first == ask->last) {
    const EmProposal *p = em_clip_get_proposal (self);

    if (n_silent)
      text = g_strdup (_ ("This second is silent: nothing to propose"));
    else if (p == NULL || p->candidates->len == 0)
      text = g_strdup (ask->text ? _ ("The model finds nothing here that is meant")
                                 : _ ("The model hears nothing it can see here"));
    else
      text = g_strdup_printf (ngettext ("%d candidate. Enter accepts, Backspace refuses",
                                        "%d candidates. Enter accepts, Backspace refuses",
                                        p->candidates->len),
                              (int) p->candidates->len);
  } else if (ask->text) {
    text = g_strdup_printf (
        ngettext ("%d second with a suggestion", "%d seconds with a suggestion", n), n);
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
  if (job && job == self->suggest_job) {
    g_clear_object (&self->suggest_job);
    self->reading = 0;
  }
}

static void go_on (Ask *ask);

static void
suggested_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  Ask *ask = data;
  EmClip *self = ask->clip;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) all = em_engine_suggest_finish (EM_ENGINE (source), result, &error);

  self->n_suggesting--;
  if (all && !self->is_closed) {
    ask->next += (int) all->len;
    if (ask->first == ask->last)
      take (ask, all, true);
    go_on (ask);
    return;
  }
  remove_job (self, ask->job);
  em_clip_notify (self, "busy");
  if (error && error->code != EM_E_CANCELLED)
    em_clip_fail (self, "%s", error->message);
  ask_free (ask);
}

/* What was read before is not read again. */
static bool
is_there (const Ask *ask, int second)
{
  GHashTable *set = ask->text && ask->first < ask->last ? set_of (ask) : NULL;

  return set && g_hash_table_contains (set, GINT_TO_POINTER (ask->clip->grid[second] + 1));
}

/* Asks for the next stretch that nobody has answered, or ends. */
static void
go_on (Ask *ask)
{
  EmClip *self = ask->clip;
  int end;

  while (ask->next <= ask->last && is_there (ask, ask->next))
    ask->next++;
  if (ask->next > ask->last) {
    remove_job (self, ask->job);
    em_clip_notify (self, "busy");
    tell_found (self, ask);
    ask_free (ask);
    return;
  }
  for (end = ask->next; end < ask->last && !is_there (ask, end + 1);)
    end++;
  self->n_suggesting++;
  em_clip_notify (self, "busy");
  em_engine_suggest_async (self->engine, self->engine_clip, ask->next, end, EM_SOUND_FLOOR,
                           ask->text, ask->first < ask->last ? progress_cb : NULL,
                           ask->job ? em_job_get_cancellable (ask->job) : self->cancellable,
                           suggested_cb, ask);
}

void
em_clip_ask (EmClip *self, int first, int last, EmExpression *expression)
{
  Ask *ask = g_new0 (Ask, 1);

  ask->clip = g_object_ref (self);
  ask->first = ask->next = first;
  ask->last = last;
  if (expression) {
    ask->expression = em_expression_get_number (expression);
    ask->text = g_strdup (em_expression_get_text (expression));
    self->reading = ask->expression;
  }
  if (expression || first < last) {
    ask->job = em_job_new (expression ? _ ("Segmenting by text") : _ ("Asking the sound"));
    self->suggest_job = g_object_ref (ask->job);
    g_list_store_append (self->jobs, ask->job);
  }
  go_on (ask);
}

/* What is asked about is what is to be seen; its second. */
int
em_clip_go_to_grid (EmClip *self)
{
  int second = em_clip_second_of (self, self->frame);
  EmProposal *p = em_clip_proposal_at (self, self->grid[second]);

  em_clip_pause (self);
  if (p)
    p->aside = false;
  if (self->grid[second] != self->frame)
    em_clip_seek (self, self->grid[second]);
  return second;
}

void
em_clip_suggest_here (EmClip *self)
{
  const char *problem = em_clip_sound_problem (self);
  int second;

  if (self->status != EM_CLIP_READY)
    return;
  if (problem) {
    em_clip_notice (self, problem, NULL);
    return;
  }
  em_clip_ask_about (self, NULL);
  second = em_clip_go_to_grid (self);
  em_clip_ask (self, second, second, NULL);
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
  em_clip_ask_about (self, NULL);
  em_clip_ask (self, em_clip_second_of (self, first), em_clip_second_of (self, last), NULL);
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
  EmProposal *p = verb->expression == self->asked ? em_clip_proposal_at (self, verb->frame) : NULL;

  if (error || delta->refusal) {
    em_clip_fail (self, "%s", error ? error->message : delta->refusal);
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
  EmExpression *asked = em_clip_get_asked (self);

  verb->weights = g_strdup (em_engine_model_digest (self->engine));
  verb->source = em_clip_source (self, asked ? em_expression_get_text (asked) : NULL);
  verb->expression = self->asked;
  verb->name = asked ? g_strdup (em_expression_get_text (asked)) : NULL; /* of an object it makes */
  verb->threshold = self->threshold;
  verb->iou = p->suggestion->iou;
  verb->score = p->suggestion->score;
}

/* Accepts candidate `only`, or all open ones as one (-1). */
static void
accept (EmClip *self, int only, int64_t object)
{
  const EmProposal *p = em_clip_get_proposal (self);
  EmObject *target = object > 0 ? em_clip_get_object (self, object) : NULL;
  EmVerb *verb;
  bool whole = true;

  if (p == NULL || p->candidates->len == 0 || object < 0)
    return;
  if (target && em_object_is_locked (target)) {
    em_clip_notice (self, _ ("The object is locked"), NULL);
    return;
  }
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

/* Whose mask the candidates on screen are: an object, 0 for a new one. What was read belongs to
 * what the sentence refers to; -1, and a notice, where a person has to say which. */
static int64_t
object_of (EmClip *self)
{
  EmExpression *asked = em_clip_get_asked (self);
  int64_t selected = self->selected ? em_object_get_id (self->selected) : 0;
  const EmDbExpression *row;

  if (asked == NULL || (selected && em_expression_refers_to (asked, selected)))
    return selected;
  row = em_expression_row (asked);
  if (row->n_objects > 1) {
    em_clip_notice (self, _ ("The expression refers to several objects: select the one this is"),
                    NULL);
    return -1;
  }
  return row->n_objects == 1 ? row->objects[0] : 0;
}

void
em_clip_accept (EmClip *self)
{
  accept (self, -1, object_of (self));
}

void
em_clip_accept_one (EmClip *self, int candidate, bool as_new)
{
  accept (self, candidate, as_new ? 0 : object_of (self));
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
  EmProposal *p = em_clip_proposal_at (self, self->frame);

  if (p == NULL || p->decided)
    return;
  p->aside = true;
  em_clip_scene_changed (self);
}
