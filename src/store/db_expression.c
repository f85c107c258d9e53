/* db_expression.c - sentences that refer to objects, written and read. */
#include "store/db_expression.h"
#include <stdlib.h>
#include "base/json.h"
#include "store/db_private.h"
#include "store/db_read.h"
#include "store/edit.h"
#include "store/expression_rows.h"

void
em_db_expression_free (EmDbExpression *expression)
{
  if (!expression)
    return;
  g_free (expression->text);
  g_free (expression->language);
  g_free (expression->split);
  g_free (expression);
}

EmDbExpression *
em_db_expression_copy (const EmDbExpression *expression)
{
  EmDbExpression *copy = g_memdup2 (expression, sizeof *expression);

  copy->text = g_strdup (expression->text ? expression->text : "");
  copy->language = g_strdup (expression->language ? expression->language : "");
  copy->split = g_strdup (expression->split ? expression->split : "");
  return copy;
}

void
em_edit_expression (EmEdit *e, const EmDbExpression *row)
{
  EM_BUG_UNLESS (row->number >= 0 && row->state >= 0 && row->state < EM_N_EXPRESSION_STATES);
  EM_BUG_UNLESS (row->n_objects >= 0 && row->n_objects <= EM_MAX_EXPRESSION_OBJECTS);
  EM_BUG_UNLESS (!row->is_null || row->n_objects == 0);
  g_ptr_array_add (e->expressions, em_db_expression_copy (row));
}

int64_t
em_edit_expression_number (const EmEdit *e)
{
  return e->expression_number;
}

/* Writing -----------------------------------------------------------------------------------------
 */

/* The counter lies behind the clip's frame table and index: it is looked at only here, not with the
 * numbers that every edit reads. */
static bool
take_number (EmDb *db, int64_t clip, int64_t *number, GError **error)
{
  EmSql q = em_sql (db, "UPDATE clip SET next_expression = next_expression + 1 WHERE id = ?"
                        " RETURNING next_expression - 1");

  em_sql_int (&q, clip);
  if (em_sql_row (&q))
    *number = em_sql_get_int (&q, 0);
  return em_sql_end (&q, error);
}

static char *
target_to_json (const EmEdit *e, const EmDbExpression *row)
{
  json_t *list;
  char *text;

  if (row->is_null)
    return NULL;
  list = json_array ();
  for (int i = 0; i < row->n_objects; i++)
    json_array_append_new (list, json_integer (em_edit_object_id (e, row->objects[i])));
  text = json_dumps (list, JSON_COMPACT);
  json_decref (list);
  return text;
}

