/* verbs.c - what a person can do to a clip, on a real project file and without a window. */
#include "check.h"
#include "../store/fixture.h"
#include "service/clip_verbs.h"
#include "store/prompt_json.h"

static EmVerb *
verb (Fixture *f, EmVerbKind kind, int64_t object, int frame)
{
  return em_verb_new (kind, f->clip, object, frame);
}

/* Runs and frees the verb; never fails. */
static EmDelta *
run (Fixture *f, EmVerb *v)
{
  EmDelta *delta;

  MUST (delta = em_verb_run (f->db, v, error));
  em_verb_free (v);
  return delta;
}

static int64_t
run_step (Fixture *f, EmVerb *v)
{
  g_autoptr (EmDelta) delta = run (f, v);

  return delta->step;
}

static EmDelta *
point (Fixture *f, int64_t object, int frame, EmPromptKind kind, float x, float y)
{
  EmVerb *v = verb (f, EM_VERB_ADD_PROMPT, object, frame);

  v->prompt = (EmPrompt){ kind, x, y, x + 4, y + 4 };
  v->sound = true;
  return run (f, v);
}

/* The engine's answer to a pending click. */
static void
fill (Fixture *f, int64_t step, int64_t object, int frame, unsigned seed)
{
  EmVerb *v = verb (f, EM_VERB_FILL, object, frame);

  v->step = step;
  v->mask = some_mask (seed);
  v->iou = 0.5f;
  em_delta_free (run (f, v));
}

static EmPromptSet
prompts_at (Fixture *f, int64_t object, int frame, int64_t *base)
{
  EmPromptSet set = { .n = -1 };
  g_autoptr (EmDbCell) cell = NULL;

  MUST (cell = em_db_cell (f->db, f->clip, object, frame, error));
  if (cell->prompts)
    MUST (em_prompts_from_json (cell->prompts, &set, base, error));
  return set;
}

static int
n_cells (const EmDelta *delta)
{
  return (int) delta->cells->len;
}

static void
test_first_click (void)
{
  Fixture f;
  g_autoptr (EmDelta) d = NULL, again = NULL;
  const EmDeltaCell *cell;
  int64_t base = 0;

  fixture_open (&f);
  d = point (&f, 0, 7, EM_PROMPT_POSITIVE, 3, 4); /* makes its object in the same step */
  CHECK (d->step > 0 && d->object > 0 && d->refusal == NULL);
  CHECK_INT (d->objects->len, 1);
  CHECK_INT (n_cells (d), 1);
  cell = &g_array_index (d->cells, EmDeltaCell, 0);
  CHECK (cell->row->pending && cell->mask == NULL && cell->base == NULL);
  CHECK_INT (cell->row->state, EM_STATE_KEYFRAME);
  CHECK_INT (prompts_at (&f, d->object, 7, &base).n, 1);
  CHECK (prompts_at (&f, d->object, 7, &base).sound);
  fill (&f, d->step, d->object, 7, 5);
  CHECK_INT (made_at (&f, d->object, 7), d->step);
  again = point (&f, d->object, 7, EM_PROMPT_NEGATIVE, 1, 1);
  cell = &g_array_index (again->cells, EmDeltaCell, 0);
  CHECK (cell->row->pending && cell->mask && cell->row->made == d->step); /* as it was, for now */
  CHECK_INT (prompts_at (&f, d->object, 7, &base).n, 2);
  CHECK_INT (base, 0);
  fill (&f, d->step, d->object, 7, 6); /* late, for the click before: dropped */
  CHECK_INT (made_at (&f, d->object, 7), d->step);
  fill (&f, again->step, d->object, 7, 7);
  CHECK_INT (made_at (&f, d->object, 7), again->step);
  em_delta_free (run (&f, verb (&f, EM_VERB_UNDO, 0, 0)));
  CHECK_INT (made_at (&f, d->object, 7), d->step);
  em_delta_free (run (&f, verb (&f, EM_VERB_UNDO, 0, 0)));
  CHECK_INT (state_at (&f, d->object, 7), -1);
  fixture_close (&f);
}

static void
test_negative_alone (void)
{
  Fixture f;
  g_autoptr (EmDelta) d = NULL;
  int64_t object;

  fixture_open (&f);
  object = add_object (&f);
  d = point (&f, object, 3, EM_PROMPT_NEGATIVE, 2, 2);
  CHECK (d->refusal && d->step == 0);
  CHECK_INT (state_at (&f, object, 3), -1); /* nothing was written */
  fixture_close (&f);
}

