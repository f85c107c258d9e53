/* expressions.c - sentences as verbs: written, approved, linked by accepting, on a project file. */
#include "check.h"
#include "../store/fixture.h"
#include "service/clip_verbs.h"
#include "service/suggestion_source.h"

static EmDelta *
run (Fixture *f, EmVerb *v)
{
  EmDelta *delta;

  MUST (delta = em_verb_run (f->db, v, error));
  em_verb_free (v);
  return delta;
}

static EmDelta *
say (Fixture *f, int64_t number, const char *text, const char *split, int64_t object)
{
  EmVerb *v = em_verb_new (EM_VERB_EXPRESSION, f->clip, 0, 0);
  EmDbExpression row = { .number = number, .text = (char *) text, .split = (char *) split };

  row.n_objects = object > 0;
  row.objects[0] = object;
  v->row = em_db_expression_copy (&row);
  return run (f, v);
}

static EmDelta *
approve (Fixture *f, int64_t number, bool flag)
{
  EmVerb *v = em_verb_new (EM_VERB_APPROVE_EXPRESSION, f->clip, 0, 0);

  v->expression = number;
  v->flag = flag;
  return run (f, v);
}

static EmDelta *
accept (Fixture *f, int64_t number, int64_t object, int frame, const char *name)
{
  EmVerb *v = em_verb_new (EM_VERB_ACCEPT, f->clip, object, frame);
  EmRle part = some_mask (3);

  v->expression = number;
  v->name = g_strdup (name);
  v->source = g_strdup ("text s");
  v->weights = g_strdup ("w");
  v->threshold = 0.5;
  v->mask = some_mask (3);
  em_verb_add_candidate (v, &part, -1);
  em_rle_clear (&part);
  return run (f, v);
}

static const EmDbExpression *
only (const EmDelta *d)
{
  CHECK (d->expressions && d->expressions->len == 1);
  return d->expressions->pdata[0];
}

static void
test_written (void)
{
  Fixture f;
  g_autoptr (EmDelta) d = NULL, none = NULL, same = NULL, other = NULL, undo = NULL, gone = NULL;

  fixture_open (&f);
  none = say (&f, 0, "  \t", "", 0);
  CHECK (none->refusal && none->step == 0);
  d = say (&f, 0, "  the red bird ", "val", add_object (&f));
  CHECK_INT (d->expression, 1);
  CHECK_INT (d->object, 1); /* what undo shows */
  CHECK_TEXT (only (d)->text, "the red bird");
  same = say (&f, 1, "the red bird", "val", 1);
  CHECK (same->step == 0 && same->refusal == NULL); /* nothing new, no step */
  other = say (&f, 1, "the red bird", "train", 1);
  CHECK (other->step > 0);
  undo = run (&f, em_verb_new (EM_VERB_UNDO, f.clip, 0, 0));
  CHECK_INT (undo->kind, EM_STEP_EXPRESSION);
  CHECK_TEXT (only (undo)->split, "val");
  gone = say (&f, 7, "nobody", "", 0);
  CHECK (gone->refusal && gone->step == 0);
  fixture_close (&f);
}

static void
test_approval (void)
{
  Fixture f;
  g_autoptr (EmDelta) early = NULL, yes = NULL, split = NULL, text = NULL, back = NULL;

  fixture_open (&f);
  em_delta_free (say (&f, 0, "it", "", 0));
  early = approve (&f, 1, true);
  CHECK (early->refusal); /* of what? */
  em_delta_free (say (&f, 1, "it", "", add_object (&f)));
  yes = approve (&f, 1, true);
  CHECK_INT (only (yes)->state, EM_EXPRESSION_APPROVED);
  split = say (&f, 1, "it", "test_s", 1); /* says and means the same */
  CHECK_INT (only (split)->state, EM_EXPRESSION_APPROVED);
  text = say (&f, 1, "that", "test_s", 1);
  CHECK_INT (only (text)->state, EM_EXPRESSION_DRAFT);
  back = run (&f, em_verb_new (EM_VERB_UNDO, f.clip, 0, 0));
  CHECK_INT (only (back)->state, EM_EXPRESSION_APPROVED);
  fixture_close (&f);
}

/* Accepting makes the object that a sentence has none of, and the sentence means it from then on:
 * one step. */