static bool
insert_expression (EmDb *db, int64_t clip, int64_t step, EmEdit *e, const EmDbExpression *row,
                   GError **error)
{
  int64_t number = row->number;
  char *target;
  bool fine;
  EmSql q;

  if (!number) {
    if (!take_number (db, clip, &number, error))
      return false;
    e->expression_number = number;
  }
  target = target_to_json (e, row);
  q = em_sql (db, "INSERT OR REPLACE INTO expression (clip, number, step, text, language, target,"
                  " split, author, state, deleted) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  em_sql_int (&q, clip);
  em_sql_int (&q, number);
  em_sql_int (&q, step);
  em_sql_text (&q, row->text);
  em_sql_text (&q, row->language);
  em_sql_text (&q, target);
  em_sql_text (&q, row->split);
  em_sql_int (&q, row->author ? row->author : db->author);
  em_sql_int (&q, row->state);
  em_sql_int (&q, row->is_deleted);
  fine = em_sql_run (&q, error);
  free (target);
  return fine;
}

bool
em_write_expressions (EmDb *db, int64_t clip, int64_t step, EmEdit *e, GError **error)
{
  for (guint i = 0; i < e->expressions->len; i++)
    if (!insert_expression (db, clip, step, e, e->expressions->pdata[i], error))
      return false;
  return true;
}

/* Reading -----------------------------------------------------------------------------------------
 */

bool
em_expression_take_target (EmDbExpression *e, const char *json)
{
  json_t *list;
  bool fine;

  e->is_null = json == NULL;
  if (e->is_null)
    return true;
  list = json_loads (json, 0, NULL);
  fine = json_is_array (list) && json_array_size (list) <= EM_MAX_EXPRESSION_OBJECTS;
  for (size_t i = 0; fine && i < json_array_size (list); i++) {
    const json_t *id = json_array_get (list, i);

    fine = json_is_integer (id) && json_integer_value (id) > 0;
    if (fine)
      e->objects[e->n_objects++] = json_integer_value (id);
  }
  json_decref (list);
  return fine;
}

static void
drop_missing (EmDbExpression *e, GPtrArray *objects)
{
  int n = 0;

  for (int i = 0; i < e->n_objects; i++)
    for (guint k = 0; k < objects->len; k++)
      if (((EmDbObject *) objects->pdata[k])->id == e->objects[i]) {
        e->objects[n++] = e->objects[i];
        break;
      }
  e->n_objects = n;
}

/* A stranger's text may be any bytes; a label wants UTF-8. */
static char *
read_text (EmSql *q, int column)
{
  return g_utf8_make_valid (em_sql_peek_text (q, column), -1);
}

GPtrArray *
em_db_expressions (EmDb *db, int64_t clip, GError **error)
{
  g_autoptr (GPtrArray) all
      = g_ptr_array_new_with_free_func ((GDestroyNotify) em_db_expression_free);
  g_autoptr (GPtrArray) objects = em_db_objects (db, clip, false, error);
  int64_t damaged = 0;
  EmSql q;

  if (!objects)
    return NULL;
  q = em_sql (db, "SELECT number, text, language, split, target, author, state, step"
                  " FROM expression_now WHERE clip = ? AND deleted = 0 ORDER BY number");
  em_sql_int (&q, clip);
  while (em_sql_row (&q)) {
    EmDbExpression *e = g_new0 (EmDbExpression, 1);
    bool has_target = sqlite3_column_type (q.stmt, 4) != SQLITE_NULL;

    g_ptr_array_add (all, e);
    e->number = em_sql_get_int (&q, 0);
    e->text = read_text (&q, 1);
    e->language = read_text (&q, 2);
    e->split = read_text (&q, 3);
    e->author = em_sql_get_int (&q, 5);
    e->state = (EmExpressionState) CLAMP (em_sql_get_int (&q, 6), 0, EM_N_EXPRESSION_STATES - 1);
    e->step = em_sql_get_int (&q, 7);
    if (!em_expression_take_target (e, has_target ? em_sql_peek_text (&q, 4) : NULL))
      damaged = e->number;
    drop_missing (e, objects);
  }
  if (!em_sql_end (&q, error))
    return NULL;
  if (damaged) {
    em_store_fail (error, EM_E_INPUT,
                   "%s: the target of expression %" G_GINT64_FORMAT " is damaged", db->path,
                   damaged);
    return NULL;
  }
  return g_steal_pointer (&all);
}

bool
em_read_sentences (EmDb *db, int64_t clip, GPtrArray *clips, GError **error)
{
  g_autoptr (GHashTable) by_id = g_hash_table_new (g_int64_hash, g_int64_equal);
  EmSql q = clip ? em_sql (db, "SELECT clip, count (*), group_concat (text, char (10))"
                               " FROM expression_now WHERE clip = ? AND deleted = 0")
                 : em_sql (db, "SELECT clip, count (*), group_concat (text, char (10))"
                               " FROM expression_now WHERE deleted = 0 GROUP BY clip");

  for (guint i = 0; i < clips->len; i++)
    g_hash_table_insert (by_id, &((EmDbClip *) clips->pdata[i])->id, clips->pdata[i]);
  if (clip)
    em_sql_int (&q, clip);
  while (em_sql_row (&q)) {
    int64_t id = em_sql_get_int (&q, 0);
    EmDbClip *row = g_hash_table_lookup (by_id, &id);

    if (!row)
      continue;
    row->n_expressions = (int) em_sql_get_int (&q, 1);
    row->sentences = read_text (&q, 2);
  }
  return em_sql_end (&q, error);
}