static void
test_corrections (void)
{
  Fixture f;
  g_autoptr (EmDelta) d = NULL, off = NULL;
  const EmDeltaCell *cell;
  int64_t object, tracked, base = 0;
  EmVerb *v;

  fixture_open (&f);
  object = add_object (&f);
  tracked = put (&f, EM_STEP_TRACK, object, 4, EM_STATE_PROPAGATED, 11);
  d = point (&f, object, 4, EM_PROMPT_NEGATIVE, 2, 2); /* there is a mask to take from */
  cell = &g_array_index (d->cells, EmDeltaCell, 0);
  CHECK_INT (cell->row->state, EM_STATE_CORRECTED);
  CHECK (cell->base && cell->base->made == tracked);
  CHECK_INT (prompts_at (&f, object, 4, &base).n, 1);
  CHECK_INT (base, tracked);
  fill (&f, d->step, object, 4, 12);
  CHECK_INT (state_at (&f, object, 4), EM_STATE_CORRECTED);
  v = verb (&f, EM_VERB_REMOVE_PROMPT, object, 4); /* the last one: back to what it stood on */
  CHECK (run_step (&f, v) > 0);
  CHECK_INT (made_at (&f, object, 4), tracked);
  v = verb (&f, EM_VERB_SET_SOUND, object,
            9); /* no prompts, no sound, no mask: nothing to decode */
  v->sound = false;
  off = run (&f, v);
  CHECK (off->refusal && off->step == 0);
  fixture_close (&f);
}

static void
test_one_box (void)
{
  Fixture f;
  g_autoptr (EmDelta) a = NULL, b = NULL, c = NULL;
  EmPromptSet set;
  EmVerb *v;
  int64_t base;

  fixture_open (&f);
  a = point (&f, 0, 0, EM_PROMPT_BOX, 1, 1);
  b = point (&f, a->object, 0, EM_PROMPT_POSITIVE, 5, 5);
  c = point (&f, a->object, 0, EM_PROMPT_BOX, 2, 3); /* replaces the first, in its place */
  set = prompts_at (&f, a->object, 0, &base);
  CHECK_INT (set.n, 2);
  CHECK_INT (set.items[0].kind, EM_PROMPT_BOX);
  CHECK_NEAR (set.items[0].x0, 2, 0);
  v = verb (&f, EM_VERB_MOVE_PROMPT, a->object, 0);
  v->index = 1;
  v->prompt = (EmPrompt){ EM_PROMPT_POSITIVE, 8, 7, 0, 0 };
  CHECK (run_step (&f, v) > c->step);
  CHECK_NEAR (prompts_at (&f, a->object, 0, &base).items[1].x0, 8, 0);
  v = verb (&f, EM_VERB_MOVE_PROMPT, a->object, 0);
  v->index = 2; /* not there */
  CHECK_INT (run_step (&f, v), 0);
  fixture_close (&f);
}

static EmVerb *
accept (Fixture *f, int64_t object, int frame, double threshold, EmDecision decision)
{
  EmVerb *v = verb (f, EM_VERB_ACCEPT, object, frame);

  v->mask = some_mask (20);
  v->source = g_strdup ("s");
  v->threshold = threshold;
  v->decision = decision;
  em_verb_add_candidate (v, &v->mask, -1);
  return v;
}

static void
put_suggestion (Fixture *f, int frame)
{
  uint8_t logits[16];
  EmSuggestionRow row = { .frame = frame, .logit_bytes = logits, .iou = 1, .score = 1 };

  memset (logits, 140, sizeof logits);
  MUST (em_db_put_suggestions (f->db, f->clip, "s", NULL, 4, &row, 1, NULL, error));
}

