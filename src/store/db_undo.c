/* db_undo.c - moving clip.head over steps, and listing them. */
#include "store/db_private.h"

/* One row of n, kind, object, frame; consumed. */
static bool
read_move (EmSql *q, EmDbMove *move, GError **error)
{
  *move = (EmDbMove){ .frame = -1 };
  if (em_sql_row (q))
    *move = (EmDbMove){ .step = em_sql_get_int (q, 0),
                        .kind = em_step_kind_from_name (em_sql_peek_text (q, 1)),
                        .object = em_sql_get_int (q, 2),
                        .frame = (int) em_sql_get_int (q, 3) };
  return em_sql_end (q, error);
}

bool
em_db_peek (EmDb *db, int64_t clip, EmDbMove *undo, EmDbMove *redo, GError **error)
{
  EmSql q;

  if (undo) {
    q = em_sql (db,
                "SELECT s.n, s.kind, s.object, coalesce (s.frame, -1) FROM step s"
                " JOIN clip k ON k.id = s.clip WHERE k.id = ? AND s.n = k.head AND s.n > k.floor");
    em_sql_int (&q, clip);
    if (!read_move (&q, undo, error))
      return false;
  }
  if (redo) {
    q = em_sql (db, "SELECT s.n, s.kind, s.object, coalesce (s.frame, -1) FROM step s"
                    " JOIN clip k ON k.id = s.clip WHERE k.id = ? AND s.n > k.head"
                    " AND s.cut IS NULL ORDER BY s.n LIMIT 1");
    em_sql_int (&q, clip);
    if (!read_move (&q, redo, error))
      return false;
  }
  return true;
}

static bool
head_onto (EmDb *db, int64_t clip, int64_t head, GError **error)
{
  EmSql q = em_sql (db, "UPDATE clip SET head = ? WHERE id = ?");

  em_sql_int (&q, head);
  em_sql_int (&q, clip);
  return em_sql_run (&q, error);
}

static bool
step_below (EmDb *db, int64_t clip, int64_t step, int64_t *below, GError **error)
{
  EmSql q = em_sql (db, "SELECT n FROM step WHERE clip = ? AND n < ? AND cut IS NULL"
                        " ORDER BY n DESC LIMIT 1");

  *below = 0;
  em_sql_int (&q, clip);
  em_sql_int (&q, step);
  if (em_sql_row (&q))
    *below = em_sql_get_int (&q, 0);
  return em_sql_end (&q, error);
}

/* Undoing ends a running job for good: its step would else be open again after redo. */
static bool
end_job (EmDb *db, int64_t clip, int64_t step, GError **error)
{
  EmSql q = em_sql (db, "UPDATE step SET open = 0 WHERE clip = ? AND n = ? AND open = 1");

  em_sql_int (&q, clip);
  em_sql_int (&q, step);
  return em_sql_run (&q, error);
}

static bool
finish_move (EmDb *db, int64_t clip, const char *kind, const EmDbMove *move, GError **error)
{
  g_autoptr (GArray) touched = em_db_step_objects (db, clip, move->step, error);

  return touched
         && em_db_write_log (db, clip, kind, move->step, move->object, move->frame, NULL, error)
         && em_db_summarize (db, clip, touched, error) && em_db_touch (db, clip, error);
}

bool
em_db_undo (EmDb *db, int64_t clip, EmDbMove *move, GError **error)
{
  int64_t below;

  if (!em_db_begin (db, error))
    return false;
  if (!em_db_peek (db, clip, move, NULL, error)
      || (move->step
          && (!step_below (db, clip, move->step, &below, error)
              || !end_job (db, clip, move->step, error) || !head_onto (db, clip, below, error)
              || !finish_move (db, clip, "undo", move, error)))) {
    em_db_rollback (db);
    return false;
  }
  return em_db_commit (db, error);
}

bool
em_db_redo (EmDb *db, int64_t clip, EmDbMove *move, GError **error)
{
  if (!em_db_begin (db, error))
    return false;
  if (!em_db_peek (db, clip, NULL, move, error)
      || (move->step
          && (!head_onto (db, clip, move->step, error)
              || !finish_move (db, clip, "redo", move, error)))) {
    em_db_rollback (db);
    return false;
  }
  return em_db_commit (db, error);
}

void
em_db_step_free (EmDbStep *step)
{
  g_free (step->request);
  g_free (step->name);
  g_free (step);
}

/* Rows of the columns below; consumed. */
#define STEP_COLUMNS                                                                               \
  "SELECT s.clip, s.n, s.kind, s.object, coalesce (s.frame, -1), s.author, s.at, s.request,"       \
  " s.name, s.open, s.n > k.head AND s.cut IS NULL, s.cut FROM step s JOIN clip k ON k.id = "      \
  "s.clip "

static GPtrArray *
read_steps (EmSql *q, GError **error)
{
  g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func ((GDestroyNotify) em_db_step_free);

  while (em_sql_row (q)) {
    EmDbStep *s = g_new0 (EmDbStep, 1);

    s->clip = em_sql_get_int (q, 0);
    s->step = em_sql_get_int (q, 1);
    s->kind = em_step_kind_from_name (em_sql_peek_text (q, 2));
    s->object = em_sql_get_int (q, 3);
    s->frame = (int) em_sql_get_int (q, 4);
    s->author = em_sql_get_int (q, 5);
    s->at_us = em_sql_get_int (q, 6);
    s->request = em_sql_get_text (q, 7);
    s->name = em_sql_get_text (q, 8);
    s->is_open = em_sql_get_int (q, 9) != 0;
    s->is_undone = em_sql_get_int (q, 10) != 0;
    s->cut = em_sql_get_int (q, 11);
    g_ptr_array_add (all, s);
  }
  return em_sql_end (q, error) ? g_steal_pointer (&all) : NULL;
}

GPtrArray *
em_db_steps (EmDb *db, int64_t clip, GError **error)
{
  EmSql q = em_sql (db, STEP_COLUMNS "WHERE s.clip = ? ORDER BY s.n");

  em_sql_int (&q, clip);
  return read_steps (&q, error);
}

GPtrArray *
em_db_open_steps (EmDb *db, GError **error)
{
  EmSql q = em_sql (db, STEP_COLUMNS "WHERE s.open = 1 ORDER BY s.clip, s.n");

  return read_steps (&q, error);
}

GArray *
em_db_step_objects (EmDb *db, int64_t clip, int64_t step, GError **error)
{
  g_autoptr (GArray) objects = g_array_new (FALSE, FALSE, sizeof (int64_t));
  EmSql q = em_sql (db, "SELECT object FROM cell WHERE clip = ?1 AND step = ?2"
                        " UNION SELECT object FROM object WHERE clip = ?1 AND step = ?2"
                        " UNION SELECT object FROM interval WHERE clip = ?1 AND step = ?2");

  em_sql_int (&q, clip);
  em_sql_int (&q, step);
  while (em_sql_row (&q)) {
    int64_t id = em_sql_get_int (&q, 0);

    g_array_append_val (objects, id);
  }
  return em_sql_end (&q, error) ? g_steal_pointer (&objects) : NULL;
}