static void
test_accepted (void)
{
  Fixture f;
  g_autoptr (EmDelta) d = NULL, undo = NULL, redo = NULL, again = NULL, second = NULL;
  const EmDeltaCell *cell;

  fixture_open (&f);
  em_delta_free (say (&f, 0, "the singing woman", "", 0));
  d = accept (&f, 1, 0, 5, "the singing woman");
  CHECK (d->step > 0 && d->object == 1);
  CHECK_TEXT (((EmDbObject *) d->objects->pdata[0])->name, "the singing woman");
  CHECK_INT (only (d)->n_objects, 1);
  CHECK_INT (only (d)->objects[0], 1);
  cell = &g_array_index (d->cells, EmDeltaCell, 0);
  CHECK_INT (cell->row->state, EM_STATE_KEYFRAME);
  CHECK (cell->row->prompts == NULL); /* a mask to build on: the next click does not hear a text */
  CHECK_INT (cell->mask->origin, EM_ORIGIN_PROMPT);
  CHECK_TEXT (cell->mask->weights, "w");
  undo = run (&f, em_verb_new (EM_VERB_UNDO, f.clip, 0, 0));
  CHECK_INT (undo->objects->len, 0);
  CHECK_INT (only (undo)->n_objects, 0);
  redo = run (&f, em_verb_new (EM_VERB_REDO, f.clip, 0, 0));
  CHECK_INT (only (redo)->objects[0], 1);

  em_delta_free (approve (&f, 1, true));
  again = accept (&f, 1, 1, 9, NULL); /* its own object: the sentence stays as approved */
  CHECK_INT (only (again)->state, EM_EXPRESSION_APPROVED);
  CHECK_INT (only (again)->n_objects, 1);
  second = accept (&f, 1, add_object (&f), 9, NULL); /* one more */
  CHECK_INT (only (second)->n_objects, 2);
  CHECK_INT (only (second)->state, EM_EXPRESSION_DRAFT);
  fixture_close (&f);
}

static void
test_null (void)
{
  Fixture f;
  g_autoptr (EmDelta) d = NULL, no = NULL, yes = NULL;
  EmVerb *v;
  EmDbExpression row = { .text = (char *) "the silent horn", .is_null = true };

  fixture_open (&f);
  v = em_verb_new (EM_VERB_EXPRESSION, f.clip, 0, 0);
  v->row = em_db_expression_copy (&row);
  d = run (&f, v);
  CHECK (only (d)->is_null);
  no = accept (&f, 1, 0, 3, "the silent horn");
  CHECK (no->refusal && no->step == 0);
  CHECK_INT (state_at (&f, 1, 3), -1);
  yes = approve (&f, 1, true); /* nothing is something that can be approved */
  CHECK_INT (only (yes)->state, EM_EXPRESSION_APPROVED);
  fixture_close (&f);
}

/* Deleting an object changes what sentences mean: the window hears of it. */
static void
test_object_deleted (void)
{
  Fixture f;
  g_autoptr (EmDelta) d = NULL;

  fixture_open (&f);
  em_delta_free (say (&f, 0, "it", "", add_object (&f)));
  d = run (&f, em_verb_new (EM_VERB_DELETE_OBJECT, f.clip, 1, -1));
  CHECK_INT (only (d)->n_objects, 0);
  CHECK (!only (d)->is_null);
  fixture_close (&f);
}

static void
test_sources (void)
{
  g_autofree char *heard = em_suggestion_source ("w", 0, 0.5, 1e-3, NULL);
  g_autofree char *one = em_suggestion_source ("w", 0, 0.5, 1e-3, "the dog");
  g_autofree char *two = em_suggestion_source ("w", 0, 0.5, 1e-3, "the dogs");
  g_autofree char *small = em_suggestion_source ("w", 128, 0.5, 1e-3, "the dog");
  g_autofree char *again = em_suggestion_source ("w", 0, 0.5, 1e-3, "the dog");

  CHECK (!em_suggestion_source_is_text (heard) && strlen (heard) == 64);
  CHECK (em_suggestion_source_is_text (one));
  CHECK_TEXT (again, one);
  CHECK (strcmp (one, two) != 0 && strcmp (one, small) != 0);
}

CHECK_MAIN (test_written, test_approval, test_accepted, test_null, test_object_deleted,
            test_sources)