static void
test_accept (void)
{
  Fixture f;
  g_autoptr (EmDelta) whole = NULL, part = NULL, click = NULL;
  g_autoptr (EmDbSuggestion) s = NULL;
  const EmDeltaCell *cell;
  int64_t base = 0;

  fixture_open (&f);
  put_suggestion (&f, 5);
  put_suggestion (&f, 15);
  whole = run (&f, accept (&f, 0, 5, 0.5, EM_DECISION_ACCEPTED));
  CHECK (whole->object > 0);
  CHECK_INT (state_at (&f, whole->object, 5), EM_STATE_KEYFRAME);
  CHECK_INT (prompts_at (&f, whole->object, 5, &base).n, 0); /* sound alone: a click joins it */
  CHECK (prompts_at (&f, whole->object, 5, &base).sound);
  MUST (s = em_db_suggestion (f.db, f.clip, 5, "s", error));
  CHECK (s->is_decided && s->decision == EM_DECISION_ACCEPTED);
  part = run (&f, accept (&f, whole->object, 15, 0.7, EM_DECISION_PART));
  CHECK_INT (prompts_at (&f, whole->object, 15, &base).n, -1); /* a mask to build on */
  click = point (&f, whole->object, 15, EM_PROMPT_POSITIVE, 1, 1);
  cell = &g_array_index (click->cells, EmDeltaCell, 0);
  CHECK (cell->base && cell->base->made == part->step);
  CHECK_INT (cell->row->state, EM_STATE_KEYFRAME); /* from sound, so a person's own */
  fixture_close (&f);
}

static void
test_states (void)
{
  Fixture f;
  g_autoptr (EmDelta) absent = NULL, same = NULL, approve = NULL, back = NULL, click = NULL;
  int64_t object;
  EmVerb *v;

  fixture_open (&f);
  object = add_object (&f);
  put (&f, EM_STEP_TRACK, object, 10, EM_STATE_PROPAGATED, 1);
  put (&f, EM_STEP_TRACK, object, 11, EM_STATE_PROPAGATED, 2);
  v = verb (&f, EM_VERB_ABSENT, object, 11);
  v->last = 13;
  absent = run (&f, v);
  CHECK_INT (absent->written, 3);
  CHECK_INT (state_at (&f, object, 13), EM_STATE_ABSENT);
  v = verb (&f, EM_VERB_ABSENT, object, 12);
  same = run (&f, v);
  CHECK (same->refusal != NULL);
  v = verb (&f, EM_VERB_APPROVE, object, 0);
  v->last = FRAMES - 1;
  approve = run (&f, v); /* what has a mask or an absence */
  CHECK_INT (approve->written, 4);
  CHECK_INT (state_at (&f, object, 10), EM_STATE_APPROVED);
  back = run (&f, verb (&f, EM_VERB_UNDO, 0, 0));
  CHECK_INT (back->lanes->len, 1);
  CHECK_INT (n_cells (back), 4);
  CHECK_INT (state_at (&f, object, 10), EM_STATE_PROPAGATED);
  CHECK_INT (back->redo.step, approve->step);
  click = point (&f, object, 12, EM_PROMPT_POSITIVE, 1, 1); /* ends the absence there */
  CHECK_INT (state_at (&f, object, 12), EM_STATE_KEYFRAME);
  CHECK_INT (state_at (&f, object, 11), EM_STATE_ABSENT);
  CHECK (run_step (&f, verb (&f, EM_VERB_CLEAR, object, 10)) > 0);
  CHECK_INT (state_at (&f, object, 10), EM_STATE_EMPTY);
  fixture_close (&f);
}

static void
test_track (void)
{
  Fixture f;
  g_autoptr (EmDelta) begin = NULL, append = NULL;
  g_autoptr (GError) error = NULL;
  int64_t object;
  EmVerb *v;

  fixture_open (&f);
  object = add_object (&f);
  put (&f, EM_STEP_PROMPT, object, 6, EM_STATE_KEYFRAME, 1);
  v = verb (&f, EM_VERB_TRACK_BEGIN, object, 6);
  v->request = g_strdup ("{}");
  begin = run (&f, v);
  v = verb (&f, EM_VERB_TRACK_APPEND, 0, 0);
  v->step = begin->step;
  for (int i = 5; i < 9; i++) {
    EmRle mask = some_mask ((unsigned) i);

    em_verb_add_tracked (v, object, i, &mask, 0.5f, 1);
    em_rle_clear (&mask);
  }
  append = run (&f, v);
  CHECK_INT (append->written, 3); /* the keyframe in the middle is protected */
  CHECK_INT (state_at (&f, object, 6), EM_STATE_KEYFRAME);
  CHECK_INT (state_at (&f, object, 8), EM_STATE_PROPAGATED);
  em_delta_free (run (&f, verb (&f, EM_VERB_UNDO, 0, 0))); /* while it is open: all of it goes */
  CHECK_INT (state_at (&f, object, 8), -1);
  v = verb (&f, EM_VERB_TRACK_APPEND, 0, 0);
  v->step = begin->step;
  {
    EmRle mask = some_mask (3);

    em_verb_add_tracked (v, object, 9, &mask, 0.5f, 1);
    em_rle_clear (&mask);
  }
  CHECK (em_verb_run (f.db, v, &error) == NULL); /* a late frame finds its step gone */
  CHECK_INT (error ? error->code : -1, EM_E_CANCELLED);
  em_verb_free (v);
  CHECK_INT (state_at (&f, object, 9), -1);
  fixture_close (&f);
}

