/* verb_expression.c - sentences as steps. What an expression is now is read in the very call that
 * changes it, so that an answer to an older sentence cannot bring that one back. */
#include "service/verb_expression.h"
#include "base/json.h"
#include "service/verb_read.h"
#include <glib/gi18n.h>
#include <stdlib.h>
#include <string.h>

/* (transfer full); NULL without error: it is gone. */
static EmDbExpression *
find (EmDb *db, int64_t clip, int64_t number, GError **error)
{
  g_autoptr (GPtrArray) all = em_db_expressions (db, clip, error);

  for (guint i = 0; all && i < all->len; i++)
    if (((EmDbExpression *) all->pdata[i])->number == number)
      return em_db_expression_copy (all->pdata[i]);
  return NULL;
}

static bool
is_linked (const EmDbExpression *e, int64_t object)
{
  for (int i = 0; i < e->n_objects; i++)
    if (e->objects[i] == object)
      return true;
  return false;
}

static bool
means_the_same (const EmDbExpression *a, const EmDbExpression *b)
{
  if (strcmp (a->text, b->text) != 0 || a->is_null != b->is_null || a->n_objects != b->n_objects)
    return false;
  for (int i = 0; i < a->n_objects; i++)
    if (!is_linked (b, a->objects[i]))
      return false;
  return true;
}

static bool
save (EmDb *db, const EmVerb *verb, const EmDbExpression *row, EmDelta *delta, GError **error)
{
  g_autoptr (EmEdit) edit = em_edit_new (EM_STEP_EXPRESSION);
  json_t *log = json_pack ("{sssb}", "text", row->text, "deleted", row->is_deleted);
  char *text = log ? json_dumps (log, JSON_COMPACT) : NULL;

  em_edit_set_log (edit, text);
  json_decref (log);
  free (text);
  /* Undo shows what it is about, where that is one thing. */
  delta->object = row->n_objects == 1 ? row->objects[0] : 0;
  em_edit_set_focus (edit, delta->object, -1);
  em_edit_expression (edit, row);
  if (!em_delta_commit (db, verb, edit, delta, error))
    return false;
  delta->expression = row->number ? row->number : em_edit_expression_number (edit);
  return em_delta_read_expressions (db, verb->clip, delta, error);
}

static bool
refuse_missing (EmDelta *delta, GError *problem, GError **error)
{
  if (!problem)
    return em_delta_refuse (delta, _ ("The expression is not there any more"));
  g_propagate_error (error, problem);
  return false;
}

bool
em_expression_write (EmDb *db, const EmVerb *verb, EmDelta *delta, GError **error)
{
  g_autoptr (EmDbExpression) row = em_db_expression_copy (verb->row), now = NULL;
  GError *problem = NULL;

  g_strstrip (row->text);
  g_strstrip (row->language);
  g_strstrip (row->split);
  row->author = 0;
  row->state = EM_EXPRESSION_DRAFT;
  delta->expression = row->number;
  if (!*row->text)
    return em_delta_refuse (delta, _ ("An expression needs words"));
  if (row->number) {
    now = find (db, verb->clip, row->number, &problem);
    if (!now)
      return refuse_missing (delta, problem, error);
    row->author = now->author;
    if (means_the_same (row, now)) {
      row->state = now->state;
      if (!row->is_deleted && strcmp (row->language, now->language) == 0
          && strcmp (row->split, now->split) == 0)
        return true;
    }
  }
  return save (db, verb, row, delta, error);
}

bool
em_expression_approve (EmDb *db, const EmVerb *verb, EmDelta *delta, GError **error)
{
  EmExpressionState state = verb->flag ? EM_EXPRESSION_APPROVED : EM_EXPRESSION_DRAFT;
  GError *problem = NULL;
  g_autoptr (EmDbExpression) now = find (db, verb->clip, verb->expression, &problem);

  delta->expression = verb->expression;
  if (!now)
    return refuse_missing (delta, problem, error);
  if (verb->flag && !now->is_null && now->n_objects == 0)
    return em_delta_refuse (delta, _ ("Say first what the expression refers to"));
  if (now->state == state)
    return true;
  now->state = state;
  return save (db, verb, now, delta, error);
}

bool
em_expression_link (EmDb *db, const EmVerb *verb, EmEdit *edit, int64_t object,
                    const char **refusal, GError **error)
{
  GError *problem = NULL;
  g_autoptr (EmDbExpression) row = find (db, verb->clip, verb->expression, &problem);

  if (problem) {
    g_propagate_error (error, problem);
    return false;
  }
  if (!row)
    *refusal = _ ("The expression is not there any more");
  else if (row->is_null)
    *refusal = _ ("Nothing in this clip is meant: the mask is empty by definition");
  else if (row->n_objects == EM_MAX_EXPRESSION_OBJECTS && !is_linked (row, object))
    *refusal = _ ("The expression refers to too many objects");
  else if (!is_linked (row, object)) {
    row->objects[row->n_objects++] = object;
    row->state = EM_EXPRESSION_DRAFT;
    em_edit_expression (edit, row);
  }
  return true;
}