static void
test_objects (void)
{
  Fixture f;
  g_autoptr (EmDelta) a = NULL, named = NULL, classed = NULL, gone = NULL;
  EmVerb *v;

  fixture_open (&f);
  a = run (&f, verb (&f, EM_VERB_NEW_OBJECT, 0, 0));
  v = verb (&f, EM_VERB_RENAME, a->object, 0);
  v->name = g_strdup ("Violin");
  named = run (&f, v);
  CHECK_TEXT (((EmDbObject *) named->objects->pdata[0])->name, "Violin");
  v = verb (&f, EM_VERB_RENAME, a->object, 0);
  v->name = g_strdup ("Violin");
  CHECK_INT (run_step (&f, v), 0); /* the same name is no step */
  v = verb (&f, EM_VERB_CLASS, a->object, 0);
  v->name = g_strdup ("cello"); /* not known before */
  classed = run (&f, v);
  CHECK_TEXT (classed->class_names->pdata[0], "cello");
  gone = run (&f, verb (&f, EM_VERB_DELETE_OBJECT, a->object, -1));
  CHECK_INT (gone->objects->len, 0);
  em_delta_free (run (&f, verb (&f, EM_VERB_UNDO, 0, 0)));
  em_delta_free (run (&f, verb (&f, EM_VERB_UNDO, 0, 0)));
  {
    g_autoptr (EmDelta) back = run (&f, verb (&f, EM_VERB_UNDO, 0, 0));

    CHECK_INT (back->objects->len, 1);
    CHECK_TEXT (((EmDbObject *) back->objects->pdata[0])->name, "Object 1");
  }
  fixture_close (&f);
}

/* The lane that the window mirrors: what is stale follows from ages, so undo cannot get it wrong.
 */
static void
test_lane (void)
{
  g_autoptr (EmObject) object = NULL;
  EmDbObject row = { .id = 9, .name = (char *) "a" };
  EmDbCell cells[] = { { .frame = 2, .state = EM_STATE_KEYFRAME, .step = 5, .made = 5 },
                       { .frame = 3, .state = EM_STATE_PROPAGATED, .step = 6, .made = 6 },
                       { .frame = 4, .state = EM_STATE_PROPAGATED, .step = 6, .made = 6 },
                       { .frame = 6, .state = EM_STATE_PROPAGATED, .step = 8, .made = 8 },
                       { .frame = 8, .state = EM_STATE_CORRECTED, .step = 7, .made = 7 } };
  g_autoptr (GArray) runs = NULL;

  object = em_object_new (&row, "", 12);
  CHECK_INT (em_object_get_pattern (object), 1); /* the hues are used up after seven */
  for (int i = 0; i < 5; i++)
    em_object_take_cell (object, cells[i].frame, &cells[i], NULL);
  em_object_settle (object);
  CHECK (em_object_cell (object, 3)->stale); /* the correction at 8 is newer */
  CHECK (!em_object_cell (object, 6)->stale);
  CHECK_INT (em_object_counts (object)->stale, 2);
  CHECK_INT (em_object_counts (object)->by_state[EM_STATE_PROPAGATED], 3);
  CHECK_INT (em_object_next_decided (object, 2, 1), 8);
  CHECK_INT (em_object_next_decided (object, 2, -1), -1);
  runs = em_object_runs (object, 0, 11);
  CHECK_INT (runs->len, 4);
  CHECK_INT (g_array_index (runs, EmRun, 1).last, 4);
  em_object_begin_lane (object);
  em_object_take_cell (object, 3, &cells[1], NULL);
  em_object_settle (object);
  CHECK (!em_object_cell (object, 2)->exists);
  CHECK (!em_object_cell (object, 3)->stale); /* nothing newer is left beside it */
}

CHECK_MAIN (test_first_click, test_negative_alone, test_corrections, test_one_box, test_accept,
            test_states, test_track, test_objects, test_lane)
